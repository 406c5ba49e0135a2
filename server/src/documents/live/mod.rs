//! Which events are live: the latest of their documents. All others are superseded.
//!
//! Owns what makes a catch-up of `_changes` skip superseded events, and `pending` exact. The index holds a bit for each seq, in
//! chunks, and how many are set in each page. The counts are in memory from the start, 20 bytes for 65,536 seqs; bits come in
//! by page when somebody needs them, and may be dropped again, since the index has them too.
//!
//! Changes are [`staged`](Live::stage) with the batch that brings them to the index, and shown once that is written. A page
//! that is loaded in between has them already: setting a bit twice is the same as once. Tested in `tests.rs`.

mod page;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use self::page::{Bits, CHUNK_SEQS, PAGE_CHUNKS, PAGE_SEQS};
use super::{
    error::DocumentsError,
    tables::{Table, key_number, number_key},
};
use crate::index::{Index, WriteBatch};

/// Pages that are held in memory at most, of 8 KiB each.
const LOADED_MAX: usize = 8_192;

/// An event becomes live, or superseded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flip {
    pub(super) seq: u64,
    pub(super) live: bool,
}

/// Changes that are in a batch: page by page, with how many live events each has then.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pages: Vec<(u64, u64, Vec<Flip>)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Live {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    counts: BTreeMap<u64, u64>,
    /// With the tick of its last use.
    loaded: BTreeMap<u64, (u64, Bits)>,
    tick: u64,
}

impl Live {
    /// Reads the counts.
    pub(super) fn open(index: &Index<Table>) -> Result<Self, DocumentsError> {
        let mut counts = BTreeMap::new();
        for row in index.range(Table::Pages, ..)? {
            let (key, value) = row?;
            let page = key_number(&key).zip(key_number(&value));
            let (page, count) = page.ok_or_else(|| DocumentsError::damaged("a page"))?;
            counts.insert(page, count);
        }
        Ok(Self { pages: Mutex::new(Pages { counts, ..Pages::default() }) })
    }

    /// Puts changes into the batch that brings them about. They are in order: the last one of a seq counts.
    pub(super) fn stage(
        &self,
        index: &Index<Table>,
        flips: &[Flip],
        batch: &mut WriteBatch<'_, Table>,
    ) -> Result<Staged, DocumentsError> {
        let mut pages = self.lock();
        let mut staged = Staged::default();
        for (page, flips) in by_page(flips) {
            let mut bits = pages.bits(page, index)?.clone();
            let mut count = pages.counts.get(&page).copied().unwrap_or(0);
            let mut chunks = BTreeSet::new();
            for flip in &flips {
                count = flip_bit(&mut bits, flip, count);
                chunks.insert(flip.seq % PAGE_SEQS / CHUNK_SEQS);
            }
            for chunk in chunks {
                batch.put(Table::Chunks, &number_key(page * PAGE_CHUNKS + chunk), &bits.chunk(chunk))?;
            }
            batch.put(Table::Pages, &number_key(page), &number_key(count))?;
            staged.pages.push((page, count, flips));
        }
        Ok(staged)
    }

    /// Shows changes that are in the index now.
    pub(super) fn show(&self, staged: Staged) {
        let mut pages = self.lock();
        for (page, count, flips) in staged.pages {
            pages.counts.insert(page, count);
            if let Some((_, bits)) = pages.loaded.get_mut(&page) {
                flips.iter().for_each(|flip| bits.set(flip.seq % PAGE_SEQS, flip.live));
            }
        }
    }

    /// How many live events have a seq above `after` and at most `upto`.
    pub(super) fn count(&self, index: &Index<Table>, after: u64, upto: u64) -> Result<u64, DocumentsError> {
        if after >= upto {
            return Ok(0);
        }
        let (first, last) = (after + 1, upto);
        let mut pages = self.lock();
        let (first_page, last_page) = (first / PAGE_SEQS, last / PAGE_SEQS);
        let mut count = 0;
        let within: Vec<(u64, u64)> = pages.counts.range(first_page..=last_page).map(|(page, n)| (*page, *n)).collect();
        for (page, whole) in within {
            let from = if page == first_page { first % PAGE_SEQS } else { 0 };
            let to = if page == last_page { last % PAGE_SEQS } else { PAGE_SEQS - 1 };
            let is_whole = from == 0 && to == PAGE_SEQS - 1;
            count += if is_whole || whole == 0 { whole } else { pages.bits(page, index)?.count(from..=to) };
        }
        Ok(count)
    }

    /// Whether an event is live.
    pub(super) fn is_live(&self, index: &Index<Table>, seq: u64) -> Result<bool, DocumentsError> {
        Ok(self.lock().bits(seq / PAGE_SEQS, index)?.get(seq % PAGE_SEQS))
    }

    /// Appends the next live seqs above `after` and at most `upto`, ascending: at most `max`, and only some of these if there
    /// are more; none if there are none.
    pub(super) fn next(
        &self,
        index: &Index<Table>,
        (after, upto): (u64, u64),
        max: usize,
        out: &mut Vec<u64>,
    ) -> Result<(), DocumentsError> {
        let mut pages = self.lock();
        let mut first = after + 1;
        while first <= upto {
            let Some(page) = pages.first_from(first / PAGE_SEQS) else { return Ok(()) };
            first = first.max(page * PAGE_SEQS);
            let found = pages.bits(page, index)?.from(first % PAGE_SEQS).map(|place| page * PAGE_SEQS + place);
            let before = out.len();
            out.extend(found.take_while(|seq| *seq <= upto).take(max));
            if out.len() > before {
                return Ok(());
            }
            first = (page + 1) * PAGE_SEQS;
        }
        Ok(())
    }

    /// The same backwards: below `before` and above `after`, descending.
    pub(super) fn previous(
        &self,
        index: &Index<Table>,
        (after, before): (u64, u64),
        max: usize,
        out: &mut Vec<u64>,
    ) -> Result<(), DocumentsError> {
        let mut pages = self.lock();
        let mut last = before.saturating_sub(1);
        while last > after {
            let Some(page) = pages.last_to(last / PAGE_SEQS) else { return Ok(()) };
            last = last.min(page * PAGE_SEQS + PAGE_SEQS - 1);
            let found = pages.bits(page, index)?.down_from(last % PAGE_SEQS).map(|place| page * PAGE_SEQS + place);
            let length = out.len();
            out.extend(found.take_while(|seq| *seq > after).take(max));
            if out.len() > length {
                return Ok(());
            }
            last = (page * PAGE_SEQS).saturating_sub(1);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// The bits of a page, from the index if they are not here.
    fn bits(&mut self, page: u64, index: &Index<Table>) -> Result<&Bits, DocumentsError> {
        self.tick += 1;
        if !self.loaded.contains_key(&page) {
            self.make_room();
            let bits = load(page, index)?;
            self.loaded.insert(page, (0, bits));
        }
        let (used, bits) = self.loaded.entry(page).or_default();
        *used = self.tick;
        Ok(bits)
    }

    fn make_room(&mut self) {
        if self.loaded.len() >= LOADED_MAX
            && let Some(oldest) = self.loaded.iter().min_by_key(|(_, (used, _))| *used).map(|(page, _)| *page)
        {
            self.loaded.remove(&oldest);
        }
    }

    /// The first page from this one on with a live event.
    fn first_from(&self, page: u64) -> Option<u64> {
        self.counts.range(page..).find(|(_, count)| **count > 0).map(|(page, _)| *page)
    }

    /// The last page up to this one with a live event.
    fn last_to(&self, page: u64) -> Option<u64> {
        self.counts.range(..=page).rfind(|(_, count)| **count > 0).map(|(page, _)| *page)
    }
}

fn load(page: u64, index: &Index<Table>) -> Result<Bits, DocumentsError> {
    let first = page * PAGE_CHUNKS;
    let mut bits = Bits::default();
    let (start, end) = (number_key(first), number_key(first + PAGE_CHUNKS));
    for row in index.range(Table::Chunks, (Bound::Included(&start[..]), Bound::Excluded(&end[..])))? {
        let (key, value) = row?;
        let chunk = key_number(&key).map(|chunk| chunk - first);
        if !chunk.is_some_and(|chunk| bits.set_chunk(chunk, &value)) {
            return Err(DocumentsError::damaged("live events"));
        }
    }
    Ok(bits)
}

/// The number of set bits after a change, given that before it.
fn flip_bit(bits: &mut Bits, flip: &Flip, count: u64) -> u64 {
    let place = flip.seq % PAGE_SEQS;
    let was_live = bits.get(place);
    bits.set(place, flip.live);
    match (was_live, flip.live) {
        (false, true) => count + 1,
        (true, false) => count.saturating_sub(1),
        _ => count,
    }
}

fn by_page(flips: &[Flip]) -> BTreeMap<u64, Vec<Flip>> {
    let mut pages: BTreeMap<u64, Vec<Flip>> = BTreeMap::new();
    for flip in flips {
        pages.entry(flip.seq / PAGE_SEQS).or_default().push(*flip);
    }
    pages
}
