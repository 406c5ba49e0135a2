//! One side of a comparison: what it delivered and what that cost, round by round.
//!
//! Owns what is looked at before and after the measured window, for the server and the raw sender alike. Never decides what is
//! compared with what. Tests are below.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde::Serialize;
use tailwater_loadgen::{SubscribeConfig, SubscribeReport, stats::LatencyReport};

use crate::{
    bench::Bench,
    figures::{Figure, ratio},
    load::NoLoad,
    observe::{Observed, drained, observe},
    proc::{Processor, Usage},
    sender::{RawSender, SendPlan},
};

/// The sending process and its processor at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    at: Instant,
    /// The process.
    pub usage: Usage,
    processor: Processor,
}

impl Look {
    /// At the process with this id, and at the server's processor.
    ///
    /// # Errors
    ///
    /// When the process has ended.
    pub fn at(bench: &Bench, pid: u32) -> Result<Self> {
        Ok(Self { at: Instant::now(), usage: Usage::of(pid)?, processor: Processor::of(bench.placement.server)? })
    }
}

/// One round of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Round {
    /// What the clients received.
    pub bytes_per_second: f64,
    /// Size of a send, on average.
    pub bytes_per_send: f64,
    /// CPU seconds of the sending process per second.
    pub cpu_share: f64,
    /// The same per byte delivered, in nanoseconds.
    pub cpu_ns_per_byte: f64,
    /// Share of time its processor was busy, with interrupts and the kernel's own threads.
    pub processor_share: f64,
    /// Share of time the machine below took that processor away.
    pub steal_share: f64,
    /// CPU seconds of the drain per second: near 1 means that it was the limit, not the sender.
    pub drain_share: f64,
    /// Least and most bytes a connection received, each against the median connection.
    pub slowest: f64,
    /// See [`Round::slowest`].
    pub fastest: f64,
    /// Seconds until everybody was connected.
    pub ramp_seconds: f64,
}

impl Round {
    /// What lies between two looks. `bytes_per_send` is the sender's own account.
    pub fn between(begin: &Look, end: &Look, report: &SubscribeReport, bytes_per_send: f64) -> Self {
        let seconds = (end.at - begin.at).as_secs_f64();
        let cpu_share = ratio(end.usage.cpu_since(&begin.usage).as_secs_f64(), seconds);
        let (busy, steal) = end.processor.since(&begin.processor);
        let bytes_per_second = report.delivered.bytes_per_second;
        let spread = &report.bytes_per_connection;
        Self {
            bytes_per_second,
            bytes_per_send,
            cpu_share,
            cpu_ns_per_byte: ratio(cpu_share * 1e9, bytes_per_second),
            processor_share: ratio(busy.as_secs_f64(), seconds),
            steal_share: ratio(steal.as_secs_f64(), seconds),
            drain_share: report.load_generator.cpu_share,
            slowest: ratio(spread.min as f64, spread.median as f64),
            fastest: ratio(spread.max as f64, spread.median as f64),
            ramp_seconds: report.connections.ramp_seconds.unwrap_or_default(),
        }
    }

    /// Bytes delivered per CPU second of the sending process.
    pub fn bytes_per_cpu_second(&self) -> f64 {
        ratio(1e9, self.cpu_ns_per_byte)
    }
}

/// Every round of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Side {
    /// What it is.
    pub name: String,
    /// In the order they were measured.
    pub rounds: Vec<Round>,
}

impl Side {
    /// A side without rounds yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), rounds: Vec::new() }
    }

    /// One figure of each round.
    pub fn each(&self, of: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }

    /// One figure over all rounds.
    pub fn figure(&self, of: impl Fn(&Round) -> f64) -> Figure {
        Figure::of(self.each(of))
    }
}

/// Fails when connections have ended that should have stayed.
///
/// # Errors
///
/// With why they ended.
pub fn require_all_stayed(report: &SubscribeReport) -> Result<()> {
    let closed = &report.connections.tally.closed;
    ensure!(closed.is_empty(), "connections to {} ended while they were measured: {closed:?}", report.url);
    Ok(())
}

/// One round of the raw sender.
///
/// # Errors
///
/// When it or its clients fail.
pub fn raw_round(bench: &Bench, plan: &SendPlan) -> Result<Round> {
    sender_round(bench, plan, "tcp", 0).map(|sent| sent.round)
}

/// One round of a raw sender that stores what it sends: its ranges are messages with a time, of which `sample` connections
/// tell the latency.
///
/// # Errors
///
/// When it or its clients fail, or a socket does not take all it is sent.
pub fn stored_round(bench: &Bench, plan: &SendPlan, sample: usize) -> Result<StoredRound> {
    sender_round(bench, plan, "frames", sample)
}

/// A round of the raw sender, with what is known of one that stores what it sends.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRound {
    /// As of any side.
    pub round: Round,
    /// From the moment a range was due to its receipt.
    pub latency: LatencyReport,
    /// How long the syncs took, from the sender's start to its end.
    pub syncs: LatencyReport,
}

fn sender_round(bench: &Bench, plan: &SendPlan, scheme: &str, sample: usize) -> Result<StoredRound> {
    let sender = RawSender::start(&bench.own_binary, plan, &bench.placement)?;
    let pid = sender.pid();
    let drained = drained(format!("{scheme}://{}", sender.address()), plan.connections);
    let config = SubscribeConfig { sample: Some(sample), ..drained };
    let Observed { report, begin, end } = observe(bench, &config, &NoLoad, || Look::at(bench, pid))?;
    require_all_stayed(&report)?;
    let sent = sender.finish()?;
    let round = Round::between(&begin, &end, &report, sent.bytes_per_send());
    Ok(StoredRound { round, latency: report.latency, syncs: sent.syncs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_over_rounds() {
        let round = |bytes_per_second| Round { bytes_per_second, ..Round::default() };
        let side = Side { name: "raw".into(), rounds: vec![round(3.0), round(1.0), round(2.0)] };
        assert_eq!(side.each(|round| round.bytes_per_second), [3.0, 1.0, 2.0]);
        assert_eq!(side.figure(|round| round.bytes_per_second), Figure { median: 2.0, min: 1.0, max: 3.0 });
    }
}
