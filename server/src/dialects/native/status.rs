//! What the appliance says about itself.
//!
//! Owns the JSON forms of the status and of the mirrors. Tested by `server/tests/native/`.

use serde_json::json;

use crate::http::{Request, Response};

/// `GET /v1/status`
pub(super) fn status(request: &Request<'_>) -> Response {
    let appliance = &request.shard.appliance;
    let sum =
        |read: fn(&crate::shard::ShardStats) -> u64| -> u64 { appliance.stats.iter().map(|stats| read(stats)).sum() };
    Response::json(
        200,
        &json!({
            "version": tailwater_wire::VERSION,
            "uptime_s": appliance.started.elapsed().as_secs(),
            "shards": appliance.stats.len(),
            "feeds": appliance.feeds.len(),
            "connections": appliance.places.connections(),
            "connections_total": sum(crate::shard::ShardStats::accepted_total),
            "tls_connections": sum(crate::shard::ShardStats::tls_connections),
            "tls_handshakes_total": sum(crate::shard::ShardStats::tls_handshakes_total),
            "tls_handshakes_failed_total": sum(crate::shard::ShardStats::tls_handshakes_failed_total),
            "subscribers": sum(crate::shard::ShardStats::subscribers),
            "sends_total": sum(crate::shard::ShardStats::sends_total),
            "sent_bytes_total": sum(crate::shard::ShardStats::sent_bytes_total),
        }),
    )
}

/// `GET /v1/mirrors`
pub(super) fn mirrors(request: &Request<'_>) -> Response {
    Response::json(200, &json!({ "mirrors": request.shard.appliance.mirrors.statuses() }))
}
