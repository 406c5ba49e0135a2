//! `publish`: events acknowledged durable, against what the disk itself gives for batches of the same size.
//!
//! The disk's rate is that of one thread that writes and syncs one batch after the other; several connections can exceed it, because
//! the server syncs once for whatever is queued. Only the bytes of the events count, on both sides: what the log and HTTP add
//! is the server's loss.

use std::fmt;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tailwater_loadgen::{
    Control, PublishConfig,
    publish::{self, Payload, SeqMode},
};

use crate::{
    bench::Bench,
    dialect::{DATABASE, Dialect},
    disk::Disk,
    figures::{Figure, bytes, percent, ratio, ratio_of_rounds, short, with_range},
    scenario::progress,
    server::Server,
    table::Table,
};

/// Arguments of `publish`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Publish {
    /// Bytes of an event
    #[arg(long, value_name = "BYTES", default_value_t = 512)]
    pub event_bytes: usize,
    /// Events in a request
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 16, 64, 256, 1024, 2048])]
    pub batch: Vec<u32>,
    /// Publishing connections, each with one request under way
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 4, 16])]
    pub connections: Vec<usize>,
    /// What is posted
    #[arg(long, value_enum, default_value_t = Form::Ndjson)]
    pub form: Form,
}

/// The form of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// JSON lines
    Ndjson,
    /// AT Protocol frames, numbered by the server
    Frames,
    /// Documents of a CouchDB database, over `_bulk_docs`
    Docs,
}

/// One combination.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Point {
    /// Events in a request.
    pub batch: u32,
    /// Publishing connections.
    pub connections: usize,
    /// Acknowledged events a second, round by round.
    pub events_per_second: Vec<f64>,
    /// What the disk itself would make of it, round by round.
    pub disk_events_per_second: Vec<f64>,
    /// From sending a request to its acknowledgement, milliseconds: the median of each round.
    pub acknowledged_p50_ms: Vec<f64>,
    /// The same, 99 of 100.
    pub acknowledged_p99_ms: Vec<f64>,
    /// CPU time of the server for an acknowledged event, microseconds, from the first request to the last.
    pub cpu_us: Vec<f64>,
    /// CPU seconds of the load generator per second.
    pub publisher_share: Vec<f64>,
}

impl Point {
    /// The server against the disk.
    pub fn ratio(&self) -> Figure {
        ratio_of_rounds(&self.events_per_second, &self.disk_events_per_second)
    }
}

/// What `publish` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Bytes of an event.
    pub event_bytes: usize,
    /// The form of the requests.
    pub form: Form,
    /// Every combination.
    pub points: Vec<Point>,
}

/// Measures it.
///
/// # Errors
///
/// When the server or the disk fails.
pub fn run(bench: &Bench, asked: &Publish) -> Result<Found> {
    bench.require_server()?;
    let connections =
        |batch: &u32| asked.connections.iter().map(|connections| (*batch, *connections)).collect::<Vec<_>>();
    let combinations: Vec<(u32, usize)> = asked.batch.iter().flat_map(connections).collect();
    let point = |&(batch, connections): &(u32, usize)| Point { batch, connections, ..Point::default() };
    let mut points: Vec<Point> = combinations.iter().map(point).collect();
    for round in 0..bench.rounds {
        let server = Server::start(bench, asked.connections.iter().copied().max().unwrap_or(1))?;
        let mut disk = Disk::of(server.directory());
        for point in &mut points {
            progress(bench, round, &format!("batches of {} on {} connections", point.batch, point.connections));
            measure(bench, asked, &server, &mut disk, point)?;
        }
        server.stop()?;
    }
    Ok(Found { event_bytes: asked.event_bytes, form: asked.form, points })
}

/// The disk, then the server.
fn measure(bench: &Bench, asked: &Publish, server: &Server, disk: &mut Disk, point: &mut Point) -> Result<()> {
    let batch_bytes = point.batch as usize * asked.event_bytes;
    let syncs = disk.batches_per_second(batch_bytes, bench.measured)?;
    point.disk_events_per_second.push(syncs * f64::from(point.batch));
    let size_bytes = asked.event_bytes;
    let feed = if asked.form == Form::Docs { DATABASE } else { Dialect::Atproto.feed() };
    let config = PublishConfig {
        payload: match asked.form {
            Form::Ndjson => Payload::Ndjson { size_bytes, key_space: 1000 },
            Form::Frames => Payload::Frames { size_bytes, seq: SeqMode::Assign },
            Form::Docs => Payload::Documents { size_bytes },
        },
        batch: point.batch,
        connections: point.connections,
        seconds: Some((bench.warmup + bench.measured).as_secs_f64()),
        warmup_ms: u64::try_from(bench.warmup.as_millis()).unwrap_or(u64::MAX),
        create_feed: false,
        ..PublishConfig::new(server.url(), feed)
    };
    let before = server.usage()?;
    let report = publish::run(&config, &Control::default())?;
    let cpu = server.usage()?.cpu_since(&before);
    ensure!(report.ok, "not every batch was acknowledged: {:?}", report.total);
    point.events_per_second.push(report.published.events_per_second);
    point.cpu_us.push(ratio(cpu.as_secs_f64() * 1e6, report.total.acked_events as f64));
    point.acknowledged_p50_ms.push(report.service_latency.p50_us as f64 / 1000.0);
    point.acknowledged_p99_ms.push(report.service_latency.p99_us as f64 / 1000.0);
    point.publisher_share.push(report.load_generator.cpu_share);
    Ok(())
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "events of {} B as {:?}, acknowledged durable\n", self.event_bytes, self.form)?;
        let heads = [
            "batch",
            "connections",
            "events/s",
            "disk, events/s",
            "ratio (min .. max)",
            "ack p50, p99 ms",
            "server µs CPU per event",
            "publisher CPU",
        ];
        let mut table = Table::new(heads);
        for point in &self.points {
            let median = |rounds: &[f64]| short(Figure::of(rounds.iter().copied()).median);
            table.row([
                format!("{} ({})", point.batch, bytes(f64::from(point.batch) * self.event_bytes as f64)),
                point.connections.to_string(),
                median(&point.events_per_second),
                median(&point.disk_events_per_second),
                with_range(point.ratio()),
                format!("{}, {}", median(&point.acknowledged_p50_ms), median(&point.acknowledged_p99_ms)),
                median(&point.cpu_us),
                percent(Figure::of(point.publisher_share.iter().copied()).median),
            ]);
        }
        write!(f, "{table}")
    }
}
