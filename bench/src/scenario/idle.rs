//! `idle`: what a subscriber costs that is told nothing.
//!
//! The server's resident memory before and after many subscribers connect to a quiet feed. What the kernel keeps for a connection
//! is not the process's memory and not counted.

use std::{fmt, thread, time::Duration};

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::{
    bench::Bench,
    dialect::{Dialect, Start},
    events::Batch,
    figures::{Figure, bytes, with_range},
    http::Client,
    load::{NoLoad, post},
    observe::observe,
    proc::Usage,
    scenario::progress,
    server::Server,
    table::Table,
};

/// Time the server gets to end what connections have begun, before memory is read.
const SETTLE: Duration = Duration::from_secs(1);

/// Subscribers that come and go before the first look, so that what is made once for all of them is not counted.
const FORERUNNERS: usize = 16;

/// Arguments of `idle`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Idle {
    /// Subscribers; a process may hold about 19,000 where it may open 20,000 descriptors
    #[arg(long, value_name = "N", default_value_t = 18_000)]
    pub subscribers: usize,
}

/// What `idle` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Subscribers that were connected.
    pub subscribers: usize,
    /// Resident memory (`VmRSS`) a subscriber, bytes.
    pub rss_bytes_each: Figure,
    /// The same without the pages of mapped files (`RssAnon`).
    pub anon_bytes_each: Figure,
    /// Resident memory of the server with nobody connected, bytes.
    pub rss_bytes_before: Figure,
}

/// Measures it.
///
/// # Errors
///
/// When the server fails, or subscribers cannot connect.
pub fn run(bench: &Bench, asked: &Idle) -> Result<Found> {
    bench.require_server()?;
    let mut looks = Vec::new();
    for round in 0..bench.rounds {
        progress(bench, round, &format!("{} idle subscribers", asked.subscribers));
        looks.push(one_round(bench, asked)?);
    }
    let each = |of: fn(&Usage) -> u64| {
        let growth = |(before, after): &(Usage, Usage)| of(after).saturating_sub(of(before));
        Figure::of(looks.iter().map(|look| growth(look) as f64 / asked.subscribers as f64))
    };
    Ok(Found {
        subscribers: asked.subscribers,
        rss_bytes_each: each(|usage| usage.rss_bytes),
        anon_bytes_each: each(|usage| usage.anon_bytes),
        rss_bytes_before: Figure::of(looks.iter().map(|(before, _)| before.rss_bytes as f64)),
    })
}

fn one_round(bench: &Bench, asked: &Idle) -> Result<(Usage, Usage)> {
    let server = Server::start(bench, asked.subscribers + FORERUNNERS)?;
    let dialect = Dialect::Atproto;
    post(&mut Client::connect(server.address())?, &Batch::made_up(dialect, 512, 512)?)?;
    let brief = Bench { measured: SETTLE, warmup: SETTLE, ..bench.clone() };
    let followers = |connections| dialect.followers(server.address(), connections, Start::Live);
    observe(&brief, &followers(FORERUNNERS)?, &NoLoad, || Ok(()))?;
    thread::sleep(SETTLE);
    let before = server.usage()?;
    let observed = observe(&brief, &followers(asked.subscribers)?, &NoLoad, || server.usage())?;
    server.stop()?;
    Ok((before, observed.end))
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["idle subscribers", "VmRSS each, B (min .. max)", "RssAnon each, B (min .. max)", "VmRSS before"];
        let mut table = Table::new(heads);
        table.row([
            self.subscribers.to_string(),
            with_range(self.rss_bytes_each),
            with_range(self.anon_bytes_each),
            bytes(self.rss_bytes_before.median),
        ]);
        write!(f, "{table}")
    }
}
