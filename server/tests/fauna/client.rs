//! A client of the dialect that reads streams chunk by chunk, with nothing of the server's.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tailwater::config::{Config, Key};

use crate::common::{
    Appliance,
    raw::{Answer, Connection},
};

/// Somebody who talks to an appliance.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    headers: String,
}

/// A stream and what its head said.
pub struct Stream {
    pub connection: Connection,
    pub head: Answer,
    /// The first line, which is a status.
    pub status: Value,
}

/// An open appliance whose root database has the collections `A` and `B`.
pub fn appliance() -> (Appliance, Client) {
    with(|_| {})
}

pub fn with(change: impl FnOnce(&mut Config)) -> (Appliance, Client) {
    let appliance = Appliance::start_with(change);
    let client = Client::new(&appliance);
    client.ok("Collection.create({ name: 'A' }); Collection.create({ name: 'B' })");
    (appliance, client)
}

/// A key with this secret.
pub fn key(name: &str, secret: &str, read: &[&str], write: &[&str], admin: bool) -> Key {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let secret_sha256 = Some(Sha256::digest(secret).into());
    Key { name: name.to_owned(), secret_sha256, read: names(read), write: names(write), admin }
}

impl Client {
    pub fn new(appliance: &Appliance) -> Self {
        Self::at(appliance.address)
    }

    pub fn at(address: SocketAddr) -> Self {
        Self { address, headers: "X-Format: tagged\r\n".to_owned() }
    }

    /// The same with one more header in every request.
    pub fn with(&self, header: impl AsRef<str>) -> Self {
        Self { headers: format!("{}{}\r\n", self.headers, header.as_ref()), ..self.clone() }
    }

    /// The same without any header.
    pub fn bare(&self) -> Self {
        Self { headers: String::new(), ..self.clone() }
    }

    pub fn bearer(&self, secret: &str) -> Self {
        self.with(format!("Authorization: Bearer {secret}"))
    }

    /// Sends a request; the connection on which the answer comes.
    pub fn send(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Connection {
        let body = body.as_ref();
        let mut connection = Connection::open(self.address);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\n\r\n",
            self.address,
            self.headers,
            body.len()
        );
        connection.send([head.as_bytes(), body].concat());
        connection
    }

    pub fn call(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(method, path, body).answer()
    }

    pub fn query(&self, fql: &str) -> Answer {
        self.call("POST", "/query/1", json!({ "query": { "fql": [fql] } }).to_string())
    }

    /// What a query comes to.
    pub fn ok(&self, fql: &str) -> Value {
        let answer = self.query(fql);
        assert_eq!(answer.status, 200, "{fql}: {}", answer.text());
        answer.json()["data"].clone()
    }

    /// The status, code and message of a query that is refused.
    pub fn err(&self, fql: &str) -> (u16, String, String) {
        refused(&self.query(fql))
    }

    /// The token of an event source.
    pub fn token(&self, fql: &str) -> String {
        self.ok(fql)["@stream"].as_str().unwrap_or_else(|| panic!("{fql} is no source")).to_owned()
    }

    /// A stream from where its token begins.
    pub fn stream(&self, token: &str) -> Stream {
        self.stream_with(json!({ "token": token }))
    }

    pub fn stream_with(&self, body: Value) -> Stream {
        let mut connection = self.send("POST", "/stream/1", body.to_string());
        let head = connection.head();
        assert_eq!(head.status, 200, "{body}: {:?}", String::from_utf8(connection.chunk().unwrap_or_default()));
        let mut stream = Stream { connection, head, status: Value::Null };
        stream.status = stream.next();
        assert_eq!(stream.status["type"], "status");
        stream
    }

    /// A stream that does not begin.
    pub fn no_stream(&self, body: impl AsRef<[u8]>) -> (u16, String, String) {
        refused(&self.call("POST", "/stream/1", body))
    }

    pub fn page(&self, body: Value) -> Value {
        let answer = self.call("POST", "/feed/1", body.to_string());
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        answer.json()
    }

    pub fn no_page(&self, body: impl AsRef<[u8]>) -> (u16, String, String) {
        refused(&self.call("POST", "/feed/1", body))
    }
}

impl Stream {
    /// The next event, statuses among them. A chunk is one event, and ends its line.
    pub fn next(&mut self) -> Value {
        self.try_next().expect("the stream goes on")
    }

    /// The same; `None` at the end.
    pub fn try_next(&mut self) -> Option<Value> {
        let chunk = self.connection.chunk()?;
        let line = chunk.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("{chunk:?} does not end its line"));
        assert!(!line.is_empty() && !line.contains(&b'\n'), "{chunk:?}");
        Some(serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {chunk:?}")))
    }

    /// The next event that is no status.
    pub fn event(&mut self) -> Value {
        loop {
            let event = self.next();
            if event["type"] != "status" {
                return event;
            }
        }
    }

    /// The types and the field `n` of the next events.
    pub fn changes(&mut self, count: usize) -> Vec<(String, i64)> {
        (0..count).map(|_| change(&self.event())).collect()
    }

    /// Whether the body ended as it should, and then the connection.
    pub fn has_ended(&mut self) -> bool {
        self.connection.chunk().is_none() && self.connection.at_end()
    }
}

/// The type of an event and its field `n`.
pub fn change(event: &Value) -> (String, i64) {
    let n = event["data"]["@doc"]["n"]["@int"].as_str().unwrap_or_else(|| panic!("{event} has no n"));
    (event["type"].as_str().unwrap().to_owned(), n.parse().unwrap())
}

/// The expected form of [`change`].
pub fn changes(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect()
}

/// The status, code and message of a refusal.
pub fn refused(answer: &Answer) -> (u16, String, String) {
    let json = answer.json();
    let text = |name: &str| json["error"][name].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
    (answer.status, text("code"), text("message"))
}

/// An appliance with keys.
pub fn with_keys(keys: Vec<Key>) -> (Appliance, Client) {
    let appliance = Appliance::start_with(|config| config.keys = keys);
    let client = Client::new(&appliance);
    (appliance, client)
}
