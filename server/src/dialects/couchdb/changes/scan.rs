//! Reading single events of a log, in any order.
//!
//! Owns the decision between reading on and looking up. Blocks. Tested by `server/tests/couchdb/`.

use std::sync::Arc;

use tailwater_core::{Event, EventReader, Feed, ReadError};

/// Events that are read over rather than looked up behind.
const NEAR: u64 = 32;

/// See the module.
pub(in crate::dialects::couchdb) struct Events {
    feed: Arc<Feed>,
    /// With the seq it is at.
    reader: Option<(EventReader, u64)>,
}

impl Events {
    pub(in crate::dialects::couchdb) fn new(feed: Arc<Feed>) -> Self {
        Self { feed, reader: None }
    }

    /// Does something with an event; `None` when it is not there any more.
    pub(in crate::dialects::couchdb) fn with<R>(
        &mut self,
        seq: u64,
        act: impl FnOnce(&Event<'_>) -> R,
    ) -> Result<Option<R>, ReadError> {
        let is_near = self.reader.as_ref().is_some_and(|(_, at)| *at <= seq && seq - *at < NEAR);
        if !is_near {
            self.reader = Some((self.feed.read(seq), seq));
        }
        let Some((reader, at)) = &mut self.reader else { return Ok(None) };
        while let Some(event) = reader.next().transpose()? {
            *at = event.seq + 1;
            if event.seq >= seq {
                return Ok((event.seq == seq).then(|| act(&event)));
            }
        }
        Ok(None)
    }

    /// Does something with the first event above `after` and not above `to`.
    pub(in crate::dialects::couchdb) fn with_next<R>(
        &mut self,
        after: u64,
        to: u64,
        act: impl FnOnce(&Event<'_>) -> R,
    ) -> Result<Option<R>, ReadError> {
        if self.reader.as_ref().is_none_or(|(_, at)| *at != after + 1) {
            self.reader = Some((self.feed.read(after + 1), after + 1));
        }
        let Some((reader, at)) = &mut self.reader else { return Ok(None) };
        let Some(event) = reader.next().transpose()? else { return Ok(None) };
        *at = event.seq + 1;
        if event.seq > to {
            self.reader = None;
            return Ok(None);
        }
        Ok(Some(act(&event)))
    }
}
