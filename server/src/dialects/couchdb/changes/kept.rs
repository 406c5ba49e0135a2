//! What a catch-up passes over: events that later ones have superseded.
//!
//! Owns the bits that cursors on shards look at: in memory, shared by all readers of a database, a bit for each event from the
//! oldest that a catch-up has asked for. They are brought up to date when a catch-up begins, on the blocking pool, page by page
//! where the book counts otherwise than before. An event that is superseded meanwhile may still be shown; the protocol allows
//! it, and its row is followed by the newer one. Tested at the end of this file.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tailwater_core::Skip;

use super::{
    bits::{PAGE_SEQS, Page},
    book::{Book, BookError},
};

/// Seqs asked of the book at once.
const BATCH: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Everything above this and not above `to` is known; a page that is not there has no live event.
    after: u64,
    to: u64,
    pages: BTreeMap<u64, Known>,
}

/// A page, and how many live events it had when it was read; `None` when it may have got more since.
#[derive(Debug)]
struct Known {
    live: Page,
    count: Option<u64>,
}

impl Kept {
    /// Brings the bits of the seqs above `after` up to date, as far as `to`, which the book has caught up with. Blocks.
    pub(crate) fn refresh(&self, book: &dyn Book, after: u64, to: u64) -> Result<(), BookError> {
        let (known_after, known_to) = {
            let state = self.read();
            (state.after, state.to)
        };
        // What is known is one range.
        let after = if known_to > 0 && known_to < after { known_to } else { after };
        // The end of a page, or the beginning of all.
        let mut at = ((after + 1) / PAGE_SEQS * PAGE_SEQS).saturating_sub(1);
        while at < to {
            let mut next = Vec::with_capacity(1);
            book.next(at, to, 1, &mut next)?;
            let number = next.first().map_or(to / PAGE_SEQS + 1, |seq| seq / PAGE_SEQS);
            // In pages before it nothing lives any more.
            self.write().pages.retain(|other, _| *other < (at + 1) / PAGE_SEQS || *other >= number);
            if next.is_empty() {
                break;
            }
            self.refresh_page(book, number, to)?;
            at = number * PAGE_SEQS + (PAGE_SEQS - 1);
        }
        let mut state = self.write();
        let is_new = known_to == 0;
        state.after = if is_new { after } else { known_after.min(after) };
        state.to = state.to.max(to);
        Ok(())
    }

    fn refresh_page(&self, book: &dyn Book, number: u64, to: u64) -> Result<(), BookError> {
        let first = number * PAGE_SEQS;
        let last = first + (PAGE_SEQS - 1);
        let count = book.count(first.saturating_sub(1), last.min(to))?;
        let count = Some(count).filter(|_| last <= to);
        let is_known = count.is_some() && self.read().pages.get(&number).is_some_and(|known| known.count == count);
        if !is_known {
            let live = read_page(book, first, last.min(to))?;
            self.write().pages.insert(number, Known { live, count });
        }
        Ok(())
    }

    /// How many events above `after` and not above `to` are kept, as far as that is known: others count as kept.
    pub(crate) fn count(&self, after: u64, to: u64) -> u64 {
        let state = self.read();
        let (first, last) = (after.max(state.after), to.min(state.to));
        if first >= last {
            return to.saturating_sub(after);
        }
        (to - after) - (last - first) + state.count(first, last)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // A page is replaced in one step, so a poisoned lock still guards whole ones.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&self, after: u64, to: u64) -> u64 {
        let from = after + 1;
        let pages = self.pages.range(from / PAGE_SEQS..=to / PAGE_SEQS);
        let counts = pages.map(|(number, known)| {
            let base = number * PAGE_SEQS;
            known.live.count(from.saturating_sub(base), (to - base).min(PAGE_SEQS - 1))
        });
        counts.sum()
    }

    fn next_live(&self, from: u64) -> Option<u64> {
        self.pages.range(from / PAGE_SEQS..).find_map(|(number, known)| {
            let base = number * PAGE_SEQS;
            known.live.first(from.saturating_sub(base), true).map(|place| base + place)
        })
    }

    /// The end of its page, where all of that live.
    fn next_dead(&self, from: u64) -> u64 {
        let base = from / PAGE_SEQS * PAGE_SEQS;
        let known = self.pages.get(&(from / PAGE_SEQS));
        known.map_or(from, |known| base + known.live.first(from - base, false).unwrap_or(PAGE_SEQS))
    }
}

impl Skip for Kept {
    fn next_kept(&self, from: u64) -> u64 {
        let state = self.read();
        if from <= state.after || from > state.to {
            return from;
        }
        state.next_live(from).unwrap_or(u64::MAX).min(state.to + 1)
    }

    fn next_skipped(&self, from: u64) -> u64 {
        let state = self.read();
        let dead = state.next_dead(from.max(state.after + 1));
        if dead <= state.to { dead } else { u64::MAX }
    }
}

fn read_page(book: &dyn Book, first: u64, to: u64) -> Result<Page, BookError> {
    let (mut page, mut seqs) = (Page::default(), Vec::new());
    // There is no event with seq 0.
    let mut after = first.saturating_sub(1);
    loop {
        seqs.clear();
        book.next(after, to, BATCH, &mut seqs)?;
        let Some(last) = seqs.last() else { return Ok(page) };
        after = *last;
        seqs.iter().for_each(|seq| page.set(seq % PAGE_SEQS, true));
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Mutex};

    use proptest::prelude::*;

    use super::*;
    use crate::dialects::couchdb::changes::book::Look;

    /// A book in which every change is written by hand.
    #[derive(Default)]
    struct Written(Mutex<BTreeSet<u64>>);

    impl Book for Written {
        fn catch_up(&self) -> Result<u64, BookError> {
            Ok(0)
        }

        fn count(&self, after: u64, to: u64) -> Result<u64, BookError> {
            let live = self.0.lock().unwrap();
            Ok(live.iter().filter(|seq| (after + 1..=to).contains(*seq)).count() as u64)
        }

        fn next(&self, after: u64, to: u64, max: usize, out: &mut Vec<u64>) -> Result<(), BookError> {
            let live = self.0.lock().unwrap();
            out.extend(live.iter().filter(|seq| (after + 1..=to).contains(*seq)).take(max));
            Ok(())
        }

        fn previous(&self, _before: u64, _max: usize, _out: &mut Vec<u64>) -> Result<(), BookError> {
            Ok(())
        }

        fn latest_of(&self, _id: &str) -> Result<Option<u64>, BookError> {
            Ok(None)
        }

        fn designs(&self) -> Result<Vec<u64>, BookError> {
            Ok(Vec::new())
        }

        fn document(&self, _id: &str, _rev: &str, _look: Look) -> Result<Option<Vec<u8>>, BookError> {
            Ok(None)
        }
    }

    /// A step of 1 is the next seq; larger ones leave gaps, also of pages.
    fn steps() -> impl Strategy<Value = Vec<(u64, usize)>> {
        let step = prop_oneof![4 => Just(1_u64), 1 => 1..PAGE_SEQS, 1 => PAGE_SEQS..1 << 40];
        proptest::collection::vec((step, any::<usize>()), 1..60)
    }

    proptest! {
        #[test]
        fn what_is_passed_over_is_what_was_superseded(
            steps in steps(), refreshes in proptest::collection::vec((any::<usize>(), any::<usize>()), 1..8),
        ) {
            let (book, kept) = (Written::default(), Kept::default());
            let mut events = Vec::new();
            let mut refreshes: Vec<_> = refreshes.into_iter().map(|(at, from)| (at % steps.len(), from)).collect();
            refreshes.sort_unstable();
            let mut last = 0;
            for (index, (step, supersedes)) in steps.into_iter().enumerate() {
                last += step;
                let mut live = book.0.lock().unwrap();
                if supersedes % 3 > 0 && !events.is_empty() {
                    live.remove(&events[supersedes % events.len()]);
                }
                live.insert(last);
                drop(live);
                events.push(last);
                for (_, from) in refreshes.iter().filter(|(at, _)| *at == index) {
                    let after = if from % 4 == 0 { 0 } else { events[from % events.len()] - 1 };
                    kept.refresh(&book, after, last).unwrap();
                    let live = book.0.lock().unwrap();
                    for seq in events.iter().copied().filter(|seq| *seq > after) {
                        let expected = live.range(seq..).next().copied().unwrap_or(last + 1);
                        prop_assert_eq!(kept.next_kept(seq), expected);
                        prop_assert_eq!(kept.next_skipped(seq) == seq, !live.contains(&seq));
                        prop_assert!(kept.next_skipped(seq) >= seq);
                    }
                    prop_assert_eq!(kept.count(after, last), live.range(after + 1..).count() as u64);
                    prop_assert_eq!(kept.next_kept(last + 1), last + 1);
                    prop_assert_eq!(kept.next_skipped(last + 1), u64::MAX);
                    prop_assert_eq!(kept.count(last, last + 7), 7);
                }
            }
        }
    }
}
