//! Statistics in the form of the original.
//!
//! Owns the answer. Counted is what this dialect's connections share with all others: the appliance's. Tested by
//! `server/tests/streamr/http.rs`.

use tailwater_wire::streamr::rest::{Rate, Volume};

use crate::{
    clock::now_us,
    http::{Request, Response},
    shard::ShardStats,
};

/// `GET /api/v1/volume`
pub(super) fn volume(request: &Request<'_>) -> Response {
    let appliance = &request.shard.appliance;
    let sum = |read: fn(&ShardStats) -> u64| -> u64 { appliance.stats.iter().map(|stats| read(stats)).sum() };
    let uptime_s = appliance.started.elapsed().as_secs().max(1);
    let volume = Volume {
        time_ms: now_us() / 1_000,
        connections: sum(ShardStats::subscribers),
        input: Rate::default(),
        output: Rate {
            events_per_s: sum(ShardStats::sends_total) / uptime_s,
            bytes_per_s: sum(ShardStats::sent_bytes_total) / uptime_s,
        },
    };
    let mut body = Vec::new();
    volume.write(&mut body);
    Response::new(200, "application/json", body)
}
