//! `ceiling`: what plain `send` of one mapped range to many sockets gives on this machine, by the size of the range.
//!
//! The yardstick of all other scenarios. One process on one processor sends, the load generator on another discards.

use std::fmt;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::{
    bench::Bench,
    figures::{bytes, percent, short, with_range},
    scenario::progress,
    sender::SendPlan,
    side::{Side, raw_round},
    table::Table,
};

/// Arguments of `ceiling`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Ceiling {
    /// Sockets to send to
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub subscribers: usize,
    /// Range sizes in bytes
    #[arg(long, value_name = "BYTES", value_delimiter = ',', default_values_t = [512, 4096, 16384, 65536, 262_144])]
    pub range_bytes: Vec<usize>,
    /// Walk through a mapped file of this size instead of sending the same range again and again
    #[arg(long, value_name = "BYTES")]
    pub span_bytes: Option<usize>,
    /// SO_SNDBUF of each socket instead of the system's automatic sizing
    #[arg(long, value_name = "BYTES")]
    pub send_buffer_bytes: Option<usize>,
    /// TCP_NOTSENT_LOWAT of each socket
    #[arg(long, value_name = "BYTES")]
    pub not_sent_low_water_bytes: Option<u32>,
}

/// What `ceiling` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Sockets sent to.
    pub subscribers: usize,
    /// One side for each range size, in the order asked for.
    pub sides: Vec<Side>,
}

/// Measures it.
///
/// # Errors
///
/// When the sender or its clients fail.
pub fn run(bench: &Bench, asked: &Ceiling) -> Result<Found> {
    let mut sides: Vec<Side> = asked.range_bytes.iter().map(|size| Side::new(bytes(*size as f64))).collect();
    for round in 0..bench.rounds {
        for (side, range_bytes) in sides.iter_mut().zip(&asked.range_bytes) {
            progress(bench, round, &format!("raw send of {} to {}", side.name, asked.subscribers));
            let plan = SendPlan {
                span_bytes: asked.span_bytes,
                send_buffer_bytes: asked.send_buffer_bytes,
                not_sent_low_water_bytes: asked.not_sent_low_water_bytes,
                ..SendPlan::new(asked.subscribers, *range_bytes)
            };
            side.rounds.push(raw_round(bench, &plan)?);
        }
    }
    Ok(Found { subscribers: asked.subscribers, sides })
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = format!("range, {} sockets", self.subscribers);
        let mut table =
            Table::new([&*range, "GB/s (min .. max)", "bytes per send", "µs CPU per send", "sender CPU", "drain CPU"]);
        for side in &self.sides {
            let us_per_send = side.figure(|round| round.cpu_ns_per_byte * round.bytes_per_send / 1000.0);
            table.row([
                side.name.clone(),
                with_range(side.figure(|round| round.bytes_per_second).scaled(1e-9)),
                bytes(side.figure(|round| round.bytes_per_send).median),
                short(us_per_send.median),
                percent(side.figure(|round| round.cpu_share).median),
                percent(side.figure(|round| round.drain_share).median),
            ]);
        }
        write!(f, "{table}")
    }
}
