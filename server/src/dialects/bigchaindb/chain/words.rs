//! Which words are where: what the second index has of a transaction, and what a search finds in it.
//!
//! Owns its entries' bytes and the ranking. A search walks through the entries of its words side by side, in the order of blocks,
//! and keeps no more of what it finds than is wanted. Reads the disk. Tests: below.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `Assets`, `Metadata` | length of the term, 1 byte; the term; height, 8 bytes; position, 4 bytes | how much the term says, a float of 4 bytes |

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, btree_map::BTreeMap},
    ops::Bound,
};

use tailwater_core::Event;
use tailwater_wire::bigchaindb::{
    search::{Search, SearchError, Searchable, Table, Term},
    stored::Stored,
};

use super::ledger::Place;
use crate::index::{Index, IndexError, Rows, Tables, WriteBatch};

/// Documents that are ranked at once.
const RESULTS_MAX: usize = 100_000;

/// Documents between two looks at whether anybody still waits.
const LOOK_AFTER: u32 = 1_000;

/// The tables of the index.
#[derive(Clone, Copy, Debug)]
pub(super) enum WordTable {
    Assets,
    Metadata,
}

impl Tables for WordTable {
    const NAME: &str = "words";
    const LAYOUT: u32 = 1;

    fn number(self) -> u8 {
        self as u8
    }
}

impl From<Table> for WordTable {
    fn from(table: Table) -> Self {
        match table {
            Table::Assets => Self::Assets,
            Table::Metadata => Self::Metadata,
        }
    }
}

fn key(term: &Term, place: &[u8]) -> Vec<u8> {
    let term = term.as_bytes();
    // A term has at most TERM_BYTES_MAX bytes.
    [&[term.len() as u8], term, place].concat()
}

/// Enters a block of the log.
pub(super) fn enter_block(event: &Event<'_>, batch: &mut WriteBatch<'_, WordTable>) -> Result<(), IndexError> {
    for (position, stored) in (0..).zip(Stored::all(event)) {
        let (searchable, place) = (Searchable::new(&stored), Place { height: event.seq, position }.to_bytes());
        for table in [Table::Assets, Table::Metadata] {
            for (term, score) in searchable.terms(table).into_iter().flatten() {
                batch.put(table.into(), &key(&term, &place), &score.to_be_bytes())?;
            }
        }
    }
    Ok(())
}

/// What a search is held to.
pub(super) struct Held<M, G> {
    /// The first block that is shown.
    pub(super) first_height: u64,
    /// Whether what has the words matches in other respects too.
    pub(super) matches: M,
    /// Whether anybody still waits.
    pub(super) goes_on: G,
}

/// Why a search found nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum FindError<E> {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error("{0}")]
    Match(E),
    #[error("nobody waits any more")]
    Alone,
}

/// Where what matches is, the best first; of what matches as well, the oldest.
pub(super) fn find<E>(
    index: &Index<WordTable>,
    table: Table,
    search: &Search,
    limit: Option<u64>,
    mut held: Held<impl FnMut(Place) -> Result<bool, E>, impl Fn() -> bool>,
) -> Result<Vec<Place>, FindError<E>> {
    let table = WordTable::from(table);
    let mut merge = Merge::new(index, table, search, held.first_height)?;
    let mut best = Best::new(limit);
    for number in 0_u32.. {
        if number % LOOK_AFTER == 0 && !(held.goes_on)() {
            return Err(FindError::Alone);
        }
        let Some((place, score)) = merge.next()? else { break };
        if !best.would_take(score) || is_excluded(index, table, search, place)? {
            continue;
        }
        if (held.matches)(place).map_err(FindError::Match)? {
            best.take(score, place)?;
        }
    }
    Ok(best.finish())
}

fn is_excluded(index: &Index<WordTable>, table: WordTable, search: &Search, place: Place) -> Result<bool, IndexError> {
    for term in &search.excluded {
        if index.get(table, &key(term, &place.to_bytes()))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The entries of several terms side by side.
struct Merge {
    entries: Vec<Rows>,
    /// The next entry of each term, the earliest on top: its place, which term, how much it says.
    next: BinaryHeap<Reverse<(Place, usize, u32)>>,
}

impl Merge {
    fn new(index: &Index<WordTable>, table: WordTable, search: &Search, first_height: u64) -> Result<Self, IndexError> {
        let mut merge = Self { entries: Vec::new(), next: BinaryHeap::new() };
        for (number, term) in search.terms.iter().enumerate() {
            let (start, end) = (key(term, &first_height.to_be_bytes()), key(term, &[0xff; 8]));
            merge.entries.push(index.range(table, (Bound::Included(&*start), Bound::Excluded(&*end)))?);
            merge.advance(number)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, number: usize) -> Result<(), IndexError> {
        let Some((key, value)) = self.entries[number].next().transpose()? else { return Ok(()) };
        let place = key.len().checked_sub(Place::BYTES).and_then(|at| Place::from_bytes(&key[at..]));
        // What is shorter is no entry of ours.
        let score = value.first_chunk().map_or(0.0, |bytes| f32::from_be_bytes(*bytes));
        self.next.extend(place.map(|place| Reverse((place, number, score.to_bits()))));
        Ok(())
    }

    /// The next place that has a term, and how much its terms say together.
    fn next(&mut self) -> Result<Option<(Place, f32)>, IndexError> {
        let Some(&Reverse((place, ..))) = self.next.peek() else { return Ok(None) };
        let mut total = 0.0;
        while let Some(&Reverse((other, number, score))) = self.next.peek()
            && other == place
        {
            self.next.pop();
            total += f32::from_bits(score);
            self.advance(number)?;
        }
        Ok(Some((place, total)))
    }
}

/// The best of what was found.
struct Best {
    /// The worst on top. Scores are not negative, so that they have the order of their bits.
    found: BinaryHeap<(Reverse<u32>, Place)>,
    wanted: usize,
    /// More would have been wanted than is ranked.
    is_cut: bool,
}

impl Best {
    fn new(limit: Option<u64>) -> Self {
        let wanted = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit <= RESULTS_MAX);
        Self { found: BinaryHeap::new(), wanted: wanted.unwrap_or(RESULTS_MAX), is_cut: wanted.is_none() }
    }

    /// Whether something found later still counts.
    fn would_take(&self, score: f32) -> bool {
        self.is_cut
            || self.found.len() < self.wanted
            || self.found.peek().is_some_and(|(Reverse(worst), _)| score.to_bits() > *worst)
    }

    fn take(&mut self, score: f32, place: Place) -> Result<(), SearchError> {
        self.found.push((Reverse(score.to_bits()), place));
        if self.found.len() <= self.wanted {
            return Ok(());
        }
        self.found.pop();
        if self.is_cut { Err(SearchError::TooManyResults { results_max: RESULTS_MAX }) } else { Ok(()) }
    }

    fn finish(self) -> Vec<Place> {
        self.found.into_sorted_vec().into_iter().map(|(_, place)| place).collect()
    }
}

/// The texts of one block, for phrases are looked for in one transaction after the other.
#[derive(Default)]
pub(super) struct Texts {
    height: Option<u64>,
    transactions: BTreeMap<u32, Stored<'static>>,
}

impl Texts {
    /// The transaction at a place; `read` reads a block.
    pub(super) fn at<E>(
        &mut self,
        place: Place,
        read: impl FnOnce(u64) -> Result<Vec<Stored<'static>>, E>,
    ) -> Result<Option<&Stored<'static>>, E> {
        if self.height != Some(place.height) {
            self.transactions = (0..).zip(read(place.height)?).collect();
            self.height = Some(place.height);
        }
        Ok(self.transactions.get(&place.position))
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
