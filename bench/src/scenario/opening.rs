//! `open`: a server that starts on a CouchDB database of many documents.
//!
//! The documents are written, then the server is stopped and started, and killed and started: the time until it answers, until it
//! knows its documents, and the memory it has then. With `--documents 10000000` a long run, of which one round is enough.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::{
    bench::Bench,
    dialect::DATABASE,
    figures::{Figure, bytes, short, with_range},
    http::Client,
    proc::Usage,
    scenario::{catchup::fill, progress},
    server::{End, Server},
    table::Table,
};

/// Arguments of `open`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Open {
    /// Documents; they are written by the server, 100,000 a second or so
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub documents: u64,
    /// Bytes of a document
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    pub document_bytes: usize,
}

/// One kind of start, round by round.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Opened {
    /// What came before it.
    pub name: &'static str,
    /// Seconds from the process's start to its first answer.
    pub answers_seconds: Vec<f64>,
    /// Seconds to the answer that has all documents.
    pub open_seconds: Vec<f64>,
    /// CPU seconds of the server until then.
    pub cpu_seconds: Vec<f64>,
    /// Its resident memory then (`VmRSS`), with the pages of mapped files.
    pub rss_bytes: Vec<f64>,
    /// The same without these (`RssAnon`).
    pub anon_bytes: Vec<f64>,
}

/// What `open` found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Documents.
    pub documents: u64,
    /// Bytes of one.
    pub document_bytes: usize,
    /// Documents a second that were written.
    pub written_per_s: Vec<f64>,
    /// Memory of the server when all were written: `VmRSS` and `RssAnon`.
    pub written: [Vec<f64>; 2],
    /// After it was stopped, and after it was killed.
    pub opened: [Opened; 2],
}

/// Measures it.
///
/// # Errors
///
/// When the server fails, or has not all documents.
pub fn run(bench: &Bench, asked: &Open) -> Result<Found> {
    bench.require_server()?;
    ensure!(asked.documents > 0, "--documents must be at least 1");
    let opened = |name| Opened { name, ..Opened::default() };
    let mut found = Found {
        documents: asked.documents,
        document_bytes: asked.document_bytes,
        written_per_s: Vec::new(),
        written: [Vec::new(), Vec::new()],
        opened: ["stopped", "killed"].map(opened),
    };
    for round in 0..bench.rounds {
        one_round(bench, round, asked, &mut found)?;
    }
    Ok(found)
}

fn one_round(bench: &Bench, round: usize, asked: &Open, found: &mut Found) -> Result<()> {
    progress(bench, round, &format!("{} documents are written", asked.documents));
    let mut server = Server::start(bench, 1)?;
    let begun = Instant::now();
    fill(&server, asked.documents, asked.document_bytes)?;
    found.written_per_s.push(asked.documents as f64 / begun.elapsed().as_secs_f64());
    let Usage { rss_bytes, anon_bytes, .. } = server.usage()?;
    let [rss, anon] = &mut found.written;
    rss.push(rss_bytes as f64);
    anon.push(anon_bytes as f64);
    for (opened, end) in found.opened.iter_mut().zip([End::Order, End::Kill]) {
        progress(bench, round, &format!("the server is {} and started", opened.name));
        let (next, answered) = server.restart(bench, end)?;
        server = next;
        opened.look(&server, asked.documents, answered)?;
    }
    server.stop()
}

impl Opened {
    /// Waits until the server knows its documents.
    fn look(&mut self, server: &Server, documents: u64, answered: Duration) -> Result<()> {
        let begun = Instant::now();
        let info = Client::connect(server.address())?.get(&format!("/{DATABASE}"))?;
        ensure!(info["doc_count"] == documents, "{documents} documents were written: {info}");
        let usage = server.usage()?;
        self.answers_seconds.push(answered.as_secs_f64());
        self.open_seconds.push((answered + begun.elapsed()).as_secs_f64());
        self.cpu_seconds.push(usage.cpu_since(&Usage::default()).as_secs_f64());
        self.rss_bytes.push(usage.rss_bytes as f64);
        self.anon_bytes.push(usage.anon_bytes as f64);
        Ok(())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} documents of {} B\n", self.documents, self.document_bytes)?;
        let heads = ["the server was", "answers after, s", "open after, s (min .. max)", "CPU, s", "VmRSS", "RssAnon"];
        let mut table = Table::new(heads);
        let figure = |rounds: &[f64]| Figure::of(rounds.iter().copied());
        for opened in &self.opened {
            table.row([
                opened.name.to_owned(),
                short(figure(&opened.answers_seconds).median),
                with_range(figure(&opened.open_seconds)),
                short(figure(&opened.cpu_seconds).median),
                bytes(figure(&opened.rss_bytes).median),
                bytes(figure(&opened.anon_bytes).median),
            ]);
        }
        let [rss, anon] = self.written.each_ref().map(|rounds| bytes(figure(rounds).median));
        let rate = with_range(figure(&self.written_per_s));
        write!(f, "{table}\nwritten: {rate} documents/s; VmRSS {rss}, RssAnon {anon} then")
    }
}
