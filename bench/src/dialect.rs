//! The dialects a stream can be measured in: which feed is published to, and how it is followed.
//!
//! Owns names, paths and what clients say; what is published is `events`'. All of it is what a user's client does, with the
//! defaults. Tests are below.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use tailwater_loadgen::SubscribeConfig;

use crate::{disk::Durability, fauna, observe::drained};

/// A protocol of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The native API over WebSocket, in JSON
    Native,
    /// AT Protocol event streams
    Atproto,
    /// Streamr over WebSocket
    Streamr,
    /// BigchainDB's stream of transactions
    Bigchaindb,
    /// CouchDB's continuous feed of changes, rows without documents
    Couchdb,
    /// A Fauna event stream of a collection, over HTTP/1.1
    Fauna,
    /// The same over HTTP/2 with prior knowledge, a connection for each stream as drivers have it
    #[value(name = "fauna-http2")]
    #[serde(rename = "fauna-http2")]
    FaunaHttp2,
}

/// Where followers begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes next.
    Live,
    /// With the oldest event that is stored.
    Oldest,
}

/// The first seq of feeds whose events have their seq in text: so many events have as many digits that what a subscriber
/// receives for one is known beforehand.
pub(crate) const FIRST_SEQ: u64 = 1_000_000;

/// The Fauna collection that is published to.
pub(crate) const COLLECTION: &str = "Event";

/// The CouchDB database, and the feed that it is.
pub const DATABASE: &str = "documents";

impl Dialect {
    /// The feed that is published to.
    pub fn feed(self) -> &'static str {
        match self {
            Self::Native => "events",
            Self::Atproto => "repos",
            Self::Streamr => "messages",
            Self::Bigchaindb => "blocks",
            Self::Couchdb => DATABASE,
            Self::Fauna | Self::FaunaHttp2 => "changed",
        }
    }

    /// `connections` to the server at `address` that follow the feed. None of them is checked.
    ///
    /// # Errors
    ///
    /// A Fauna server that has no token for the stream; a start that this dialect does not have.
    pub fn followers(self, address: SocketAddr, connections: usize, start: Start) -> Result<SubscribeConfig> {
        let to = |path: &str| drained(format!("ws://{address}{path}"), connections);
        let cursor = (start == Start::Oldest).then_some(0);
        Ok(match (self, start) {
            (Self::Native, _) => SubscribeConfig { cursor, ..to("/v1/feeds/events/events") },
            (Self::Atproto, _) => SubscribeConfig { cursor, ..to("/xrpc/com.atproto.sync.subscribeRepos") },
            (Self::Streamr, Start::Live) => streamr(address, connections, vec![vec![subscribe(self.feed())]]),
            (Self::Streamr, Start::Oldest) => streamr(address, connections, vec![vec![resend_all(self.feed())]]),
            (Self::Bigchaindb, Start::Live) => to("/api/v1/streams/valid_transactions"),
            (Self::Bigchaindb, Start::Oldest) => to("/api/v1/streams/valid_transactions?since_height=0"),
            (Self::Couchdb, Start::Live) => changes(address, connections, "feed=continuous&since=now"),
            (Self::Couchdb, Start::Oldest) => changes(address, connections, "feed=continuous&since=0"),
            (Self::Fauna, Start::Live) => fauna::streams(address, connections)?,
            (Self::FaunaHttp2, Start::Live) => fauna::streams_over_http2(address, connections)?,
            (Self::Fauna | Self::FaunaHttp2, Start::Oldest) => bail!("a Fauna stream begins where its token was made"),
        })
    }

    /// Whether a feed counts who follows it: streams over HTTP/2 are counted by the server as a whole only.
    pub fn is_counted(self) -> bool {
        self != Self::FaunaHttp2
    }

    /// Whether every message of the stream is one for a single subscriber, made for it alone.
    pub fn is_made_for_one(self, start: Start) -> bool {
        (self, start) == (Self::Streamr, Start::Oldest)
    }
}

/// `connections` to the server's feed of changes, with this query.
pub fn changes(address: SocketAddr, connections: usize, query: &str) -> SubscribeConfig {
    drained(format!("http://{address}/{DATABASE}/_changes?{query}"), connections)
}

/// `connections` to the server's Streamr WebSocket, of which the n-th says the n-th of these lists, going round.
pub fn streamr(address: SocketAddr, connections: usize, say: Vec<Vec<String>>) -> SubscribeConfig {
    SubscribeConfig { say, ..drained(format!("ws://{address}/api/v1/ws"), connections) }
}

/// A Streamr client's wish to follow a stream, whose id needs no escapes.
pub fn subscribe(stream: &str) -> String {
    format!(r#"{{"type":"subscribe","stream":"{stream}"}}"#)
}

fn resend_all(stream: &str) -> String {
    format!(r#"{{"type":"resend","stream":"{stream}","resend_all":true,"sub":"all"}}"#)
}

/// The part of the server's configuration that names the feeds.
pub(crate) fn configuration(durability: Durability) -> String {
    let durability = durability.word();
    let feed = |dialect: Dialect, rest: &str| {
        format!("[[feed]]\nname = \"{}\"\ndurability = \"{durability}\"\n{rest}\n", dialect.feed())
    };
    let first_seq = format!("first_seq = {FIRST_SEQ}\n");
    [
        feed(Dialect::Native, &first_seq),
        feed(Dialect::Atproto, "atproto.nsid = \"com.atproto.sync.subscribeRepos\"\n"),
        feed(Dialect::Streamr, &format!("{first_seq}streamr.stream = \"messages\"\n")),
        feed(Dialect::Bigchaindb, &format!("{first_seq}bigchaindb = true\n")),
        feed(Dialect::Couchdb, &format!("{first_seq}couchdb.db = \"{DATABASE}\"\n")),
        feed(Dialect::Fauna, &format!("{first_seq}fauna.collection = \"{COLLECTION}\"\n")),
    ]
    .concat()
}

/// A configuration of one feed, which is what every dialect follows.
pub(crate) fn one_feed() -> String {
    format!(
        "[[feed]]\nname = \"{}\"\nfirst_seq = {FIRST_SEQ}\natproto.nsid = \"com.atproto.sync.subscribeRepos\"\n\
         streamr.stream = \"{}\"\nbigchaindb = true\ncouchdb.db = \"{DATABASE}\"\nfauna.collection = \"{COLLECTION}\"\n",
        Dialect::Native.feed(),
        Dialect::Streamr.feed(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_each_is_followed() {
        let address = ([127, 0, 0, 1], 7).into();
        let table = [
            (Dialect::Native, Start::Live, "ws://127.0.0.1:7/v1/feeds/events/events", None, ""),
            (Dialect::Atproto, Start::Oldest, "ws://127.0.0.1:7/xrpc/com.atproto.sync.subscribeRepos", Some(0), ""),
            (
                Dialect::Streamr,
                Start::Live,
                "ws://127.0.0.1:7/api/v1/ws",
                None,
                r#"{"type":"subscribe","stream":"messages"}"#,
            ),
            (
                Dialect::Streamr,
                Start::Oldest,
                "ws://127.0.0.1:7/api/v1/ws",
                None,
                r#"{"type":"resend","stream":"messages","resend_all":true,"sub":"all"}"#,
            ),
            (
                Dialect::Bigchaindb,
                Start::Oldest,
                "ws://127.0.0.1:7/api/v1/streams/valid_transactions?since_height=0",
                None,
                "",
            ),
            (
                Dialect::Couchdb,
                Start::Live,
                "http://127.0.0.1:7/documents/_changes?feed=continuous&since=now",
                None,
                "",
            ),
        ];
        for (dialect, start, url, cursor, said) in table {
            let config = dialect.followers(address, 3, start).unwrap();
            assert_eq!((&*config.url, config.cursor, config.connections), (url, cursor, 3), "{dialect:?} {start:?}");
            assert_eq!(config.say.concat().concat(), said, "{dialect:?} {start:?}");
        }
    }
}
