//! `fanout` at a pace: what one delivered event costs when nothing is saturated, and how late it is.
//!
//! One event a publish, each sent to every subscriber by itself; a block of BigchainDB's has one transaction. Two raw senders do
//! as much without a server: one range of the same size to every socket, as often. The first has nothing to do with a disk, and
//! is what the server's CPU time is compared with, in which receiving, storing and syncing each event is contained. The second
//! does what nobody can leave out who loses nothing: it appends the range to a file, syncs it and then sends it, and its latency is
//! told by the same clients in the same way. `print.rs` has the tables, `latency.rs` the latencies.

mod latency;
mod print;

use anyhow::Result;
use serde::Serialize;
use tailwater_loadgen::{SubscribeConfig, SubscribeReport};

use self::latency::Times;
pub use self::latency::{Latency, Quantiles};

use crate::{
    bench::Bench,
    dialect::{self, Dialect, Start},
    disk::Durability,
    events::Batch,
    figures::{Figure, ratio_of_rounds},
    load::{Load, Pace, Posts},
    observe::{Observed, observe},
    scenario::progress,
    sender::SendPlan,
    server::Server,
    side::{Look, Round, Side, StoredRound, raw_round, require_all_stayed, stored_round},
};

/// Connections whose latency is measured.
const SAMPLE: usize = 16;

/// Connections that post blocks.
const PUBLISHERS: usize = 1;

/// What is to be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paced {
    /// How the stream is followed.
    pub dialect: Dialect,
    /// Subscribers of the stream.
    pub subscribers: usize,
    /// Bytes of each event.
    pub event_bytes: usize,
    /// Events a second.
    pub rate_per_s: f64,
    /// When an event counts as stored, for the server and for the raw sender that stores.
    pub durability: Durability,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// How the stream was followed.
    pub dialect: Dialect,
    /// Subscribers of the stream.
    pub subscribers: usize,
    /// Events a second.
    pub rate_per_s: f64,
    /// When an event counted as stored.
    pub durability: Durability,
    /// Bytes of the raw sender's range: an event on the wire.
    pub range_bytes: usize,
    /// The server; the raw sender; where events have a time, the raw sender that stores.
    pub sides: Vec<Side>,
    /// CPU time of a delivered event, and of a raw send, microseconds; in the order of the sides.
    pub cpu_us: Vec<Figure>,
    /// The server's against that of a raw send.
    pub cpu_ratio: Figure,
    /// From an event's publish time to its receipt; `None` where events have no time.
    pub latency: Option<Latency>,
}

/// What was measured so far, round by round.
#[derive(Debug)]
struct Measured {
    /// The server, the raw sender, the raw sender that stores.
    sides: [Side; 3],
    /// CPU time of a delivered event or of a send, microseconds.
    cpu_us: [Vec<f64>; 3],
    times: Times,
}

/// Measures it.
///
/// # Errors
///
/// When one of the sides fails.
pub fn run(bench: &Bench, asked: &Paced) -> Result<Found> {
    bench.require_server()?;
    let batch = Batch::made_up(asked.dialect, asked.event_bytes, 1)?;
    let range_bytes = batch.stream_bytes_per_event() as usize;
    let mut measured = Measured::new(asked.durability);
    for round in 0..bench.rounds {
        let progress = |what: &str| progress(bench, round, what);
        measured.round(bench, asked, &batch, progress)?;
    }
    let Measured { sides, cpu_us, .. } = &measured;
    Ok(Found {
        dialect: asked.dialect,
        subscribers: asked.subscribers,
        rate_per_s: asked.rate_per_s,
        durability: asked.durability,
        range_bytes,
        sides: sides.iter().filter(|side| !side.rounds.is_empty()).cloned().collect(),
        cpu_us: cpu_us
            .iter()
            .filter(|rounds| !rounds.is_empty())
            .map(|rounds| Figure::of(rounds.iter().copied()))
            .collect(),
        cpu_ratio: ratio_of_rounds(&cpu_us[0], &cpu_us[1]),
        latency: measured.times.latency(),
    })
}

impl Measured {
    fn new(durability: Durability) -> Self {
        Self {
            sides: ["tailwater", "raw send", stored_name(durability)].map(Side::new),
            cpu_us: [const { Vec::new() }; 3],
            times: Times::default(),
        }
    }

    fn round(&mut self, bench: &Bench, asked: &Paced, batch: &Batch, progress: impl Fn(&str)) -> Result<()> {
        let range_bytes = batch.stream_bytes_per_event() as usize;
        let raw = SendPlan { rate_per_s: Some(asked.rate_per_s), ..SendPlan::new(asked.subscribers, range_bytes) };
        progress(&format!("the server, {} subscribers", asked.subscribers));
        let (served, report) = server_round(bench, asked, batch)?;
        self.push(0, served, report.delivered.bytes_per_event);
        progress("raw send at the same pace");
        self.push(1, raw_round(bench, &raw)?, range_bytes as f64);
        if report.latency.count == 0 {
            return Ok(());
        }
        progress("raw send at the same pace of what was stored before");
        let durability = asked.durability;
        let storing = SendPlan { log_directory: Some(bench.directory.clone()), durability, ..raw };
        let StoredRound { round, latency, syncs } = stored_round(bench, &storing, sample(asked))?;
        self.push(2, round, round.bytes_per_send);
        self.times.push(report.latency, latency, syncs);
        Ok(())
    }

    fn push(&mut self, side: usize, round: Round, event_bytes: f64) {
        self.cpu_us[side].push(round.cpu_ns_per_byte * event_bytes / 1000.0);
        self.sides[side].rounds.push(round);
    }
}

fn stored_name(durability: Durability) -> &'static str {
    match durability {
        Durability::Sync => "write, fdatasync, raw send",
        Durability::Os => "write, raw send",
    }
}

fn sample(asked: &Paced) -> usize {
    SAMPLE.min(asked.subscribers)
}

fn server_round(bench: &Bench, asked: &Paced, batch: &Batch) -> Result<(Round, SubscribeReport)> {
    let &Paced { dialect, subscribers, event_bytes, rate_per_s, durability } = asked;
    let mut server = Server::start_with(bench, subscribers, &dialect::configuration(durability))?;
    let sample = Some(sample(asked));
    let config = SubscribeConfig { sample, ..dialect.followers(server.address(), subscribers, Start::Live)? };
    let block = std::slice::from_ref(&batch.request);
    let load: &dyn Load = match dialect {
        // Its messages have no time, so nothing is lost by posting the same block again and again.
        Dialect::Bigchaindb => &Posts::new(server.address(), block, rate_per_s, PUBLISHERS, subscribers),
        _ => &Pace::new(server.address(), dialect, event_bytes, rate_per_s, subscribers),
    };
    let observed = observe(bench, &config, load, || Ok((Look::at(bench, server.pid())?, server.status()?)))?;
    require_all_stayed(&observed.report)?;
    server.stop()?;
    let Observed { report, begin: (begin, earlier), end: (end, later) } = observed;
    let round = Round::between(&begin, &end, &report, later.bytes_per_send_since(&earlier));
    Ok((round, report))
}
