//! `together`: publishing to one feed that is followed in every protocol at once, against the same feed followed in one.
//!
//! The feed is bound to all dialects on both sides; what nobody follows is not encoded. With CouchDB and Fauna followed, the server
//! keeps what they look up besides, and Fauna's history. A side is over when everything published has been sent: what is left for
//! later counts.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use serde::Serialize;
use tailwater_loadgen::{
    Control, PublishConfig,
    publish::{self, Payload},
    subscribe,
};

use crate::{
    bench::Bench,
    dialect::{self, Dialect, Start},
    figures::{Figure, ratio, ratio_of_rounds, short, with_range},
    followed,
    scenario::progress,
    server::Server,
    table::Table,
};

/// The five protocols.
const DIALECTS: [Dialect; 5] =
    [Dialect::Atproto, Dialect::Couchdb, Dialect::Fauna, Dialect::Streamr, Dialect::Bigchaindb];

/// Documents that are published again and again.
const KEYS: u64 = 1000;

/// Nothing is on its way any more when nothing was sent for so long.
const QUIET: Duration = Duration::from_millis(500);
/// Between looks.
const LOOK: Duration = Duration::from_millis(10);

/// Arguments of `together`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Together {
    /// Bytes of an event
    #[arg(long, value_name = "BYTES", default_value_t = 512)]
    pub event_bytes: usize,
    /// Events in a request
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub batch: u32,
    /// Publishing connections
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub connections: usize,
    /// Subscribers in each protocol
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub subscribers: usize,
}

/// One side.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// In which protocols the feed was followed.
    pub name: String,
    /// Events that were acknowledged and sent a second, round by round.
    pub events_per_second: Vec<f64>,
    /// CPU time of the server for each, microseconds.
    pub cpu_us: Vec<f64>,
}

/// What `together` found: each protocol alone, then all at once.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// The sides.
    pub sides: Vec<Measured>,
}

/// Measures it.
///
/// # Errors
///
/// When the server fails, or a subscriber is not served.
pub fn run(bench: &Bench, asked: &Together) -> Result<Found> {
    bench.require_server()?;
    let alone = DIALECTS.iter().map(std::slice::from_ref);
    let sets: Vec<&[Dialect]> = alone.chain([&DIALECTS[..]]).collect();
    let name = |set: &[Dialect]| match set {
        [dialect] => format!("{dialect:?} alone"),
        _ => "all five at once".to_owned(),
    };
    let mut sides: Vec<Measured> = sets.iter().map(|set| Measured { name: name(set), ..Measured::default() }).collect();
    for round in 0..bench.rounds {
        for (side, set) in sides.iter_mut().zip(&sets) {
            progress(bench, round, &side.name);
            measure(bench, asked, set, side)?;
        }
    }
    Ok(Found { sides })
}

fn measure(bench: &Bench, asked: &Together, followed_in: &[Dialect], side: &mut Measured) -> Result<()> {
    let subscribers = asked.subscribers * followed_in.len();
    let mut server = Server::start_with(bench, subscribers, &dialect::one_feed())?;
    let control = Control::default();
    thread::scope(|scope| {
        let followers: Result<Vec<_>> = followed_in
            .iter()
            .map(|dialect| {
                let config = dialect.followers(server.address(), asked.subscribers, Start::Live)?;
                let control = &control;
                Ok(scope.spawn(move || subscribe::run(&config, control)))
            })
            .collect();
        let published = followers.and_then(|followers| {
            followed::wait_for(server.address(), subscribers as u64)?;
            control.begin_window();
            Ok((followers, publish_to(bench, asked, &mut server, side)))
        });
        control.stop();
        let (followers, published) = published?;
        for follower in followers {
            let report = follower.join().map_err(|_| anyhow!("a subscriber panicked"))?.context("following")?;
            ensure!(report.delivered.bytes_per_second > 0.0, "{} was sent nothing", report.url);
        }
        published
    })?;
    server.stop()
}

fn publish_to(bench: &Bench, asked: &Together, server: &mut Server, side: &mut Measured) -> Result<()> {
    let config = PublishConfig {
        payload: Payload::Ndjson { size_bytes: asked.event_bytes, key_space: KEYS },
        batch: asked.batch,
        connections: asked.connections,
        seconds: Some((bench.warmup + bench.measured).as_secs_f64()),
        warmup_ms: u64::try_from(bench.warmup.as_millis()).unwrap_or(u64::MAX),
        create_feed: false,
        ..PublishConfig::new(server.url(), Dialect::Native.feed())
    };
    let (before, began) = (server.usage()?, Instant::now());
    let report = publish::run(&config, &Control::default())?;
    let took = drained(server)?.saturating_duration_since(began);
    let cpu = server.usage()?.cpu_since(&before);
    ensure!(report.ok, "not every batch was acknowledged: {:?}", report.total);
    let events = report.total.acked_events as f64;
    side.events_per_second.push(ratio(events, took.as_secs_f64()));
    side.cpu_us.push(ratio(cpu.as_secs_f64() * 1e6, events));
    Ok(())
}

/// When the last of what had been published was sent.
fn drained(server: &mut Server) -> Result<Instant> {
    let (mut sent, mut last) = (server.status()?.sent_bytes, Instant::now());
    while last.elapsed() < QUIET {
        thread::sleep(LOOK);
        let now = server.status()?.sent_bytes;
        if now != sent {
            (sent, last) = (now, Instant::now());
        }
    }
    Ok(last)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            Table::new(["followed in", "events/s (min .. max)", "server µs CPU per event", "all / this one"]);
        let figure = |rounds: &[f64]| Figure::of(rounds.iter().copied());
        let all = self.sides.last();
        for side in &self.sides {
            let against = all.map(|all| ratio_of_rounds(&all.events_per_second, &side.events_per_second));
            table.row([
                side.name.clone(),
                with_range(figure(&side.events_per_second)),
                short(figure(&side.cpu_us).median),
                against.map(with_range).unwrap_or_default(),
            ]);
        }
        write!(f, "{table}")
    }
}
