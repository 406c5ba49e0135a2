//! An answer that is made for one request, piece by piece.
//!
//! Owns which events are looked at in which order, and what is said last. Runs on the blocking pool; what happens between two
//! pieces is told to it. Never waits and never sends. Tested by `server/tests/couchdb/changes*.rs`.

use std::{collections::VecDeque, sync::Arc};

use tailwater_core::Feed as Log;
use tailwater_wire::couchdb::changes::{Feed, FilterSpec};

use super::{
    super::scripts::View,
    ask::{Ask, Prospect},
    book::BookError,
    judge::Judge,
    rows::Rows,
    scan::Events,
};

/// Bytes after which a piece is complete.
const PIECE_BYTES: usize = 64 << 10;
/// Events that are looked at for one piece.
const PIECE_EVENTS: u32 = 20_000;
/// Seqs that are asked of the book at once.
const BATCH: usize = 512;

/// What has happened since the last piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Nothing; it was sent.
    Go,
    /// There is something new.
    News,
    /// It is time for a sign of life.
    Beat,
    /// Nothing new came for as long as was to be waited, or nothing will.
    End,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another piece.
    More,
    /// News from behind this seq.
    Wait(u64),
    Nothing,
}

/// See the module.
pub(super) struct Render {
    rows: Rows,
    feed: Arc<Log>,
    events: Events,
    /// The last event of the snapshot, which is looked at before what comes afterwards.
    to: u64,
    phase: Phase,
    /// Events of the snapshot that are looked at next.
    ahead: VecDeque<u64>,
    /// Everything up to it was looked at; going down, everything from it on.
    at: u64,
    pass: Pass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Begin,
    Snapshot,
    /// All that comes, up to this seq for now.
    Live(u64),
    Over,
}

/// One look at the database, for filters that name ids: what they do not name stays pending.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// Live events within it.
    live: u64,
    /// How many rows there had been before it.
    rows_before: u64,
}

impl Render {
    /// An answer to what is asked, of which nothing is made yet.
    pub(super) fn new(ask: Ask, view: Option<Arc<View>>, prospect: Prospect) -> Self {
        let feed = ask.entry.feed().clone();
        let Prospect { to, live } = prospect;
        Self {
            at: if ask.changes.descending { to + 1 } else { ask.after },
            rows: Rows::new(ask, view),
            events: Events::new(feed.clone()),
            feed,
            to,
            phase: Phase::Begin,
            ahead: VecDeque::new(),
            pass: Pass { live, rows_before: 0 },
        }
    }

    /// Whether there is a row, or has been.
    pub(super) fn has_rows(&self) -> bool {
        self.rows.count > 0
    }

    /// Leaves the answer to somebody else: what was asked, and up to where nothing was found.
    pub(super) fn give_up(self) -> Ask {
        Ask { after: self.at, ..self.rows.ask }
    }

    /// Appends the next piece, which may be empty.
    pub(super) fn piece(&mut self, signal: Signal, out: &mut Vec<u8>) -> Result<Next, BookError> {
        match signal {
            Signal::Beat => {
                self.rows.response.wake(out);
                return Ok(Next::Wait(self.at));
            }
            Signal::End => {
                self.begin(out)?;
                return self.end(out);
            }
            Signal::News => {
                self.rows.response.wake(out);
                let to = self.news_to();
                self.pass = Pass { live: to.saturating_sub(self.at), rows_before: self.rows.count };
                self.phase = Phase::Live(to);
            }
            Signal::Go => self.begin(out)?,
        }
        self.go_on(out)
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), BookError> {
        if self.phase == Phase::Begin {
            self.rows.response.start(out);
            self.ahead = self.named()?;
            self.phase = Phase::Snapshot;
        }
        Ok(())
    }

    fn go_on(&mut self, out: &mut Vec<u8>) -> Result<Next, BookError> {
        if self.rows.changes().limit == Some(0) {
            return self.without_rows(out);
        }
        for _ in 0..PIECE_EVENTS {
            if out.len() >= PIECE_BYTES {
                return Ok(Next::More);
            }
            if !self.step(out)? {
                return self.end_of_pass(out);
            }
            if self.rows.is_full() {
                return self.end(out);
            }
        }
        Ok(Next::More)
    }

    fn without_rows(&mut self, out: &mut Vec<u8>) -> Result<Next, BookError> {
        if self.rows.changes().feed != Feed::Longpoll || self.rows.changes().descending {
            return self.end(out);
        }
        self.rows.response.wait(out);
        Ok(Next::Wait(self.feed.last_seq()))
    }

    /// Looks at one event; false when there is none.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, BookError> {
        let rows = &mut self.rows;
        let (shown, end) = match self.phase {
            Phase::Live(to) => {
                let at = &mut self.at;
                let shown = self.events.with_next(*at, to, |event| {
                    *at = event.seq;
                    rows.show(event, out)
                });
                (shown?, to)
            }
            _ => match self.next_ahead()? {
                Some(seq) => {
                    self.at = seq;
                    let shown = self.events.with(seq, |event| self.rows.show(event, out))?;
                    // One that has left the window meanwhile is none.
                    (Some(shown.unwrap_or(Ok(()))), seq)
                }
                None if self.rows.changes().descending => (None, self.at),
                None => (None, self.to),
            },
        };
        self.at = if shown.is_none() { self.at.max(end) } else { self.at };
        shown.transpose().map(|shown| shown.is_some())
    }

    fn next_ahead(&mut self) -> Result<Option<u64>, BookError> {
        if self.ahead.is_empty() && !self.rows.changes().filter.is_looked_up() {
            let mut seqs = Vec::with_capacity(BATCH);
            let book = self.rows.ask.book();
            if self.rows.changes().descending {
                book.previous(self.at, BATCH, &mut seqs)?;
            } else {
                book.next(self.at, self.to, BATCH, &mut seqs)?;
            }
            self.ahead.extend(seqs);
        }
        Ok(self.ahead.pop_front())
    }

    /// The events of the documents that a filter names, if they are looked up.
    fn named(&self) -> Result<VecDeque<u64>, BookError> {
        let (book, changes) = (self.rows.ask.book(), self.rows.changes());
        let mut seqs = Vec::new();
        match &changes.filter {
            filter if !filter.is_looked_up() => {}
            FilterSpec::DocIds(ids) => {
                for id in ids {
                    seqs.extend(book.latest_of(id)?);
                }
            }
            _ => seqs = book.designs()?,
        }
        let after = if changes.descending { 0 } else { self.rows.ask.after };
        seqs.retain(|seq| *seq > after && *seq <= self.to);
        seqs.sort_unstable();
        seqs.dedup();
        if changes.descending {
            seqs.reverse();
        }
        Ok(seqs.into())
    }

    /// Everything there is has been looked at.
    fn end_of_pass(&mut self, out: &mut Vec<u8>) -> Result<Next, BookError> {
        let is_over = match self.rows.changes().feed {
            Feed::Normal => true,
            Feed::Longpoll => self.has_rows(),
            Feed::Continuous | Feed::EventSource => false,
        };
        if is_over || self.rows.changes().descending {
            return self.end(out);
        }
        self.rows.response.wait(out);
        Ok(Next::Wait(self.at))
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<Next, BookError> {
        if self.phase != Phase::Over {
            let descending = self.rows.changes().descending;
            let last_seq = match self.rows.last {
                Some(last) if descending || self.rows.is_full() => last,
                None if descending => self.rows.ask.after,
                _ => self.at,
            };
            let pending = self.pending(last_seq)?;
            let last_seq = self.rows.database().token(last_seq);
            self.rows.response.end(&last_seq, pending, out);
            self.phase = Phase::Over;
        }
        Ok(Next::Nothing)
    }

    /// How many rows there are behind the last one.
    fn pending(&self, last_seq: u64) -> Result<u64, BookError> {
        let (book, changes) = (self.rows.ask.book(), self.rows.changes());
        if changes.filter.is_looked_up() {
            return Ok(self.pass.live.saturating_sub(self.rows.count - self.pass.rows_before));
        }
        match (changes.descending, changes.feed) {
            (true, _) if changes.limit == Some(0) => book.count(0, self.to),
            (true, _) if self.rows.is_full() => book.count(0, last_seq.saturating_sub(1)),
            (true, _) => Ok(0),
            (false, Feed::Normal) => book.count(last_seq, self.to),
            // Nothing has to be asked, nor can it be where the database is being deleted.
            (false, _) if last_seq >= self.feed.last_seq() => Ok(0),
            (false, _) => book.count(last_seq, book.catch_up()?),
        }
    }

    /// How far news can be looked at.
    fn news_to(&self) -> u64 {
        let last_seq = self.feed.last_seq();
        match &self.rows.judge {
            Judge::View(view) => (view.next_open(self.at + 1) - 1).min(last_seq),
            _ => last_seq,
        }
    }
}
