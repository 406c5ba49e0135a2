//! A request over HTTP/1.1 that asks for HTTP/2, as the frames of stream 1.
//!
//! Owns which requests those are, and the frames: a HEADERS frame that ends the stream, with CONTINUATION frames where it is
//! long. The body, which was read with the request, does not go through frames: it would count against windows that the client
//! knows nothing of. Tested below and by `server/tests/fauna/http2.rs`.

use tailwater_wire::http1::{Head, Version};

/// The answer to a request that is upgraded.
pub(crate) const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The largest payload of a frame that everybody takes.
const PAYLOAD_BYTES_MAX: usize = 16_384;

/// What belongs to the connection, or is said in another way.
const LEFT_OUT: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// An upgraded request.
pub(crate) struct Upgraded {
    pub(super) frames: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// Whether a request asks for HTTP/2.
pub(crate) fn is_wanted(head: &Head) -> bool {
    head.version() == Version::Http11
        && head.has_token("upgrade", "h2c")
        && head.has_token("connection", "upgrade")
        && head.has_token("connection", "http2-settings")
        && head.header("http2-settings").is_some()
}

/// The request as stream 1.
pub(crate) fn upgrade(head: &Head, body: Vec<u8>) -> Upgraded {
    let mut block = Vec::new();
    let authority = head.header("host").unwrap_or_default();
    let pseudo = [(":method", head.method()), (":scheme", "http"), (":path", head.target()), (":authority", authority)];
    for (name, value) in pseudo {
        literal(name.as_bytes(), value.as_bytes(), &mut block);
    }
    for (name, value) in head.headers() {
        let name = name.to_ascii_lowercase();
        if !LEFT_OUT.contains(&name.as_str()) {
            literal(name.as_bytes(), value, &mut block);
        }
    }
    Upgraded { frames: frames(&block), body }
}

fn frames(block: &[u8]) -> Vec<u8> {
    let mut frames = Vec::with_capacity(block.len() + 64);
    let mut payloads = block.chunks(PAYLOAD_BYTES_MAX).peekable();
    let mut kind = HEADERS;
    while let Some(payload) = payloads.next() {
        let ends = if payloads.peek().is_none() { END_HEADERS } else { 0 };
        let flags = ends | if kind == HEADERS { END_STREAM } else { 0 };
        let length = (payload.len() as u32).to_be_bytes();
        frames.extend_from_slice(&[length[1], length[2], length[3], kind, flags, 0, 0, 0, 1]);
        frames.extend_from_slice(payload);
        kind = CONTINUATION;
    }
    frames
}

/// Appends a field that no table remembers (RFC 7541, 6.2.2).
fn literal(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    for text in [name, value] {
        integer(text.len(), out);
        out.extend_from_slice(text);
    }
}

/// Appends an integer with a prefix of 7 bits whose first bit is 0 (RFC 7541, 5.1).
fn integer(number: usize, out: &mut Vec<u8>) {
    const PREFIX_MAX: usize = 127;
    if number < PREFIX_MAX {
        return out.push(number as u8);
    }
    out.push(PREFIX_MAX as u8);
    let mut left = number - PREFIX_MAX;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use tailwater_wire::http1::{HeadLimits, parse_head};

    use super::*;

    fn head(text: &str) -> Head {
        parse_head(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0
    }

    #[test]
    fn which_requests_ask() {
        let wanted = "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n";
        let table = [
            (wanted, true),
            ("Upgrade: websocket\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n", false),
            ("Upgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: x\r\n", false),
            ("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n", false),
            ("", false),
        ];
        for (headers, expected) in table {
            let head = head(&format!("POST /stream/1 HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
            assert_eq!(is_wanted(&head), expected, "{headers}");
        }
    }

    #[test]
    fn golden_frames() {
        let head = head("POST /s HTTP/1.1\r\nHost: a:1\r\nX-B: c\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n");
        let mut block = Vec::new();
        for (name, value) in
            [(":method", "POST"), (":scheme", "http"), (":path", "/s"), (":authority", "a:1"), ("x-b", "c")]
        {
            block.extend([0, name.len() as u8]);
            block.extend(name.bytes());
            block.push(value.len() as u8);
            block.extend(value.bytes());
        }
        let mut expected = vec![0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1];
        expected.extend(&block);
        assert_eq!(upgrade(&head, Vec::new()).frames, expected);
    }

    #[test]
    fn long_blocks_go_on() {
        let frames = frames(&[7; 40_000]);
        let heads = [0, 16_384 + 9, 2 * (16_384 + 9)].map(|at| frames[at..at + 9].to_vec());
        assert_eq!(heads[0], [0, 0x40, 0, 1, 1, 0, 0, 0, 1]);
        assert_eq!(heads[1], [0, 0x40, 0, 9, 0, 0, 0, 0, 1]);
        assert_eq!(heads[2], [0, 0x1c, 0x40, 9, 4, 0, 0, 0, 1]);
    }

    #[test]
    fn golden_integers() {
        for (number, expected) in [(0, &[0][..]), (126, &[126]), (127, &[127, 0]), (1337, &[127, 0xba, 0x09])] {
            let mut out = Vec::new();
            integer(number, &mut out);
            assert_eq!(out, expected, "{number}");
        }
    }
}
