//! `_changes` of one request: documents in the order of their latest events, each once.
//!
//! Owns which events those are and how many are left; what a row looks like is the wire's. The end is fixed when it begins: a
//! document that changes meanwhile may not come, since it comes again behind the end. Feeds that go on at the tail are not
//! made from this. Tested in `tests/changes.rs`.

use std::{collections::VecDeque, sync::Arc};

use tailwater_core::{Event, EventReader};

use super::Order;
use crate::documents::{Database, error::DocumentsError};

/// Live seqs that are looked up at once.
const SEQS_AT_ONCE: usize = 1_000;

/// Superseded events that are rather read over than jumped over.
const READ_OVER_MAX: u64 = 8;

/// The changes of a range; see [`Database::changes`].
#[derive(Debug)]
pub struct Changes {
    database: Arc<Database>,
    order: Order,
    /// Nothing up to this comes.
    after: u64,
    /// The last event there was.
    upto: u64,
    /// Seq of the change that came last; where it began before the first.
    at: u64,
    ahead: VecDeque<u64>,
    /// The documents that were asked for are all in `ahead`.
    listed: bool,
    reader: Option<(u64, EventReader)>,
}

impl Database {
    /// The changes with a seq above `since`. In descending order they begin at the end and go down to `since`, for which
    /// CouchDB takes 0.
    pub fn changes(self: &Arc<Self>, since: u64, order: Order) -> Result<Changes, DocumentsError> {
        self.settle()?;
        let upto = self.known_seq();
        // What has left the window is gone.
        let after = since.max(self.feed.first_seq().saturating_sub(1)).min(upto);
        let at = match order {
            Order::Ascending => after,
            Order::Descending => upto + 1,
        };
        let ahead = VecDeque::new();
        Ok(Changes { database: Arc::clone(self), order, after, upto, at, ahead, listed: false, reader: None })
    }

    /// The same for these documents only.
    pub fn changes_of<'i>(
        self: &Arc<Self>,
        ids: impl IntoIterator<Item = &'i str>,
        since: u64,
        order: Order,
    ) -> Result<Changes, DocumentsError> {
        let changes = self.changes(since, order)?;
        let mut seqs = Vec::new();
        for id in ids {
            let record = self.shelf.record(id)?;
            seqs.extend(record.map(|record| record.seq).filter(|seq| (changes.after + 1..=changes.upto).contains(seq)));
        }
        seqs.sort_unstable();
        seqs.dedup();
        if order == Order::Descending {
            seqs.reverse();
        }
        Ok(Changes { ahead: seqs.into(), listed: true, ..changes })
    }
}

impl Changes {
    /// Looks at the event of the next change; `None` when there is none left.
    pub fn next<R>(&mut self, look: impl FnOnce(&Event<'_>) -> R) -> Result<Option<R>, DocumentsError> {
        while let Some(seq) = self.next_seq()? {
            self.at = seq;
            let reader = self.reader_before(seq);
            while let Some(event) = reader.next().transpose()? {
                if event.seq == seq {
                    return Ok(Some(look(&event)));
                }
                if event.seq > seq {
                    // It has been dropped from the log, and the reader is too far for the next one.
                    self.reader = None;
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Seq of the change that came last: from here on another request can go on.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The last event there was when it began.
    pub fn end(&self) -> u64 {
        self.upto
    }

    /// How many changes are left up to the end.
    pub fn pending(&self) -> Result<u64, DocumentsError> {
        if self.listed {
            return Ok(self.ahead.len() as u64);
        }
        let shelf = &self.database.shelf;
        match self.order {
            Order::Ascending => shelf.live.count(&shelf.index, self.at, self.upto),
            Order::Descending => shelf.live.count(&shelf.index, self.after, self.at.saturating_sub(1)),
        }
    }

    fn next_seq(&mut self) -> Result<Option<u64>, DocumentsError> {
        if self.ahead.is_empty() && !self.listed {
            let shelf = &self.database.shelf;
            let mut seqs = Vec::with_capacity(SEQS_AT_ONCE);
            match self.order {
                Order::Ascending => {
                    shelf.live.next(&shelf.index, (self.at, self.upto), SEQS_AT_ONCE, &mut seqs)?;
                }
                Order::Descending => {
                    shelf.live.previous(&shelf.index, (self.after, self.at), SEQS_AT_ONCE, &mut seqs)?;
                }
            }
            self.ahead = seqs.into();
        }
        Ok(self.ahead.pop_front())
    }

    /// A reader that comes to this event soon, if it is there.
    fn reader_before(&mut self, seq: u64) -> &mut EventReader {
        self.reader.take_if(|(next, _)| *next > seq || seq - *next > READ_OVER_MAX);
        let feed = &self.database.feed;
        let (next, reader) = self.reader.get_or_insert_with(|| (seq, feed.read(seq)));
        *next = seq + 1;
        reader
    }
}
