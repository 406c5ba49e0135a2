//! Where things are: what clients ask for before anything else; and who validates.
//!
//! Owns the addresses of the streams as they are advertised: those of the configuration, or else of the host that was asked.
//! A listener of this dialect alone answers exactly as the original; a shared one says more. Tested by
//! `server/tests/bigchaindb/info.rs`.

use serde_json::{Map, Value};
use tailwater_wire::bigchaindb::{
    errors,
    info::{Advertised, write_api, write_root},
    request::Stream,
};

use super::{readable_chain, refusals::refused};
use crate::{
    config::Dialect,
    http::{Request, Response},
};

/// `GET /` on a listener of this dialect.
pub(super) fn root(request: &Request<'_>) -> Response {
    let mut body = Vec::new();
    write_root(&mut body, &advertised(request));
    Response::new(200, errors::JSON, body)
}

/// `GET /api/v1`
pub(super) fn api(request: &Request<'_>) -> Response {
    let mut body = Vec::new();
    write_api(&mut body, &advertised(request));
    Response::new(200, errors::JSON, body)
}

/// `GET /api/v1/validators`: nobody else makes blocks, and nobody may propose an election.
pub(super) fn validators(request: &Request<'_>) -> Response {
    match readable_chain(request) {
        Ok(_) => Response::new(200, errors::JSON, b"[]\n".to_vec()),
        Err(refusal) => refused(refusal),
    }
}

/// Adds to the answer to `GET /` of a shared listener what clients of this dialect look for there.
pub(crate) fn add_root_fields(request: &Request<'_>, fields: &mut Map<String, Value>) {
    let mut own = Vec::new();
    write_root(&mut own, &advertised(request));
    let own: Map<String, Value> = serde_json::from_slice(&own).unwrap_or_default();
    fields.extend(own.into_iter().filter(|(name, _)| matches!(name.as_str(), "api" | "docs")));
}

fn advertised(request: &Request<'_>) -> Advertised {
    let configured = request.shard.appliance.config.bigchaindb.advertised_url.as_deref();
    let url = configured.map_or_else(|| asked_url(request), str::to_owned);
    let address = |stream: Stream| format!("{url}{}", stream.path());
    // The original has no such stream, and no field for it.
    let is_shared = !request.listening.serves_only(Dialect::Bigchaindb);
    Advertised { streams: address(Stream::Transactions), streamedblocks: is_shared.then(|| address(Stream::Blocks)) }
}

fn asked_url(request: &Request<'_>) -> String {
    let scheme = if request.listening.identity().is_some() { "wss" } else { "ws" };
    match request.head.header("host") {
        Some(host) if !host.is_empty() => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{}", request.listening.address),
    }
}
