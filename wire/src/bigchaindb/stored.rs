//! What is stored, read again: the transactions of a block, what they spend and what can be spent of them.
//!
//! From this the server answers questions for a transaction or a block, and rebuilds its index of unspent outputs when it
//! starts. Nothing is checked again; of what was published through another protocol, or is no transaction of version
//! 2.0, nothing can be spent. Tests are in `block_tests.rs`.

use std::borrow::Cow;

use serde_json::value::RawValue;
use tailwater_core::{BodyFormat, Event};

use super::block::{self, Block, Brief};
use super::transaction::{Ledger, ledger};
use crate::atproto::frame::split;
use crate::dag_cbor::to_json;
use crate::json;

/// A transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<'e> {
    /// Its id.
    pub id: Cow<'e, str>,
    /// Its text, compact JSON. Of an event that is no block: `{"asset":{"data":<body>},"id":<id>}`.
    pub json: Cow<'e, str>,
}

impl<'e> Stored<'e> {
    /// All transactions of an event, in their order.
    pub fn all(event: &Event<'e>) -> Vec<Self> {
        match block::read::<Whole<'e>>(event) {
            Block::Transactions(transactions) => transactions.into_iter().map(|whole| whole.0).collect(),
            Block::Other(id) => vec![Self { json: other_json(event, &id).into(), id }],
        }
    }

    /// What it spends, and what can be spent of it.
    pub fn ledger(&self) -> Ledger {
        ledger(&self.json).unwrap_or_else(|| Ledger { asset_id: self.id.clone().into_owned(), ..Ledger::default() })
    }
}

/// A transaction with its text.
struct Whole<'e>(Stored<'e>);

impl<'e> serde::Deserialize<'e> for Whole<'e> {
    fn deserialize<D: serde::Deserializer<'e>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let brief: Brief<'e> = serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?;
        Ok(Self(Stored { id: brief.id, json: raw.get().into() }))
    }
}

fn other_json(event: &Event<'_>, id: &str) -> String {
    let mut out = b"{\"asset\":{\"data\":".to_vec();
    let start = out.len();
    let is_written = match event.format {
        BodyFormat::Json => {
            out.extend_from_slice(event.body);
            !event.body.is_empty()
        }
        BodyFormat::DagCbor => to_json(event.body, &mut out).is_ok(),
        BodyFormat::AtprotoFrame => split(event.body).is_some_and(|(_, payload)| to_json(payload, &mut out).is_ok()),
    };
    if !is_written {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(b"},\"id\":");
    json::write_str(&mut out, id);
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}
