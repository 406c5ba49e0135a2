//! Followers of a Fauna event stream, over both of its transports.
//!
//! Owns what they begin with: a token, which the server makes; over HTTP/2 the bytes of a connection with one request, from which on
//! it is drained without looking. Tests are below.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tailwater_loadgen::SubscribeConfig;

use crate::{dialect::COLLECTION, events::Request, http::Client, observe::drained};

/// What begins a connection (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest window there is: what is measured is far less than these 2 GiB, so none has to be opened again.
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// The window of a connection to begin with.
const WINDOW_DEFAULT: u32 = 65_535;

/// Every document of the collection.
const ALL: &str = "all()";

/// `connections` to the stream of the collection, each a chunked answer.
///
/// # Errors
///
/// A server that makes no token.
pub fn streams(address: SocketAddr, connections: usize) -> Result<SubscribeConfig> {
    streams_of(address, connections, &[ALL.to_owned()])
}

/// The same of sets of its documents, such as `where(.n > 3)`: the n-th connection of the n-th of these, going round.
///
/// # Errors
///
/// A server that makes no token.
pub fn streams_of(address: SocketAddr, connections: usize, sets: &[String]) -> Result<SubscribeConfig> {
    let bodies = sets.iter().map(|set| stream_request(address, set)).collect::<Result<_>>()?;
    Ok(SubscribeConfig { bodies, ..drained(format!("http://{address}/stream/1"), connections) })
}

/// The same over HTTP/2.
///
/// # Errors
///
/// A server that makes no token.
pub fn streams_over_http2(address: SocketAddr, connections: usize) -> Result<SubscribeConfig> {
    let opening = opening(address, &stream_request(address, ALL)?);
    Ok(SubscribeConfig { opening, ..drained(format!("tcp://{address}"), connections) })
}

/// Asks for a token: the body that begins a stream.
fn stream_request(address: SocketAddr, set: &str) -> Result<String> {
    let body = serde_json::json!({ "query": { "fql": [format!("{COLLECTION}.{set}.eventSource()")] } });
    let query =
        Request { path: "/query/1".to_owned(), content_type: "application/json", body: body.to_string().into_bytes() };
    let answer = Client::connect(address)?.post(&query)?;
    let token = answer["data"].as_str().with_context(|| format!("{answer} has no token"))?;
    Ok(serde_json::json!({ "token": token }).to_string())
}

/// A connection's first bytes: the windows, and the request of stream 1.
fn opening(address: SocketAddr, body: &str) -> Vec<u8> {
    const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 4;
    let mut out = PREFACE.to_vec();
    let setting = [&SETTINGS_INITIAL_WINDOW_SIZE.to_be_bytes()[..], &WINDOW_MAX.to_be_bytes()].concat();
    frame(0x4, 0, 0, &setting, &mut out);
    frame(0x8, 0, 0, &(WINDOW_MAX - WINDOW_DEFAULT).to_be_bytes(), &mut out);
    // `:method POST` and `:scheme http` stand in the static table (RFC 7541, appendix A); so do the names of the others.
    let mut headers = vec![0x83, 0x86];
    for (name, value) in [(0x04, "/stream/1".to_owned()), (0x01, address.to_string())] {
        headers.extend([name, value.len() as u8]);
        headers.extend(value.as_bytes());
    }
    frame(0x1, 0x4, 1, &headers, &mut out);
    frame(0x0, 0x1, 1, body.as_bytes(), &mut out);
    out
}

/// Appends a frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_begins_with() {
        let bytes = opening(([127, 0, 0, 1], 7).into(), "{}");
        let expected = [
            PREFACE,
            b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff",
            b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0",
            b"\0\0\x1a\x01\x04\0\0\0\x01\x83\x86\x04\x09/stream/1\x01\x0b127.0.0.1:7",
            b"\0\0\x02\0\x01\0\0\0\x01{}",
        ];
        assert_eq!(bytes, expected.concat());
    }
}
