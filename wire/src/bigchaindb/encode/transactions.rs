//! The stream of transactions.

use tailwater_core::{Encoder, Event};

use super::super::block::{self, Block, Named};
use crate::json::{write_str, write_u64};
use crate::websocket::frame::{self, Opcode};

/// The encoding `bigchaindb-transactions`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BigchaindbTransactions;

impl Encoder for BigchaindbTransactions {
    fn name(&self) -> &str {
        "bigchaindb-transactions"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        match block::read::<Named<'_>>(event) {
            Block::Transactions(transactions) => {
                transactions.iter().for_each(|it| write_message(event.seq, it.asset_id(), &it.id, out));
            }
            Block::Other(id) => write_message(event.seq, &id, &id, out),
        }
    }
}

/// Appends the message that tells of one transaction.
pub(super) fn write_message(height: u64, asset_id: &str, transaction_id: &str, out: &mut Vec<u8>) {
    frame::frame_with(out, Opcode::Text, |out| {
        out.extend_from_slice(b"{\"height\": ");
        write_u64(out, height);
        out.extend_from_slice(b", \"asset_id\": ");
        write_str(out, asset_id);
        out.extend_from_slice(b", \"transaction_id\": ");
        write_str(out, transaction_id);
        out.push(b'}');
    });
}
