//! What a batch says that a subscriber receives, against what the server's own encoders make of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::value::RawValue;
use tailwater_bench::{dialect::Dialect, events::Batch};
use tailwater_core::{BodyFormat, Encoder, Event};
use tailwater_loadgen::decode::{
    Message,
    http_head::ResponseHead,
    stream::{Item, StreamDecoder},
};
use tailwater_wire::{
    bigchaindb::encode::BigchaindbTransactions,
    couchdb::changes::{
        Style,
        encode::{Changes, Framing, Shape},
    },
    native::encode::NativeWsJson,
    streamr::encode::StreamrJson,
};

#[derive(serde::Deserialize)]
struct Line<'a> {
    kind: &'a str,
    key: Option<&'a str>,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The stream of a batch behind the first event of its feed.
fn encoded(encoder: &dyn Encoder, batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    for (line, seq) in std::str::from_utf8(&batch.request.body).unwrap().lines().zip(1_000_001..) {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        let (key, body) = (line.key.unwrap_or(""), line.body.get().as_bytes());
        let time_us = 1_783_166_400_000_000;
        let event = Event { seq, time_us, kind: line.kind, key, format: BodyFormat::Json, body };
        encoder.encode(&event, Some(seq - 1), &mut out);
    }
    out
}

fn decoder(dialect: Dialect) -> StreamDecoder {
    match dialect {
        Dialect::Couchdb => {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            StreamDecoder::http(&ResponseHead::parse(head).unwrap().unwrap(), 1 << 20)
        }
        _ => StreamDecoder::web_socket(1 << 20),
    }
}

#[test]
fn a_subscriber_receives_what_the_batch_says() {
    let row = Shape { framing: Framing::Line, style: Style::MainOnly, docs: false };
    let table: [(Dialect, Box<dyn Encoder>); 4] = [
        (Dialect::Native, Box::new(NativeWsJson)),
        (Dialect::Streamr, Box::new(StreamrJson::new("messages", 0))),
        (Dialect::Bigchaindb, Box::new(BigchaindbTransactions)),
        (Dialect::Couchdb, Box::new(Changes::new(row))),
    ];
    for (dialect, encoder) in table {
        for event_bytes in [512, 1000] {
            let batch = Batch::made_up(dialect, event_bytes, 100_000).unwrap();
            let stream = encoded(&*encoder, &batch);
            assert_eq!(stream.len() as u64, batch.stream_bytes, "{dialect:?} {event_bytes}");
            let mut events = 0;
            let mut decoder = decoder(dialect);
            let decoded = decoder.feed(&stream, &mut |item| match item {
                Item::Payload(encoding, payload) => match encoding.message(payload) {
                    Ok(Message::Event(_)) => events += 1,
                    other => panic!("{dialect:?}: {other:?}"),
                },
                other => panic!("{dialect:?}: {other:?}"),
            });
            assert_eq!((decoded, events), (Ok(()), batch.events), "{dialect:?} {event_bytes}");
        }
    }
}
