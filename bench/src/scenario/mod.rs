//! The scenarios, each in a file of its own.
//!
//! Every one measures both sides of its comparison in one run, in turn, round by round, so that a machine that becomes faster or
//! slower meanwhile does so for both. Each has its arguments, a result that serializes, and the table it prints as.

pub mod catchup;
pub mod ceiling;
pub mod fanout;
pub mod filters;
pub mod idle;
pub mod opening;
pub mod paced;
pub mod publish;
pub mod stalled;
pub mod streams;
pub mod subscriptions;
pub mod together;

use std::fmt::Display;

use anyhow::Result;
use serde::Serialize;

use crate::bench::Bench;

/// Bytes of the request a saturated stream is fed with: few large ones cost the server and the clients least.
pub const BATCH_BYTES: usize = 1 << 20;

/// How far a saturated stream is kept ahead of its subscribers: room for a few of those requests.
pub const LEAD_BYTES: u64 = 8 << 20;

/// What a scenario comes to.
pub trait Outcome: Serialize + Display {}

impl<T: Serialize + Display> Outcome for T {}

/// Prints the result: as a table, or with `--json` as one object.
///
/// # Errors
///
/// When it cannot be serialized.
pub fn print(bench: &Bench, json: bool, outcome: &impl Outcome) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    println!("{outcome}");
    if bench.is_in_memory() {
        println!("The data directories lay in memory ({}): syncs cost nothing there.", bench.directory.display());
    }
    Ok(())
}

/// Says on standard error what is being measured, so that nobody waits in front of nothing.
pub(crate) fn progress(bench: &Bench, round: usize, what: &str) {
    eprintln!("round {} of {}: {what}", round + 1, bench.rounds);
}
