//! The appliance: shards that serve a durable event log in the protocols clients already speak.
//!
//! Data flows one way: request (`http`, `routes`, `dialects`) to event, log (`tailwater-core`), frame
//! (`tailwater-wire`), socket (`shard`). The binary only parses the command line; everything else is here, so that tests
//! can run an appliance in their own process. Tests over real sockets stand in `server/tests/`.

mod appliance;
mod aside;
mod auth;
pub mod cli;
mod clock;
pub mod config;
pub mod demo;
mod dialects;
pub mod documents;
mod encodings;
mod exposure;
mod feeds;
mod filters;
mod http;
pub mod index;
mod limits;
mod listen;
mod machine;
mod mirror;
mod routes;
pub mod serve;
mod shard;
mod starting;
mod streams;
mod sys;
mod tls;
pub mod user;

pub use appliance::{FeedsError, StartError};
pub use config::CpuNotAllowed;
pub use listen::ListenError;
pub use machine::MachineError;
pub use tls::{CertificateError, IdentityError};
