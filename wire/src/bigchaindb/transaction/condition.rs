//! Conditions: what has to be fulfilled to spend an output (crypto-conditions, version 2 of the draft).
//!
//! Of the five types of conditions, transactions know two: an Ed25519 signature, and a threshold of other conditions.
//! A condition is named by its URI, which holds the SHA-256 of a DER encoding. Tested by the golden transactions in
//! `tests.rs`, whose URIs other implementations made.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::asn1::{self, Tag, constructed, primitive};
use super::error::TransactionError;
use super::keys::{self, PublicKey};
use super::value::Value;

/// The deepest nesting of thresholds.
pub(super) const DEPTH_MAX: usize = 32;

/// What verifying one signature costs, by definition.
const ED25519_COST: u32 = 131_072;
/// What each condition within a threshold costs besides.
const SUBCONDITION_COST: u32 = 1_024;
/// The set of types a threshold is made of, as a BIT STRING: always Ed25519 alone.
const SUBTYPES: [u8; 2] = [3, 0b0000_1000];

/// A condition, as it is seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) kind: Kind,
    pub(super) fingerprint: [u8; 32],
    pub(super) cost: u32,
}

/// The types of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ed25519,
    Threshold,
}

impl Condition {
    /// A signature made with one key.
    pub(super) fn ed25519(key: &PublicKey) -> Self {
        let contents = asn1::element(Tag::Sequence, &asn1::element(primitive(0), key));
        Self { kind: Kind::Ed25519, fingerprint: Sha256::digest(contents).into(), cost: ED25519_COST }
    }

    /// At least `threshold` of some conditions. `None` if there are fewer, or if their cost exceeds what can be written.
    pub(super) fn threshold(threshold: usize, subconditions: &[Self]) -> Option<Self> {
        let mut contents = asn1::element(primitive(0), &asn1::integer(u32::try_from(threshold).ok()?));
        let mut encoded: Vec<Vec<u8>> = subconditions.iter().map(Self::to_der).collect();
        encoded.sort_unstable();
        contents.extend(asn1::element(constructed(1), &encoded.concat()));
        let fingerprint = Sha256::digest(asn1::element(Tag::Sequence, &contents)).into();
        Some(Self { kind: Kind::Threshold, fingerprint, cost: threshold_cost(threshold, subconditions)? })
    }

    /// The condition that the `details` of an output describe.
    pub(super) fn from_details(details: &Value<'_>, depth: usize) -> Result<Self, TransactionError> {
        let Some(subconditions) = details.get("subconditions").and_then(Value::as_list) else {
            return keys::read(details.get("public_key").unwrap_or(&Value::Null)).map(|key| Self::ed25519(&key));
        };
        if depth == DEPTH_MAX {
            return Err(TransactionError::ThresholdTooDeep { depth_max: DEPTH_MAX });
        }
        let subconditions: Vec<Self> =
            subconditions.iter().map(|details| Self::from_details(details, depth + 1)).collect::<Result<_, _>>()?;
        let threshold = details.get("threshold").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        threshold.and_then(|count| Self::threshold(count, &subconditions)).ok_or(TransactionError::Unfulfillable)
    }

    /// The name of the condition.
    pub(super) fn uri(&self) -> String {
        let fingerprint = BASE64URL_NOPAD.encode(&self.fingerprint);
        let cost = self.cost;
        match self.kind {
            Kind::Ed25519 => format!("ni:///sha-256;{fingerprint}?fpt=ed25519-sha-256&cost={cost}"),
            Kind::Threshold => {
                format!("ni:///sha-256;{fingerprint}?fpt=threshold-sha-256&cost={cost}&subtypes=ed25519-sha-256")
            }
        }
    }

    fn to_der(&self) -> Vec<u8> {
        let mut contents = asn1::element(primitive(0), &self.fingerprint);
        contents.extend(asn1::element(primitive(1), &asn1::integer(self.cost)));
        match self.kind {
            Kind::Ed25519 => asn1::element(constructed(4), &contents),
            Kind::Threshold => {
                contents.extend(asn1::element(primitive(2), &SUBTYPES));
                asn1::element(constructed(2), &contents)
            }
        }
    }

    /// Reads what [`to_der`](Self::to_der) writes, and nothing else.
    pub(super) fn from_der(tag: Tag, contents: &[u8]) -> Option<Self> {
        let kind = match tag {
            _ if tag == constructed(4) => Kind::Ed25519,
            _ if tag == constructed(2) => Kind::Threshold,
            _ => return None,
        };
        let mut elements = asn1::Elements::new(contents)?;
        let fingerprint = elements.expect(primitive(0))?.try_into().ok()?;
        let cost = asn1::read_integer(elements.expect(primitive(1))?)?;
        if kind == Kind::Threshold && elements.expect(primitive(2))? != SUBTYPES {
            return None;
        }
        elements.is_finished().then_some(Self { kind, fingerprint, cost })
    }
}

/// The `threshold` dearest conditions, and a little for every one.
fn threshold_cost(threshold: usize, subconditions: &[Condition]) -> Option<u32> {
    let mut costs: Vec<u32> = subconditions.iter().map(|condition| condition.cost).collect();
    costs.sort_unstable();
    let dearest = costs.len().checked_sub(threshold).filter(|_| threshold > 0)?;
    let own = u32::try_from(costs.len()).ok()?.checked_mul(SUBCONDITION_COST)?;
    costs[dearest..].iter().try_fold(own, |sum, cost| sum.checked_add(*cost))
}
