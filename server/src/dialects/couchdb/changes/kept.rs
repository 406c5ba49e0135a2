//! What a catch-up passes over: events that later ones have superseded.
//!
//! Owns the bits that cursors on shards look at: in memory, shared by all readers of a database, a bit for each event from the
//! oldest that a catch-up has asked for. They are brought up to date when a catch-up begins, on the blocking pool, page by page
//! where the book counts otherwise than before. An event that is superseded meanwhile may still be shown; the protocol allows
//! it, and its row is followed by the newer one. Tested at the end of this file.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard},
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
    pages: RwLock<BTreeMap<u64, Known>>,
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
        if after >= to {
            return Ok(());
        }
        for number in (after + 1) / PAGE_SEQS..=to / PAGE_SEQS {
            let first = number * PAGE_SEQS;
            let last = first + (PAGE_SEQS - 1);
            let count = book.count(first.saturating_sub(1), last.min(to))?;
            let count = Some(count).filter(|_| last <= to);
            let is_known = self.read().get(&number).is_some_and(|known| known.count.is_some() && known.count == count);
            if !is_known {
                let live = read_page(book, first, last.min(to))?;
                self.pages.write().unwrap_or_else(PoisonError::into_inner).insert(number, Known { live, count });
            }
        }
        Ok(())
    }

    /// How many events above `after` and not above `to` are kept, as far as that is known: others count as kept.
    pub(crate) fn count(&self, after: u64, to: u64) -> u64 {
        if after >= to {
            return 0;
        }
        let from = after + 1;
        let pages = self.read();
        let within = pages.range(from / PAGE_SEQS..=to / PAGE_SEQS);
        let passed = within.map(|(number, known)| {
            let base = number * PAGE_SEQS;
            let (first, last) = (from.saturating_sub(base), (to - base).min(PAGE_SEQS - 1));
            (last + 1 - first) - known.live.count(first, last)
        });
        to - after - passed.sum::<u64>()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Known>> {
        // A page is replaced in one step, so a poisoned lock still guards whole ones.
        self.pages.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Skip for Kept {
    fn next_kept(&self, from: u64) -> u64 {
        let pages = self.read();
        let mut seq = from;
        while let Some(known) = pages.get(&(seq / PAGE_SEQS)) {
            let base = seq / PAGE_SEQS * PAGE_SEQS;
            match known.live.first(seq - base, true) {
                Some(place) => return base + place,
                None => seq = base + PAGE_SEQS,
            }
        }
        seq
    }

    fn next_skipped(&self, from: u64) -> u64 {
        let pages = self.read();
        let skipped = pages.range(from / PAGE_SEQS..).find_map(|(number, known)| {
            let base = number * PAGE_SEQS;
            known.live.first(from.saturating_sub(base), false).map(|place| base + place)
        });
        skipped.unwrap_or(u64::MAX)
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
