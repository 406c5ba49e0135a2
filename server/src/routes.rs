//! Which dialect answers which path.
//!
//! | path | dialect |
//! | --- | --- |
//! | `/` | all of them: one object that satisfies every dialect's clients |
//! | `/v1/...` | native |
//! | `/xrpc/...` | AT Protocol |
//! | `/api/v1`, `/api/v1/transactions`, `blocks`, `outputs`, `assets`, `metadata`, `validators`, `streams/valid_...` | BigchainDB |
//! | `/api/v1/ws`, `/api/v1/streams/...`, `/api/v1/login/...`, `/api/v1/volume` | Streamr |
//! | `/query/1`, `/stream/1`, `/feed/1` | Fauna |
//! | any other | CouchDB: the name of a database, what is asked of it |
//!
//! Owns this table and nothing of what a dialect does. A listener serves the dialects it is configured for; a path of
//! another dialect does not exist there. One that serves BigchainDB alone is answered by it alone. Tested by
//! `server/tests/http/` and `server/tests/bigchaindb/`.

use serde_json::{Map, Value};

use crate::{
    config::Dialect,
    dialects::{atproto, bigchaindb, couchdb, fauna, native, streamr},
    http::{Reply, Request, Response},
};

/// Finds the dialect and lets it answer.
pub(crate) async fn answer(request: Request<'_>) -> Reply {
    if request.shard.draining() {
        return stopping().into();
    }
    let path = request.head.path();
    let listening = request.listening;
    if listening.serves_only(Dialect::Bigchaindb) {
        return bigchaindb::answer(request).await;
    }
    if listening.serves_only(Dialect::Couchdb) {
        return couchdb::answer(request).await;
    }
    if listening.serves_only(Dialect::Fauna) {
        return fauna::answer(request).await;
    }
    if path == "/" {
        return root(&request).into();
    }
    if is_below(path, "/v1") && listening.serves(Dialect::Native) {
        return native::answer(request).await;
    }
    if is_below(path, "/xrpc") && listening.serves(Dialect::Atproto) {
        return atproto::answer(request).await;
    }
    if is_below(path, "/api") {
        return below_api(request).await;
    }
    if fauna::owns(path) && listening.serves(Dialect::Fauna) {
        return fauna::answer(request).await;
    }
    if listening.serves_only(Dialect::Couchdb) || (listening.serves(Dialect::Couchdb) && couchdb::owns(&request)) {
        return couchdb::answer(request).await;
    }
    nothing_here(path).into()
}

/// Dialects that share a prefix tell their paths apart by what follows it.
async fn below_api(request: Request<'_>) -> Reply {
    let segments: Vec<String> = match request.head.segments() {
        Ok(segments) => segments.into_iter().map(String::from).collect(),
        Err(error) => return Response::error(error.status(), error.code(), &error.to_string()).into(),
    };
    if request.listening.serves(Dialect::Bigchaindb) && bigchaindb::owns(&format!("/{}", segments.join("/"))) {
        return bigchaindb::answer(request).await;
    }
    if request.listening.serves(Dialect::Streamr) && streamr::owns(&segments) {
        return streamr::answer(request, &segments).await;
    }
    nothing_here(request.head.path()).into()
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn root(request: &Request<'_>) -> Response {
    match request.head.method() {
        "GET" | "HEAD" => Response::json(200, &root_fields(request)),
        method => method_not_allowed(method, "GET, HEAD"),
    }
}

/// What the clients of all dialects look for at `/`: our own fields, and those of the dialects served here.
fn root_fields(request: &Request<'_>) -> Map<String, Value> {
    let own = [
        ("software", "Tailwater"),
        ("version", tailwater_wire::VERSION),
        ("feeds", "/v1/feeds"),
        ("status", "/v1/status"),
    ];
    let mut fields: Map<String, Value> = own.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    if request.listening.serves(Dialect::Bigchaindb) {
        bigchaindb::add_root_fields(request, &mut fields);
    }
    if request.listening.serves(Dialect::Couchdb) {
        couchdb::add_root_fields(&request.shard.appliance, &mut fields);
    }
    fields
}

fn stopping() -> Response {
    let message = "This server is stopping. Try again in a moment.";
    Response::error(503, "ServiceUnavailable", message).header("Retry-After", "1").closing()
}

fn nothing_here(path: &str) -> Response {
    let message = format!(
        "Nothing is served at {path}. The native API begins at /v1/feeds; the documentation lists the other paths."
    );
    Response::error(404, "NotFound", &message)
}

/// The answer to a method that the path does not take.
pub(crate) fn method_not_allowed(method: &str, allowed: &'static str) -> Response {
    let message = format!("{method} is not possible here; {allowed} is.");
    Response::error(405, "MethodNotAllowed", &message).header("Allow", allowed)
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let cases =
            [("/v1", true), ("/v1/", true), ("/v1/feeds", true), ("/v10", false), ("/", false), ("/x/v1", false)];
        for (path, below) in cases {
            assert_eq!(is_below(path, "/v1"), below, "{path}");
        }
    }
}
