//! The BigchainDB dialect: the WebSocket event streams, and the part of the web API that transactions come in by.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /`, `GET /api/v1` | where everything is |
//! | `GET /api/v1/streams/valid_transactions`, `/valid_blocks` | a WebSocket, or why not |
//! | `POST /api/v1/transactions` | the transaction, once its block is stored |
//! | `GET /api/v1/transactions/{id}` | a transaction |
//! | `GET /api/v1/blocks/{height}` | a block |
//! | `GET /api/v1/blocks?transaction_id={id}` | the heights of the blocks that have it |
//! | `GET /api/v1/outputs?public_key={key}` | the outputs of somebody |
//! | `GET /api/v1/transactions?asset_id={id}` | the transactions of an asset |
//! | `GET /api/v1/validators` | none |
//! | `GET /api/v1/assets?search={text}`, `/metadata` | the assets, or the metadata, that match |
//!
//! Owns this table. The feed that is bound to the dialect is the chain: an event is a block, its seq is the height. The
//! protocol has two voices, that of the web API and that of the streams' own server; each path keeps its own, whichever port
//! a request comes in on. Tested by `server/tests/bigchaindb/` and the real clients in `server/tests/clients/`.

mod chain;
mod info;
mod lists;
mod look_up;
mod post;
mod refusals;
mod search;
mod stream;

use std::sync::Arc;

use tailwater_wire::{
    bigchaindb::{
        errors::Refusal,
        request::{Route, Stream, route},
    },
    http1::Head,
};

use self::refusals::refused;
pub(crate) use self::{
    chain::{Chain, Chains},
    info::add_root_fields,
};
use crate::{
    auth::{Who, bearer},
    http::{Reply, Request, Response},
};

/// What lies directly below `/api/v1` in the original's web API, served here or not.
const WEB: [&str; 6] = ["transactions", "blocks", "assets", "metadata", "outputs", "validators"];

/// The streams.
const STREAMS: [Stream; 2] = [Stream::Transactions, Stream::Blocks];

/// Methods of what can only be looked at.
const LOOK: &[(&str, &str)] = &[("Allow", "GET, HEAD, OPTIONS")];

/// Methods of what can also be posted to.
const LOOK_OR_POST: &[(&str, &str)] = &[("Allow", "GET, HEAD, POST, OPTIONS")];

/// Whether a decoded path below `/api` is one of the original's, or lies below one.
pub(crate) fn owns(path: &str) -> bool {
    let is_web = |rest: &str| WEB.contains(&rest.split('/').next().unwrap_or_default());
    route(path).is_some() || is_below_stream(path) || path.strip_prefix("/api/v1/").is_some_and(is_web)
}

/// Answers a request of this dialect; on a listener of its own, every request.
pub(crate) async fn answer(mut request: Request<'_>) -> Reply {
    let Some(path) = decoded_path(request.head) else {
        return refused(Refusal::web_not_found()).into();
    };
    let route = match route(&path) {
        Some(Route::Stream(stream)) => return stream::begin(request, stream).await,
        None if is_below_stream(&path) => return refused(Refusal::stream(404)).into(),
        None => return refused(Refusal::web_not_found()).into(),
        Some(route) => route,
    };
    let method = request.head.method();
    if method == "OPTIONS" {
        return preflight().into();
    }
    let response = match (route, method) {
        (Route::Root, "GET" | "HEAD") => info::root(&request),
        (Route::Api, "GET" | "HEAD") => info::api(&request),
        (Route::Transactions, "POST") => post::post(&mut request).await,
        (Route::Transaction(id), "GET" | "HEAD") => look_up::transaction(&request, id).await,
        (Route::Blocks, "GET" | "HEAD") => look_up::heights(&request).await,
        (Route::Block(height), "GET" | "HEAD") => look_up::block(&request, height).await,
        (Route::Transactions, "GET" | "HEAD") => return lists::transactions(&request).await,
        (Route::Outputs, "GET" | "HEAD") => return lists::outputs(&request).await,
        (Route::Search(table), "GET" | "HEAD") => return search::search(&request, table).await,
        (Route::Validators, "GET" | "HEAD") => info::validators(&request),
        (Route::Transactions, _) => refused(Refusal::web_method(LOOK_OR_POST)),
        _ => refused(Refusal::web_method(LOOK)),
    };
    response.into()
}

/// `None` for a path whose escapes mean nothing.
fn decoded_path(head: &Head) -> Option<String> {
    let segments = head.segments().ok()?;
    Some(format!("/{}", segments.join("/")))
}

fn is_below_stream(path: &str) -> bool {
    STREAMS.iter().any(|stream| path.strip_prefix(stream.path()).is_some_and(|rest| rest.starts_with('/')))
}

fn preflight() -> Response {
    Response::new(200, "text/plain", Vec::new())
        .header("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
        .header("Access-Control-Allow-Headers", "*")
        .header("Access-Control-Max-Age", "86400")
}

/// Who asks. Drivers of the protocol show their key in a field of its own.
fn who(request: &Request<'_>) -> Who {
    let secret = bearer(request).or_else(|| request.head.header("app_key"));
    request.shard.appliance.keys.identify(secret)
}

/// The chain, if a feed is bound to the dialect.
fn current_chain(request: &Request<'_>) -> Option<Arc<Chain>> {
    request.shard.appliance.chains.current()
}

/// The chain, for somebody who may read it.
fn readable_chain(request: &Request<'_>) -> Result<Arc<Chain>, Refusal> {
    let chain = current_chain(request).ok_or_else(Refusal::web_not_found)?;
    let who = who(request);
    if who.may_read(chain.entry()) { Ok(chain) } else { Err(refusals::denied(&who)) }
}

#[cfg(test)]
mod tests {
    use super::owns;

    #[test]
    fn paths_that_are_shared_with_other_dialects() {
        let table = [
            ("/api/v1", true),
            ("/api/v1/", true),
            ("/api/v1/transactions", true),
            ("/api/v1/transactions/abc/", true),
            ("/api/v1/blocks/7", true),
            ("/api/v1/blocks/x/y", true),
            ("/api/v1/assets/", true),
            ("/api/v1/validators", true),
            ("/api/v1/validatorsx", false),
            ("/api/v1/streams/valid_transactions", true),
            ("/api/v1/streams/valid_transactions/", true),
            ("/api/v1/streams/valid_blocks/x", true),
            ("/api/v1/streams", false),
            ("/api/v1/streams/valid_transactionsx", false),
            ("/api/v1/streams/mine/data", false),
            ("/api/v1/ws", false),
            ("/api", false),
        ];
        for (path, owned) in table {
            assert_eq!(owns(path), owned, "{path}");
        }
    }
}
