//! A feed as a database.
//!
//! Owns what is kept of it for its changes, for as long as it is served: its identity, and what catch-ups pass over. Tested by
//! `server/tests/couchdb/`.

use std::sync::Arc;

use tailwater_core::Feed;
use tailwater_wire::couchdb::changes::DbUid;

use super::changes::kept::Kept;

/// See the module.
pub(crate) struct Database {
    pub(crate) name: String,
    /// What its tokens carry.
    pub(crate) uid: DbUid,
    pub(crate) kept: Arc<Kept>,
}

impl Database {
    pub(crate) fn new(feed: &Feed, db: &str) -> Self {
        Self { name: db.to_owned(), uid: DbUid::of_feed(feed.name(), &feed.options()), kept: Arc::default() }
    }

    /// A seq as clients see it, as JSON.
    pub(crate) fn token(&self, seq: u64) -> Vec<u8> {
        let mut token = vec![b'"'];
        self.uid.write(seq, &mut token);
        token.push(b'"');
        token
    }
}
