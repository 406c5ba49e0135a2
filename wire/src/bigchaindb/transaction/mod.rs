//! Transactions of version 2.0: read, checked, and written in the one form in which they are stored.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `value`, `number`, `canonical` | the posted text as a tree, and the canonical text of a tree |
//! | `schema`, `names`, `keys` | which value may be what |
//! | `condition`, `fulfillment`, `asn1` | what has to be fulfilled, what fulfills it, their encoding |
//! | `parse` | all checks that need nothing but the transaction |
//! | `spend` | the checks that need what the transaction spends |
//! | `ledger` | what a stored transaction spends, what can be spent of it, whose that is |
//! | `error`, `repr` | refusals, and values as they are quoted in them |
//!
//! It never looks anything up. Every check is that of the reference server (version 2.2.2) and refuses in its words.
//! Some are stricter, so that what a transaction says of itself is true:
//!
//! * the condition URI of an output must be that of its details, and a threshold must have as many subconditions as it
//!   asks for;
//! * every key that owns something must be 32 bytes in base58;
//! * all owners named by the input of a `CREATE`, and nobody else, must have signed it;
//! * fulfillments are signatures and thresholds of signatures, and have one spelling.
//!
//! Elections need validators and are refused, as by a node without any. Tests lie next to the code, in `tests.rs`, and in
//! `tests/bigchaindb.rs`, which runs transactions made with the protocol's own drivers.

mod asn1;
mod canonical;
mod condition;
mod error;
mod fulfillment;
mod keys;
mod ledger;
mod names;
mod number;
mod parse;
mod repr;
mod schema;
mod spend;
mod value;

pub use error::TransactionError;
pub use ledger::Ledger;
pub(super) use ledger::ledger;
pub use parse::Limits;
pub(super) use repr::repr_str as quoted;
pub use spend::{Found, Output, OutputRef};

/// The largest amount of one output.
pub const AMOUNT_MAX: u64 = 9_000_000_000_000_000_000;

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creates an asset.
    Create,
    /// Passes an asset on.
    Transfer,
    /// Spends the outputs of an election.
    Vote,
}

impl Operation {
    /// The name as it stands in a transaction.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Transfer => "TRANSFER",
            Self::Vote => "VOTE",
        }
    }

    /// The operation of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Create, Self::Transfer, Self::Vote].into_iter().find(|operation| operation.name() == name)
    }
}

/// A transaction that is valid, as far as can be seen without looking at what it spends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    id: String,
    operation: Operation,
    asset_id: String,
    spends: Vec<OutputRef>,
    /// The URI of the condition that fulfills each of `spends`, where there is one.
    fulfilled: Vec<Option<String>>,
    outputs: Vec<Output>,
    /// Whether every input has a fulfillment whose signatures are valid.
    is_signed: bool,
    json: String,
}

impl Transaction {
    /// Reads and checks a posted body, whatever its content type. Takes about 0.1 ms for each signature.
    ///
    /// # Errors
    /// The first mistake, in the order in which the reference server finds them.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, TransactionError> {
        parse::parse(body, limits)
    }

    /// The SHA3-256 hash that names it: 64 hex digits in lower case.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it does.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The asset it is about: its own id for a `CREATE`.
    pub fn asset_id(&self) -> &str {
        &self.asset_id
    }

    /// The outputs it spends, one for each input; none for a `CREATE`.
    pub fn spends(&self) -> &[OutputRef] {
        &self.spends
    }

    /// What can be spent of it.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// The canonical text, in which it is stored and answered.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Checks it against what it spends. `found` has one entry for each of [`spends`](Self::spends), in their order. A
    /// transaction that may be stored must pass this, and must not be there already: see [`duplicate`](Self::duplicate).
    ///
    /// # Errors
    /// The first mistake, in the order in which the reference server finds them.
    pub fn check_spends(&self, found: &[Found]) -> Result<(), TransactionError> {
        spend::check(self, found)
    }

    /// The refusal of a `CREATE` whose id is there already. Another transaction that is there already is refused by
    /// [`check_spends`](Self::check_spends), since what it spends is spent.
    pub fn duplicate(&self) -> TransactionError {
        TransactionError::Duplicate(self.id.clone())
    }
}

#[cfg(test)]
mod tests;
