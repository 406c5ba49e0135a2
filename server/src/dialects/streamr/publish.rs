//! Publishing: one message over HTTP, any number in a row over WebSocket.
//!
//! Owns the way from a checked message to an acknowledged event. Messages of one connection that come together go into the
//! log together, one batch for each partition, in their order. Never judges content: that is `wire`'s. Tested by
//! `server/tests/streamr/publish.rs`.

use std::{cell::Cell, pin::Pin, sync::Arc};

use futures_lite::future;
use tailwater_core::{AppendError, Appended, Batch, DraftError, SeqMode};
use tailwater_wire::streamr::{
    errors::StreamrError,
    http::parse_produce,
    request::{Credentials, Publish, RequestLimits},
};

use super::{
    meter::Meter,
    place::{Stream, who, who_asks},
    refused,
};
use crate::{
    appliance::{Appliance, SYSTEM_FEED},
    auth::Who,
    clock::now_us,
    config::Limits,
    feeds::FeedEntry,
    http::{Request, Response},
};

/// Bytes of a message's content, as in the original.
const CONTENT_BYTES_MAX: u64 = 1 << 20;

/// Bytes of events that are appended at once.
const BATCH_BYTES_MAX: usize = 4 << 20;

thread_local! {
    /// Spreads messages without a key over the partitions.
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Where a message was stored, or why it was not.
pub(super) type Outcome = Result<Stored, StreamrError>;

/// Where a message was stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) partition: u32,
    pub(super) offset: u64,
}

/// What one message may measure.
pub(super) fn limits(limits: &Limits) -> RequestLimits {
    let default = RequestLimits::default();
    RequestLimits {
        content_bytes_max: limits.event_bytes_max.min(CONTENT_BYTES_MAX) as usize,
        key_bytes_max: limits.key_bytes_max as usize,
        depth_max: limits.json_depth_max as usize,
        ..default
    }
}

/// `POST /api/v1/streams/{stream}/data`
pub(super) async fn produce(request: &mut Request<'_>, stream: &str) -> Response {
    let appliance = request.shard.appliance.clone();
    let body = match request.inbound.read_body(CONTENT_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            let body = serde_json::json!({ "error": error.to_string() });
            return Response::json(error.status().unwrap_or(400), &body).closing();
        }
    };
    let query = request.head.query();
    let limits = limits(&appliance.config.limits);
    let checked = who_asks(request).and_then(|who| {
        let publish = parse_produce(stream, &query, &body, &limits)?;
        let stream = writable(&appliance, &who, &publish).map_err(|error| over_http(error, &who))?;
        Ok((stream, publish))
    });
    let outcome = match checked {
        Ok((stream, publish)) => {
            let mut run = Run::default();
            run.add(0, &stream, &publish);
            run.store(&appliance.streamr).await.pop().map_or(Err(StreamrError::Internal), |(_, outcome)| outcome)
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Response::new(200, "text/plain", Vec::new()),
        Err(error) => refused(&error),
    }
}

/// Over HTTP the original names neither the stream nor what was wrong with the key.
fn over_http(error: StreamrError, who: &Who) -> StreamrError {
    match error {
        StreamrError::WriteNotAllowed { .. } | StreamrError::PublishUnauthenticated { .. } => super::place::denied(who),
        other => other,
    }
}

/// The stream of a message, if its publisher may write there.
pub(super) fn writable_by(
    appliance: &Appliance,
    credentials: &Credentials<'_>,
    publish: &Publish<'_>,
) -> Result<Stream, StreamrError> {
    writable(appliance, &who(appliance, credentials), publish)
}

fn writable(appliance: &Appliance, who: &Who, publish: &Publish<'_>) -> Result<Stream, StreamrError> {
    let stream = Stream::find(appliance, &publish.stream)?;
    let name = || publish.stream.clone().into_owned();
    let feed = stream.first();
    if !who.may_write(feed) {
        return Err(match who.is_known() {
            true => StreamrError::WriteNotAllowed { stream: name() },
            false => StreamrError::PublishUnauthenticated { stream: name() },
        });
    }
    if feed.feed().name() == SYSTEM_FEED || appliance.mirrors.fills(feed.feed().name()) {
        return Err(StreamrError::WriteNotAllowed { stream: name() });
    }
    Ok(stream)
}

/// Messages that are stored together.
#[derive(Default)]
pub(super) struct Run {
    batches: Vec<Part>,
    outcomes: Vec<(usize, Outcome)>,
}

/// Those of one partition.
struct Part {
    feed: Arc<FeedEntry>,
    partition: u32,
    batch: Batch,
    /// What the caller knows each message by.
    tags: Vec<usize>,
}

type Appending = Pin<Box<dyn Future<Output = Result<Appended, AppendError>>>>;

impl Run {
    /// Whether there is nothing to store.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.outcomes.is_empty()
    }

    /// Adds a message, known to the caller by `tag`.
    pub(super) fn add(&mut self, tag: usize, stream: &Stream, publish: &Publish<'_>) {
        let number = NEXT.replace(NEXT.get().wrapping_add(1));
        let partition = stream.partition_of(publish.pkey.as_deref(), number);
        if let Err(error) = self.push(tag, stream, partition, publish) {
            self.outcomes.push((tag, Err(failed(&error))));
        }
    }

    fn push(&mut self, tag: usize, stream: &Stream, partition: u32, publish: &Publish<'_>) -> Result<(), DraftError> {
        let feed = &stream.partitions[partition as usize];
        let has_room = |part: &Part| part.feed.id() == feed.id() && part.batch.byte_len() < BATCH_BYTES_MAX;
        let at = match self.batches.iter().rposition(has_room) {
            Some(at) => at,
            None => {
                self.batches.push(Part { feed: feed.clone(), partition, batch: Batch::new(), tags: Vec::new() });
                self.batches.len() - 1
            }
        };
        let part = &mut self.batches[at];
        part.batch.push(&publish.draft(now_us()))?;
        part.tags.push(tag);
        Ok(())
    }

    /// Stores everything; returns what became of each message.
    pub(super) async fn store(self, meter: &Meter) -> Vec<(usize, Outcome)> {
        let mut outcomes = self.outcomes;
        let mut under_way = Vec::new();
        for Part { feed, partition, batch, tags } in self.batches.into_iter().filter(|part| !part.batch.is_empty()) {
            let bytes = batch.body_bytes() as u64;
            let mut appending: Appending = Box::pin(async move { feed.feed().append(batch, SeqMode::Assign).await });
            // The first poll queues it: those of all partitions are written at the same time, and in order in each.
            let done = future::poll_once(&mut appending).await;
            under_way.push((partition, tags, bytes, done, appending));
        }
        for (partition, tags, bytes, done, appending) in under_way {
            let appended = match done {
                Some(appended) => appended,
                None => appending.await,
            };
            if let Ok(appended) = &appended {
                meter.published(appended.count as u64, bytes);
            }
            outcomes.extend(tags.into_iter().enumerate().map(|(position, tag)| {
                let stored = |appended: &Appended| Stored { partition, offset: appended.first_seq + position as u64 };
                (tag, appended.as_ref().map(stored).map_err(not_stored))
            }));
        }
        outcomes
    }
}

fn not_stored(error: &AppendError) -> StreamrError {
    match error {
        AppendError::ReadOnly { .. } => StreamrError::StorageFull { reason: error.to_string() },
        error => failed(error),
    }
}

fn failed(reason: &impl ToString) -> StreamrError {
    StreamrError::PublishFailed { reason: reason.to_string() }
}
