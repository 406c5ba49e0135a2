//! The Streamr dialect: the WebSocket at `/api/v1/ws`, and the HTTP interface beside it.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /api/v1/ws` | a WebSocket: publish, subscribe, unsubscribe, resend |
//! | `POST /api/v1/streams/{stream}/data` | publish one message |
//! | `GET /api/v1/streams/{stream}/data/partitions/{p}/last`, `/from`, `/range` | stored messages |
//! | `GET`, `POST /api/v1/streams` | list, create |
//! | `GET`, `DELETE /api/v1/streams/{stream}` | describe, delete |
//! | `POST /api/v1/login/apikey` | a session for a key |
//! | `GET /api/v1/volume` | statistics |
//!
//! Owns this table. Each partition of a stream is a feed. Tested by `server/tests/streamr/` and the real clients in
//! `server/tests/clients/`.

mod conversation;
mod followed;
mod login;
mod meter;
mod place;
mod publish;
mod query;
mod resend;
mod streams;
mod volume;

use tailwater_wire::streamr::{errors::StreamrError, http::Endpoint};

pub(crate) use self::meter::{Meter, measure};

use crate::{
    http::{Reply, Request, Response},
    routes::method_not_allowed,
};

/// Whether a path is one of those above.
pub(crate) fn owns(segments: &[String]) -> bool {
    matches!(segments, [api, v1, streams] if api == "api" && v1 == "v1" && streams == "streams")
        || Endpoint::of_segments(segments).is_some()
}

/// Answers a request of this dialect.
pub(crate) async fn answer(mut request: Request<'_>, segments: &[String]) -> Reply {
    let method = request.head.method();
    if method == "OPTIONS" {
        return preflight().into();
    }
    let Some(endpoint) = Endpoint::of_segments(segments) else {
        return match method {
            "GET" | "HEAD" => streams::list(&request).into(),
            "POST" => streams::create(&mut request).await.into(),
            method => method_not_allowed(method, "GET, HEAD, POST").into(),
        };
    };
    match (endpoint, method) {
        (Endpoint::WebSocket, "GET") => conversation::begin(&request),
        (Endpoint::Produce { stream }, "POST") => publish::produce(&mut request, stream).await.into(),
        (Endpoint::Query { stream, partition, kind }, "GET") => query::query(&request, stream, partition, kind).await,
        (Endpoint::Stream { stream }, "GET" | "HEAD") => streams::describe(&request, stream).into(),
        (Endpoint::Stream { stream }, "DELETE") => streams::delete(&request, stream).await.into(),
        (Endpoint::Login, "POST") => login::login(&mut request).await.into(),
        (Endpoint::Volume, "GET" | "HEAD") => volume::volume(&request).into(),
        (Endpoint::WebSocket | Endpoint::Query { .. }, method) => method_not_allowed(method, "GET").into(),
        (Endpoint::Produce { .. } | Endpoint::Login, method) => method_not_allowed(method, "POST").into(),
        (Endpoint::Stream { .. }, method) => method_not_allowed(method, "GET, HEAD, DELETE").into(),
        (Endpoint::Volume, method) => method_not_allowed(method, "GET, HEAD").into(),
    }
}

fn preflight() -> Response {
    Response::new(200, "text/plain", Vec::new())
        .header("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE, OPTIONS")
        .header("Access-Control-Allow-Headers", "*")
        .header("Access-Control-Max-Age", "86400")
}

fn refused(error: &StreamrError) -> Response {
    let mut body = Vec::new();
    error.write_body(&mut body);
    Response::new(error.status(), "application/json", body)
}
