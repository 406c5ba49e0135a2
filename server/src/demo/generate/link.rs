//! Links: the CIDs of DAG-CBOR blocks, kept as their hash alone. Tested by `tests.rs`.

use std::fmt;

use cid::Cid;
use cid::multihash::Multihash;
use rand::RngExt;
use sha2::{Digest, Sha256};

use super::Rng;

/// Multicodec of DAG-CBOR.
const DAG_CBOR: u64 = 0x71;
/// Multicodec of SHA2-256.
const SHA2_256: u64 = 0x12;
/// What the binary form of every such CID begins with: version 1, DAG-CBOR, SHA2-256, 32 bytes.
const PREFIX: [u8; 4] = [1, 0x71, 0x12, 0x20];

/// The CID (version 1, DAG-CBOR, SHA2-256) of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link([u8; 32]);

impl Link {
    /// The link to a block of these bytes.
    pub fn to(block: &[u8]) -> Self {
        Self(Sha256::digest(block).into())
    }

    /// The link of a known hash.
    #[cfg(test)]
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// A link to a block that nobody will ever ask for.
    pub fn anywhere(rng: &mut Rng) -> Self {
        Self(rng.random())
    }

    /// The CID's binary form.
    pub fn to_bytes(self) -> [u8; 36] {
        let mut bytes = [0; 36];
        bytes[..4].copy_from_slice(&PREFIX);
        bytes[4..].copy_from_slice(&self.0);
        bytes
    }
}

impl fmt::Display for Link {
    /// The CID's text form, `bafyrei...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = Multihash::wrap(SHA2_256, &self.0).expect("32 bytes fit into a multihash");
        Cid::new_v1(DAG_CBOR, hash).fmt(f)
    }
}
