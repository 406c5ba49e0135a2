//! `stalled`: what subscribers that never read do to the others, and to the server's memory.
//!
//! The readers alone, then the same readers among stalled ones, both saturated. While the stalled ones fall behind, the server's memory
//! is watched: the backlog is the log, which is there anyway.

use std::fmt;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tailwater_loadgen::SubscribeConfig;

use crate::{
    bench::Bench,
    dialect::{Dialect, Start},
    events::Batch,
    figures::{Figure, bytes, percent, ratio_of_rounds, short, with_range},
    scenario::{
        fanout::{Saturated, live, round_of_live},
        progress,
    },
    server::Server,
    side::{Round, Side},
    table::Table,
};

/// Arguments of `stalled`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Stalled {
    /// Subscribers, with the stalled ones
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub subscribers: usize,
    /// How many of them never read
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub stalled: usize,
    /// Bytes of an event
    #[arg(long, value_name = "BYTES", default_value_t = 512)]
    pub event_bytes: usize,
    /// How far the stream is kept ahead of its readers
    #[arg(long, value_name = "BYTES", default_value_t = super::LEAD_BYTES)]
    pub lead_bytes: u64,
}

/// What `stalled` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Subscribers that read.
    pub readers: usize,
    /// Subscribers that do not.
    pub stalled: usize,
    /// The readers alone, and among stalled ones.
    pub sides: [Side; 2],
    /// The readers' bytes per second with stalled ones against without.
    pub ratio: Figure,
    /// Growth of the server's own memory (`RssAnon`) within the window, bytes, with stalled subscribers.
    pub anon_bytes_grown: Figure,
    /// The same with the pages of mapped files (`VmRSS`).
    pub rss_bytes_grown: Figure,
    /// How far the stalled ones fell behind meanwhile, bytes each.
    pub backlog_bytes_grown: Figure,
}

/// Growth of one round with stalled subscribers.
#[derive(Clone, Copy, Debug)]
struct Growth {
    anon: f64,
    rss: f64,
    backlog: f64,
}

/// Measures it.
///
/// # Errors
///
/// When the server fails, or closes connections.
pub fn run(bench: &Bench, asked: &Stalled) -> Result<Found> {
    bench.require_server()?;
    ensure!(asked.stalled < asked.subscribers, "--stalled must be less than --subscribers");
    let readers = asked.subscribers - asked.stalled;
    let mut sides = ["readers alone", "readers among stalled"].map(Side::new);
    let mut grown = Vec::new();
    for round in 0..bench.rounds {
        progress(bench, round, &format!("{readers} readers"));
        sides[0].rounds.push(one_round(bench, asked, 0)?.0);
        progress(bench, round, &format!("{readers} readers and {} stalled", asked.stalled));
        let (measured, growth) = one_round(bench, asked, asked.stalled)?;
        sides[1].rounds.push(measured);
        grown.push(growth);
    }
    let [alone, among] = sides.each_ref().map(|side| side.each(|round| round.bytes_per_second));
    let growth = |of: fn(&Growth) -> f64| Figure::of(grown.iter().map(of));
    Ok(Found {
        readers,
        stalled: asked.stalled,
        sides,
        ratio: ratio_of_rounds(&among, &alone),
        anon_bytes_grown: growth(|growth| growth.anon),
        rss_bytes_grown: growth(|growth| growth.rss),
        backlog_bytes_grown: growth(|growth| growth.backlog),
    })
}

fn one_round(bench: &Bench, asked: &Stalled, stalled: usize) -> Result<(Round, Growth)> {
    let readers = asked.subscribers - asked.stalled;
    let dialect = Dialect::Atproto;
    let batch = Batch::made_up(dialect, asked.event_bytes, super::BATCH_BYTES)?;
    let saturated =
        Saturated { dialect, subscribers: readers, batch, lead_bytes: asked.lead_bytes, from_log: false, tls: false };
    let mut server = Server::start(bench, asked.subscribers)?;
    let drained = dialect.followers(server.address(), readers + stalled, Start::Live)?;
    let config = SubscribeConfig { stall: stalled, ..drained };
    let observed = live(bench, &saturated, &mut server, &config)?;
    server.stop()?;
    let (begin, end) = (&observed.begin.look.usage, &observed.end.look.usage);
    let growth = Growth {
        anon: end.anon_bytes as f64 - begin.anon_bytes as f64,
        rss: end.rss_bytes as f64 - begin.rss_bytes as f64,
        backlog: observed.report.delivered.bytes as f64 / readers as f64,
    };
    Ok((round_of_live(&observed), growth))
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table =
            Table::new(["side", "GB/s (min .. max)", "bytes per send", "server CPU", "drain CPU", "slowest reader"]);
        for side in &self.sides {
            let median = |of: fn(&Round) -> f64| side.figure(of).median;
            table.row([
                side.name.clone(),
                with_range(side.figure(|round| round.bytes_per_second).scaled(1e-9)),
                bytes(median(|round| round.bytes_per_send)),
                percent(median(|round| round.cpu_share)),
                percent(median(|round| round.drain_share)),
                short(median(|round| round.slowest)),
            ]);
        }
        writeln!(f, "{} readers, {} stalled\n\n{table}", self.readers, self.stalled)?;
        writeln!(f, "with stalled / without: {}", with_range(self.ratio))?;
        let mib = |figure: Figure| with_range(figure.scaled(1.0 / f64::from(1 << 20)));
        write!(
            f,
            "grown meanwhile, MiB: RssAnon {}, VmRSS {}, backlog of each stalled one {}",
            mib(self.anon_bytes_grown),
            mib(self.rss_bytes_grown),
            mib(self.backlog_bytes_grown)
        )
    }
}
