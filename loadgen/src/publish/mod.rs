//! Publishing: batches on a fixed schedule over a few connections, every acknowledgement checked.
//!
//! [`run`] is the entry; [`PublishConfig`] says what, [`PublishReport`] what came of it. Inside: `schedule` plans, `payload` and
//! `corpus` make the bytes, `worker` posts them over `http` (or HTTP over TLS), `answer`
//! judges what comes back. A refusal or a lost connection is counted and the next batch is
//! sent; nothing is sent twice. Tests against a peer that speaks the bytes: `tests/publish.rs`.

mod answer;
mod config;
mod corpus;
mod http;
mod payload;
mod report;
mod schedule;
mod worker;

use std::{
    sync::atomic::AtomicU64,
    thread,
    time::{Duration, Instant},
};

pub use config::{Payload, PublishConfig, SeqMode};
pub use report::{Ack, PublishReport, Published, PublishedTotals};
pub use schedule::{Planned, Schedule};

use crate::{
    control::{Control, Phase},
    decode::http_head::refusal_name,
    error::Error,
    publish::{
        corpus::Corpus,
        http::Client,
        worker::{Run, Seen},
    },
    stats::{LoadGenerator, MeasuredWindow, report::per_second},
    sys::process,
    tls::TlsClient,
};

/// Publishes to the end of the schedule, or until `control` stops it, on one thread a connection.
///
/// # Errors
///
/// Settings that make no run, an unreadable corpus, a server that cannot be reached at the start or refuses to create the
/// feed. What happens to single batches is no error but part of the report.
pub fn run(config: &PublishConfig, control: &Control) -> Result<PublishReport, Error> {
    let target = config.target()?;
    let peer = target.resolve()?;
    process::reserve_descriptors(config.connections)?;
    let (corpus, frames) = match &config.payload {
        Payload::Corpus { path, repeat, .. } => {
            let corpus = Corpus::read(path)?;
            let frames = (!repeat).then(|| corpus.frames());
            (Some(corpus), frames)
        }
        _ => (None, None),
    };
    let tls = TlsClient::for_target(&target, &config.tls)?;
    let timeout = Duration::from_millis(config.timeout_ms.max(1));
    let client = || Client::new(peer, tls.clone(), &target.authority, &config.headers, timeout);
    if config.create_feed {
        ensure_feed(config, &mut client())?;
    }
    let run = Run {
        config,
        control,
        corpus,
        schedule: config.schedule(frames),
        path: worker::events_path(config),
        started: Instant::now(),
        started_us: process::unix_us(),
        next_batch: AtomicU64::new(0),
    };
    control.set_phase(Phase::Measuring);
    control.set_connections(config.connections as u64, 0);
    let seen = thread::scope(|scope| {
        let spawn = |_| scope.spawn(|| worker::work(&run, client()));
        let workers: Vec<_> = (0..config.connections).map(spawn).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Seen>| worker.join().expect("a worker passes its panic on");
        workers.into_iter().map(join).reduce(Seen::merge).unwrap_or_default()
    });
    let report = report(&run, tls.as_deref(), seen, run.started.elapsed());
    control.set_phase(Phase::Ended);
    Ok(report)
}

/// Creates the feed, or the database, unless it exists (or another publisher creates it at the same time).
fn ensure_feed(config: &PublishConfig, client: &mut Client) -> Result<(), Error> {
    let is_database = matches!(config.payload, Payload::Documents { .. });
    let path = if is_database { format!("/{}", config.feed) } else { format!("/v1/feeds/{}", config.feed) };
    let refused = |refusal: String| Error::FeedRefused { feed: config.feed.clone(), refusal };
    let json = "application/json";
    let found = client.request("GET", &path, json, b"").map_err(|error| refused(error.to_string()))?;
    if found.status == 200 {
        return Ok(());
    }
    if found.status != 404 {
        return Err(refused(refusal_name(found.status, &found.body)));
    }
    let options = match is_database {
        true => String::new(),
        false => serde_json::Value::Object(config.feed_options.clone()).to_string(),
    };
    let created = client.request("PUT", &path, json, options.as_bytes()).map_err(|error| refused(error.to_string()))?;
    match created.status {
        200..=299 => Ok(()),
        409 if !is_database => Ok(()),
        412 if is_database => Ok(()),
        status => Err(refused(refusal_name(status, &created.body))),
    }
}

impl Seen {
    /// What two workers saw.
    fn merge(mut self, other: Self) -> Self {
        let (total, others) = (&mut self.total, other.total);
        total.batches += others.batches;
        total.acked_batches += others.acked_batches;
        total.acked_events += others.acked_events;
        total.first_seq = total.first_seq.into_iter().chain(others.first_seq).min();
        total.last_seq = total.last_seq.max(others.last_seq);
        for (mine, theirs) in [
            (&mut total.refused, others.refused),
            (&mut total.unanswered, others.unanswered),
            (&mut total.wrong, others.wrong),
        ] {
            for (reason, count) in theirs {
                *mine.entry(reason).or_default() += count;
            }
        }
        self.acks.extend(other.acks);
        self.measured_batches += other.measured_batches;
        self.measured_events += other.measured_events;
        self.measured_bytes += other.measured_bytes;
        self.ack_latency.merge(&other.ack_latency);
        self.service_latency.merge(&other.service_latency);
        self.lateness.merge(&other.lateness);
        self.cpu += other.cpu;
        self.handshakes.merge(other.handshakes);
        self
    }
}

fn report(run: &Run<'_>, tls: Option<&TlsClient>, mut seen: Seen, elapsed: Duration) -> PublishReport {
    let config = run.config;
    let overlaps = report::overlaps(&mut seen.acks);
    if overlaps > 0 {
        let wrong = &mut seen.total.wrong;
        *wrong.entry("a seq that was given before".into()).or_default() += overlaps;
    }
    seen.acks.sort_unstable_by_key(|ack| ack.first_event);
    let warmup = config.warmup();
    let seconds = elapsed.saturating_sub(warmup).as_secs_f64();
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(0);
    let total = seen.total;
    PublishReport {
        url: config.url.clone(),
        feed: config.feed.clone(),
        ok: total.acked_batches == total.batches && total.wrong.is_empty(),
        window: MeasuredWindow {
            starts: format!("{} ms after the first batch was due", config.warmup_ms),
            start_unix_us: run.started_us + micros(warmup),
            end_unix_us: run.started_us + micros(elapsed),
            seconds,
            measured: elapsed >= warmup,
        },
        published: Published {
            batches: seen.measured_batches,
            events: seen.measured_events,
            events_per_second: per_second(seen.measured_events as f64, seconds),
            bytes: seen.measured_bytes,
            bytes_per_second: per_second(seen.measured_bytes as f64, seconds),
        },
        ack_latency: seen.ack_latency.report(),
        service_latency: seen.service_latency.report(),
        lateness: seen.lateness.report(),
        tls: tls.map(|client| seen.handshakes.report(client)),
        load_generator: LoadGenerator::new(
            seen.cpu.as_secs_f64(),
            elapsed.as_secs_f64(),
            u32::try_from(config.connections).unwrap_or(u32::MAX),
        ),
        acks: config.keep_acks.then_some(seen.acks),
        total,
    }
}
