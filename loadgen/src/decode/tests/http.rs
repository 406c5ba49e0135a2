//! Heads, bodies, lines and server-sent events.

use proptest::prelude::*;

use crate::decode::{
    DecodeError,
    chunked::BodyDecoder,
    http_head::{HEAD_BYTES_MAX, ResponseHead, refusal_name},
    lines::LineDecoder,
    sse::SseDecoder,
    tests::pieces,
};

fn body(mut decoder: BodyDecoder, pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), DecodeError> {
    let mut out = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })?;
    }
    Ok((out, decoder.is_done()))
}

#[test]
fn chunked_bodies() {
    let table: [(&str, Option<(&str, bool)>); 14] = [
        ("5\r\nhello\r\n0\r\n\r\n", Some(("hello", true))),
        ("0005\r\nhello\r\n6;a=b\r\n world\r\n", Some(("hello world", false))),
        ("A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nrest", Some(("0123456789", true))),
        ("5 \r\nhel", Some(("hel", false))),
        ("", Some(("", false))),
        ("\r\n", None),
        ("g\r\n", None),
        ("5\nhello", None),
        ("5\r\nhello0\r\n", None),
        ("5\r\nhello\r0", None),
        ("-1\r\n", None),
        ("10000000000000000\r\n", None),
        ("0000000000000000000000005\r\nhello", Some(("hello", false))),
        (" 5\r\nhello", None),
    ];
    for (text, expected) in table {
        let decoded = body(BodyDecoder::chunked(), &[text.as_bytes()]).ok();
        let expected = expected.map(|(text, done)| (text.as_bytes().to_vec(), done));
        assert_eq!(decoded, expected, "{text:?}");
    }
    let endless = "0".repeat(5000);
    assert!(body(BodyDecoder::chunked(), &[endless.as_bytes()]).is_err());
}

#[test]
fn other_bodies() {
    let hello = b"hello".to_vec();
    assert_eq!(body(BodyDecoder::sized(5), &[b"hel", b"lox"]), Ok((hello.clone(), true)));
    assert_eq!(body(BodyDecoder::sized(0), &[b"x"]), Ok((vec![], true)));
    assert_eq!(body(BodyDecoder::until_close(), &[b"hel", b"lo"]), Ok((hello, false)));
}

#[test]
fn heads() {
    let text = "HTTP/1.1 429 Too Many\r\ncontent-type: Application/JSON; charset=x\r\n\
                CONTENT-LENGTH: 17\r\nConnection: Close\r\n\r\nbody";
    let head = ResponseHead::parse(text.as_bytes()).unwrap().unwrap();
    assert_eq!((head.status, head.bytes), (429, text.len() - 4));
    assert_eq!((head.content_length, head.is_chunked, head.closes), (Some(17), false, true));
    assert_eq!(head.content_type, "application/json; charset=x");

    for incomplete in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
        assert_eq!(ResponseHead::parse(incomplete.as_bytes()), Ok(None), "{incomplete}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(HEAD_BYTES_MAX));
    for refused in ["SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", &endless] {
        assert!(ResponseHead::parse(refused.as_bytes()).is_err());
    }
}

#[test]
fn body_framing_follows_the_head() {
    let framing = |text: &str| {
        let head = ResponseHead::parse(text.as_bytes()).unwrap().unwrap();
        body(head.body(), &[b"2\r\nab\r\n0\r\n\r\n"]).unwrap()
    };
    let table: [(&str, &[u8], bool); 4] = [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ab", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"2", true),
        ("HTTP/1.1 200 OK\r\n\r\n", b"2\r\nab\r\n0\r\n\r\n", false),
        ("HTTP/1.1 204 OK\r\n\r\n", b"", true),
    ];
    for (head, expected, done) in table {
        assert_eq!(framing(head), (expected.to_vec(), done), "{head}");
    }
}

#[test]
fn refusals_are_named() {
    let table: [(&[u8], &str); 8] = [
        (b"Ask somebody else.\n", "404: Ask somebody else."),
        (b"one line\nand another", "404"),
        (&[b'x'; 300], "404"),
        (b"\xff", "404"),
        (br#"{"error":"FeedNotFound","message":"m"}"#, "404 FeedNotFound"),
        (br#"{"message":"m"}"#, "404"),
        (b"<html>", "404"),
        (b"", "404"),
    ];
    for (body, expected) in table {
        assert_eq!(refusal_name(404, body), expected);
    }
}

fn lines(max: usize, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut decoder = LineDecoder::new(max);
    let mut out = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut |line| {
            out.push(line.to_vec());
            Ok(())
        })?;
    }
    Ok(out)
}

fn events(text: &str) -> Result<Vec<String>, DecodeError> {
    let mut decoder = SseDecoder::new(8);
    let mut out = Vec::new();
    for line in text.split_terminator('\n') {
        decoder.line(line.as_bytes(), &mut |data| {
            out.push(String::from_utf8(data.to_vec()).unwrap());
            Ok(())
        })?;
    }
    Ok(out)
}

#[test]
fn server_sent_events() {
    let table: [(&str, &[&str]); 6] = [
        ("id: 1\nevent: put\ndata: {}\n\n", &["{}"]),
        (":heartbeat\n\ndata:a\n\n\n", &["a"]),
        ("data: a\ndata:  b\n\ndata\n\n", &["a\n b", ""]),
        ("data: unended", &[]),
        ("retry: 5\n\n", &[]),
        ("datax: a\n data: b\n\n", &[]),
    ];
    for (text, expected) in table {
        assert_eq!(events(text).unwrap(), expected, "{text:?}");
    }
    assert!(events("data: 123\ndata: 456789\n").is_err());
}

#[test]
fn long_lines_are_refused() {
    assert_eq!(lines(3, &[b"abc\r", b"\nd"]), Err(DecodeError::new("lines", "a line of over 3 bytes")));
    assert_eq!(lines(3, &[b"abc\nd"]), Ok(vec![b"abc".to_vec()]));
    assert!(lines(3, &[b"ab", b"cd"]).is_err());
}

proptest! {
    #[test]
    fn cuts_of_a_body_change_nothing(
        bytes in "([1-9a]\r\n[0-9a-z]{0,12}\r\n){0,6}(0\r\n\r\n)?|[0-9a-f\r\n;]{0,40}",
        cuts in prop::collection::vec(1usize..9, 0..30),
    ) {
        let whole = body(BodyDecoder::chunked(), &[bytes.as_bytes()]);
        let cut = body(BodyDecoder::chunked(), &pieces(bytes.as_bytes(), &cuts));
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn cuts_of_lines_change_nothing(
        text in "[a\r\n]{0,60}",
        cuts in prop::collection::vec(1usize..9, 0..30),
    ) {
        let whole = lines(100, &[text.as_bytes()]);
        prop_assert_eq!(lines(100, &pieces(text.as_bytes(), &cuts)), whole);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = ResponseHead::parse(&bytes);
        let _ = body(BodyDecoder::chunked(), &[&bytes]);
        let _ = refusal_name(500, &bytes);
    }
}
