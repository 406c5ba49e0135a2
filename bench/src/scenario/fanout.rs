//! `fanout`, saturated: how close the server comes to the raw ceiling when its subscribers take all they can get.
//!
//! Each round measures the server, then the raw sender with ranges of the server's own mean size, then the raw sender with
//! the largest ranges. Live, a publisher keeps the stream ahead of the subscribers, and what storing costs is part of the server's
//! figure; from the log, everything is published before and the subscribers replay it from its beginning.

use std::fmt;

use anyhow::{Result, ensure};
use serde::Serialize;
use tailwater_loadgen::SubscribeConfig;

use crate::{
    bench::Bench,
    events::Body,
    figures::{Figure, bytes, percent, ratio_of_rounds, short, with_range},
    http::Client,
    load::{Feeder, NoLoad, post},
    observe::{Observed, drained, observe},
    scenario::progress,
    sender::SendPlan,
    server::{Server, Status},
    side::{Look, Round, Side, raw_round, require_all_stayed},
    table::Table,
};

/// What the server sends at most in one call, and the raw sender when nothing limits it.
const RANGE_BYTES_MAX: usize = 256 * 1024;

/// Checked connections: enough to see that what arrives is right, too few to slow the drain.
const SAMPLE: usize = 2;

/// Bytes a second no machine of today delivers from one core: what a log must last for.
const BYTES_PER_SECOND_MAX: f64 = 12e9;

/// Seconds a replay runs while connections are still being opened.
const RAMP_SECONDS: f64 = 3.0;

/// A replay of which the subscribers together have received more than this share was near its end while it was measured.
const NEAR_END: f64 = 0.9;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saturated {
    /// Subscribers of the stream.
    pub subscribers: usize,
    /// What is published.
    pub body: Body,
    /// How far a live stream is kept ahead.
    pub lead_bytes: u64,
    /// Replay instead of live.
    pub from_log: bool,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Subscribers of the stream.
    pub subscribers: usize,
    /// Bytes of an event on the wire.
    pub event_stream_bytes: f64,
    /// Whether the subscribers replayed a log.
    pub from_log: bool,
    /// The server, the raw sender at the server's range size, and at the largest.
    pub sides: [Side; 3],
    /// The server's bytes per second against the raw sender's at the server's range size.
    pub ratio_at_its_range: Figure,
    /// The same against the largest ranges.
    pub ratio_at_256_kib: Figure,
    /// Bytes per CPU second of the sending process, the server's against the raw sender's at the server's range size: what the
    /// first ratio would be on a machine with nothing else to do.
    pub cpu_ratio_at_its_range: Figure,
    /// The same against the largest ranges.
    pub cpu_ratio_at_256_kib: Figure,
}

/// Measures it.
///
/// # Errors
///
/// When one of the sides fails, or a replay was not long enough.
pub fn run(bench: &Bench, asked: &Saturated) -> Result<Found> {
    bench.require_server()?;
    let mut sides = ["tailwater", "raw send, its range", "raw send, 256 KiB"].map(Side::new);
    for round in 0..bench.rounds {
        progress(bench, round, &format!("the server, {} subscribers", asked.subscribers));
        let served = server_round(bench, asked)?;
        let range_bytes = (served.bytes_per_send.round() as usize).max(1);
        progress(bench, round, &format!("raw send of {}", bytes(range_bytes as f64)));
        let at_its_range = raw_round(bench, &SendPlan::new(asked.subscribers, range_bytes))?;
        progress(bench, round, &format!("raw send of {}", bytes(RANGE_BYTES_MAX as f64)));
        let at_largest = raw_round(bench, &SendPlan::new(asked.subscribers, RANGE_BYTES_MAX))?;
        for (side, measured) in sides.iter_mut().zip([served, at_its_range, at_largest]) {
            side.rounds.push(measured);
        }
    }
    let [served, at_its_range, at_largest] = sides.each_ref().map(|side| side.each(|round| round.bytes_per_second));
    let per_cpu = sides.each_ref().map(|side| side.each(Round::bytes_per_cpu_second));
    Ok(Found {
        subscribers: asked.subscribers,
        event_stream_bytes: asked.body.stream_bytes_per_event(),
        from_log: asked.from_log,
        ratio_at_its_range: ratio_of_rounds(&served, &at_its_range),
        ratio_at_256_kib: ratio_of_rounds(&served, &at_largest),
        cpu_ratio_at_its_range: ratio_of_rounds(&per_cpu[0], &per_cpu[1]),
        cpu_ratio_at_256_kib: ratio_of_rounds(&per_cpu[0], &per_cpu[2]),
        sides,
    })
}

fn server_round(bench: &Bench, asked: &Saturated) -> Result<Round> {
    let mut server = Server::start(bench, asked.subscribers)?;
    let round = match asked.from_log {
        true => replay_round(bench, asked, &mut server),
        false => live_round(bench, asked, &mut server),
    }?;
    server.stop()?;
    Ok(round)
}

/// Everybody connected at the tail, and a publisher that stays ahead. Also a part of the scenario `stalled`.
pub(super) fn live(
    bench: &Bench,
    asked: &Saturated,
    server: &mut Server,
    config: &SubscribeConfig,
) -> Result<Observed<(Look, Status)>> {
    let readers = config.connections - config.stall;
    let feeder = Feeder::new(server.address(), &asked.body, readers, asked.lead_bytes);
    observe(bench, config, &feeder, || Ok((Look::at(bench, server.pid())?, server.status()?)))
}

fn live_round(bench: &Bench, asked: &Saturated, server: &mut Server) -> Result<Round> {
    let config = SubscribeConfig { sample: Some(SAMPLE), ..drained(server.stream_url(), asked.subscribers) };
    let observed = live(bench, asked, server, &config)?;
    require_all_stayed(&observed.report)?;
    Ok(round_of(&observed))
}

fn replay_round(bench: &Bench, asked: &Saturated, server: &mut Server) -> Result<Round> {
    let seconds = RAMP_SECONDS + (bench.warmup + bench.measured).as_secs_f64();
    let log_bytes = publish_log(server, &asked.body, seconds * BYTES_PER_SECOND_MAX / asked.subscribers as f64)?;
    let sample = Some(SAMPLE);
    let config = SubscribeConfig { sample, cursor: Some(0), ..drained(server.stream_url(), asked.subscribers) };
    let observed = observe(bench, &config, &NoLoad, || Ok((Look::at(bench, server.pid())?, server.status()?)))?;
    require_all_stayed(&observed.report)?;
    let received = observed.end.1.sent_bytes as f64 / asked.subscribers as f64;
    ensure!(
        received < NEAR_END * log_bytes as f64,
        "the log of {} was too short: the subscribers were at its end before the measurement was; measure for less time",
        bytes(log_bytes as f64)
    );
    Ok(round_of(&observed))
}

/// What a measurement of the server comes to.
pub(super) fn round_of(observed: &Observed<(Look, Status)>) -> Round {
    let ((begin, earlier), (end, later)) = (&observed.begin, &observed.end);
    Round::between(begin, end, &observed.report, later.bytes_per_send_since(earlier))
}

/// Publishes at least `stream_bytes_min`; the bytes a subscriber will receive.
fn publish_log(server: &Server, body: &Body, stream_bytes_min: f64) -> Result<u64> {
    let mut client = Client::connect(server.address())?;
    let mut stream_bytes = 0;
    while (stream_bytes as f64) < stream_bytes_min {
        post(&mut client, body)?;
        stream_bytes += body.stream_bytes;
    }
    Ok(stream_bytes)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.from_log { "from the log" } else { "live" };
        writeln!(
            f,
            "{} subscribers, saturated, {how}, {} B an event\n",
            self.subscribers,
            short(self.event_stream_bytes)
        )?;
        let heads = [
            "side",
            "GB/s (min .. max)",
            "M events/s",
            "GB per CPU second",
            "bytes per send",
            "sender CPU",
            "drain CPU",
            "steal",
            "slowest, fastest",
        ];
        let mut table = Table::new(heads);
        for side in &self.sides {
            let median = |of: fn(&Round) -> f64| side.figure(of).median;
            let rate = side.figure(|round| round.bytes_per_second);
            table.row([
                side.name.clone(),
                with_range(rate.scaled(1e-9)),
                short(rate.median / self.event_stream_bytes / 1e6),
                short(side.figure(Round::bytes_per_cpu_second).median * 1e-9),
                bytes(median(|round| round.bytes_per_send)),
                percent(median(|round| round.cpu_share)),
                percent(median(|round| round.drain_share)),
                percent(median(|round| round.steal_share)),
                format!("{}, {}", short(median(|round| round.slowest)), short(median(|round| round.fastest))),
            ]);
        }
        writeln!(f, "{table}")?;
        let mut ratios = Table::new(["tailwater / raw send (min .. max)", "at its own range size", "at 256 KiB"]);
        ratios.row(["bytes".into(), with_range(self.ratio_at_its_range), with_range(self.ratio_at_256_kib)]);
        ratios.row([
            "bytes per CPU second".into(),
            with_range(self.cpu_ratio_at_its_range),
            with_range(self.cpu_ratio_at_256_kib),
        ]);
        write!(f, "{ratios}")
    }
}
