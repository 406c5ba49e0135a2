//! The composed decoders: what an answer's head selects, and that no cut changes what comes out.

use proptest::prelude::*;

use crate::decode::{
    http_head::ResponseHead,
    stream::{Encoding, Item, StreamDecoder},
    tests::pieces,
};

fn http(content_type: &str) -> StreamDecoder {
    let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: {content_type}\r\n\r\n");
    let head = ResponseHead::parse(text.as_bytes()).unwrap().unwrap();
    StreamDecoder::http(&head, 1000)
}

fn decode(mut decoder: StreamDecoder, pieces: &[&[u8]]) -> Vec<String> {
    let mut out = Vec::new();
    for piece in pieces {
        decoder
            .feed(piece, &mut |item| {
                out.push(match item {
                    Item::Payload(Encoding::Json, bytes) => format!("json {}", String::from_utf8_lossy(bytes)),
                    other => format!("{other:?}"),
                })
            })
            .unwrap();
    }
    out.dedup_by(|a, b| a == "BodyEnd" && b == "BodyEnd");
    out
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

#[test]
fn ndjson() {
    let body = [chunk("{\"seq\":1}\n"), chunk("\n"), chunk("{\"seq\":2}\r\n{"), chunk("}\n")].concat();
    let expected = ["json {\"seq\":1}", "json {\"seq\":2}", "json {}", "BodyEnd"];
    let body = body + "0\r\n\r\n";
    assert_eq!(decode(http("application/x-ndjson"), &[body.as_bytes()]), expected);
}

#[test]
fn sse() {
    let heartbeats = chunk(": beat\n\n") + &chunk("event: heartbeat\ndata: \n\n");
    let body = chunk("id: 1\nevent: put\ndata: {\"seq\":1}\n\n") + &heartbeats;
    let expected = ["json {\"seq\":1}"];
    assert_eq!(decode(http("text/event-stream; charset=utf-8"), &[body.as_bytes()]), expected);
}

#[test]
fn web_socket() {
    let bytes = b"\x81\x02{}\x89\x01p\x8a\x00\x82\x01\xa0\x88\x02\x03\xf4";
    let expected = ["json {}", "Ping([112])", "Payload(DagCbor, [160])", "Close(Some(1012), \"\")"];
    assert_eq!(decode(StreamDecoder::web_socket(1000), &[bytes]), expected);
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        data in prop::collection::vec("(data: ?|id: |\\{\\}|:|x)[a-z]{0,20}\n{0,2}", 1..10),
        is_sse in any::<bool>(),
        cuts in prop::collection::vec(1usize..30, 0..40),
    ) {
        let content_type = if is_sse { "text/event-stream" } else { "application/x-ndjson" };
        let body: String = data.iter().map(|data| chunk(data)).collect();
        let body = body + "0\r\n\r\n";
        let whole = decode(http(content_type), &[body.as_bytes()]);
        prop_assert_eq!(decode(http(content_type), &pieces(body.as_bytes(), &cuts)), whole);
    }
}
