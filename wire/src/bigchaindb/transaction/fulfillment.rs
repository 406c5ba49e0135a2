//! Fulfillments: what an input brings to spend an output (base64url of a DER encoding).
//!
//! A threshold is fulfilled by as many fulfillments as it asks for, none more; for the others it holds their
//! conditions. The condition it fulfills is computed from it. Encodings are read strictly, so that one fulfillment has
//! one spelling; only the order of a set is free, since not every client sorts. Tested in `tests.rs`.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};

use super::asn1::{Elements, Tag, constructed, primitive};
use super::condition::{Condition, DEPTH_MAX};
use super::keys::PublicKey;

/// A fulfillment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fulfillment {
    Ed25519 { key: PublicKey, signature: [u8; 64] },
    Threshold { fulfilled: Vec<Fulfillment>, open: Vec<Condition> },
}

impl Fulfillment {
    /// Reads a fulfillment. `None` if it is malformed, or of a type that transactions do not use.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let mut elements = Elements::new(&bytes)?;
        let (tag, contents) = elements.next()?;
        elements.is_finished().then(|| Self::read(tag, contents, 0)).flatten()
    }

    fn read(tag: Tag, contents: &[u8], depth: usize) -> Option<Self> {
        let mut elements = Elements::new(contents)?;
        let fulfillment = if tag == constructed(4) {
            let key = elements.expect(primitive(0))?.try_into().ok()?;
            Self::Ed25519 { key, signature: elements.expect(primitive(1))?.try_into().ok()? }
        } else if tag == constructed(2) && depth < DEPTH_MAX {
            let fulfilled = elements.expect(constructed(0))?;
            let fulfilled = read_set(fulfilled, |tag, contents| Self::read(tag, contents, depth + 1))?;
            Self::Threshold { fulfilled, open: read_set(elements.expect(constructed(1))?, Condition::from_der)? }
        } else {
            return None;
        };
        elements.is_finished().then_some(fulfillment)
    }

    /// The condition it fulfills. `None` if there is none such: a threshold of nothing.
    pub(super) fn condition(&self) -> Option<Condition> {
        match self {
            Self::Ed25519 { key, .. } => Some(Condition::ed25519(key)),
            Self::Threshold { fulfilled, open } => {
                let conditions: Option<Vec<Condition>> = fulfilled.iter().map(Self::condition).collect();
                let mut conditions = conditions?;
                conditions.extend_from_slice(open);
                Condition::threshold(fulfilled.len(), &conditions)
            }
        }
    }

    /// Every key that has signed, and its signature.
    pub(super) fn signatures(&self) -> Vec<(&PublicKey, &[u8; 64])> {
        match self {
            Self::Ed25519 { key, signature } => vec![(key, signature)],
            Self::Threshold { fulfilled, .. } => fulfilled.iter().flat_map(Self::signatures).collect(),
        }
    }

    /// Whether every signature is one of `message`. Keys and signatures that allow more than one reading are refused,
    /// as by the library the reference verifies with.
    pub(super) fn verify(&self, message: &[u8]) -> bool {
        let valid = |(key, signature): (&PublicKey, &[u8; 64])| {
            let key = VerifyingKey::from_bytes(key);
            key.is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
        };
        self.signatures().into_iter().all(valid)
    }
}

fn read_set<'a, T>(contents: &'a [u8], read: impl Fn(Tag, &'a [u8]) -> Option<T>) -> Option<Vec<T>> {
    let mut elements = Elements::new(contents)?;
    let mut set = Vec::new();
    while !elements.is_finished() {
        let (tag, contents) = elements.next()?;
        set.push(read(tag, contents)?);
    }
    Some(set)
}
