//! Creating, describing and deleting feeds; changing them is [`super::change`]'s.
//!
//! Owns the JSON forms of a new feed's options and of a feed's description. What blocks on the disk runs on the blocking pool.
//! Tested by `server/tests/native/`.

use std::io::ErrorKind;

use serde::Deserialize;
use serde_json::{Value, json};
use tailwater_core::{Durability, FeedError, FeedOptions, FeedState, Retention};
use tailwater_wire::streamr::system::StreamChange;

use super::find;
use crate::{
    appliance::FeedsError,
    clock::now_us,
    exposure::Exposure,
    feeds::FeedEntry,
    http::{Request, Response},
};

/// Bytes an options object may have.
const OPTIONS_BYTES_MAX: u64 = 64 * 1024;

/// What a feed can be created with; everything else takes the configured default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    retention: Option<Retention>,
    durability: Option<Durability>,
    segment_bytes_max: Option<u64>,
    first_seq: Option<u64>,
    #[serde(default)]
    public: bool,
    #[serde(default)]
    dialects: Exposure,
}

/// `GET /v1/feeds`
pub(super) fn list(request: &Request<'_>) -> Response {
    let feeds = request.shard.appliance.feeds.all();
    let feeds: Vec<Value> = feeds.iter().map(|entry| description(request, entry)).collect();
    Response::json(200, &json!({ "feeds": feeds }))
}

/// `GET /v1/feeds/{feed}`
pub(super) fn describe(request: &Request<'_>, name: &str) -> Response {
    match find(request, name) {
        Ok(entry) => Response::json(200, &description(request, &entry)),
        Err(response) => response,
    }
}

/// `PUT /v1/feeds/{feed}`: 201 when it was created, 200 when it was there with the same options, 409 with others.
pub(super) async fn create(request: &mut Request<'_>, name: &str) -> Response {
    let body = match read_options_body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let (options, exposure) = match read_options(request, &body) {
        Ok(read) => read,
        Err(error) => {
            let message = format!("The body is not a valid options object: {error}");
            return Response::error(400, "InvalidOptions", &message);
        }
    };
    if let Some(entry) = request.shard.appliance.feeds.get(name) {
        return existing(request, &entry, &options, &exposure);
    }
    let appliance = request.shard.appliance.clone();
    let (wanted, wanted_options, wanted_exposure) = (name.to_owned(), options.clone(), exposure.clone());
    let creating = move || appliance.create(&wanted, &wanted_options, &wanted_exposure);
    match glommio::executor().spawn_blocking(creating).await {
        Ok(entry) => {
            request.shard.appliance.announce(StreamChange::Created, &entry.exposure(), now_us()).await;
            Response::json(201, &description(request, &entry))
        }
        Err(error @ FeedsError::Log(FeedError::Exists { .. })) => match request.shard.appliance.feeds.get(name) {
            // Another request was faster.
            Some(entry) => existing(request, &entry, &options, &exposure),
            None => refused(&error),
        },
        Err(error) => refused(&error),
    }
}

/// `DELETE /v1/feeds/{feed}`
pub(super) async fn delete(request: &Request<'_>, name: &str) -> Response {
    match request.shard.appliance.delete(name).await {
        Ok(()) => Response::json(200, &json!({ "name": name, "deleted": true })),
        Err(error) => refused(&error),
    }
}

/// The body of a request about options; without any it is an empty object.
pub(super) async fn read_options_body(request: &mut Request<'_>) -> Result<Vec<u8>, Response> {
    match request.inbound.read_body(OPTIONS_BYTES_MAX).await {
        Ok(body) if body.trim_ascii().is_empty() => Ok(b"{}".to_vec()),
        Ok(body) => Ok(body),
        Err(error) => Err(Response::error(error.status().unwrap_or(400), error.code(), &error.to_string()).closing()),
    }
}

fn read_options(request: &Request<'_>, body: &[u8]) -> Result<(FeedOptions, Exposure), serde_json::Error> {
    let asked: Options = serde_json::from_slice(body)?;
    let defaults = request.shard.appliance.default_options();
    let options = FeedOptions {
        retention: asked.retention.unwrap_or(defaults.retention),
        durability: asked.durability.unwrap_or(defaults.durability),
        segment_bytes_max: asked.segment_bytes_max.unwrap_or(defaults.segment_bytes_max),
        first_seq: asked.first_seq.unwrap_or(defaults.first_seq),
        extra: defaults.extra,
    };
    Ok((options, Exposure { public: asked.public, ..asked.dialects }))
}

fn existing(request: &Request<'_>, entry: &FeedEntry, options: &FeedOptions, exposure: &Exposure) -> Response {
    if entry.has(options, exposure) {
        return Response::json(200, &description(request, entry));
    }
    let message =
        "The feed exists with other options. Change them with PATCH /v1/feeds/{feed}, or delete the feed first.";
    Response::error(409, "FeedExists", message)
}

pub(super) fn description(request: &Request<'_>, entry: &FeedEntry) -> Value {
    let feed = entry.feed();
    let options = feed.options();
    let store = &request.shard.appliance.store;
    let encodings: Vec<String> = feed.encodings_in_use().into_iter().filter_map(|id| store.encoding_name(id)).collect();
    let (state, reason) = match feed.state() {
        FeedState::Open => ("open", None),
        FeedState::ReadOnly { reason } => ("read_only", Some(reason)),
        FeedState::Failed { reason } => ("failed", Some(reason)),
        FeedState::Closed => ("closed", None),
    };
    let mut description = json!({
        "name": feed.name(),
        "first_seq": feed.first_seq(),
        "last_seq": feed.last_seq(),
        "next_seq": feed.next_seq(),
        "events": feed.event_count(),
        "bytes": feed.bytes(),
        "frame_bytes": feed.frame_bytes(),
        "subscribers": entry.subscribers(),
        "encodings": encodings,
        "state": state,
        "retention": options.retention,
        "durability": options.durability,
        "segment_bytes_max": options.segment_bytes_max,
        "public": entry.is_public(),
        "dialects": *entry.exposure(),
    });
    if let Some(history) = request.shard.appliance.fauna.history_of(entry) {
        let encodings: Vec<String> =
            history.feed().encodings_in_use().into_iter().filter_map(|id| store.encoding_name(id)).collect();
        let (bytes, frame_bytes) = (history.feed().bytes(), history.feed().frame_bytes());
        description["subscribers"] = (entry.subscribers() + history.subscribers()).into();
        description["fauna"] = json!({ "encodings": encodings, "bytes": bytes, "frame_bytes": frame_bytes });
    }
    if let Some(reason) = reason {
        description["reason"] = reason.into();
    }
    description
}

pub(super) fn refused(error: &FeedsError) -> Response {
    let (status, name) = match error {
        FeedsError::Unknown { .. } => (404, "FeedNotFound"),
        FeedsError::TooMany { .. } => (403, "TooManyFeeds"),
        FeedsError::Nsid { .. }
        | FeedsError::Database { .. }
        | FeedsError::FaunaDatabase { .. }
        | FeedsError::FaunaCollection { .. }
        | FeedsError::Asked { .. }
        | FeedsError::Partitions => (400, "InvalidOptions"),
        FeedsError::Bound { .. } => (409, "EndpointBound"),
        FeedsError::Fixed { .. } => (409, "OptionFixed"),
        FeedsError::PartitionOf { .. } => (409, "FeedIsPartition"),
        FeedsError::System { .. } => (409, "FeedIsSystem"),
        FeedsError::Log(FeedError::DiskFull { .. }) => (507, "InsufficientStorage"),
        FeedsError::Log(FeedError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull => {
            (507, "InsufficientStorage")
        }
        FeedsError::Log(FeedError::Exists { .. }) => (409, "FeedExists"),
        FeedsError::Log(FeedError::Name { .. } | FeedError::Option { .. }) => (400, "InvalidOptions"),
        FeedsError::Log(_) | FeedsError::Close(_) | FeedsError::Stored { .. } => (500, "InternalServerError"),
    };
    Response::error(status, name, &error.to_string())
}
