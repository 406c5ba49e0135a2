//! Streams over HTTP: list, create, describe, delete.
//!
//! Owns the requests; how feeds come and go is the appliance's. Tested by `server/tests/streamr/streams.rs`.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tailwater_core::FeedError;
use tailwater_wire::streamr::{errors::StreamrError, rest::write_stream, system::StreamChange};

use super::{
    place::{Stream, denied, not_found, who_asks},
    refused,
};
use crate::{
    appliance::FeedsError,
    auth::Who,
    clock::now_us,
    config::{PARTITIONS_MAX, StreamrExposure, is_feed_name, is_stream_id},
    exposure::Exposure,
    http::{Request, Response},
};

/// Bytes the description of a new stream may have.
const BODY_BYTES_MAX: u64 = 64 << 10;

/// A new stream. Clients send many more members; they mean nothing here.
#[derive(Deserialize)]
struct NewStream {
    id: Option<String>,
    name: Option<String>,
    partitions: Option<u64>,
    #[serde(default)]
    public: bool,
}

/// `GET /api/v1/streams?name=`
pub(super) fn list(request: &Request<'_>) -> Response {
    let appliance = &request.shard.appliance;
    let who = match who_asks(request) {
        Ok(Who::Unknown) => return refused(&StreamrError::RequestFailed),
        Ok(who) => who,
        Err(error) => return refused(&error),
    };
    let query = request.head.query();
    let wanted = query.get("name");
    let mut body = vec![b'['];
    for id in appliance.feeds.stream_ids().into_iter().filter(|id| wanted.is_none_or(|name| name == id)) {
        let Some(partitions) = appliance.feeds.stream(&id).filter(|partitions| who.may_read(&partitions[0])) else {
            continue;
        };
        if body.len() > 1 {
            body.push(b',');
        }
        write_stream(&id, partitions.len() as u32, &mut body);
    }
    body.push(b']');
    Response::new(200, "application/json", body)
}

/// `GET /api/v1/streams/{stream}`
pub(super) fn describe(request: &Request<'_>, stream: &str) -> Response {
    let described = who_asks(request).and_then(|who| {
        let found = Stream::find(&request.shard.appliance, stream)?;
        if !who.may_read(found.first()) && !who.may_write(found.first()) {
            return Err(denied(&who));
        }
        Ok(description(200, stream, found.partitions.len() as u32))
    });
    described.unwrap_or_else(|error| refused(&error))
}

/// `POST /api/v1/streams`
pub(super) async fn create(request: &mut Request<'_>) -> Response {
    let body = match request.inbound.read_body(BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return invalid(error.status().unwrap_or(400), &error.to_string()).closing(),
    };
    if let Err(error) = who_asks(request).and_then(|who| administering(request, &who)) {
        return refused(&error);
    }
    let new = match serde_json::from_slice::<NewStream>(&body) {
        Ok(new) => new,
        Err(error) => return invalid(400, &format!("The body does not describe a stream: {error}")),
    };
    let Some(id) = new.id.or(new.name).filter(|id| is_stream_id(id)) else {
        return invalid(400, "The stream needs an \"id\" or a \"name\" of 1 to 255 bytes without control characters.");
    };
    let partitions = new.partitions.unwrap_or(1);
    let exposure = Exposure {
        public: new.public,
        streamr: Some(StreamrExposure { partitions, ..StreamrExposure::whole(&id) }),
        ..Exposure::default()
    };
    let appliance = request.shard.appliance.clone();
    let (name, wanted) = (feed_name(&id), exposure.clone());
    let creating = move || appliance.create(&name, &appliance.default_options(), &wanted);
    match glommio::executor().spawn_blocking(creating).await {
        Ok(_) => {
            request.shard.appliance.announce(StreamChange::Created, &exposure, now_us()).await;
            description(201, &id, partitions as u32)
        }
        Err(error) => could_not(&error),
    }
}

/// `DELETE /api/v1/streams/{stream}`
pub(super) async fn delete(request: &Request<'_>, stream: &str) -> Response {
    let appliance = &request.shard.appliance;
    let found = who_asks(request).and_then(|who| {
        let found = Stream::find(appliance, stream)?;
        administering(request, &who).map(|()| found)
    });
    let name = match found {
        Ok(found) => found.first().feed().name().to_owned(),
        Err(error) => return refused(&error),
    };
    match appliance.delete(&name).await {
        Ok(()) => Response::new(204, "text/plain", Vec::new()),
        Err(FeedsError::Unknown { .. }) => refused(&not_found(stream)),
        Err(error) => could_not(&error),
    }
}

/// Refuses whoever may not create and delete streams, and notes who does.
fn administering(request: &Request<'_>, who: &Who) -> Result<(), StreamrError> {
    if !who.may_administer() {
        return Err(denied(who));
    }
    tracing::info!(by = who.name(), method = request.head.method(), path = request.head.path(), "administered");
    Ok(())
}

/// The feed of a new stream's first partition. A stream's id may have characters that a feed's name may not.
fn feed_name(id: &str) -> String {
    if is_feed_name(id) {
        return id.to_owned();
    }
    format!("streamr-{}", data_encoding::HEXLOWER.encode(&Sha256::digest(id.as_bytes())[..12]))
}

fn description(status: u16, stream: &str, partitions: u32) -> Response {
    let mut body = Vec::new();
    write_stream(stream, partitions, &mut body);
    Response::new(status, "application/json", body)
}

fn invalid(status: u16, message: &str) -> Response {
    Response::json(status, &serde_json::json!({ "error": message }))
}

fn could_not(error: &FeedsError) -> Response {
    let status = match error {
        FeedsError::Log(FeedError::Exists { .. }) | FeedsError::Bound { .. } => 409,
        FeedsError::Partitions => {
            return invalid(400, &format!("\"partitions\" is a number from 1 to {PARTITIONS_MAX}."));
        }
        FeedsError::TooMany { .. } | FeedsError::System { .. } => 403,
        FeedsError::Log(FeedError::DiskFull { .. }) => 507,
        _ => 500,
    };
    invalid(status, &error.to_string())
}
