//! Bodies of requests that come compressed, as the clients that are made for Cloudant send them.
//!
//! Owns what `Content-Encoding` says of JSON. An attachment's is the attachment's own: it is kept as it comes. Tested by
//! `server/tests/couchdb/encoded.rs`.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use tailwater_wire::{
    couchdb::errors::{Problem, Refusal},
    http1::Head,
};

/// A body without its encoding, of at most so many bytes. What is encoded is decoded on the blocking pool.
pub(super) async fn decoded(head: &Head, body: Vec<u8>, bytes_max: u64) -> Result<Vec<u8>, Refusal> {
    match head.header("content-encoding").unwrap_or("identity") {
        "identity" => Ok(body),
        "gzip" if body.is_empty() => Ok(body),
        "gzip" => glommio::executor().spawn_blocking(move || gunzip(&body, bytes_max)).await,
        other => Err(Refusal::new(415, "bad_content_type", format!("{other} is not a supported content encoding."))),
    }
}

fn gunzip(body: &[u8], bytes_max: u64) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(body).take(bytes_max.saturating_add(1)).read_to_end(&mut plain);
    match read {
        Ok(length) if length as u64 > bytes_max => Err(Problem::TooLarge.into()),
        Ok(_) => Ok(plain),
        Err(_) => Err(Refusal::bad_request("Request body is not properly gzipped.")),
    }
}
