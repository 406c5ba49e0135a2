use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits = HeadLimits { bytes_max: 1000, headers_max: 5, target_bytes_max: 100 };

fn parse(text: &str) -> Result<Head, HeadError> {
    parse_head(text.as_bytes(), &LIMITS).map(|head| head.expect("complete").0)
}

fn get(lines: &str) -> Result<Head, HeadError> {
    parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
}

#[test]
fn takes_a_request_apart() {
    let text = "\r\nPOST /v1/a%2Fb/c%20d/?x=1&y=%20 HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-one:  2 \r\nContent-Length: 3\r\n\r\nabcGET";
    let (head, taken) = parse_head(text.as_bytes(), &LIMITS).unwrap().unwrap();
    assert_eq!(&text[taken..], "abcGET");
    assert_eq!((head.method(), head.path(), head.query_raw()), ("POST", "/v1/a%2Fb/c%20d/", "x=1&y=%20"));
    assert_eq!(head.target(), "/v1/a%2Fb/c%20d/?x=1&y=%20");
    assert_eq!(head.segments().unwrap(), ["v1", "a/b", "c d", ""]);
    assert_eq!(head.query().get("y"), Some(" "));
    assert_eq!((head.header("X-ONE"), head.header("x-two")), (Some("1"), None));
    assert_eq!(head.header_all("x-One").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(head.headers().count(), 4);
    assert_eq!((head.version(), head.body_kind()), (Version::Http11, BodyKind::Length(3)));
}

#[test]
fn targets() {
    let table = [
        ("/", Ok(("/", ""))),
        ("/a?b?c", Ok(("/a", "b?c"))),
        ("/a?", Ok(("/a", ""))),
        ("//a", Ok(("//a", ""))),
        ("http://h/a?b", Ok(("/a", "b"))),
        ("WS://h:1/a", Ok(("/a", ""))),
        ("http://h", Ok(("/", ""))),
        ("http://h?b", Ok(("/", "b"))),
        ("*", Ok(("*", ""))),
        ("h:80", Err(400)),
        ("ftp://h/a", Err(400)),
        ("a/b", Err(400)),
    ];
    for (target, expected) in table {
        let head = parse(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let parts = head.as_ref().map(|head| (head.path(), head.query_raw())).map_err(HeadError::status);
        assert_eq!(parts, expected, "{target}");
    }
}

#[test]
fn segments_that_cannot_be_decoded() {
    for path in ["/%", "/a%2", "/%zz", "/%ff", "/ok/%C3"] {
        let head = parse(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        assert_eq!(head.segments().unwrap_err().status(), 400, "{path}");
    }
    let head = parse("GET /%C3%A4 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(head.segments().unwrap(), ["ä"]);
}

#[test]
fn refusals_and_their_status() {
    let many = "A: b\r\n".repeat(5);
    let long = format!("A: {}\r\n", "b".repeat(990));
    let table = [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505),
        ("GET / HTTP/0.9\r\n\r\n".to_owned(), 505),
        ("PRI * HTTP/2.0\r\n\r\n".to_owned(), 505),
        ("GET / XTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /\r\n\r\n".to_owned(), 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{long}\r\n"), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100)), 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n".to_owned(), 400),
    ];
    for (text, status) in table {
        assert_eq!(parse(&text).map(|_| ()).map_err(|error| error.status()), Err(status), "{text:?}");
    }
}

#[test]
fn what_cannot_become_a_request_is_refused_early() {
    let status = |bytes: &[u8]| parse_head(bytes, &LIMITS).map(|head| head.is_none()).map_err(|error| error.status());
    assert_eq!(status(b"\x16\x03\x01\x02\x00"), Err(400), "a TLS hello");
    assert_eq!(status(b" GET"), Err(400));
    assert_eq!(status(&[b'A'; 33]), Err(400));
    assert_eq!(status(format!("GET /{}", "x".repeat(200)).as_bytes()), Err(414));
    assert_eq!(status(format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(1000)).as_bytes()), Err(431));
    assert_eq!(status("\r\n".repeat(501).as_bytes()), Err(431));
    for partial in ["", "\r\n", "G", "GET", "GET ", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        assert_eq!(status(partial.as_bytes()), Ok(true), "{partial:?}");
    }
}

#[test]
fn bodies_and_what_smuggles() {
    let table = [
        ("", Ok(BodyKind::None)),
        ("Content-Length: 0\r\n", Ok(BodyKind::Length(0))),
        ("Content-Length: 5\r\ncontent-length: 5\r\n", Ok(BodyKind::Length(5))),
        ("Content-Length: 5, 5\r\n", Ok(BodyKind::Length(5))),
        ("Content-Length: 18446744073709551615\r\n", Ok(BodyKind::Length(u64::MAX))),
        ("Transfer-Encoding: Chunked\r\n", Ok(BodyKind::Chunked)),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(400)),
        ("Content-Length: 5, 6\r\n", Err(400)),
        ("Content-Length: +5\r\n", Err(400)),
        ("Content-Length: -5\r\n", Err(400)),
        ("Content-Length: 0x5\r\n", Err(400)),
        ("Content-Length: \r\n", Err(400)),
        ("Content-Length: 5,\r\n", Err(400)),
        ("Content-Length: 18446744073709551616\r\n", Err(400)),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(400)),
        ("Transfer-Encoding: gzip\r\n", Err(501)),
        ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
        ("Transfer-Encoding: chunked, identity\r\n", Err(501)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(501)),
        ("Transfer-Encoding: \x0bchunked\r\n", Err(400)),
    ];
    for (lines, expected) in table {
        assert_eq!(get(lines).map(|head| head.body_kind()).map_err(|error| error.status()), expected, "{lines:?}");
    }
    let old = parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(old.unwrap_err().status(), 400);
}

#[test]
fn connections_and_lists() {
    let keep = |version: &str, connection: &str| {
        parse(&format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n")).unwrap().keep_alive()
    };
    assert!(keep("1.1", "x") && !keep("1.1", "Close") && !keep("1.1", "keep-alive, close"));
    assert!(!keep("1.0", "x") && keep("1.0", "Keep-Alive") && !keep("1.0", "keep-alive, close"));

    let head = get("Connection: keep-alive,\tUpgrade\r\nconnection: x,,\r\n").unwrap();
    assert_eq!(head.tokens("connection").collect::<Vec<_>>(), ["keep-alive", "Upgrade", "x"]);
    assert!(head.has_token("CONNECTION", "upgrade") && !head.has_token("connection", "keep"));

    assert!(get("Expect: 100-Continue\r\n").unwrap().expects_continue());
    assert!(!parse("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").unwrap().expects_continue());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_head(&bytes, &LIMITS);
    }

    #[test]
    fn no_mangled_request_panics(at in 0_usize..77, byte in any::<u8>(), cut in 1_usize..90) {
        let mut text = b"POST http://h/a%20b?c=d HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nUpgrade: x\r\n\r\n".to_vec();
        text[at] = byte;
        text.truncate(cut);
        if let Ok(Some((head, _))) = parse_head(&text, &LIMITS) {
            let _ = (head.segments(), head.query().iter().count(), head.keep_alive());
        }
    }

    /// However a request arrives, it is accepted with its last byte and not before.
    #[test]
    fn a_prefix_is_never_taken_for_the_whole(cut in 0_usize..57) {
        let text = b"GET /a HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
        prop_assert_eq!(text.len(), 57);
        prop_assert!(parse_head(&text[..cut], &LIMITS).unwrap().is_none());
    }
}
