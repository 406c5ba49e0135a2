//! The stream of blocks.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use sha3::{Digest, Sha3_256};
use tailwater_core::{Encoder, Event};

use super::super::block::{self, Block, Named};
use crate::json::{write_str, write_u64};
use crate::websocket::frame::{self, Opcode};

/// The encoding `bigchaindb-blocks`.
///
/// The `hash` of a block is ours to define: the SHA3-256 hash, in lower-case hex, of the ids of its transactions as text,
/// one behind the other in their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct BigchaindbBlocks;

impl Encoder for BigchaindbBlocks {
    fn name(&self) -> &str {
        "bigchaindb-blocks"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        let ids: Vec<Cow<'_, str>> = match block::read::<Named<'_>>(event) {
            Block::Transactions(transactions) => transactions.into_iter().map(|it| it.id).collect(),
            Block::Other(id) => vec![id],
        };
        frame::frame_with(out, Opcode::Text, |out| write_block(event.seq, &ids, out));
    }
}

fn write_block(height: u64, ids: &[Cow<'_, str>], out: &mut Vec<u8>) {
    let mut hash = Sha3_256::new();
    ids.iter().for_each(|id| hash.update(id.as_bytes()));
    out.extend_from_slice(b"{\"height\": ");
    write_u64(out, height);
    out.extend_from_slice(b", \"hash\": ");
    write_str(out, &HEXLOWER.encode(&hash.finalize()));
    out.extend_from_slice(b", \"transaction_ids\": [");
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        write_str(out, id);
    }
    out.extend_from_slice(b"]}");
}
