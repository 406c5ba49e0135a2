//! Blocks as messages of the streams. The frame of an event is all text messages of its block, one behind the other.
//!
//! | encoding | messages |
//! | --- | --- |
//! | `bigchaindb-transactions` | for each transaction `{"height": 1, "asset_id": "..", "transaction_id": ".."}` |
//! | `bigchaindb-tx-` and 32 hex digits | the same, for the transactions that a filter shows |
//! | `bigchaindb-blocks` | `{"height": 1, "hash": "..", "transaction_ids": ["..", ".."]}` |
//!
//! Spaces and the order of the names are those of the reference, and of its fork that has the stream of blocks. A block
//! without transactions has no message but in the stream of blocks. Tests are in `tests.rs`.

mod blocks;
mod filtered;
mod transactions;

pub use blocks::BigchaindbBlocks;
pub use filtered::BigchaindbFiltered;
pub use transactions::BigchaindbTransactions;

#[cfg(test)]
mod tests;
