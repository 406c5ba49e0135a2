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

/// The largest ranges of the raw sender. Loopback segments carry 65,483 bytes: 256 KiB are four of them and a remainder, which
/// costs as much as a fifth; 255 KiB are four.
const RANGE_BYTES: [usize; 2] = [255 * 1024, 256 * 1024];

/// Checked connections: enough to see that what arrives is right, too few to slow the drain.
const SAMPLE: usize = 2;

/// Bytes a second no machine of today delivers from one core: what a log must last for.
const BYTES_PER_SECOND_MAX: f64 = 12e9;

/// Seconds it may take to connect everybody to a log that is being replayed already.
const RAMP_SECONDS: f64 = 4.0;

/// A subscriber that received less than this share of the median had reached the end of the log.
const SLOWEST: f64 = 0.5;

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
    /// The server, then each raw sender.
    pub sides: Vec<Side>,
    /// The server against each raw sender.
    pub ratios: Vec<Against>,
    /// How far a live stream was ahead of its subscribers at the worst moment of each round, bytes.
    pub least_lead_bytes: Option<Figure>,
}

/// The server against one raw sender.
#[derive(Clone, Debug, Serialize)]
pub struct Against {
    /// Which.
    pub side: String,
    /// Of bytes per second.
    pub bytes: Figure,
    /// Of bytes per CPU second of the sending process: what the first would be on a machine with nothing else to do.
    pub bytes_per_cpu_second: Figure,
}

/// Measures it.
///
/// # Errors
///
/// When one of the sides fails, or a replay was not long enough.
pub fn run(bench: &Bench, asked: &Saturated) -> Result<Found> {
    bench.require_server()?;
    let mut sides = vec![Side::new("tailwater"), Side::new("raw send, its range")];
    sides.extend(RANGE_BYTES.iter().map(|size| Side::new(format!("raw send, {}", bytes(*size as f64)))));
    let mut leads = Vec::new();
    for round in 0..bench.rounds {
        progress(bench, round, &format!("the server, {} subscribers", asked.subscribers));
        let (served, least_lead) = server_round(bench, asked)?;
        leads.extend(least_lead);
        let its_range = (served.bytes_per_send.round() as usize).max(1);
        sides[0].rounds.push(served);
        for (side, range_bytes) in sides[1..].iter_mut().zip(std::iter::once(its_range).chain(RANGE_BYTES)) {
            progress(bench, round, &format!("raw send of {}", bytes(range_bytes as f64)));
            side.rounds.push(raw_round(bench, &SendPlan::new(asked.subscribers, range_bytes))?);
        }
    }
    Ok(Found {
        subscribers: asked.subscribers,
        event_stream_bytes: asked.body.stream_bytes_per_event(),
        from_log: asked.from_log,
        ratios: sides[1..].iter().map(|raw| against(&sides[0], raw)).collect(),
        sides,
        least_lead_bytes: (!leads.is_empty()).then(|| Figure::of(leads)),
    })
}

fn against(served: &Side, raw: &Side) -> Against {
    let ratio = |of: fn(&Round) -> f64| ratio_of_rounds(&served.each(of), &raw.each(of));
    Against {
        side: raw.name.clone(),
        bytes: ratio(|round| round.bytes_per_second),
        bytes_per_cpu_second: ratio(Round::bytes_per_cpu_second),
    }
}

/// One round of the server, and how far ahead the stream was at least if it was live.
fn server_round(bench: &Bench, asked: &Saturated) -> Result<(Round, Option<f64>)> {
    let mut server = Server::start(bench, asked.subscribers)?;
    let round = match asked.from_log {
        true => (replay_round(bench, asked, &mut server)?, None),
        false => {
            let (round, least_lead_bytes) = live_round(bench, asked, &mut server)?;
            (round, Some(least_lead_bytes as f64))
        }
    };
    server.stop()?;
    Ok(round)
}

/// The server at one moment of a live measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveLook {
    pub look: Look,
    pub status: Status,
    pub least_lead_bytes: u64,
}

/// Everybody connected at the tail, and a publisher that stays ahead. Also a part of the scenario `stalled`.
pub(super) fn live(
    bench: &Bench,
    asked: &Saturated,
    server: &mut Server,
    config: &SubscribeConfig,
) -> Result<Observed<LiveLook>> {
    let readers = config.connections - config.stall;
    let feeder = Feeder::new(server.address(), &asked.body, readers, asked.lead_bytes);
    let observed = observe(bench, config, &feeder, || {
        let least_lead_bytes = feeder.take_least_lead();
        Ok(LiveLook { look: Look::at(bench, server.pid())?, status: server.status()?, least_lead_bytes })
    })?;
    require_all_stayed(&observed.report)?;
    Ok(observed)
}

fn live_round(bench: &Bench, asked: &Saturated, server: &mut Server) -> Result<(Round, u64)> {
    let config = SubscribeConfig { sample: Some(SAMPLE), ..drained(server.stream_url(), asked.subscribers) };
    let observed = live(bench, asked, server, &config)?;
    Ok((round_of_live(&observed), observed.end.least_lead_bytes))
}

/// What a live measurement comes to.
pub(super) fn round_of_live(observed: &Observed<LiveLook>) -> Round {
    let (begin, end) = (&observed.begin, &observed.end);
    let bytes_per_send = end.status.bytes_per_send_since(&begin.status);
    Round::between(&begin.look, &end.look, &observed.report, bytes_per_send)
}

fn replay_round(bench: &Bench, asked: &Saturated, server: &mut Server) -> Result<Round> {
    let log_bytes = publish_log(server, &asked.body, log_bytes(bench, asked.subscribers))?;
    let sample = Some(SAMPLE);
    let config = SubscribeConfig { sample, cursor: Some(0), ..drained(server.stream_url(), asked.subscribers) };
    let observed = observe(bench, &config, &NoLoad, || Ok((Look::at(bench, server.pid())?, server.status()?)))?;
    require_all_stayed(&observed.report)?;
    let ((begin, earlier), (end, later)) = (&observed.begin, &observed.end);
    let round = Round::between(begin, end, &observed.report, later.bytes_per_send_since(earlier));
    ensure!(
        round.slowest > SLOWEST,
        "one subscriber received {} of what most did: either it was at the end of the log of {}, for which all {} took too \
         long to connect ({:.1} s), or the server starved it",
        percent(round.slowest),
        bytes(log_bytes as f64),
        asked.subscribers,
        round.ramp_seconds
    );
    Ok(round)
}

/// A log that lasts: those who connect first share the server with few others, the sooner the fewer.
fn log_bytes(bench: &Bench, subscribers: usize) -> f64 {
    let subscribers = subscribers as f64;
    let seconds = RAMP_SECONDS * (1.0 + subscribers.ln()) + (bench.warmup + bench.measured).as_secs_f64();
    seconds * BYTES_PER_SECOND_MAX / subscribers
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
        let mut ratios = Table::new(["tailwater against (min .. max)", "bytes per second", "bytes per CPU second"]);
        for against in &self.ratios {
            let (bytes, per_cpu_second) = (with_range(against.bytes), with_range(against.bytes_per_cpu_second));
            ratios.row([against.side.clone(), bytes, per_cpu_second]);
        }
        write!(f, "{ratios}")?;
        match self.least_lead_bytes {
            Some(lead) => write!(f, "\nThe stream was at least {} ahead of its subscribers.", bytes(lead.min)),
            None => Ok(()),
        }
    }
}
