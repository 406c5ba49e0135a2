//! Which events are live: the latest of their documents. All others are superseded.
//!
//! Owns what makes a catch-up of `_changes` skip superseded events, and `pending` exact. The index holds a bit for each seq, in
//! chunks, and how many are set in each page. The counts are in memory from the start, 20 bytes for 65,536 seqs; bits come in
//! by page when somebody needs them, and may be dropped again, since the index has them too.
//!
//! Changes are applied in memory at once, and reach the index later, chunk by chunk, together with the records they belong to
//! ([`super::layer`]). Until then their pages stay in memory. Tested in `tests.rs`.

mod page;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use self::page::{Bits, CHUNK_BYTES, CHUNK_SEQS, PAGE_CHUNKS, PAGE_SEQS};
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

impl Flip {
    fn page(self) -> u64 {
        self.seq / PAGE_SEQS
    }
}

/// What the index does not have yet: chunks, and how many live events each page has.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    chunks: Vec<(u64, [u8; CHUNK_BYTES])>,
    counts: Vec<(u64, u64)>,
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
    /// Chunks, as bits of a number, that have changed since the last snapshot.
    dirty: BTreeMap<u64, u64>,
    /// Pages of the last snapshot, while it is not in the index.
    leaving: BTreeSet<u64>,
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

    /// Brings in the pages that these changes are in, so that [`Live::apply`] finds them.
    pub(super) fn load(&self, index: &Index<Table>, flips: &[Flip]) -> Result<(), DocumentsError> {
        let mut pages = self.lock();
        flips.chunk_by(|one, other| one.page() == other.page()).try_for_each(|flips| {
            pages.bits(flips[0].page(), index)?;
            Ok(())
        })
    }

    /// Applies changes, all of them or none. They are in order: the last one of a seq counts.
    pub(super) fn apply(&self, index: &Index<Table>, flips: &[Flip]) -> Result<(), DocumentsError> {
        let mut pages = self.lock();
        let touched: BTreeSet<u64> = flips.iter().map(|flip| flip.page()).collect();
        // From here on they are not dropped.
        for page in &touched {
            pages.dirty.entry(*page).or_default();
        }
        touched.iter().try_for_each(|page| pages.bits(*page, index).map(|_| ()))?;
        flips.iter().for_each(|flip| pages.flip(flip));
        Ok(())
    }

    /// What has changed since the last snapshot; there is one at a time.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut pages = self.lock();
        let mut snapshot = Snapshot::default();
        for (page, chunks) in std::mem::take(&mut pages.dirty) {
            let changed = (0..PAGE_CHUNKS).filter(|chunk| chunks >> chunk & 1 == 1);
            if let Some((_, bits)) = pages.loaded.get(&page) {
                snapshot.chunks.extend(changed.map(|chunk| (page * PAGE_CHUNKS + chunk, bits.chunk(chunk))));
            }
            snapshot.counts.push((page, pages.counts.get(&page).copied().unwrap_or(0)));
            pages.leaving.insert(page);
        }
        snapshot
    }

    /// The last snapshot is in the index.
    pub(super) fn left(&self) {
        self.lock().leaving.clear();
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

impl Snapshot {
    /// Puts it into a batch.
    pub(super) fn put(&self, batch: &mut WriteBatch<'_, Table>) -> Result<(), DocumentsError> {
        for (chunk, bytes) in &self.chunks {
            batch.put(Table::Chunks, &number_key(*chunk), bytes)?;
        }
        for (page, count) in &self.counts {
            batch.put(Table::Pages, &number_key(*page), &number_key(*count))?;
        }
        Ok(())
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

    /// Drops a page that the index has as well, if there are many.
    fn make_room(&mut self) {
        if self.loaded.len() < LOADED_MAX {
            return;
        }
        let stored = |page: &u64| !self.dirty.contains_key(page) && !self.leaving.contains(page);
        let stored = self.loaded.iter().filter(|(page, _)| stored(page));
        if let Some(oldest) = stored.min_by_key(|(_, (used, _))| *used).map(|(page, _)| *page) {
            self.loaded.remove(&oldest);
        }
    }

    /// Changes a bit of a page that is loaded.
    fn flip(&mut self, flip: &Flip) {
        let (page, place) = (flip.page(), flip.seq % PAGE_SEQS);
        let Some((_, bits)) = self.loaded.get_mut(&page) else { return };
        if bits.get(place) != flip.live {
            bits.set(place, flip.live);
            *self.dirty.entry(page).or_default() |= 1 << (place / CHUNK_SEQS);
            let count = self.counts.entry(page).or_default();
            *count = if flip.live { *count + 1 } else { count.saturating_sub(1) };
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
