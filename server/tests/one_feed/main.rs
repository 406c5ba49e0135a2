//! One feed in all protocols at once: what is published through any of them is read through each, in one order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../streamr/client.rs"]
#[allow(dead_code, reason = "the tests of that dialect use more of it")]
mod streamr;

mod changes;
mod order;
mod readers;
mod shown;
mod writers;

use tailwater::config::{
    AtprotoExposure, Config, CouchdbExposure, CursorSemantics, FaunaExposure, Feed, Retention, StreamrExposure,
};

/// The feed, its database in CouchDB and its stream in Streamr.
const NAME: &str = "all";
/// The feed's stream in the AT Protocol.
const NSID: &str = "com.example.all";

/// Binds one feed to every dialect.
fn bind(config: &mut Config) {
    let retention = Retention { age_ms: None, bytes: None };
    config.feeds = vec![Feed {
        retention,
        atproto: Some(AtprotoExposure {
            nsid: NSID.to_owned(),
            cursor_semantics: CursorSemantics::Exclusive,
            ..AtprotoExposure::default()
        }),
        streamr: Some(StreamrExposure::whole(NAME)),
        bigchaindb: true,
        couchdb: Some(CouchdbExposure { db: NAME.to_owned(), ..CouchdbExposure::default() }),
        fauna: Some(FaunaExposure::default()),
        ..Feed::named(NAME, &config.storage)
    }];
}
