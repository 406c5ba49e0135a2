//! The four forms of a stream: replay, then live, without a gap.

use minicbor::{Decoder, data::Type};
use serde_json::{Value, json};
use tungstenite::Message;

use super::common::{Appliance, raw::Connection};

/// Publishes events whose key is the seq they will get.
fn publish(appliance: &Appliance, seqs: std::ops::RangeInclusive<u64>) {
    let lines: Vec<String> =
        seqs.map(|seq| format!(r#"{{"kind":"put","key":"{seq}","time":{seq},"body":{{"n":{seq}}}}}"#)).collect();
    assert_eq!(appliance.publish("repos", &lines.join("\n")).0, 200);
}

fn expected(seq: u64) -> Value {
    json!({"seq": seq, "time": seq, "kind": "put", "key": seq.to_string(), "body": {"n": seq}})
}

/// A stream in one of its forms, and how its next event is read.
struct Reader {
    next: Box<dyn FnMut() -> Value>,
}

impl Reader {
    fn open(appliance: &Appliance, form: &str, cursor: &str) -> Self {
        let path = format!("/v1/feeds/repos/events?{cursor}");
        match form {
            "ndjson" => Self::http(appliance, &format!("{path}&format=ndjson"), "", "application/x-ndjson", |line| {
                serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap()
            }),
            "sse" => Self::http(appliance, &path, "Accept: text/event-stream\r\n", "text/event-stream", |block| {
                let lines: Vec<&str> = block.lines().collect();
                let [id, event, data, ""] = lines[..] else { panic!("{block:?}") };
                let value: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!((id, event), (format!("id: {}", value["seq"]).as_str(), "event: put"));
                value
            }),
            "ws-json" => Self::websocket(appliance, &path, |message| match message {
                Message::Text(text) => serde_json::from_str(&text).unwrap(),
                other => panic!("{other:?}"),
            }),
            "ws-cbor" => Self::websocket(appliance, &format!("{path}&format=cbor"), |message| match message {
                Message::Binary(bytes) => cbor(&mut Decoder::new(&bytes)),
                other => panic!("{other:?}"),
            }),
            other => panic!("{other}"),
        }
    }

    fn http(appliance: &Appliance, path: &str, fields: &str, content_type: &str, read: fn(&str) -> Value) -> Self {
        let mut connection = Connection::open(appliance.address);
        let head = connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).head();
        assert_eq!((head.status, head.header("Content-Type")), (200, Some(content_type)));
        assert_eq!(head.header("Access-Control-Allow-Origin"), Some("*"));
        Self { next: Box::new(move || read(&connection.event().unwrap())) }
    }

    fn websocket(appliance: &Appliance, path: &str, read: fn(Message) -> Value) -> Self {
        let mut socket = appliance.websocket(path);
        Self { next: Box::new(move || read(socket.read().unwrap())) }
    }

    fn expect(&mut self, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            assert_eq!((self.next)(), expected(seq));
        }
    }
}

/// DAG-CBOR as JSON, for the types these tests use.
fn cbor(decoder: &mut Decoder<'_>) -> Value {
    match decoder.datatype().unwrap() {
        Type::Map => {
            let count = decoder.map().unwrap().unwrap();
            Value::Object((0..count).map(|_| (decoder.str().unwrap().to_owned(), cbor(decoder))).collect())
        }
        Type::String => decoder.str().unwrap().into(),
        _ => decoder.u64().unwrap().into(),
    }
}

const FORMS: [&str; 4] = ["ndjson", "sse", "ws-json", "ws-cbor"];

#[test]
fn replay_goes_over_into_live() {
    let appliance = Appliance::start();
    publish(&appliance, 1..=500);
    let mut readers: Vec<Reader> = FORMS.iter().map(|form| Reader::open(&appliance, form, "cursor=0")).collect();
    let mut middle: Vec<Reader> = FORMS.iter().map(|form| Reader::open(&appliance, form, "cursor=490")).collect();
    let mut next: Vec<Reader> = FORMS.iter().map(|form| Reader::open(&appliance, form, "cursor=501")).collect();
    publish(&appliance, 501..=600);
    readers.iter_mut().for_each(|reader| reader.expect(1..=600));
    middle.iter_mut().for_each(|reader| reader.expect(490..=600));
    next.iter_mut().for_each(|reader| reader.expect(501..=600));
    publish(&appliance, 601..=601);
    readers.iter_mut().chain(&mut middle).chain(&mut next).for_each(|reader| reader.expect(601..=601));
}

#[test]
fn without_a_cursor_a_stream_is_live() {
    let appliance = Appliance::start();
    publish(&appliance, 1..=10);
    let mut readers: Vec<Reader> = FORMS.iter().map(|form| Reader::open(&appliance, form, "")).collect();
    publish(&appliance, 11..=12);
    readers.iter_mut().for_each(|reader| reader.expect(11..=12));
}

#[test]
fn streams_that_begin_while_events_arrive_miss_none() {
    let appliance = Appliance::start();
    publish(&appliance, 1..=50);
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| (51..=1_000).for_each(|seq| publish(&appliance, seq..=seq)));
        for round in 0..5 {
            for form in FORMS {
                let cursor = 1 + round * 10;
                let mut reader = Reader::open(&appliance, form, &format!("cursor={cursor}"));
                reader.expect(cursor..=cursor + 100);
            }
        }
        publishing.join().unwrap();
    });
    Reader::open(&appliance, "ndjson", "cursor=1").expect(1..=1_000);
}

#[test]
fn an_sse_reader_that_returns_continues_behind_its_last_event() {
    let appliance = Appliance::start();
    publish(&appliance, 1..=9);
    let request = |fields: &str, query: &str| {
        let mut connection = Connection::open(appliance.address);
        connection.send(format!("GET /v1/feeds/repos/events?format=sse{query} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        connection
    };
    for (fields, query, first) in [
        ("Last-Event-ID: 4\r\n", "", 5),
        ("last-event-id: 4\r\n", "&cursor=2", 5),
        ("Last-Event-ID: \r\n", "&cursor=2", 2),
        ("Last-Event-ID: 0\r\n", "", 1),
    ] {
        let mut connection = request(fields, query);
        assert_eq!(connection.head().status, 200);
        assert!(connection.event().unwrap().starts_with(&format!("id: {first}\n")), "{fields}{query}");
    }
    // What it saw last is the newest there is: it waits.
    let mut connection = request("Last-Event-ID: 9\r\n", "");
    assert_eq!(connection.head().status, 200);
    publish(&appliance, 10..=10);
    assert!(connection.event().unwrap().starts_with("id: 10\n"));
    for (fields, status, name) in
        [("Last-Event-ID: x\r\n", 400, "InvalidCursor"), ("Last-Event-ID: 11\r\n", 400, "FutureCursor")]
    {
        assert_eq!(request(fields, "").answer().error(), (status, name.to_owned()));
    }
}

#[test]
fn a_kind_is_the_name_of_an_sse_event() {
    let appliance = Appliance::start();
    appliance.publish("repos", "{\"kind\":\"#identity ü\",\"body\":\"a\\nb\"}");
    let mut connection = Connection::open(appliance.address);
    connection.send("GET /v1/feeds/repos/events?format=sse&cursor=0 HTTP/1.1\r\nHost: a\r\n\r\n").head();
    let block = connection.event().unwrap();
    assert!(block.contains("\nevent: #identity ü\ndata: {") && block.ends_with("\"body\":\"a\\nb\"}\n\n"), "{block}");
}
