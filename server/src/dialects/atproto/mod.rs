//! The AT Protocol dialect: `/xrpc/{nsid}` event streams and the health check.
//!
//! Owns which request gets which answer, in the order the specification's "Connection" section gives. Never reads an
//! event. Tested by `server/tests/atproto.rs` and the real clients in `server/tests/clients/`.

mod stream;

use crate::{
    http::{Reply, Request, Response},
    routes::method_not_allowed,
};

/// Answers a request below `/xrpc`.
pub(crate) async fn answer(request: Request<'_>) -> Reply {
    let path = request.head.path();
    let name = path.strip_prefix("/xrpc/").unwrap_or_default();
    // A trailing slash is accepted, as the reference server does.
    let nsid = name.strip_suffix('/').unwrap_or(name).to_owned();
    if request.head.method() == "OPTIONS" {
        return preflight().into();
    }
    if nsid == "_health" {
        return health(&request).into();
    }
    match request.shard.appliance.feeds.find(|exposure| exposure.is_atproto(&nsid)) {
        Some(feed) => stream::begin(request, feed, &nsid).await,
        None => unknown(&nsid).into(),
    }
}

fn health(request: &Request<'_>) -> Response {
    match request.head.method() {
        "GET" | "HEAD" => {
            let health = serde_json::json!({ "status": "ok", "version": tailwater_wire::VERSION });
            Response::json(200, &health)
        }
        method => method_not_allowed(method, "GET, HEAD"),
    }
}

fn preflight() -> Response {
    Response::new(200, "text/plain", Vec::new())
        .header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        .header("Access-Control-Allow-Headers", "*")
        .header("Access-Control-Max-Age", "86400")
}

fn unknown(nsid: &str) -> Response {
    let message = format!("No stream {nsid:?} is served here.");
    Response::error(501, "MethodNotImplemented", &message)
}
