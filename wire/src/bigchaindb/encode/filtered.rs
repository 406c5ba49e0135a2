//! The stream of those transactions that a filter shows.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tailwater_core::{Encoder, Event};

use super::super::block::{self, Block, Brief};
use super::super::filter::Filter;
use super::transactions::write_message;

/// Most different filters that one process ever makes encodings of.
pub const FILTERS_MAX: usize = 10_000;

/// The encoding `bigchaindb-tx-` and 16 hex digits of one filter.
#[derive(Clone, Debug)]
pub struct BigchaindbFiltered {
    name: &'static str,
    filter: Filter,
}

/// There have been [`FILTERS_MAX`] different filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {FILTERS_MAX} different filters already; use one of them, or the stream without a filter")]
pub struct TooManyFilters;

impl BigchaindbFiltered {
    /// The encoding for a filter; equal filters have equal names.
    ///
    /// Names of encodings live as long as the process. Each is kept once, however often its filter is asked for.
    ///
    /// # Errors
    /// There have been too many.
    pub fn new(filter: Filter) -> Result<Self, TooManyFilters> {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        // A name is in the set or it is not: a poisoned lock guards a whole set.
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        let name = intern(&mut names, format!("bigchaindb-tx-{}", filter.digest()), FILTERS_MAX)?;
        Ok(Self { name, filter })
    }

    /// What it shows.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}

fn intern(names: &mut BTreeSet<&'static str>, name: String, names_max: usize) -> Result<&'static str, TooManyFilters> {
    match names.get(name.as_str()) {
        Some(name) => Ok(name),
        None if names.len() >= names_max => Err(TooManyFilters),
        None => {
            let name: &'static str = name.leak();
            names.insert(name);
            Ok(name)
        }
    }
}

impl Encoder for BigchaindbFiltered {
    fn name(&self) -> &'static str {
        self.name
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        match block::read::<Brief<'_>>(event) {
            Block::Transactions(transactions) => {
                let shown = transactions.iter().filter(|it| self.filter.shows(it));
                shown.for_each(|it| write_message(event.seq, it.asset_id(), &it.id, out));
            }
            Block::Other(id) if self.filter.shows_other(&id) => write_message(event.seq, &id, &id, out),
            Block::Other(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_once_and_not_without_end() {
        let mut names = BTreeSet::new();
        let first = intern(&mut names, "a".to_owned(), 2).unwrap();
        let again = intern(&mut names, "a".to_owned(), 2).unwrap();
        assert!(std::ptr::eq(first, again));
        intern(&mut names, "b".to_owned(), 2).unwrap();
        assert_eq!(intern(&mut names, "c".to_owned(), 2), Err(TooManyFilters));
        assert_eq!(intern(&mut names, "b".to_owned(), 2), Ok("b"));
    }
}
