//! `fanout` at a pace: what one delivered event costs when nothing is saturated, and how late it is.
//!
//! One event a publish, each sent to every subscriber by itself; a block of BigchainDB's has one transaction. The raw sender does the same without a server: one range of the
//! same size to every socket, as often. The server's CPU time contains receiving, storing and syncing each event.

use std::fmt;

use anyhow::Result;
use serde::Serialize;
use tailwater_loadgen::{SubscribeConfig, SubscribeReport, stats::LatencyReport};

use crate::{
    bench::Bench,
    dialect::{Dialect, Start},
    events::Batch,
    figures::{Figure, percent, ratio_of_rounds, short, with_range},
    load::{Load, Pace, Posts},
    observe::{Observed, observe},
    scenario::progress,
    sender::SendPlan,
    server::Server,
    side::{Look, Round, Side, raw_round, require_all_stayed},
    table::Table,
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
    /// Bytes of the raw sender's range: an event on the wire.
    pub range_bytes: usize,
    /// The server and the raw sender.
    pub sides: [Side; 2],
    /// CPU time of a delivered event, and of a raw send, microseconds.
    pub cpu_us: [Figure; 2],
    /// The one against the other.
    pub cpu_ratio: Figure,
    /// From an event's publish time to its receipt; `None` where events have no time.
    pub latency: Option<Latency>,
}

/// Latency over all rounds, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// The median of each round.
    pub p50_us: Figure,
    /// 99 of 100 are at most this.
    pub p99_us: Figure,
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
    let raw_plan = SendPlan { rate_per_s: Some(asked.rate_per_s), ..SendPlan::new(asked.subscribers, range_bytes) };
    let mut sides = ["tailwater", "raw send"].map(Side::new);
    let mut cpu_us = [Vec::new(), Vec::new()];
    let mut latencies = Vec::new();
    for round in 0..bench.rounds {
        progress(bench, round, &format!("the server, {} subscribers", asked.subscribers));
        let (served, report) = server_round(bench, asked, &batch)?;
        progress(bench, round, "raw send at the same pace");
        let raw = raw_round(bench, &raw_plan)?;
        cpu_us[0].push(served.cpu_ns_per_byte * report.delivered.bytes_per_event / 1000.0);
        cpu_us[1].push(raw.cpu_ns_per_byte * range_bytes as f64 / 1000.0);
        latencies.extend((report.latency.count > 0).then_some(report.latency));
        sides[0].rounds.push(served);
        sides[1].rounds.push(raw);
    }
    let latency = |of: fn(&LatencyReport) -> u64| Figure::of(latencies.iter().map(|latency| of(latency) as f64));
    Ok(Found {
        dialect: asked.dialect,
        subscribers: asked.subscribers,
        rate_per_s: asked.rate_per_s,
        range_bytes,
        sides,
        cpu_ratio: ratio_of_rounds(&cpu_us[0], &cpu_us[1]),
        cpu_us: cpu_us.map(Figure::of),
        latency: (!latencies.is_empty())
            .then(|| Latency { p50_us: latency(|latency| latency.p50_us), p99_us: latency(|latency| latency.p99_us) }),
    })
}

fn server_round(bench: &Bench, asked: &Paced, batch: &Batch) -> Result<(Round, SubscribeReport)> {
    let &Paced { dialect, subscribers, event_bytes, rate_per_s } = asked;
    let mut server = Server::start(bench, subscribers)?;
    let sample = Some(SAMPLE.min(subscribers));
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

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subscribers, rate) = (self.subscribers, short(self.rate_per_s));
        let (dialect, bytes) = (self.dialect, self.range_bytes);
        writeln!(f, "{dialect:?}, {subscribers} subscribers, {rate} events/s, {bytes} B an event on the wire\n")?;
        let heads = [
            "side",
            "deliveries/s",
            "µs CPU per delivery (min .. max)",
            "sender CPU",
            "processor",
            "drain CPU",
            "steal",
        ];
        let mut table = Table::new(heads);
        for (side, cpu_us) in self.sides.iter().zip(self.cpu_us) {
            let median = |of: fn(&Round) -> f64| side.figure(of).median;
            table.row([
                side.name.clone(),
                short(median(|round| round.bytes_per_second) / self.range_bytes as f64),
                with_range(cpu_us),
                percent(median(|round| round.cpu_share)),
                percent(median(|round| round.processor_share)),
                percent(median(|round| round.drain_share)),
                percent(median(|round| round.steal_share)),
            ]);
        }
        writeln!(f, "{table}")?;
        write!(f, "CPU per delivery, tailwater / raw send: {}", with_range(self.cpu_ratio))?;
        let ms = |figure: Figure| with_range(figure.scaled(1e-3));
        match self.latency {
            Some(Latency { p50_us, p99_us }) => {
                write!(f, "\nlatency from publish time, ms: p50 {}, p99 {}", ms(p50_us), ms(p99_us))
            }
            None => Ok(()),
        }
    }
}
