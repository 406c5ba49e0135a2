//! `fanout`, saturated: how close the server comes to the raw ceiling when its subscribers take all they can get.
//!
//! Each round measures the server, then the raw sender with ranges of the server's own mean size, then the raw sender with
//! the largest ranges. Live, a publisher keeps the stream ahead of the subscribers, and what storing costs is part of the server's
//! figure; from the log, everything is published before and the subscribers replay it from its beginning. Over TLS, the last side is
//! the same server without, so that what TLS takes is told within one run.

mod print;
mod serve;

use anyhow::Result;
use serde::Serialize;

pub(super) use serve::{live, round_of_live};

use crate::{
    bench::Bench,
    dialect::{Dialect, Start},
    events::Batch,
    figures::{Figure, bytes, ratio_of_rounds},
    scenario::progress,
    sender::SendPlan,
    side::{Round, Side, raw_round},
};

/// The largest ranges of the raw sender. Loopback segments carry 65,483 bytes: 256 KiB are four of them and a remainder, which
/// costs as much as a fifth; 255 KiB are four.
const RANGE_BYTES: [usize; 2] = [255 * 1024, 256 * 1024];

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saturated {
    /// How the stream is followed.
    pub dialect: Dialect,
    /// Subscribers of the stream.
    pub subscribers: usize,
    /// What is published.
    pub batch: Batch,
    /// How far a live stream is kept ahead.
    pub lead_bytes: u64,
    /// Replay instead of live.
    pub from_log: bool,
    /// Over TLS, and without it for comparison.
    pub tls: bool,
}

impl Saturated {
    fn start(&self) -> Start {
        if self.from_log { Start::Oldest } else { Start::Live }
    }
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// How the stream was followed.
    pub dialect: Dialect,
    /// Subscribers of the stream.
    pub subscribers: usize,
    /// Bytes of an event on the wire.
    pub event_stream_bytes: f64,
    /// Whether the subscribers replayed a log.
    pub from_log: bool,
    /// Whether they followed it over TLS.
    pub tls: bool,
    /// The server, then each raw sender, then over TLS the server without.
    pub sides: Vec<Side>,
    /// The server against each of the others.
    pub ratios: Vec<Against>,
    /// How far a live stream was ahead of its subscribers at the worst moment of each round, bytes.
    pub least_lead_bytes: Option<Figure>,
}

/// The server against one of the others.
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
    let mut sides = vec![Side::new(if asked.tls { "tailwater, TLS" } else { "tailwater" })];
    // The server counts what it sends of streams that many share, and nothing else; over TLS, before it is sealed.
    let has_range = !asked.tls && !asked.dialect.is_made_for_one(asked.start());
    sides.extend(has_range.then(|| Side::new("raw send, its range")));
    sides.extend(RANGE_BYTES.iter().map(|size| Side::new(format!("raw send, {}", bytes(*size as f64)))));
    sides.extend(asked.tls.then(|| Side::new("tailwater, no TLS")));
    let mut leads = Vec::new();
    for round in 0..bench.rounds {
        progress(bench, round, &format!("the server, {} subscribers", asked.subscribers));
        let (served, least_lead) = serve::server_round(bench, asked, asked.tls)?;
        leads.extend(least_lead);
        let its_range = has_range.then(|| (served.bytes_per_send.round() as usize).max(1));
        sides[0].rounds.push(served);
        for (side, range_bytes) in sides[1..].iter_mut().zip(its_range.into_iter().chain(RANGE_BYTES)) {
            progress(bench, round, &format!("raw send of {}", bytes(range_bytes as f64)));
            side.rounds.push(raw_round(bench, &SendPlan::new(asked.subscribers, range_bytes))?);
        }
        if let (Some(plain), true) = (sides.last_mut(), asked.tls) {
            progress(bench, round, "the server without TLS");
            plain.rounds.push(serve::server_round(bench, asked, false)?.0);
        }
    }
    Ok(Found {
        dialect: asked.dialect,
        subscribers: asked.subscribers,
        event_stream_bytes: asked.batch.stream_bytes_per_event(),
        from_log: asked.from_log,
        tls: asked.tls,
        ratios: sides[1..].iter().map(|other| against(&sides[0], other)).collect(),
        sides,
        least_lead_bytes: (!leads.is_empty()).then(|| Figure::of(leads)),
    })
}

fn against(served: &Side, other: &Side) -> Against {
    let ratio = |of: fn(&Round) -> f64| ratio_of_rounds(&served.each(of), &other.each(of));
    Against {
        side: other.name.clone(),
        bytes: ratio(|round| round.bytes_per_second),
        bytes_per_cpu_second: ratio(Round::bytes_per_cpu_second),
    }
}
