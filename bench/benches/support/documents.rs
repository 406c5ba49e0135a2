//! JSON documents of 512 bytes.

use tailwater_core::{BodyFormat, Event};

/// A round number of microseconds since the Unix epoch.
pub const TIME_US: u64 = 1_783_166_400_000_000;

/// A JSON document of exactly 512 bytes.
pub fn json_body() -> Vec<u8> {
    let mut body = br#"{"text":"a document of the usual sort","langs":["en","fr"],"count":17,"pad":""#.to_vec();
    body.resize(510, b'x');
    body.extend_from_slice(b"\"}");
    body
}

/// The document as an event.
pub fn json_event(body: &[u8]) -> Event<'_> {
    Event { seq: 123_456_789, time_us: TIME_US, kind: "put", key: "posts/17", format: BodyFormat::Json, body }
}
