//! Events as blocks: how one is stored, and how it is read again. The height of a block is its event's seq.
//!
//! A block is an event of the kind `block` with an empty key and the body `{"transactions":[...]}`, compact JSON. **Any
//! other event**, published through another protocol, **is shown as a block of one transaction**: its id is the key if
//! that is 64 hex digits in lower case, and otherwise its time, seq and a hash of its body; its asset has the same id. So is an
//! event of the kind `block` whose body is something else. That rule stands in `read` and nowhere else. Tests are in
//! `block_tests.rs`.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::value::RawValue;
use tailwater_core::{BODY_BYTES_MAX, BodyFormat, Event};
use xxhash_rust::xxh3::xxh3_128;

use super::transaction::Transaction;

/// The kind of the events that are blocks.
pub const KIND: &str = "block";
/// Most transactions of one block.
pub const TRANSACTIONS_MAX: usize = 10_000;

const START: &[u8] = b"{\"transactions\":[";
const END: &[u8] = b"]}";

/// The body of a block that is being put together.
#[derive(Clone, Debug)]
pub struct BlockBody {
    bytes: Vec<u8>,
    transactions: usize,
}

impl Default for BlockBody {
    fn default() -> Self {
        Self::new()
    }
}

impl BlockBody {
    /// A block without transactions.
    pub fn new() -> Self {
        Self { bytes: START.to_vec(), transactions: 0 }
    }

    /// Adds a transaction. `false` if the block is full: the transaction belongs into the next one.
    #[must_use]
    pub fn push(&mut self, transaction: &Transaction) -> bool {
        let json = transaction.json().as_bytes();
        let bytes = self.bytes.len() + 1 + json.len() + END.len();
        if bytes > BODY_BYTES_MAX || self.transactions == TRANSACTIONS_MAX {
            return false;
        }
        if self.transactions > 0 {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(json);
        self.transactions += 1;
        true
    }

    /// How many transactions it has.
    pub fn len(&self) -> usize {
        self.transactions
    }

    /// Whether it has none; such a block is not stored.
    pub fn is_empty(&self) -> bool {
        self.transactions == 0
    }

    /// The body of the event.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(END);
        self.bytes
    }
}

/// An event as a block, of whose transactions `T` is wanted.
#[derive(Clone, Debug)]
pub(super) enum Block<'e, T> {
    /// A block of transactions.
    Transactions(Vec<T>),
    /// Another event, as a transaction of this id.
    Other(Cow<'e, str>),
}

/// Reads an event as a block.
pub(super) fn read<'e, T: Deserialize<'e>>(event: &Event<'e>) -> Block<'e, T> {
    #[derive(Deserialize)]
    struct Body<T> {
        transactions: Vec<T>,
    }
    let is_block = event.kind == KIND && event.format == BodyFormat::Json;
    let body = is_block.then(|| serde_json::from_slice::<Body<T>>(event.body).ok()).flatten();
    body.map_or_else(|| Block::Other(other_id(event)), |body| Block::Transactions(body.transactions))
}

/// The id of an event that is no block: its key if that can be one, or else its time, its seq and the XXH3-128 of its body, in
/// hex. Clients take equal ids for the same transaction, so events with equal bodies have different ones.
fn other_id<'e>(event: &Event<'e>) -> Cow<'e, str> {
    let is_id = event.key.len() == 64 && event.key.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_id {
        return event.key.into();
    }
    let mut id = [0; 32];
    id[..8].copy_from_slice(&event.time_us.to_be_bytes());
    id[8..16].copy_from_slice(&event.seq.to_be_bytes());
    id[16..].copy_from_slice(&xxh3_128(event.body).to_be_bytes());
    HEXLOWER.encode(&id).into()
}

/// A string, borrowed where it has no escapes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Text<'e>(#[serde(borrow)] pub(super) Cow<'e, str>);

/// What streams tell of a transaction. Everything else is passed over without being kept.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Named<'e> {
    #[serde(borrow)]
    pub(super) id: Cow<'e, str>,
    #[serde(borrow, default)]
    asset: Option<Asset<'e>>,
}

impl Named<'_> {
    /// The id of the asset: see [`Brief::asset_id`].
    pub(super) fn asset_id(&self) -> &str {
        asset_id(self.asset.as_ref(), &self.id)
    }
}

/// The same, and what filters ask for.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Brief<'e> {
    #[serde(borrow)]
    pub(super) id: Cow<'e, str>,
    #[serde(borrow, default)]
    asset: Option<Asset<'e>>,
    #[serde(borrow, default)]
    operation: Option<&'e RawValue>,
    #[serde(borrow, default)]
    outputs: Option<&'e RawValue>,
}

fn asset_id<'a>(asset: Option<&'a Asset<'_>>, id: &'a str) -> &'a str {
    asset.and_then(|asset| asset.id.as_ref()).map_or(id, |id| &id.0)
}

#[derive(Clone, Debug, Deserialize)]
struct Asset<'e> {
    #[serde(borrow, default)]
    id: Option<Text<'e>>,
}

/// An output, of which only the owners are of interest.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Owned<'e> {
    #[serde(borrow)]
    pub(super) public_keys: Vec<Text<'e>>,
}

impl<'e> Brief<'e> {
    /// The id of the asset: of the one it names, or its own where it creates one or proposes an election.
    pub(super) fn asset_id(&self) -> &str {
        asset_id(self.asset.as_ref(), &self.id)
    }

    /// What the transaction does, if it says so.
    pub(super) fn operation(&self) -> Option<Text<'e>> {
        serde_json::from_str(self.operation?.get()).ok()
    }

    /// Its outputs that name their owners.
    pub(super) fn owned(&self) -> Vec<Owned<'e>> {
        let outputs: Option<Vec<&RawValue>> = self.outputs.and_then(|raw| serde_json::from_str(raw.get()).ok());
        outputs.into_iter().flatten().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect()
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
