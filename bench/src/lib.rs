//! Measures Tailwater against what the machine itself gives, both in the same run.
//!
//! A figure alone says more about the machine than about the server, so every scenario is a comparison: with a process that
//! does nothing but `send` ([`sender`]), with the disk's own write and sync ([`disk`]), with itself under other conditions. The server
//! runs as a child process on one processor, the clients (the library `tailwater-loadgen`) on the others. Both sides take turns,
//! round by round; a ratio is that of the medians and is printed with the extremes of single rounds.
//!
//! | scenario | compared |
//! | --- | --- |
//! | `catchup` | documents a second to one reader of a CouchDB database, and bytes per second with raw `send` to one socket |
//! | `ceiling` | nothing: raw `send` by range size, the yardstick |
//! | `fanout` | delivered bytes per second with raw `send` at the same range size and at 256 KiB, live or `--from-log` |
//! | `fanout --tls` | the same over TLS, and with the same server without |
//! | `fanout --rate N` | CPU per delivered event with raw `send` at the same pace; latency with a raw sender that writes and syncs first |
//! | `filters` | CPU per delivery of CouchDB feeds or Fauna streams that share filters with that of those without |
//! | `idle` | the server's memory with and without subscribers |
//! | `open` | nothing: time and memory of a start on a CouchDB database of many documents |
//! | `publish` | acknowledged events per second with the disk's `write` + `fdatasync` at the same batch size |
//! | `stalled` | throughput of readers among subscribers that never read, with readers alone; growth of memory |
//! | `streams` | CPU per delivered event of many small streams with that of one large one |
//! | `together` | events published to one feed followed in every protocol at once with those to it followed in one |
//! | `subscriptions` | the server's memory with and without many streams on each connection |
//!
//! ```text
//! cargo build --release -p tailwater -p tailwater-bench
//! target/release/tailwater-bench fanout --subscribers 1000
//! target/release/tailwater-bench fanout --rate 100 --seconds 10 --json
//! ```
//!
//! What is inside the process is measured by the criterion benches in `benches/`: `append`, `recovery`, `encode`, `dag_cbor`, `documents`,
//! `selectors`.

pub mod bench;
pub mod cli;
pub mod dialect;
pub mod disk;
pub mod events;
pub mod fauna;
pub mod figures;
pub mod followed;
pub mod http;
pub mod load;
pub mod observe;
pub mod place;
pub mod proc;
pub mod reader;
pub mod scenario;
pub mod sender;
pub mod server;
pub mod side;
mod sys;
pub mod table;
