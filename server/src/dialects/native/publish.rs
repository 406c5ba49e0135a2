//! Publishing: a request's body becomes one batch, and the answer waits until it is durable.
//!
//! Owns the refusals. A request is stored whole or not at all. Never assigns a seq: that is the feed's writer. Tested by
//! `server/tests/native/`.

use serde_json::json;
use tailwater_core::{AppendError, Batch, SeqMode};
use tailwater_wire::native::request::{self, PublishError, PublishLimits};

use super::find;
use crate::{
    appliance::SYSTEM_FEED,
    auth,
    clock::now_us,
    http::{Request, Response},
};

/// Bodies above this are parsed on the blocking pool, so that one large request does not hold up a sweep.
const PARSE_HERE_BYTES_MAX: usize = 256 * 1024;

/// The two forms of a publish request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `application/x-ndjson`
    Lines,
    /// `application/vnd.tailwater.frames`
    Frames(SeqMode),
}

impl Form {
    fn parse(self, body: &[u8], now_us: u64, limits: &PublishLimits) -> Result<Batch, PublishError> {
        match self {
            Self::Lines => request::parse_ndjson(body, now_us, limits),
            Self::Frames(mode) => request::parse_frames(body, mode, now_us, limits),
        }
    }

    fn seq_mode(self) -> SeqMode {
        match self {
            Self::Lines => SeqMode::Assign,
            Self::Frames(mode) => mode,
        }
    }
}

/// `POST /v1/feeds/{feed}/events`
pub(super) async fn publish(request: &mut Request<'_>, name: &str) -> Response {
    let entry = match find(request, name) {
        Ok(entry) => entry,
        Err(response) => return response,
    };
    if let Err(denied) = auth::require_write(request, &entry) {
        return denied.into();
    }
    if name == SYSTEM_FEED {
        let message = "This feed is written by the appliance itself.";
        return Response::error(409, "FeedIsSystem", message);
    }
    if request.shard.appliance.mirrors.fills(name) {
        let message = format!("The feed {name:?} is filled by a mirror ([[mirror]]); publish to its upstream.");
        return Response::error(409, "FeedIsMirrored", &message);
    }
    let form = match form(request) {
        Ok(form) => form,
        Err(response) => return response,
    };
    let limits = &request.shard.appliance.config.limits;
    let body = match request.inbound.read_body(limits.request_body_bytes_max).await {
        Ok(body) => body,
        Err(error) => {
            return Response::error(error.status().unwrap_or(400), error.code(), &error.to_string()).closing();
        }
    };
    let batch = match parse(form, body, limits.into()).await {
        Ok(batch) => batch,
        Err(error) => return Response::error(error.status(), error.code(), &error.to_string()),
    };
    if batch.is_empty() {
        return Response::error(400, "EmptyRequest", "The body holds no event.");
    }
    match entry.feed().append(batch, form.seq_mode()).await {
        Ok(appended) => Response::json(
            200,
            &json!({ "first_seq": appended.first_seq, "last_seq": appended.last_seq, "count": appended.count }),
        ),
        Err(error) => refused(&error),
    }
}

async fn parse(form: Form, body: Vec<u8>, limits: PublishLimits) -> Result<Batch, PublishError> {
    let now_us = now_us();
    if body.len() <= PARSE_HERE_BYTES_MAX {
        return form.parse(&body, now_us, &limits);
    }
    glommio::executor().spawn_blocking(move || form.parse(&body, now_us, &limits)).await
}

fn form(request: &Request<'_>) -> Result<Form, Response> {
    let content_type = request.head.header("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let seq = request.head.query().get("seq").map(str::to_owned);
    match (essence.as_str(), seq.as_deref()) {
        ("application/x-ndjson" | "application/ndjson", None) => Ok(Form::Lines),
        ("application/vnd.tailwater.frames", None | Some("assign")) => Ok(Form::Frames(SeqMode::Assign)),
        ("application/vnd.tailwater.frames", Some("preserve")) => Ok(Form::Frames(SeqMode::Preserve)),
        ("application/vnd.tailwater.frames", Some(_)) => {
            Err(Response::error(400, "InvalidRequest", "seq is either preserve or assign."))
        }
        ("application/x-ndjson" | "application/ndjson", Some(_)) => {
            let message = "seq applies to application/vnd.tailwater.frames only; lines always get the next seqs.";
            Err(Response::error(400, "InvalidRequest", message))
        }
        (other, _) => {
            let message = format!(
                "Events come as application/x-ndjson or application/vnd.tailwater.frames, not as {other:?} (Content-Type)."
            );
            Err(Response::error(415, "UnsupportedMediaType", &message))
        }
    }
}

fn refused(error: &AppendError) -> Response {
    let (status, name) = match error {
        AppendError::SeqNotIncreasing { .. } => (409, "SeqNotIncreasing"),
        AppendError::Overloaded { .. } => (429, "Overloaded"),
        AppendError::ReadOnly { .. } => (507, "InsufficientStorage"),
        AppendError::Failed { .. } => (500, "FeedFailed"),
        AppendError::Closed => (404, "FeedNotFound"),
        _ => (400, "InvalidRequest"),
    };
    let response = Response::error(status, name, &error.to_string());
    if status == 429 { response.header("Retry-After", "1") } else { response }
}
