//! Made-up traffic that looks like the real thing.
//!
//! [`Firehose`] writes frames of `com.atproto.sync.subscribeRepos`: commits with their proof blocks, identity and account
//! events, in the proportions and sizes of the production network. [`Documents`] writes JSON documents whose keys recur:
//! orders, sensor readings, articles. Both are deterministic: the same seed and the same times give the same bytes.
//!
//! Every account is a repository of its own with a real Merkle search tree, so that hashes, proofs, `since` and `prevData`
//! verify; only signatures are random bytes, and no account, text or picture exists anywhere. Publishes nothing and keeps
//! no clock. Tests: `tests.rs`, which decodes frames with code of its own; `mst.rs` against published tree roots.

mod account;
mod car;
mod cbor;
mod documents;
mod firehose;
mod link;
mod mst;
mod record;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use documents::Documents;
pub use firehose::Firehose;

/// The generator of random numbers: small, fast, and the same everywhere.
type Rng = rand::rngs::ChaCha8Rng;
