//! Load generator of Tailwater: publishers and subscribers that check what they see, as a library and as the binary
//! `tailwater-loadgen`.
//!
//! * [`subscribe::run`] opens up to tens of thousands of connections on one thread. A few are decoded and checked in full
//!   (order, repetitions, gaps, checksum of the bytes, latency from each event's own publish time); the rest are drained
//!   without being copied, or never read, so that one core of clients can keep up with a server on another.
//! * [`publish::run`] posts batches on a schedule that is fixed in advance and checks every acknowledgement.
//! * [`ceiling::drain`] drains plain TCP connections by the code that drains subscribers: what this machine gives at best.
//!
//! The first two speak TLS where the address asks for it. All three take settings that can be serialized, and a [`Control`]
//! through which another thread stops the run, begins its measured window and watches it; all three return a report that can be
//! serialized. Decoders are this crate's own ([`decode`]): code shared with the server would share its mistakes. Nothing here
//! knows how a server works inside.
//!
//! ```no_run
//! use tailwater_loadgen::{Control, SubscribeConfig, subscribe};
//!
//! let config = SubscribeConfig {
//!     connections: 1000,
//!     cursor: Some(0),
//!     seconds: Some(10.0),
//!     ..SubscribeConfig::new("ws://127.0.0.1:7070/xrpc/com.atproto.sync.subscribeRepos")
//! };
//! let report = subscribe::run(&config, &Control::default())?;
//! assert!(report.verdict.ok, "{:?}", report.verdict.violations);
//! # Ok::<(), tailwater_loadgen::Error>(())
//! ```

pub mod ceiling;
pub mod cli;
mod control;
pub mod decode;
mod error;
pub mod publish;
mod sources;
pub mod stats;
pub mod subscribe;
mod sys;
mod target;
mod tls;

pub use ceiling::CeilingConfig;
pub use control::{Control, Phase, Snapshot};
pub use error::Error;
pub use publish::{PublishConfig, PublishReport};
pub use sources::Sources;
pub use subscribe::{SubscribeConfig, SubscribeReport};
pub use tls::{TlsConfig, TlsReport};

/// How the load generator names itself to servers.
const USER_AGENT: &str = concat!("tailwater-loadgen/", env!("CARGO_PKG_VERSION"));
