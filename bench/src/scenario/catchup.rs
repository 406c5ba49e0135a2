//! `catchup`: one reader of a whole CouchDB database, again and again.
//!
//! `_changes?since=0` as plain rows, with documents, and with a selector that nobody has asked for before, so that every document is
//! looked at. The first two are asked for once before: rows are made then, and come from frames afterwards. The raw side is a
//! process that sends to one connection, discarded by the same code.

use std::{fmt, time::Duration};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tailwater_loadgen::{
    Control, PublishConfig,
    publish::{self, Payload},
};

use crate::{
    bench::Bench,
    dialect::DATABASE,
    figures::{Figure, bytes, percent, ratio, ratio_of_rounds, short, with_range},
    reader::{self, Taken, request},
    scenario::progress,
    sender::{RawSender, SendPlan},
    server::Server,
    table::Table,
};

/// Documents of a request that fills the database.
const BATCH: u32 = 1_000;

/// The raw sender's range.
const RANGE_BYTES: usize = 255 * 1024;

/// Arguments of `catchup`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Catchup {
    /// Documents
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub documents: u64,
    /// Bytes of a document
    #[arg(long, value_name = "BYTES", default_value_t = 200)]
    pub document_bytes: usize,
}

/// One way of asking, round by round.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Way {
    /// What it is.
    pub name: &'static str,
    /// Seconds of the first answer, for which rows were made.
    pub first_seconds: Vec<f64>,
    /// Documents a second of those that followed.
    pub documents_per_second: Vec<f64>,
    /// Bytes a second of these.
    pub bytes_per_second: Vec<f64>,
    /// CPU time of the server for a document of these, nanoseconds.
    pub cpu_ns: Vec<f64>,
    /// CPU seconds of the server per second.
    pub cpu_share: Vec<f64>,
}

/// What `catchup` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Documents.
    pub documents: u64,
    /// Bytes of one.
    pub document_bytes: usize,
    /// Plain rows, with documents, with a selector.
    pub ways: [Way; 3],
    /// What the raw sender brings to one connection, bytes a second, round by round.
    pub raw_bytes_per_second: Vec<f64>,
}

/// How to ask, and how many rows that has.
struct Question<'q> {
    /// The request with this number.
    request: &'q dyn Fn(u64) -> String,
    rows: u64,
}

/// Measures it.
///
/// # Errors
///
/// When a side fails, or an answer has not the rows it should have.
pub fn run(bench: &Bench, asked: &Catchup) -> Result<Found> {
    bench.require_server()?;
    ensure!(asked.documents > 0, "--documents must be at least 1");
    let way = |name| Way { name, ..Way::default() };
    let mut ways = ["plain rows", "include_docs", "_selector"].map(way);
    let mut raw_bytes_per_second = Vec::new();
    for round in 0..bench.rounds {
        progress(bench, round, &format!("{} documents are written", asked.documents));
        let server = Server::start(bench, 1)?;
        fill(&server, asked.documents, asked.document_bytes)?;
        let whole = |query: &str| request(&format!("/{DATABASE}/_changes?since=0{query}"), None);
        let (plain, docs) = (whole(""), whole("&include_docs=true"));
        let selector = |nth: u64| {
            let body = format!(r#"{{"selector":{{"t":{{"$lt":{nth}}}}}}}"#);
            request(&format!("/{DATABASE}/_changes?since=0&filter=_selector"), Some(&body))
        };
        let questions = [
            Question { request: &|_| plain.clone(), rows: asked.documents },
            Question { request: &|_| docs.clone(), rows: asked.documents },
            Question { request: &selector, rows: 0 },
        ];
        for (way, question) in ways.iter_mut().zip(&questions) {
            progress(bench, round, way.name);
            measure(bench, &server, asked.documents, question, way)?;
        }
        server.stop()?;
        progress(bench, round, "raw send to one connection");
        raw_bytes_per_second.push(raw(bench)?);
    }
    let &Catchup { documents, document_bytes } = asked;
    Ok(Found { documents, document_bytes, ways, raw_bytes_per_second })
}

/// Writes documents. Also a part of the scenario `open`.
pub(super) fn fill(server: &Server, documents: u64, document_bytes: usize) -> Result<()> {
    let config = PublishConfig {
        payload: Payload::Documents { size_bytes: document_bytes },
        batch: BATCH,
        connections: 2,
        events: Some(documents),
        create_feed: false,
        ..PublishConfig::new(server.url(), DATABASE)
    };
    let report = publish::run(&config, &Control::default())?;
    ensure!(report.ok, "not every document was stored: {:?}", report.total);
    Ok(())
}

fn measure(bench: &Bench, server: &Server, documents: u64, question: &Question<'_>, way: &mut Way) -> Result<()> {
    let address = server.address();
    let first = reader::take(address, &(question.request)(0))?;
    way.first_seconds.push(first.time.as_secs_f64());
    let answer = reader::read(address, &(question.request)(1))?;
    let rows = rows(&answer);
    ensure!(rows == question.rows, "{}: {rows} rows instead of {}", way.name, question.rows);
    let before = server.usage()?;
    let (mut total, mut answers) = (Taken::default(), 0);
    while total.time < bench.measured {
        let Taken { bytes, time } = reader::take(address, &(question.request)(answers + 2))?;
        (total.bytes, total.time) = (total.bytes + bytes, total.time + time);
        answers += 1;
    }
    let cpu = server.usage()?.cpu_since(&before).as_secs_f64();
    let (seconds, read) = (total.time.as_secs_f64(), (answers * documents) as f64);
    way.documents_per_second.push(ratio(read, seconds));
    way.bytes_per_second.push(ratio(total.bytes as f64, seconds));
    way.cpu_ns.push(ratio(cpu * 1e9, read));
    way.cpu_share.push(ratio(cpu, seconds));
    Ok(())
}

fn rows(answer: &[u8]) -> u64 {
    answer.windows(8).filter(|window| window == b"{\"seq\":\"").count() as u64
}

fn raw(bench: &Bench) -> Result<f64> {
    let sender = RawSender::start(&bench.own_binary, &SendPlan::new(1, RANGE_BYTES), &bench.placement)?;
    let taken = reader::take_for(sender.address(), bench.measured.max(Duration::from_millis(1)))?;
    sender.finish()?;
    Ok(ratio(taken.bytes as f64, taken.time.as_secs_f64()))
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "one reader of {} documents of {} B\n", self.documents, self.document_bytes)?;
        let heads = [
            "rows",
            "M documents/s (min .. max)",
            "GB/s",
            "against raw send (min .. max)",
            "server ns CPU per document",
            "server CPU",
            "the first answer, ms",
        ];
        let mut table = Table::new(heads);
        let figure = |rounds: &[f64]| Figure::of(rounds.iter().copied());
        for way in &self.ways {
            table.row([
                way.name.to_owned(),
                with_range(figure(&way.documents_per_second).scaled(1e-6)),
                short(figure(&way.bytes_per_second).median * 1e-9),
                with_range(ratio_of_rounds(&way.bytes_per_second, &self.raw_bytes_per_second)),
                short(figure(&way.cpu_ns).median),
                percent(figure(&way.cpu_share).median),
                short(figure(&way.first_seconds).median * 1e3),
            ]);
        }
        let raw = figure(&self.raw_bytes_per_second).scaled(1e-9);
        write!(f, "{table}\nraw send of {}: {} GB/s", bytes(RANGE_BYTES as f64), with_range(raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_an_answer() {
        let answer = br#"{"results":[{"seq":"1-x","id":"a"},{"seq":"2-x","id":"b"}],"last_seq":"2-x"}"#;
        assert_eq!((rows(answer), rows(b"{}")), (2, 0));
    }
}
