//! A feed as a database.
//!
//! Owns what is kept of it for as long as it is served: its identity, what is known of its documents, what catch-ups pass
//! over. Tested by `server/tests/couchdb/`.

use std::sync::Arc;

use tailwater_core::Feed;
use tailwater_wire::couchdb::changes::DbUid;

use super::changes::{
    book::{Book, BookError},
    kept::Kept,
    standin::Standin,
};
use crate::config::{CouchdbExposure, SseWording};

/// See the module.
pub(crate) struct Database {
    pub(crate) name: String,
    /// What its tokens carry.
    pub(crate) uid: DbUid,
    /// The wording of its server-sent events.
    pub(crate) sse: SseWording,
    pub(crate) book: Box<dyn Book>,
    pub(crate) kept: Arc<Kept>,
}

/// What there is for a reader at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prospect {
    /// The last event then.
    pub(crate) to: u64,
    /// How many live events there are up to it.
    pub(crate) live: u64,
}

impl Database {
    pub(crate) fn new(feed: Arc<Feed>, exposure: &CouchdbExposure) -> Self {
        Self {
            name: exposure.db.clone(),
            uid: DbUid::of_feed(feed.name(), feed.options()),
            sse: exposure.sse,
            kept: Arc::default(),
            book: Box::new(Standin::new(feed)),
        }
    }

    /// What there is above a seq. Blocks.
    pub(crate) fn prospect(&self, after: u64) -> Result<Prospect, BookError> {
        let to = self.book.catch_up()?;
        Ok(Prospect { to, live: self.book.count(after, to)? })
    }

    /// A seq as clients see it, as JSON.
    pub(crate) fn token(&self, seq: u64) -> Vec<u8> {
        let mut token = vec![b'"'];
        self.uid.write(seq, &mut token);
        token.push(b'"');
        token
    }
}
