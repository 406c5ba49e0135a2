//! The native API: feeds, their events, and plain streams for users without a dialect.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /v1/feeds` | every feed |
//! | `PUT`, `PATCH`, `GET`, `DELETE /v1/feeds/{feed}` | create with options, change them, describe, delete |
//! | `POST /v1/feeds/{feed}/events` | publish; answered when durable |
//! | `GET /v1/feeds/{feed}/events` | a stream (NDJSON, SSE, WebSocket) or a JSON page |
//! | `GET /v1/status`, `GET /v1/mirrors` | the appliance, its mirrors |
//!
//! Owns this table. Errors are `{"error","message"}` everywhere. Tested by `server/tests/native/`.

mod change;
mod feeds;
mod page;
mod publish;
mod status;
mod stream;

use std::sync::Arc;

use crate::{
    auth::{self, Denied},
    feeds::FeedEntry,
    http::{Reply, Request, Response},
    routes::method_not_allowed,
};

/// Answers a request below `/v1`.
pub(crate) async fn answer(mut request: Request<'_>) -> Reply {
    let segments = match request.head.segments() {
        Ok(segments) => segments,
        Err(error) => return Response::error(error.status(), error.code(), &error.to_string()).into(),
    };
    let segments: Vec<String> = segments.into_iter().map(String::from).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let method = request.head.method();
    if method == "OPTIONS" {
        return preflight().into();
    }
    if let Err(denied) = allowed(&request, &segments) {
        return Response::from(denied).into();
    }
    match (segments.as_slice(), method) {
        (["v1", "feeds"], "GET" | "HEAD") => feeds::list(&request).into(),
        (["v1", "feeds"], method) => method_not_allowed(method, "GET, HEAD").into(),
        (["v1", "feeds", name], "PUT") => feeds::create(&mut request, name).await.into(),
        (["v1", "feeds", name], "PATCH") => change::change(&mut request, name).await.into(),
        (["v1", "feeds", name], "GET" | "HEAD") => feeds::describe(&request, name).into(),
        (["v1", "feeds", name], "DELETE") => feeds::delete(&request, name).await.into(),
        (["v1", "feeds", _], method) => method_not_allowed(method, "GET, HEAD, PUT, PATCH, DELETE").into(),
        (["v1", "feeds", name, "events"], "POST") => publish::publish(&mut request, name).await.into(),
        (["v1", "feeds", name, "events"], "GET") => stream::begin(request, name).await,
        (["v1", "feeds", _, "events"], method) => method_not_allowed(method, "GET, POST").into(),
        (["v1", "status"], "GET" | "HEAD") => status::status(&request).into(),
        (["v1", "mirrors"], "GET" | "HEAD") => status::mirrors(&request).into(),
        (["v1", "status" | "mirrors"], method) => method_not_allowed(method, "GET, HEAD").into(),
        _ => nothing_here(request.head.path()).into(),
    }
}

/// What concerns the appliance as a whole takes a key where there are keys, and changing it takes an admin's. What concerns
/// one feed is looked at where the feed is known.
fn allowed(request: &Request<'_>, segments: &[&str]) -> Result<(), Denied> {
    match (segments, request.head.method()) {
        (["v1", "feeds", _], "PUT" | "PATCH" | "DELETE") => auth::require_admin(request),
        (["v1", "feeds", _, "events"], _) => Ok(()),
        _ => auth::require_any(request),
    }
}

/// The feed of that name, or the answer that there is none.
fn find(request: &Request<'_>, name: &str) -> Result<Arc<FeedEntry>, Response> {
    request.shard.appliance.feeds.get(name).ok_or_else(|| {
        let message = format!("There is no feed {name:?}. Create it with PUT /v1/feeds/{{feed}}.");
        Response::error(404, "FeedNotFound", &message)
    })
}

fn preflight() -> Response {
    Response::new(200, "text/plain", Vec::new())
        .header("Access-Control-Allow-Methods", "GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS")
        .header("Access-Control-Allow-Headers", "*")
        .header("Access-Control-Max-Age", "86400")
}

fn nothing_here(path: &str) -> Response {
    let message =
        format!("Nothing is served at {path}. Feeds are at /v1/feeds/{{feed}}, events below them at /events.");
    Response::error(404, "NotFound", &message)
}
