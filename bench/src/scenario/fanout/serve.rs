//! One round of the server: live behind a publisher, or replayed from the log.

use anyhow::{Result, ensure};
use tailwater_loadgen::SubscribeConfig;

use super::Saturated;
use crate::{
    bench::Bench,
    dialect::{DATABASE, Dialect},
    events::Batch,
    figures::{bytes, percent},
    http::Client,
    load::{Feeder, NoLoad, post},
    observe::{Observed, observe},
    server::{Server, Status},
    side::{Look, Round, require_all_stayed},
};

/// Checked connections: enough to see that what arrives is right, too few to slow the drain.
const SAMPLE: usize = 2;

/// Bytes a second no machine of today delivers from one core: what a log must last for.
const BYTES_PER_SECOND_MAX: f64 = 12e9;

/// Seconds it may take to connect everybody to a log that is being replayed already.
const RAMP_SECONDS: f64 = 4.0;

/// A subscriber that received less than this share of the median had reached the end of the log.
const SLOWEST: f64 = 0.5;

/// One round of the server, over TLS or without, and how far ahead the stream was at least if it was live.
pub(super) fn server_round(bench: &Bench, asked: &Saturated, tls: bool) -> Result<(Round, Option<f64>)> {
    let mut server = match tls {
        true => Server::start_secured(bench, asked.subscribers)?,
        false => Server::start(bench, asked.subscribers)?,
    };
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
pub(in crate::scenario) struct LiveLook {
    pub look: Look,
    pub status: Status,
    pub least_lead_bytes: u64,
}

/// Everybody connected at the tail, and a publisher that stays ahead. Also a part of the scenario `stalled`.
pub(in crate::scenario) fn live(
    bench: &Bench,
    asked: &Saturated,
    server: &mut Server,
    config: &SubscribeConfig,
) -> Result<Observed<LiveLook>> {
    let readers = config.connections - config.stall;
    let counted = if asked.dialect.is_counted() { config.connections } else { 0 };
    let feeder = Feeder::new(server.address(), &asked.batch, readers, counted, asked.lead_bytes);
    let observed = observe(bench, config, &feeder, || {
        let least_lead_bytes = feeder.take_least_lead();
        Ok(LiveLook { look: Look::at(bench, server.pid())?, status: server.status()?, least_lead_bytes })
    })?;
    require_all_stayed(&observed.report)?;
    Ok(observed)
}

fn live_round(bench: &Bench, asked: &Saturated, server: &mut Server) -> Result<(Round, u64)> {
    let config = followers(asked, server)?;
    let observed = live(bench, asked, server, &config)?;
    Ok((round_of_live(&observed), observed.end.least_lead_bytes))
}

fn followers(asked: &Saturated, server: &Server) -> Result<SubscribeConfig> {
    let drained = asked.dialect.followers(server.address(), asked.subscribers, asked.start())?;
    server.follow(SubscribeConfig { sample: Some(SAMPLE), ..drained })
}

/// What a live measurement comes to.
pub(in crate::scenario) fn round_of_live(observed: &Observed<LiveLook>) -> Round {
    let (begin, end) = (&observed.begin, &observed.end);
    let bytes_per_send = end.status.bytes_per_send_since(&begin.status);
    Round::between(&begin.look, &end.look, &observed.report, bytes_per_send)
}

fn replay_round(bench: &Bench, asked: &Saturated, server: &mut Server) -> Result<Round> {
    let log_bytes = publish_log(server, &asked.batch, log_bytes(bench, asked.subscribers))?;
    if asked.dialect == Dialect::Couchdb {
        // Answers when the database's index has every document: a replay waits for that, and it is not what is measured.
        Client::connect(server.address())?.get(&format!("/{DATABASE}"))?;
    }
    let config = followers(asked, server)?;
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
fn publish_log(server: &Server, batch: &Batch, stream_bytes_min: f64) -> Result<u64> {
    let mut client = Client::connect(server.address())?;
    let mut stream_bytes = 0;
    while (stream_bytes as f64) < stream_bytes_min {
        post(&mut client, batch)?;
        stream_bytes += batch.stream_bytes;
    }
    Ok(stream_bytes)
}
