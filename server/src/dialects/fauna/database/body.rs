//! The documents themselves: bodies of events, read where they are stored.
//!
//! Owns the way from what the index has of a document to its body in the feed's log. Never copies one. Blocks on the disk. Tested by
//! `server/tests/fauna/`.

use tailwater_core::{BodyFormat, EventReader, Feed, ReadError};

use super::table::Entry;

/// Reads bodies of a feed's events.
pub(super) struct Bodies<'f> {
    feed: &'f Feed,
    reader: Option<EventReader>,
}

impl<'f> Bodies<'f> {
    pub(super) fn of(feed: &'f Feed) -> Self {
        Self { feed, reader: None }
    }

    /// The body of an entry; `None` if its event is not in the log any more.
    pub(super) fn of_entry<'a>(&'a mut self, entry: &Entry<'a>) -> Result<Option<(BodyFormat, &'a [u8])>, ReadError> {
        match entry.own_body {
            Some(own) => Ok(Some(own)),
            None => self.of_event(entry.version.seq),
        }
    }

    /// The body of an event; `None` if it is not in the log any more.
    pub(super) fn of_event(&mut self, seq: u64) -> Result<Option<(BodyFormat, &[u8])>, ReadError> {
        let reader = self.reader.insert(self.feed.read(seq));
        let event = reader.next().transpose()?.filter(|event| event.seq == seq);
        Ok(event.map(|event| (event.format, event.body)))
    }
}
