//! The stream of those transactions that a filter shows.

use tailwater_core::{Encoder, Event};

use super::super::block::{self, Block, Brief};
use super::super::filter::Filter;
use super::transactions::write_message;

/// The encoding `bigchaindb-tx-` and 32 hex digits of one filter; equal filters have equal names.
#[derive(Clone, Debug)]
pub struct BigchaindbFiltered {
    name: String,
    filter: Filter,
}

impl BigchaindbFiltered {
    /// The encoding for a filter.
    pub fn new(filter: Filter) -> Self {
        Self { name: format!("bigchaindb-tx-{}", filter.digest()), filter }
    }
}

impl Encoder for BigchaindbFiltered {
    fn name(&self) -> &str {
        &self.name
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
