//! Statistics in the form of the original.
//!
//! Owns the answer; what is counted, and how, is `meter`'s. Tested by `server/tests/streamr/http.rs`.

use tailwater_wire::streamr::rest::Volume;

use crate::{
    clock::now_us,
    http::{Request, Response},
};

/// `GET /api/v1/volume`
pub(super) fn volume(request: &Request<'_>) -> Response {
    let meter = &request.shard.appliance.streamr;
    let (input, output) = meter.rates();
    let volume = Volume { time_ms: now_us() / 1_000, connections: meter.connections(), input, output };
    let mut body = Vec::new();
    volume.write(&mut body);
    Response::new(200, "application/json", body)
}
