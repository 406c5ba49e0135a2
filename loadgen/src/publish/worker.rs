//! One publishing connection: takes the next batch of the schedule, waits until it is due, posts it, judges the answer.
//!
//! Workers share a counter and nothing else; a batch is sent by whichever is free. When all are busy, batches wait and are
//! sent late, and that lateness is measured.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crate::{
    control::Control,
    decode::http_head::refusal_name,
    publish::{
        answer,
        config::{Payload, PublishConfig, SeqMode},
        corpus::Corpus,
        http::{Client, Response},
        payload::{self, Batch},
        report::{Ack, PublishedTotals},
        schedule::{Planned, Schedule},
    },
    stats::Latency,
    subscribe::Reasons,
    sys::process,
    tls::Handshakes,
};

/// Longest sleep before the stop flag is looked at again.
const NAP: Duration = Duration::from_millis(20);

/// Pause after the server could not be reached, so that a dead one is not hammered.
const UNREACHABLE_PAUSE: Duration = Duration::from_millis(50);

/// What all workers of a run share.
pub(crate) struct Run<'a> {
    pub config: &'a PublishConfig,
    pub control: &'a Control,
    pub corpus: Option<Corpus>,
    pub schedule: Schedule,
    pub path: String,
    pub started: Instant,
    pub started_us: u64,
    pub next_batch: AtomicU64,
}

/// What one worker saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub total: PublishedTotals,
    pub acks: Vec<Ack>,
    pub measured_batches: u64,
    pub measured_events: u64,
    pub measured_bytes: u64,
    pub ack_latency: Latency,
    pub service_latency: Latency,
    pub lateness: Latency,
    pub cpu: Duration,
    pub handshakes: Handshakes,
}

/// The moments of one batch, from the start of the run.
#[derive(Clone, Copy)]
struct Moments {
    due: Option<Duration>,
    sent: Duration,
    answered: Duration,
}

/// Publishes until the schedule ends or the run is stopped.
pub(crate) fn work(run: &Run<'_>, mut client: Client) -> Seen {
    let mut seen = Seen::default();
    let mut body = Vec::new();
    while !run.control.is_stopped() {
        let index = run.next_batch.fetch_add(1, Relaxed);
        let Some(planned) = run.schedule.batch(index, run.started.elapsed()) else {
            break;
        };
        if !wait_until(run, planned.due) {
            break;
        }
        make(run, planned, &mut body);
        let sent = run.started.elapsed();
        let answer = client.request("POST", &run.path, content_type(run.config), &body);
        let moments = Moments { due: planned.due, sent, answered: run.started.elapsed() };
        seen.total.batches += 1;
        match answer {
            Ok(response) => seen.answered(run, planned, moments, body.len(), &response),
            Err(error) => {
                add(&mut seen.total.unanswered, error.to_string());
                if error.is_unreachable() {
                    // Late batches are sent all the same, but not to a server that has gone.
                    if run.schedule.is_over(run.started.elapsed()) {
                        break;
                    }
                    thread::sleep(UNREACHABLE_PAUSE);
                }
            }
        }
    }
    seen.cpu = process::thread_cpu();
    seen.handshakes = client.handshakes;
    seen
}

/// Sleeps until `due`; `false` when the run was stopped meanwhile.
fn wait_until(run: &Run<'_>, due: Option<Duration>) -> bool {
    let due = due.unwrap_or_default();
    while !run.control.is_stopped() {
        let left = due.saturating_sub(run.started.elapsed());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(NAP));
    }
    false
}

fn make(run: &Run<'_>, planned: Planned, body: &mut Vec<u8>) {
    body.clear();
    let made_us = process::unix_us();
    let due_us = planned.due.map_or(made_us, |due| run.started_us + u64::try_from(due.as_micros()).unwrap_or(0));
    let batch = Batch { first_event: planned.first_event, events: planned.events, due_us, made_us };
    match (&run.config.payload, &run.corpus) {
        (Payload::Ndjson { size_bytes, key_space }, _) => payload::ndjson(body, batch, *size_bytes, *key_space),
        (Payload::Frames { size_bytes, .. }, _) => payload::frames(body, batch, *size_bytes),
        (Payload::Documents { size_bytes }, _) => payload::documents(body, batch, *size_bytes, run.started_us),
        (Payload::Corpus { .. }, Some(corpus)) => {
            corpus.append(body, planned.first_event, planned.events);
        }
        (Payload::Corpus { .. }, None) => {}
    }
}

fn content_type(config: &PublishConfig) -> &'static str {
    match config.payload {
        Payload::Ndjson { .. } => "application/x-ndjson",
        Payload::Documents { .. } => "application/json",
        Payload::Frames { .. } | Payload::Corpus { .. } => "application/vnd.tailwater.frames",
    }
}

/// Where a run posts to.
pub(crate) fn events_path(config: &PublishConfig) -> String {
    let path = format!("/v1/feeds/{}/events", config.feed);
    match config.payload {
        Payload::Ndjson { .. } => path,
        Payload::Documents { .. } => format!("/{}/_bulk_docs", config.feed),
        Payload::Frames { seq, .. } | Payload::Corpus { seq, .. } => match seq {
            SeqMode::Assign => path + "?seq=assign",
            SeqMode::Preserve => path + "?seq=preserve",
        },
    }
}

impl Seen {
    fn answered(&mut self, run: &Run<'_>, planned: Planned, moments: Moments, bytes: usize, response: &Response) {
        if !(200..300).contains(&response.status) {
            let refusal = refusal_name(response.status, &response.body);
            return add(&mut self.total.refused, refusal);
        }
        let ack = match &run.config.payload {
            Payload::Documents { .. } => answer::documents(planned, run.started_us, &response.body),
            _ => answer::feed(planned, &response.body),
        };
        let ack = match ack {
            Ok(ack) => ack,
            Err(reason) => return add(&mut self.total.wrong, reason),
        };
        self.acks.push(ack);
        let total = &mut self.total;
        total.acked_batches += 1;
        total.acked_events += u64::from(ack.count);
        total.first_seq = total.first_seq.into_iter().chain(ack.first_seq).min();
        total.last_seq = total.last_seq.max(ack.last_seq);
        run.control.add_delivered(ack.count.into(), bytes as u64);
        if moments.due.unwrap_or(moments.sent) >= run.config.warmup() {
            self.measure(ack, moments, bytes);
        }
    }

    fn measure(&mut self, ack: Ack, moments: Moments, bytes: usize) {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.measured_batches += 1;
        self.measured_events += u64::from(ack.count);
        self.measured_bytes += bytes as u64;
        let due = moments.due.unwrap_or(moments.sent);
        self.ack_latency.record(us(moments.answered.saturating_sub(due)));
        self.service_latency.record(us(moments.answered.saturating_sub(moments.sent)));
        if moments.due.is_some() {
            self.lateness.record(us(moments.sent.saturating_sub(due)));
        }
    }
}

fn add(reasons: &mut Reasons, reason: String) {
    *reasons.entry(reason).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let mut config = PublishConfig::new("http://h:1", "f");
        assert_eq!(events_path(&config), "/v1/feeds/f/events");
        config.payload = Payload::Frames { size_bytes: 512, seq: SeqMode::Preserve };
        assert_eq!(events_path(&config), "/v1/feeds/f/events?seq=preserve");
        config.payload = Payload::Documents { size_bytes: 512 };
        assert_eq!(events_path(&config), "/f/_bulk_docs");
    }
}
