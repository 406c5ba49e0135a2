//! The documents themselves: bodies of events, read where they are stored.
//!
//! Owns the way from an entry of the index to its body in the feed's log. Never copies one. Blocks on the disk. Tested by
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
        if let Some(own) = entry.own_body {
            return Ok(Some(own));
        }
        let reader = self.reader.insert(self.feed.read(entry.seq));
        let event = reader.next().transpose()?.filter(|event| event.seq == entry.seq);
        Ok(event.map(|event| (event.format, event.body)))
    }
}
