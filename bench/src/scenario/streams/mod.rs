//! `streams`: many small streams against one large one, with the same number of deliveries.
//!
//! Streamr streams, because a client may follow any number of them. Three sides: many streams with few subscribers each; one
//! stream with as many subscribers as one of those, to which is published what was published to all of them; and one stream
//! that has all of those subscribers, to which is published what was published to one of them. What is compared is the
//! server's CPU time of a delivery, with its part of receiving and storing; and what a raw sender needs that sends as much, as
//! often, to as many sockets in the same turns, because to reach 10,000 sockets one after the other is dearer than to reach 10
//! again and again, whoever does it. Tests: `layout.rs`.

mod layout;
mod print;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tailwater_loadgen::SubscribeConfig;

pub(super) use self::layout::ids;
use self::layout::{Layout, layouts};
use crate::{
    bench::Bench,
    dialect::streamr,
    events::{self, Request},
    figures::{Figure, ratio, ratio_of_rounds},
    http::Client,
    load::Posts,
    observe::{Observed, observe},
    scenario::progress,
    sender::SendPlan,
    server::Server,
    side::{Look, Round, raw_round, require_all_stayed},
};

/// Connections that are checked.
const SAMPLE: usize = 16;

/// Connections that publish. Each waits for its answer, and what goes to different streams is synced for each of them.
const PUBLISHERS: usize = 8;

/// Arguments of `streams`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Streams {
    /// Streams
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub streams: usize,
    /// Subscribers of each
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub subscribers: usize,
    /// Events a second of each
    #[arg(long, value_name = "RATE", default_value_t = 1.0)]
    pub rate: f64,
    /// Streams that a connection follows where there are many
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub streams_per_connection: usize,
    /// Bytes of an event's content
    #[arg(long, value_name = "BYTES", default_value_t = 512)]
    pub event_bytes: usize,
}

/// What was found of one side, round by round.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measured {
    /// What it is.
    pub name: String,
    /// Events published and acknowledged a second.
    pub published_per_s: Vec<f64>,
    /// Events received a second, by all subscribers.
    pub delivered_per_s: Vec<f64>,
    /// CPU time of the server for each of these, microseconds.
    pub cpu_us: Vec<f64>,
    /// CPU time of a raw send in the same pattern, microseconds.
    pub raw_us: Vec<f64>,
    /// The rest.
    pub rounds: Vec<Round>,
}

/// What `streams` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Many streams; one with as many events; one with as many subscribers.
    pub sides: Vec<Measured>,
    /// CPU time of a delivery, many streams against each of the others.
    pub ratios: Vec<Figure>,
    /// The same of raw sends.
    pub raw_ratios: Vec<Figure>,
    /// The same of what the server adds to a raw send.
    pub own_ratios: Vec<Figure>,
    /// What the first would be if the server added as much to a raw send on both sides.
    pub raw_alone: Vec<Figure>,
}

impl Measured {
    /// What the server adds to a raw send, round by round.
    fn own_us(&self) -> Vec<f64> {
        self.cpu_us.iter().zip(&self.raw_us).map(|(served, raw)| served - raw).collect()
    }
}

/// Measures it.
///
/// # Errors
///
/// Numbers that make no streams; a server that fails, or closes connections.
pub fn run(bench: &Bench, asked: &Streams) -> Result<Found> {
    bench.require_server()?;
    let layouts = layouts(asked)?;
    let side = |layout: &Layout| Measured { name: layout.name.clone(), ..Measured::default() };
    let mut sides: Vec<Measured> = layouts.iter().map(side).collect();
    for round in 0..bench.rounds {
        for (side, layout) in sides.iter_mut().zip(&layouts) {
            progress(bench, round, &layout.name);
            measure(bench, layout, asked.event_bytes, side)?;
            progress(bench, round, "raw sends to as many, as often");
            measure_raw(bench, layout, side)?;
        }
    }
    let against_many = |of: fn(&Measured) -> Vec<f64>| {
        sides[1..].iter().map(|other| ratio_of_rounds(&of(&sides[0]), &of(other))).collect()
    };
    Ok(Found {
        ratios: against_many(|side| side.cpu_us.clone()),
        raw_ratios: against_many(|side| side.raw_us.clone()),
        own_ratios: against_many(Measured::own_us),
        raw_alone: sides[1..]
            .iter()
            .map(|other| ratio_of_rounds(&with_raw_of(other, &sides[0]), &other.cpu_us))
            .collect(),
        sides,
    })
}

/// What a side's deliveries would cost with the raw sends of another, round by round.
fn with_raw_of(side: &Measured, raw: &Measured) -> Vec<f64> {
    side.own_us().iter().zip(&raw.raw_us).map(|(own, raw)| own + raw).collect()
}

/// A raw sender in the pattern of the round before: each beat is one event, which goes to the sockets of one stream.
fn measure_raw(bench: &Bench, layout: &Layout, side: &mut Measured) -> Result<()> {
    let range_bytes = side.rounds.last().map_or(0.0, |round| round.bytes_per_send).round() as usize;
    let plan = SendPlan {
        rate_per_s: Some(layout.rate_per_s),
        sockets_per_beat: Some(layout.subscribers()),
        ..SendPlan::new(layout.connections(), range_bytes.max(1))
    };
    let round = raw_round(bench, &plan)?;
    side.raw_us.push(round.cpu_ns_per_byte * plan.range_bytes as f64 / 1000.0);
    Ok(())
}

fn measure(bench: &Bench, layout: &Layout, event_bytes: usize, side: &mut Measured) -> Result<()> {
    let connections = layout.connections();
    let mut server = Server::start(bench, connections)?;
    let ids = layout.ids();
    create(&server, &ids)?;
    let messages: Result<Vec<Request>> = ids.iter().map(|id| events::streamr::publish(id, event_bytes)).collect();
    let messages = messages?;
    let posts = Posts::new(server.address(), &messages, layout.rate_per_s, PUBLISHERS, layout.followers());
    let sample = Some(SAMPLE.min(connections));
    let config = SubscribeConfig { sample, ..streamr(server.address(), connections, layout.say()) };
    let observed =
        observe(bench, &config, &posts, || Ok((Look::at(bench, server.pid())?, server.status()?, posts.answered())))?;
    require_all_stayed(&observed.report)?;
    server.stop()?;
    let Observed { report, begin: (begin, earlier, published_before), end: (end, later, published) } = observed;
    let round = Round::between(&begin, &end, &report, later.bytes_per_send_since(&earlier));
    let delivered_per_s = report.delivered.events_per_second;
    side.published_per_s.push(ratio((published - published_before) as f64, report.window.seconds));
    side.delivered_per_s.push(delivered_per_s);
    side.cpu_us.push(ratio(round.cpu_share * 1e6, delivered_per_s));
    side.rounds.push(round);
    Ok(())
}

/// Creates streams. Also a part of the scenario `subscriptions`.
pub(super) fn create(server: &Server, ids: &[String]) -> Result<()> {
    let mut client = Client::connect(server.address())?;
    ids.iter().try_for_each(|id| client.post(&events::streamr::create(id)).map(drop))
}
