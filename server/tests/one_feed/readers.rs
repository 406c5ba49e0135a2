//! Ways out of the feed: each dialect's stream, from where its client left off.

use std::{
    collections::{BTreeSet, VecDeque},
    net::TcpStream,
};

use serde_json::{Value, json};
use tailwater_wire::fauna::cursor::Cursor;
use tungstenite::{Message, WebSocket};

use crate::{
    NAME, NSID,
    common::{
        Appliance,
        atproto::{receive_frame, told},
        raw::Connection,
    },
    streamr::{Client, resent},
    writers::query,
};

/// Follows the feed behind a place, in order.
pub trait Reader {
    /// The seq of the next event, and the place behind it.
    fn next(&mut self) -> (u64, Value);
}

/// Opens a stream behind a place that the last one gave.
pub type Open = fn(&Appliance, &Value) -> Box<dyn Reader>;

/// The place before everything that will be published.
pub fn beginning(appliance: &Appliance, dialect: &str) -> Value {
    match dialect {
        "fauna" => json!({ "token": query(appliance, "Event.all().eventSource()") }),
        _ => Value::Null,
    }
}

/// Every way.
pub const READERS: [(&str, Open); 6] = [
    ("native", |appliance, place| Box::new(Native::open(appliance, place))),
    ("atproto", |appliance, place| Box::new(Atproto::open(appliance, place))),
    ("couchdb", |appliance, place| Box::new(Couchdb::open(appliance, place))),
    ("fauna", |appliance, place| Box::new(Fauna::open(appliance, place))),
    ("streamr", |appliance, place| Box::new(Streamr::open(appliance, place))),
    ("bigchaindb", |appliance, place| Box::new(Bigchaindb::open(appliance, place))),
];

fn number(place: &Value) -> u64 {
    place.as_u64().unwrap_or_default()
}

/// Sends a request whose answer is a stream of chunks.
fn chunks(appliance: &Appliance, request: &str) -> Connection {
    let mut connection = Connection::open(appliance.address);
    assert_eq!(connection.send(request).head().status, 200, "{request}");
    connection
}

struct Native(Connection);

impl Native {
    fn open(appliance: &Appliance, place: &Value) -> Self {
        let cursor = number(place);
        Self(chunks(appliance, &format!("GET /v1/feeds/{NAME}/events?cursor={cursor} HTTP/1.1\r\nHost: a\r\n\r\n")))
    }
}

impl Reader for Native {
    fn next(&mut self) -> (u64, Value) {
        let event: Value = serde_json::from_str(&self.0.event().unwrap()).unwrap();
        let seq = event["seq"].as_u64().unwrap();
        // Its cursor says where to begin.
        (seq, (seq + 1).into())
    }
}

struct Atproto(WebSocket<TcpStream>);

impl Atproto {
    fn open(appliance: &Appliance, place: &Value) -> Self {
        Self(appliance.websocket(&format!("/xrpc/{NSID}?cursor={}", number(place))))
    }
}

impl Reader for Atproto {
    fn next(&mut self) -> (u64, Value) {
        let seq = told(&receive_frame(&mut self.0)).seq;
        (seq, seq.into())
    }
}

struct Couchdb(Connection);

impl Couchdb {
    fn open(appliance: &Appliance, place: &Value) -> Self {
        let since = place.as_str().unwrap_or("0");
        let path = format!("/{NAME}/_changes?feed=continuous&since={since}");
        Self(chunks(appliance, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")))
    }
}

impl Reader for Couchdb {
    fn next(&mut self) -> (u64, Value) {
        loop {
            let line = self.0.event().unwrap();
            if !line.is_empty() {
                let seq = serde_json::from_str::<Value>(&line).unwrap()["seq"].clone();
                let number = seq.as_str().unwrap().split_once('-').unwrap().0.parse().unwrap();
                return (number, seq);
            }
        }
    }
}

/// A stream, and the token it is of.
struct Fauna {
    connection: Connection,
    token: Value,
}

impl Fauna {
    /// A place is a token, and the cursor of the last event if there was one.
    fn open(appliance: &Appliance, place: &Value) -> Self {
        let body = place.to_string();
        let length = body.len();
        let request = format!("POST /stream/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
        Self { connection: chunks(appliance, &request), token: place["token"].clone() }
    }
}

impl Reader for Fauna {
    fn next(&mut self) -> (u64, Value) {
        loop {
            let event: Value = serde_json::from_slice(&self.connection.chunk().unwrap()).unwrap();
            if event["type"] != "status" {
                assert_eq!(event["type"], "add", "{event}");
                let cursor = event["cursor"].as_str().unwrap();
                let place = json!({ "token": self.token, "cursor": cursor });
                return (Cursor::parse(cursor).unwrap().seq, place);
            }
        }
    }
}

/// A client of this protocol asks for what it missed beside what is live, and has to put both together.
struct Streamr {
    client: Client,
    missed: VecDeque<u64>,
    last: u64,
}

impl Streamr {
    fn open(appliance: &Appliance, place: &Value) -> Self {
        let last = number(place);
        let mut client = Client::open(appliance);
        let missed = resent(client.ask(resend("missed", last + 1)), &json!("missed"));
        let missed: VecDeque<u64> = missed.iter().map(|message| message.offset).collect();
        client.follow(NAME);
        let mut reader = Self { client, missed, last };
        // What came between the two: if it was the last there is, nothing live will tell of it.
        let known = reader.missed.back().copied().unwrap_or(last);
        reader.client.ask(resend("between", known + 1));
        let between = reader.until_resent();
        reader.missed.extend(between);
        reader
    }

    /// Between what was resent and what is live there may be a gap, which the offset before tells of.
    fn live(&mut self) -> u64 {
        let mut message = self.client.broadcast();
        // What was resent may be live as well, a little later.
        while message.offset <= self.last {
            message = self.client.broadcast();
        }
        if let Some(previous) = message.previous.filter(|previous| *previous > self.last) {
            let mut gap = resend("gap", self.last + 1);
            gap["resend_to"] = previous.into();
            self.client.ask(gap);
            let mut filled = self.until_resent();
            filled.insert(message.offset);
            self.missed = filled.into_iter().collect();
            return self.missed.pop_front().unwrap();
        }
        message.offset
    }

    /// What is resent, and what is live meanwhile, in order.
    fn until_resent(&mut self) -> BTreeSet<u64> {
        let mut offsets = BTreeSet::new();
        loop {
            let value = self.client.value();
            match value[1].as_u64() {
                Some(0 | 1) => drop(offsets.insert(value[3][5].as_u64().unwrap())),
                Some(4) => {}
                Some(5 | 6) => return offsets,
                _ => panic!("{value}"),
            }
        }
    }
}

fn resend(sub: &str, from: u64) -> Value {
    json!({ "type": "resend", "stream": NAME, "partition": 0, "sub": sub, "resend_from": from })
}

impl Reader for Streamr {
    fn next(&mut self) -> (u64, Value) {
        let offset = self.missed.pop_front().unwrap_or_else(|| self.live());
        self.last = offset;
        (offset, offset.into())
    }
}

struct Bigchaindb(WebSocket<TcpStream>);

impl Bigchaindb {
    fn open(appliance: &Appliance, place: &Value) -> Self {
        let path = format!("/api/v1/streams/valid_transactions?since_height={}", number(place));
        Self(appliance.websocket(&path))
    }
}

impl Reader for Bigchaindb {
    fn next(&mut self) -> (u64, Value) {
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                let height = serde_json::from_str::<Value>(&text).unwrap()["height"].as_u64().unwrap();
                return (height, height.into());
            }
        }
    }
}
