//! `filters`: feeds of a CouchDB database that share a few selectors, or Fauna streams that share a few conditions, against as
//! many without.
//!
//! The other side has each filter followed once, and all other feeds without one. Every document passes every filter, so
//! that both sides deliver the same. What is compared is the server's CPU time of a delivery, with its part of receiving, storing
//! and filtering: a filter that ran for each feed would show there.

use std::{fmt, net::SocketAddr, thread};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde::Serialize;
use tailwater_loadgen::{Control, SubscribeConfig, subscribe};

use crate::{
    bench::Bench,
    dialect::{Dialect, Start, changes},
    events::Batch,
    fauna,
    figures::{Figure, bytes, percent, ratio, ratio_of_rounds, short, with_range},
    load::Posts,
    observe::{Observed, observe},
    scenario::progress,
    server::Server,
    side::{Look, Round, require_all_stayed},
    table::Table,
};

/// Connections that are checked.
const SAMPLE: usize = 16;

/// Connections that publish.
const PUBLISHERS: usize = 2;

/// Arguments of `filters`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Filters {
    /// The dialect of the feeds: `couchdb` or `fauna`
    #[arg(long, value_enum, default_value_t = Dialect::Couchdb)]
    pub dialect: Dialect,
    /// Feeds [default: 10,000 of CouchDB's, 1,000 streams of Fauna's]
    #[arg(long, value_name = "N")]
    pub feeds: Option<usize>,
    /// Filters, each of which as many of the feeds have
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub selectors: usize,
    /// Requests a second
    #[arg(long, value_name = "RATE", default_value_t = 5.0)]
    pub rate: f64,
    /// Bytes of a request: as many documents as there is room for
    #[arg(long, value_name = "BYTES", default_value_t = 100_000)]
    pub batch_bytes: usize,
    /// Bytes of a document
    #[arg(long, value_name = "BYTES", default_value_t = 200)]
    pub document_bytes: usize,
}

/// What was found of one side, round by round.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// What it is.
    pub name: String,
    /// Documents published a second.
    pub published_per_s: Vec<f64>,
    /// Rows received a second, by all feeds.
    pub delivered_per_s: Vec<f64>,
    /// CPU time of the server for a thousand of these, microseconds.
    pub cpu_us_per_1000: Vec<f64>,
    /// The rest.
    pub rounds: Vec<Round>,
}

/// What `filters` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Feeds with selectors; each selector once, and feeds without.
    pub sides: [Measured; 2],
    /// CPU time of a delivery, the one against the other.
    pub ratio: Figure,
}

/// Measures it.
///
/// # Errors
///
/// Numbers that make no run; a server that fails, or closes connections.
pub fn run(bench: &Bench, asked: &Filters) -> Result<Found> {
    bench.require_server()?;
    let Words { feeds: kind, filter, feeds_default } = words(asked.dialect)?;
    let (feeds, selectors) = (asked.feeds.unwrap_or(feeds_default), asked.selectors);
    ensure!(selectors > 0 && feeds >= selectors, "--selectors must be at least 1, --feeds at least as many");
    ensure!(asked.rate.is_finite() && asked.rate > 0.0, "--rate must be above 0");
    let side = |name| Measured { name, ..Measured::default() };
    let mut sides = [
        format!("{feeds} {kind} with one of {selectors} {filter}s each"),
        format!("{selectors} {kind} with a {filter} each, {feeds} without"),
    ]
    .map(side);
    for round in 0..bench.rounds {
        for (side, is_shared) in sides.iter_mut().zip([true, false]) {
            progress(bench, round, &side.name);
            measure(bench, asked, feeds, is_shared, side)?;
        }
    }
    let ratio = ratio_of_rounds(&sides[0].cpu_us_per_1000, &sides[1].cpu_us_per_1000);
    Ok(Found { sides, ratio })
}

/// How a dialect calls what is compared, and how many feeds it has by default.
struct Words {
    feeds: &'static str,
    filter: &'static str,
    feeds_default: usize,
}

fn words(dialect: Dialect) -> Result<Words> {
    Ok(match dialect {
        Dialect::Couchdb => Words { feeds: "feeds", filter: "selector", feeds_default: 10_000 },
        Dialect::Fauna => Words { feeds: "streams", filter: "condition", feeds_default: 1_000 },
        _ => bail!("--dialect must be couchdb or fauna"),
    })
}

/// So many `feeds`, of which each has one of so many filters.
fn filtered(dialect: Dialect, address: SocketAddr, feeds: usize, filters: usize) -> Result<SubscribeConfig> {
    Ok(match dialect {
        Dialect::Fauna => fauna::streams_of(address, feeds, &conditions(filters))?,
        _ => SubscribeConfig {
            bodies: selectors(filters),
            ..changes(address, feeds, "feed=continuous&since=now&filter=_selector")
        },
    })
}

/// Sets of documents that have every document, and differ.
fn conditions(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!(r#"where(.n > {nth} && .pad != "{nth}")"#)).collect()
}

/// The requests' bodies: selectors that let every document pass, and differ.
fn selectors(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!(r#"{{"selector":{{"n":{{"$gt":{nth}}},"pad":{{"$ne":"{nth}"}}}}}}"#)).collect()
}

fn measure(bench: &Bench, asked: &Filters, feeds: usize, is_shared: bool, side: &mut Measured) -> Result<()> {
    let &Filters { dialect, selectors, .. } = asked;
    let batch = Batch::made_up(dialect, asked.document_bytes, asked.batch_bytes)?;
    let mut server = Server::start(bench, feeds + selectors)?;
    let address = server.address();
    let filtered = |feeds: usize| filtered(dialect, address, feeds, selectors);
    let (config, others) = match is_shared {
        true => (filtered(feeds)?, None),
        false => (dialect.followers(address, feeds, Start::Live)?, Some(filtered(selectors)?)),
    };
    let followers = feeds + others.as_ref().map_or(0, |others| others.connections);
    let config = SubscribeConfig { sample: Some(SAMPLE.min(feeds)), ..config };
    let requests = [batch.request];
    let posts = Posts::new(address, &requests, asked.rate, PUBLISHERS, followers);
    let pid = server.pid();
    let observed = beside(others.as_ref(), || {
        observe(bench, &config, &posts, || Ok((Look::at(bench, pid)?, server.status()?, posts.answered())))
    })?;
    require_all_stayed(&observed.report)?;
    server.stop()?;
    let Observed { report, begin: (begin, earlier, published_before), end: (end, later, published) } = observed;
    let round = Round::between(&begin, &end, &report, later.bytes_per_send_since(&earlier));
    let delivered_per_s = report.delivered.events_per_second;
    let published = (published - published_before) * batch.stored;
    side.published_per_s.push(ratio(published as f64, report.window.seconds));
    side.delivered_per_s.push(delivered_per_s);
    side.cpu_us_per_1000.push(ratio(round.cpu_share * 1e9, delivered_per_s));
    side.rounds.push(round);
    Ok(())
}

/// Does something while these feeds are followed.
fn beside<T>(others: Option<&SubscribeConfig>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let Some(others) = others else { return work() };
    let control = Control::default();
    thread::scope(|scope| {
        let following = scope.spawn(|| subscribe::run(others, &control));
        let outcome = work();
        control.stop();
        let report = following.join().map_err(|_| anyhow!("the drain panicked"))?;
        let report = report.context("following with filters")?;
        let outcome = outcome?;
        require_all_stayed(&report)?;
        Ok(outcome)
    })
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = [
            "feeds",
            "published/s",
            "deliveries/s",
            "µs CPU per 1,000 deliveries (min .. max)",
            "bytes per send",
            "server CPU",
            "drain CPU",
            "steal",
        ];
        let mut table = Table::new(heads);
        for side in &self.sides {
            let figure = |rounds: &[f64]| Figure::of(rounds.iter().copied());
            let median = |of: fn(&Round) -> f64| Figure::of(side.rounds.iter().map(of)).median;
            table.row([
                side.name.clone(),
                short(figure(&side.published_per_s).median),
                short(figure(&side.delivered_per_s).median),
                with_range(figure(&side.cpu_us_per_1000)),
                bytes(median(|round| round.bytes_per_send)),
                percent(median(|round| round.cpu_share)),
                percent(median(|round| round.drain_share)),
                percent(median(|round| round.steal_share)),
            ]);
        }
        write!(f, "{table}\nCPU per delivery, with / without: {}", with_range(self.ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_filters_are_alike() {
        assert!(selectors(10).iter().all(|body| serde_json::from_str::<serde_json::Value>(body).is_ok()));
        for mut made in [selectors(10), conditions(10)] {
            made.sort();
            made.dedup();
            assert_eq!(made.len(), 10);
        }
    }

    #[test]
    fn dialects_that_have_filters() {
        for dialect in [Dialect::Couchdb, Dialect::Fauna] {
            assert!(words(dialect).is_ok(), "{dialect:?}");
        }
        assert!(words(Dialect::Native).err().unwrap().to_string().contains("couchdb or fauna"));
    }
}
