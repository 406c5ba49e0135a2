//! `subscriptions`: what one stream among many on a connection costs while nothing is published.
//!
//! The server's resident memory before and after some connections follow many Streamr streams each, all of them the same
//! ones. What a stream costs is there before, and so is what is made once for each that is followed.

use std::{fmt, thread, time::Duration};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::{
    bench::Bench,
    dialect::{streamr, subscribe},
    events,
    figures::{Figure, bytes, with_range},
    followed,
    http::Client,
    load::Followed,
    observe::observe,
    proc::Usage,
    scenario::{
        progress,
        streams::{create, ids},
    },
    server::Server,
    table::Table,
};

/// Time the server gets to end what was begun, before memory is read.
const SETTLE: Duration = Duration::from_secs(1);

/// Arguments of `subscriptions`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Subscriptions {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub connections: usize,
    /// Streams, all of which each connection follows
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub streams: usize,
}

/// What `subscriptions` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Connections.
    pub connections: usize,
    /// Streams each of them followed.
    pub streams: usize,
    /// Resident memory (`VmRSS`) a subscription, bytes.
    pub rss_bytes_each: Figure,
    /// The same without the pages of mapped files (`RssAnon`).
    pub anon_bytes_each: Figure,
    /// Resident memory of the server with the streams and nobody connected, bytes.
    pub rss_bytes_before: Figure,
}

/// Measures it.
///
/// # Errors
///
/// When the server fails, or refuses a subscription.
pub fn run(bench: &Bench, asked: &Subscriptions) -> Result<Found> {
    bench.require_server()?;
    let &Subscriptions { connections, streams } = asked;
    ensure!(connections > 0 && streams > 0, "--connections and --streams must be at least 1");
    let mut looks = Vec::new();
    for round in 0..bench.rounds {
        progress(bench, round, &format!("{connections} connections with {streams} subscriptions each"));
        looks.push(one_round(bench, asked)?);
    }
    let each = |of: fn(&Usage) -> u64| {
        let growth = |(before, after): &(Usage, Usage)| of(after).saturating_sub(of(before));
        Figure::of(looks.iter().map(|look| growth(look) as f64 / (connections * streams) as f64))
    };
    Ok(Found {
        connections,
        streams,
        rss_bytes_each: each(|usage| usage.rss_bytes),
        anon_bytes_each: each(|usage| usage.anon_bytes),
        rss_bytes_before: Figure::of(looks.iter().map(|(before, _)| before.rss_bytes as f64)),
    })
}

fn one_round(bench: &Bench, asked: &Subscriptions) -> Result<(Usage, Usage)> {
    let server = Server::start(bench, asked.connections + 1)?;
    let ids = ids(asked.streams);
    create(&server, &ids)?;
    let mut client = Client::connect(server.address())?;
    for id in &ids {
        client.post(&events::streamr::publish(id, 512)?)?;
    }
    let say = vec![ids.iter().map(|id| subscribe(id)).collect::<Vec<_>>()];
    let brief = Bench { measured: SETTLE, warmup: SETTLE, ..bench.clone() };
    let follow = |connections: usize| {
        let config = streamr(server.address(), connections, say.clone());
        let all = Followed::new(server.address(), connections * asked.streams);
        observe(&brief, &config, &all, || server.usage())
    };
    // The first connection that follows a stream has the server make what the others share.
    follow(1)?;
    followed::wait_for(server.address(), 0)?;
    thread::sleep(SETTLE);
    let before = server.usage()?;
    let observed = follow(asked.connections)?;
    server.stop()?;
    Ok((before, observed.end))
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["subscriptions", "VmRSS each, B (min .. max)", "RssAnon each, B (min .. max)", "VmRSS before"];
        let mut table = Table::new(heads);
        table.row([
            format!("{} connections, {} each", self.connections, self.streams),
            with_range(self.rss_bytes_each),
            with_range(self.anon_bytes_each),
            bytes(self.rss_bytes_before.median),
        ]);
        write!(f, "{table}")
    }
}
