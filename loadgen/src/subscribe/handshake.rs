//! Requests that begin a stream, and whether an answer grants it (RFC 6455, section 4).

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::{
    USER_AGENT,
    decode::{DecodeError, http_head::ResponseHead},
    target::{Scheme, Target},
};

/// RFC 6455, section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A `Sec-WebSocket-Key` made of 16 random bytes.
pub(crate) fn key(random: [u8; 16]) -> String {
    BASE64.encode(&random)
}

/// The `Sec-WebSocket-Accept` that answers `key`.
pub(crate) fn accept_for(key: &str) -> String {
    let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(ACCEPT_GUID).finalize();
    BASE64.encode(&digest)
}

/// The request for a stream, with this body or with none; empty for raw connections.
pub(crate) fn request(
    target: &Target,
    cursor: Option<u64>,
    headers: &[(String, String)],
    body: Option<&str>,
    key: &str,
) -> Vec<u8> {
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut out = match target.scheme {
        Scheme::Frames | Scheme::Tcp => return Vec::new(),
        Scheme::Http | Scheme::WebSocket => format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\n",
            target.path_with_cursor(cursor),
            target.authority
        ),
    };
    if target.scheme == Scheme::WebSocket {
        out.push_str("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        out.push_str(&format!("Sec-WebSocket-Key: {key}\r\n"));
    }
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        out.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    out.push_str("\r\n");
    out.push_str(body.unwrap_or_default());
    out.into_bytes()
}

/// Whether `head` grants the stream: `Ok(false)` is a refusal in HTTP's own words.
pub(crate) fn is_granted(scheme: Scheme, head: &ResponseHead, key: &str) -> Result<bool, DecodeError> {
    let refuse = |reason: &str| Err(DecodeError::new("handshake", reason));
    match (scheme, head.status) {
        (Scheme::WebSocket, 101) => {}
        (Scheme::WebSocket, _) => return Ok(false),
        (_, status) => return Ok(status == 200),
    }
    if !head.upgrades {
        return refuse("101 without Upgrade: websocket and Connection: Upgrade");
    }
    if head.accept.as_deref() != Some(&*accept_for(key)) {
        return refuse("Sec-WebSocket-Accept does not belong to the key that was sent");
    }
    if head.has_extensions {
        return refuse("an extension was negotiated that nobody offered");
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn accept_of_the_specification() {
        assert_eq!(key(*b"the sample nonce"), KEY);
        assert_eq!(accept_for(KEY), ACCEPT);
    }

    #[test]
    fn request_bytes() {
        let target = Target::parse("ws://h:7/xrpc/a.b?x=1").unwrap();
        let headers = vec![("Sec-WebSocket-Protocol".into(), "xrpc.v1.json".into())];
        let expected = format!(
            "GET /xrpc/a.b?x=1&cursor=9 HTTP/1.1\r\nHost: h:7\r\nUser-Agent: {USER_AGENT}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: xrpc.v1.json\r\n\r\n"
        );
        let bytes = request(&target, Some(9), &headers, None, KEY);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);

        let target = Target::parse("http://h:7/a").unwrap();
        let expected = format!("GET /a HTTP/1.1\r\nHost: h:7\r\nUser-Agent: {USER_AGENT}\r\n\r\n");
        let bytes = request(&target, None, &[], None, KEY);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);

        let expected = format!(
            "POST /a HTTP/1.1\r\nHost: h:7\r\nUser-Agent: {USER_AGENT}\r\nContent-Type: application/json\r\n\
             Content-Length: 13\r\n\r\n{{\"token\":\"x\"}}"
        );
        let bytes = request(&target, None, &[], Some(r#"{"token":"x"}"#), KEY);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);

        for raw in ["tcp://h:7", "frames://h:7"] {
            assert!(request(&Target::parse(raw).unwrap(), None, &[], None, KEY).is_empty());
        }
    }

    #[test]
    fn answers() {
        let upgrade = "HTTP/1.1 101 S\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n";
        let accept = format!("Sec-WebSocket-Accept: {ACCEPT}\r\n");
        let table = [
            (Scheme::WebSocket, format!("{upgrade}{accept}\r\n"), Some(true)),
            (Scheme::WebSocket, format!("{upgrade}\r\n"), None),
            (Scheme::WebSocket, format!("{upgrade}Sec-WebSocket-Accept: AAAA\r\n\r\n"), None),
            (Scheme::WebSocket, format!("{upgrade}{accept}{accept}\r\n"), None),
            (Scheme::WebSocket, format!("{upgrade}{accept}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), None),
            (Scheme::WebSocket, format!("HTTP/1.1 101 S\r\nUpgrade: websocket\r\n{accept}\r\n"), None),
            (Scheme::WebSocket, "HTTP/1.1 429 T\r\n\r\n".into(), Some(false)),
            (Scheme::Http, "HTTP/1.1 200 OK\r\n\r\n".into(), Some(true)),
            (Scheme::Http, "HTTP/1.1 404 N\r\n\r\n".into(), Some(false)),
        ];
        for (scheme, answer, expected) in table {
            let head = ResponseHead::parse(answer.as_bytes()).unwrap().unwrap();
            assert_eq!(is_granted(scheme, &head, KEY).ok(), expected, "{answer}");
        }
    }
}
