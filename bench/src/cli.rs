//! The command line: the scenarios, their arguments, and the settings they share.
//!
//! Owns the words; never measures. Tests are below.

use std::{path::PathBuf, str::FromStr};

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::{
    bench::{Bench, Settings},
    dialect::Dialect,
    disk::Durability,
    events::Batch,
    scenario::{
        self, BATCH_BYTES, LEAD_BYTES, catchup::Catchup, ceiling::Ceiling, fanout, filters::Filters, idle::Idle,
        opening::Open, paced, publish::Publish, stalled::Stalled, streams::Streams, subscriptions::Subscriptions,
        together::Together,
    },
    sender::{self, SendPlan},
};

/// Measures Tailwater against what the machine itself gives, both in the same run.
#[derive(Clone, Debug, Parser, PartialEq)]
#[command(name = "tailwater-bench", version, arg_required_else_help = true)]
pub struct Cli {
    /// What is measured.
    #[command(subcommand)]
    pub scenario: Scenario,
    /// What all scenarios have in common.
    #[command(flatten)]
    pub settings: Settings,
}

/// The scenarios.
#[derive(Clone, Debug, Subcommand, PartialEq)]
pub enum Scenario {
    /// One reader of a whole CouchDB database: plain rows, with documents, with a selector
    Catchup(Catchup),
    /// Raw send of one mapped range to many sockets, by range size
    Ceiling(Ceiling),
    /// The server against the raw ceiling: throughput when saturated, CPU and latency at a pace
    Fanout(Fanout),
    /// CouchDB feeds or Fauna streams that share a few filters, against those without: CPU of a delivery
    Filters(Filters),
    /// Memory of a subscriber that is told nothing
    Idle(Idle),
    /// Time and memory of a start on a CouchDB database of many documents
    Open(Open),
    /// Events acknowledged durable, against the disk's own write and fdatasync
    Publish(Publish),
    /// What subscribers that never read do to the others and to the server's memory
    Stalled(Stalled),
    /// Many small streams against one large one: CPU of a delivery
    Streams(Streams),
    /// Memory of one stream among many on a connection
    Subscriptions(Subscriptions),
    /// One feed in all protocols at once against one
    Together(Together),
    /// The raw sender's own process
    #[command(name = sender::SUBCOMMAND, hide = true)]
    RawSender(SendPlan),
}

/// Arguments of `fanout`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Fanout {
    /// The dialect of the stream
    #[arg(long, value_enum, default_value_t = Dialect::Atproto)]
    pub dialect: Dialect,
    /// Subscribers of the stream
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub subscribers: usize,
    /// Bytes of a made-up event; a BigchainDB transaction has 696 or 856 at least
    #[arg(long, value_name = "BYTES", default_value_t = 512)]
    pub event_bytes: usize,
    /// Publish the AT Protocol frames of this file again and again instead of made-up events
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,
    /// Events a second, or `saturated`
    #[arg(long, value_name = "RATE", default_value = "saturated")]
    pub rate: Rate,
    /// When an event counts as stored, on both sides; other than `sync` at a pace only
    #[arg(long, value_enum, default_value_t)]
    pub durability: Durability,
    /// Publish first; then everybody replays the log from its beginning
    #[arg(long)]
    pub from_log: bool,
    /// How far a live stream is kept ahead of its subscribers
    #[arg(long, value_name = "BYTES", default_value_t = LEAD_BYTES)]
    pub lead_bytes: u64,
    /// Followed over TLS, and in turn without
    #[arg(long)]
    pub tls: bool,
}

/// How fast events are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// As fast as the subscribers take them.
    Saturated,
    /// This many a second.
    PerSecond(f64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "saturated" {
            return Ok(Self::Saturated);
        }
        let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
        rate.map(Self::PerSecond).ok_or_else(|| format!("{text:?} is neither `saturated` nor a number above 0"))
    }
}

/// Runs what the command line asks for, and prints what it found.
///
/// # Errors
///
/// When a scenario could not be measured.
pub fn run(cli: &Cli) -> Result<()> {
    if let Scenario::RawSender(plan) = &cli.scenario {
        return sender::run(plan);
    }
    let bench = Bench::new(&cli.settings)?;
    let json = cli.settings.json;
    match &cli.scenario {
        Scenario::Catchup(asked) => scenario::print(&bench, json, &scenario::catchup::run(&bench, asked)?),
        Scenario::Ceiling(asked) => scenario::print(&bench, json, &scenario::ceiling::run(&bench, asked)?),
        Scenario::Fanout(asked) => run_fanout(&bench, json, asked),
        Scenario::Filters(asked) => scenario::print(&bench, json, &scenario::filters::run(&bench, asked)?),
        Scenario::Idle(asked) => scenario::print(&bench, json, &scenario::idle::run(&bench, asked)?),
        Scenario::Open(asked) => scenario::print(&bench, json, &scenario::opening::run(&bench, asked)?),
        Scenario::Publish(asked) => scenario::print(&bench, json, &scenario::publish::run(&bench, asked)?),
        Scenario::Stalled(asked) => scenario::print(&bench, json, &scenario::stalled::run(&bench, asked)?),
        Scenario::Streams(asked) => scenario::print(&bench, json, &scenario::streams::run(&bench, asked)?),
        Scenario::Subscriptions(asked) => scenario::print(&bench, json, &scenario::subscriptions::run(&bench, asked)?),
        Scenario::Together(asked) => scenario::print(&bench, json, &scenario::together::run(&bench, asked)?),
        Scenario::RawSender(_) => Ok(()),
    }
}

fn run_fanout(bench: &Bench, json: bool, asked: &Fanout) -> Result<()> {
    let &Fanout { dialect, subscribers, event_bytes, durability, lead_bytes, from_log, tls, .. } = asked;
    ensure!(dialect == Dialect::Atproto || asked.corpus.is_none(), "--corpus has frames of AT Protocol streams");
    ensure!(!tls || dialect != Dialect::FaunaHttp2, "--tls is for streams over HTTP/1.1 and WebSockets");
    if let Rate::PerSecond(rate_per_s) = asked.rate {
        ensure!(!tls, "--tls is for saturated streams: leave --rate out");
        let paced = paced::Paced { dialect, subscribers, event_bytes, rate_per_s, durability };
        return scenario::print(bench, json, &paced::run(bench, &paced)?);
    }
    ensure!(durability == Durability::Sync, "--durability os is for a pace: give --rate");
    let batch = match &asked.corpus {
        Some(file) => Batch::corpus(file, BATCH_BYTES)?,
        None => Batch::made_up(dialect, event_bytes, BATCH_BYTES)?,
    };
    let saturated = fanout::Saturated { dialect, subscribers, batch, lead_bytes, from_log, tls };
    scenario::print(bench, json, &fanout::run(bench, &saturated)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(format!("tailwater-bench {line}").split_whitespace())
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_stand_before_or_after_the_scenario() {
        for line in ["--json --seconds 2 fanout", "fanout --json --seconds 2"] {
            let cli = parse(line).unwrap();
            assert!(cli.settings.json && cli.settings.seconds == 2.0, "{line}");
        }
    }

    #[test]
    fn a_corpus_is_of_one_dialect() {
        let Scenario::Fanout(asked) = parse("fanout --dialect streamr --corpus x").unwrap().scenario else { panic!() };
        assert_eq!(asked.dialect, Dialect::Streamr);
        let Ok(bench) = Bench::new(&parse("ceiling").unwrap().settings) else { return };
        assert!(run_fanout(&bench, false, &asked).unwrap_err().to_string().contains("--corpus"));
    }

    #[test]
    fn durability_is_chosen_at_a_pace() {
        let Scenario::Fanout(asked) = parse("fanout --durability os").unwrap().scenario else { panic!() };
        assert_eq!((asked.durability, asked.rate), (Durability::Os, Rate::Saturated));
        let Ok(bench) = Bench::new(&parse("ceiling").unwrap().settings) else { return };
        assert!(run_fanout(&bench, false, &asked).unwrap_err().to_string().contains("--rate"));
    }

    #[test]
    fn tls_is_for_what_is_saturated_and_not_http_2() {
        let Ok(bench) = Bench::new(&parse("ceiling").unwrap().settings) else { return };
        for (line, said) in [("--rate 5", "leave --rate out"), ("--dialect fauna-http2", "HTTP/1.1")] {
            let Scenario::Fanout(asked) = parse(&format!("fanout --tls {line}")).unwrap().scenario else { panic!() };
            assert!(asked.tls && run_fanout(&bench, false, &asked).unwrap_err().to_string().contains(said), "{line}");
        }
    }

    #[test]
    fn rates() {
        let table = [
            ("saturated", Some(Rate::Saturated)),
            ("100", Some(Rate::PerSecond(100.0))),
            ("0", None),
            ("-1", None),
            ("inf", None),
            ("fast", None),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let Scenario::Publish(asked) = parse("publish --batch 1,64 --connections 2").unwrap().scenario else {
            panic!()
        };
        assert_eq!((asked.batch, asked.connections), (vec![1, 64], vec![2]));
        let Scenario::Ceiling(asked) = parse("ceiling").unwrap().scenario else { panic!() };
        assert_eq!(asked.range_bytes, [512, 4096, 16384, 65536, 262_144]);
    }
}
