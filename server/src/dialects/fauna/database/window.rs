//! Where a stream or a page begins, given what the history holds.
//!
//! Owns the look at the history; the decision is the wire's. Blocks on the disk. Tested by `server/tests/fauna/`.

use tailwater_core::{Feed, ReadError};
use tailwater_wire::fauna::{
    cursor::{Cursor, Decision, Endpoint, Search, Start, Window, decide},
    errors::ApiError,
};

use super::Database;

/// Where a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    /// Behind this.
    After(Cursor),
    /// Events from this time on, in microseconds since the Unix epoch, are gone.
    TooOld(u64),
}

impl Database {
    /// Where a request begins whose token begins at `token`. Blocks.
    pub(crate) fn begins(&self, start: Start, token: Cursor, endpoint: Endpoint) -> Result<Begins, ApiError> {
        let window = self.window().map_err(unreadable)?;
        match decide(start, token, endpoint, window) {
            Decision::After(cursor) => Ok(Begins::After(cursor)),
            Decision::TooOld(time_us) => Ok(Begins::TooOld(time_us)),
            Decision::Refuse(error) => Err(error),
            Decision::Search(search) => self.search(search).map(Begins::After).map_err(unreadable),
        }
    }

    fn window(&self) -> Result<Window, ReadError> {
        let (feed, history) = (self.entry().feed(), self.history().feed());
        let has_lost = history.seq_before_first().is_some() || history.options().first_seq > feed.options().first_seq;
        let first_seq = history.first_seq();
        let (first_seq, complete_from_us) = match has_lost {
            true => (first_seq, time_of(history, first_seq)?),
            false => (1, 0),
        };
        Ok(Window { uid: self.uid(), first_seq, next_seq: self.position().seq + 1, complete_from_us })
    }

    fn search(&self, search: Search) -> Result<Cursor, ReadError> {
        let history = self.history().feed();
        let last = self.position();
        let Some(from) = history.first_seq_since(search.after_us)? else {
            return Ok(search.found(self.uid(), last.seq));
        };
        let (mut reader, mut previous_us) = (history.read(from), None);
        while let Some(event) = reader.next().transpose()? {
            if search.wants(event.time_us, previous_us) {
                return Ok(search.found(self.uid(), event.seq - 1));
            }
            previous_us = Some(event.time_us);
        }
        Ok(search.found(self.uid(), last.seq))
    }
}

/// The time of the first event from `seq` on; the end of time if there is none.
fn time_of(history: &Feed, seq: u64) -> Result<u64, ReadError> {
    Ok(history.read(seq).next().transpose()?.map_or(u64::MAX, |event| event.time_us))
}

fn unreadable(error: ReadError) -> ApiError {
    tracing::error!(%error, "a Fauna database's history cannot be read");
    ApiError::internal("The database's events cannot be read.")
}
