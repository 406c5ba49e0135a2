//! Why a transaction is refused, in the words of the reference server.
//!
//! Clients know its refusals as `Invalid transaction (NAME): TEXT`, with the name of an exception. Where it has no
//! words (it fails with status 500, or it lets something through that nobody could ever spend), the text is our own
//! under the name that fits best. How a refusal becomes a response is in [`errors`](crate::bigchaindb::errors).

use crate::json::JsonError;

/// Why a transaction is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// More bytes than the limit.
    #[error("The transaction has {bytes} bytes; at most {bytes_max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The body is not JSON.
    #[error("Failed to decode JSON object: {0}")]
    Json(#[from] JsonError),
    /// The body is not UTF-8.
    #[error("Failed to decode JSON object: the text is not UTF-8")]
    Utf8,
    /// More values than the limit.
    #[error("Failed to decode JSON object: more than {values_max} values")]
    TooManyValues {
        /// The limit.
        values_max: usize,
    },
    /// There is no id.
    #[error("Invalid transaction (InvalidHash): No transaction id found!")]
    NoId,
    /// The id is not the hash of the transaction.
    #[error(
        "Invalid transaction (InvalidHash): The transaction's id '{0}' isn't equal to the hash of its body, i.e. \
         it's not valid."
    )]
    WrongId(String),
    /// The transaction does not keep to the schema.
    #[error("Invalid transaction schema: {0}")]
    Schema(String),
    /// A name within the asset or the metadata that databases of the protocol cannot store.
    #[error(
        "Invalid transaction (ValidationError): Invalid key name \"{name}\" in {object} object. The key name cannot \
         contain characters \".\", \"$\" or null characters"
    )]
    KeyName {
        /// The name.
        name: String,
        /// `asset` or `metadata`.
        object: &'static str,
    },
    /// A value of a field `language` that databases of the protocol cannot store.
    #[error(
        "Invalid transaction (ValidationError): MongoDB does not support text search for the language \"{0}\". If you \
         do not understand this error message then please rename key/field \"language\" to something else like \
         \"lang\"."
    )]
    Language(String),
    /// More inputs, outputs or signatures than the limit.
    #[error("Invalid transaction (ValidationError): more than {max} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A public key that is not 32 bytes in base58.
    #[error("Invalid transaction (InvalidPublicKey): Invalid base58 ed25519 key `{0}`")]
    PublicKey(String),
    /// A threshold within a threshold within a threshold, and so on.
    #[error("Invalid transaction (ThresholdTooDeep): thresholds are nested deeper than {depth_max} levels")]
    ThresholdTooDeep {
        /// The limit.
        depth_max: usize,
    },
    /// A threshold that nothing can meet.
    #[error(
        "Invalid transaction (ValidationError): Insufficient number of subconditions to meet the threshold, or too \
         many of them"
    )]
    Unfulfillable,
    /// The URI of a condition is not that of its details.
    #[error(
        "Invalid transaction (ValidationError): the condition's uri `{given}` is not that of its details, `{expected}`"
    )]
    ConditionUri {
        /// As posted.
        given: String,
        /// What the details give.
        expected: String,
    },
    /// An amount of nothing.
    #[error("Invalid transaction (AmountError): `amount` must be greater than 0")]
    AmountTooSmall,
    /// An amount of too much.
    #[error("Invalid transaction (AmountError): `amount` must be <= {}", super::AMOUNT_MAX)]
    AmountTooLarge,
    /// A fulfillment that is none.
    #[error("Invalid transaction (InvalidSignature): Fulfillment URI couldn't been parsed")]
    Fulfillment,
    /// A fulfillment that does not fulfill its condition, or is not signed by whom it should be.
    #[error("Invalid transaction (InvalidSignature): Transaction signature is invalid.")]
    Signature,
    /// An election, which only a validator may propose. There are none.
    #[error("Invalid transaction (InvalidProposer): Public key is not a part of the validator set")]
    Proposer,
    /// The transaction is there already.
    #[error("Invalid transaction (DuplicateTransaction): transaction `{0}` already exists")]
    Duplicate(String),
    /// What an input spends is not there.
    #[error("Invalid transaction (InputDoesNotExist): input `{0}` doesn't exist")]
    InputDoesNotExist(String),
    /// What an input spends has been spent by another transaction.
    #[error("Invalid transaction (DoubleSpend): input `{0}` was already spent")]
    AlreadySpent(String),
    /// Two inputs spend the same.
    #[error("Invalid transaction (DoubleSpend): tx \"{0}\" spends inputs twice")]
    SpendsTwice(String),
    /// The inputs are of more than one asset.
    #[error(
        "Invalid transaction (AssetIdMismatch): All inputs of all transactions passed need to have the same asset id"
    )]
    MixedAssets,
    /// The inputs are of another asset than the transaction.
    #[error(
        "Invalid transaction (AssetIdMismatch): The asset id of the input does not match the asset id of the \
         transaction"
    )]
    OtherAsset,
    /// More comes out than goes in, or less.
    #[error(
        "Invalid transaction (AmountError): The amount used in the inputs `{inputs}` needs to be same as the amount \
         used in the outputs `{outputs}`"
    )]
    AmountMismatch {
        /// The sum of the outputs spent.
        inputs: u128,
        /// The sum of the transaction's outputs.
        outputs: u128,
    },
}

impl TransactionError {
    /// The status to answer with: 400 or 413.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } => 413,
            _ => 400,
        }
    }
}
