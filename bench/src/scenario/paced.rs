//! `fanout` at a pace: what one delivered event costs when nothing is saturated, and how late it is.
//!
//! One event a publish, each sent to every subscriber by itself. The raw sender does the same without a server: one range of the
//! same size to every socket, as often. The server's CPU time contains receiving, storing and syncing each event.

use std::fmt;

use anyhow::Result;
use serde::Serialize;
use tailwater_loadgen::{SubscribeConfig, SubscribeReport};

use crate::{
    bench::Bench,
    events::Body,
    figures::{Figure, percent, ratio_of_rounds, short, with_range},
    load::Pace,
    observe::{Observed, drained, observe},
    scenario::progress,
    sender::SendPlan,
    server::Server,
    side::{Look, Round, Side, raw_round, require_all_stayed},
    table::Table,
};

/// Connections whose latency is measured.
const SAMPLE: usize = 16;

/// What is to be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paced {
    /// Subscribers of the stream.
    pub subscribers: usize,
    /// Bytes of each frame.
    pub event_bytes: usize,
    /// Events a second.
    pub rate_per_s: f64,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
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
    /// From an event's publish time to its receipt, microseconds: the median of each round.
    pub latency_p50_us: Figure,
    /// The same, 99 of 100.
    pub latency_p99_us: Figure,
}

/// Measures it.
///
/// # Errors
///
/// When one of the sides fails.
pub fn run(bench: &Bench, asked: &Paced) -> Result<Found> {
    bench.require_server()?;
    let range_bytes = Body::made_up(asked.event_bytes, 1)?.stream_bytes_per_event() as usize;
    let raw_plan = SendPlan { rate_per_s: Some(asked.rate_per_s), ..SendPlan::new(asked.subscribers, range_bytes) };
    let mut sides = ["tailwater", "raw send"].map(Side::new);
    let mut cpu_us = [Vec::new(), Vec::new()];
    let (mut p50_us, mut p99_us) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        progress(bench, round, &format!("the server, {} subscribers", asked.subscribers));
        let (served, report) = server_round(bench, asked)?;
        progress(bench, round, "raw send at the same pace");
        let raw = raw_round(bench, &raw_plan)?;
        cpu_us[0].push(served.cpu_ns_per_byte * report.delivered.bytes_per_event / 1000.0);
        cpu_us[1].push(raw.cpu_ns_per_byte * range_bytes as f64 / 1000.0);
        p50_us.push(report.latency.p50_us as f64);
        p99_us.push(report.latency.p99_us as f64);
        sides[0].rounds.push(served);
        sides[1].rounds.push(raw);
    }
    Ok(Found {
        subscribers: asked.subscribers,
        rate_per_s: asked.rate_per_s,
        range_bytes,
        sides,
        cpu_ratio: ratio_of_rounds(&cpu_us[0], &cpu_us[1]),
        cpu_us: cpu_us.map(Figure::of),
        latency_p50_us: Figure::of(p50_us),
        latency_p99_us: Figure::of(p99_us),
    })
}

fn server_round(bench: &Bench, asked: &Paced) -> Result<(Round, SubscribeReport)> {
    let mut server = Server::start(bench, asked.subscribers)?;
    let sample = Some(SAMPLE.min(asked.subscribers));
    let config = SubscribeConfig { sample, ..drained(server.stream_url(), asked.subscribers) };
    let pace = Pace::new(&server.url(), asked.event_bytes, asked.rate_per_s);
    let observed = observe(bench, &config, &pace, || Ok((Look::at(bench, server.pid())?, server.status()?)))?;
    require_all_stayed(&observed.report)?;
    server.stop()?;
    let Observed { report, begin: (begin, earlier), end: (end, later) } = observed;
    let round = Round::between(&begin, &end, &report, later.bytes_per_send_since(&earlier));
    Ok((round, report))
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subscribers, rate) = (self.subscribers, short(self.rate_per_s));
        writeln!(f, "{subscribers} subscribers, {rate} events/s, {} B an event on the wire\n", self.range_bytes)?;
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
        writeln!(f, "CPU per delivery, tailwater / raw send: {}", with_range(self.cpu_ratio))?;
        let ms = |figure: Figure| with_range(figure.scaled(1e-3));
        write!(f, "latency from publish time, ms: p50 {}, p99 {}", ms(self.latency_p50_us), ms(self.latency_p99_us))
    }
}
