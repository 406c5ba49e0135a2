//! A client of the protocol that believes nothing: it reads what comes, in order, and compares.

use std::{
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use tailwater::config::{Config, Feed, StreamrExposure};

use crate::common::{Appliance, PATIENCE, call, connect};

/// The stream of a configuration that names none.
pub const STREAM: &str = "messages";

/// A message of a stream, with what its envelope says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Absent in a broadcast.
    pub sub: Option<Value>,
    pub stream: String,
    pub partition: u64,
    pub time_ms: u64,
    pub offset: u64,
    pub previous: Option<u64>,
    pub content: Value,
}

/// Takes `[28,...]` apart; of its constant parts nothing may be different.
pub fn told(sub: Option<Value>, message: &Value) -> Told {
    let parts = message.as_array().unwrap_or_else(|| panic!("{message} is no message"));
    assert_eq!((parts.len(), &parts[0], &parts[4], &parts[7]), (9, &json!(28), &json!(0), &json!(27)), "{message}");
    Told {
        sub,
        stream: parts[1].as_str().unwrap().to_owned(),
        partition: parts[2].as_u64().unwrap(),
        time_ms: parts[3].as_u64().unwrap(),
        offset: parts[5].as_u64().unwrap(),
        previous: parts[6].as_u64().or_else(|| parts[6].as_null().map_or_else(|| panic!("{message}"), |()| None)),
        content: serde_json::from_str(parts[8].as_str().unwrap()).unwrap(),
    }
}

/// One WebSocket.
pub struct Client {
    pub socket: WebSocket<TcpStream>,
}

impl Client {
    pub fn open(appliance: &Appliance) -> Self {
        Self::at(appliance.address, "")
    }

    /// With the query string of newer clients.
    pub fn open_new(appliance: &Appliance) -> Self {
        Self::at(appliance.address, "?controlLayerVersion=0&messageLayerVersion=28")
    }

    pub fn at(address: SocketAddr, query: &str) -> Self {
        Self::on(connect(address), address, query)
    }

    /// On a socket of the test's own.
    pub fn on(stream: TcpStream, address: SocketAddr, query: &str) -> Self {
        let (socket, _) = tungstenite::client(format!("ws://{address}/api/v1/ws{query}"), stream).unwrap();
        Self { socket }
    }

    pub fn ask(&mut self, request: Value) -> &mut Self {
        self.ask_text(request.to_string())
    }

    pub fn ask_text(&mut self, text: impl Into<String>) -> &mut Self {
        self.socket.send(Message::text(text.into())).unwrap();
        self
    }

    /// The next text message; pings are answered on the way.
    pub fn text(&mut self) -> String {
        let began = Instant::now();
        // Pings alone are nothing to wait for.
        while began.elapsed() < PATIENCE {
            match self.socket.read().unwrap_or_else(|error| panic!("nothing came: {error}")) {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} is no text"),
            }
        }
        panic!("nothing came but signs of life");
    }

    pub fn value(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The next thing the server says is this, to the byte.
    #[track_caller]
    pub fn says(&mut self, expected: &str) -> &mut Self {
        assert_eq!(self.text(), expected);
        self
    }

    /// The next thing the server says is this error.
    #[track_caller]
    pub fn complains(&mut self, expected: &str) -> &mut Self {
        assert_eq!(self.value(), json!([0, 7, "", expected]));
        self
    }

    /// The next broadcast.
    #[track_caller]
    pub fn broadcast(&mut self) -> Told {
        let value = self.value();
        assert_eq!((&value[0], &value[1], &value[2]), (&json!(0), &json!(0), &json!("")), "{value}");
        told(None, &value[3])
    }

    /// The next unicast.
    #[track_caller]
    pub fn unicast(&mut self) -> Told {
        let value = self.value();
        assert_eq!((&value[0], &value[1]), (&json!(0), &json!(1)), "{value}");
        told(Some(value[2].clone()), &value[3])
    }

    /// Subscribes to partition 0 and waits for the answer.
    #[track_caller]
    pub fn follow(&mut self, stream: &str) -> &mut Self {
        self.follow_partition(stream, 0)
    }

    #[track_caller]
    pub fn follow_partition(&mut self, stream: &str, partition: u64) -> &mut Self {
        self.ask(json!({ "type": "subscribe", "stream": stream, "partition": partition }));
        let expected = json!([0, 2, "", { "stream": stream, "partition": partition }]);
        assert_eq!(self.value(), expected);
        self
    }

    /// Publishes and waits until it is stored; the offset.
    #[track_caller]
    pub fn publish(&mut self, stream: &str, content: &Value) -> u64 {
        self.ask(json!({ "type": "publish", "stream": stream, "msg": content.to_string(), "ack": "p" }));
        let value = self.value();
        assert_eq!((&value[1], &value[3]["ack"]), (&json!(100), &json!("p")), "{value}");
        value[3]["offset"].as_u64().unwrap_or_else(|| panic!("{value}"))
    }

    /// Everything asked for so far has been answered and read: the answer to a request of its own comes next.
    #[track_caller]
    pub fn is_quiet(&mut self) -> &mut Self {
        self.ask(json!({ "type": "barrier" })).complains_of_barrier();
        self
    }

    #[track_caller]
    fn complains_of_barrier(&mut self) {
        let value = self.value();
        let text = value[3].as_str().or_else(|| value[3]["error"].as_str());
        assert_eq!((&value[1], text), (&json!(7), Some("Unknown request type: barrier")), "{value}");
    }

    /// Waits for the end: the code and reason of the close frame, and that nothing but messages came before it.
    pub fn closed(&mut self) -> (u16, String) {
        loop {
            match self.socket.read().unwrap_or_else(|error| panic!("no close frame came: {error}")) {
                Message::Close(Some(close)) => return (close.code.into(), close.reason.to_string()),
                Message::Close(None) => return (0, String::new()),
                _ => {}
            }
        }
    }
}

/// All messages of a resend after its `[0,4,...]`, up to its `[0,5,...]`.
#[track_caller]
pub fn resent(client: &mut Client, sub: &Value) -> Vec<Told> {
    let first = client.value();
    if first[1] == json!(6) {
        assert_eq!(&first[3]["sub"], sub, "{first}");
        return Vec::new();
    }
    assert_eq!((&first[1], &first[3]["sub"]), (&json!(4), sub), "{first}");
    let mut messages = Vec::new();
    loop {
        let value = client.value();
        match value[1].as_u64() {
            Some(1) => messages.push(told(Some(value[2].clone()), &value[3])),
            Some(5) => {
                assert_eq!(&value[3], &first[3], "begun and ended in the same words");
                return messages;
            }
            _ => panic!("{value} in the middle of a resend"),
        }
    }
}

/// The offsets of messages.
pub fn offsets(messages: &[Told]) -> Vec<u64> {
    messages.iter().map(|message| message.offset).collect()
}

/// Creates a stream.
#[track_caller]
pub fn create(appliance: &Appliance, id: &str, partitions: u64) {
    let body = json!({ "id": id, "partitions": partitions }).to_string();
    let (status, answer) = call("POST", &appliance.url("/api/v1/streams"), Some("application/json"), body);
    assert_eq!((status, &answer["id"], &answer["partitions"]), (201, &json!(id), &json!(partitions)), "{answer}");
}

/// Publishes over HTTP.
#[track_caller]
pub fn produce(appliance: &Appliance, stream: &str, query: &str, content: &str) {
    let url = appliance.url(&format!("/api/v1/streams/{stream}/data{query}"));
    let (status, answer) = call("POST", &url, Some("application/json"), content);
    assert_eq!((status, answer), (200, Value::Null));
}

/// How many events a feed holds.
pub fn events(appliance: &Appliance, feed: &str) -> u64 {
    appliance.get(&format!("/v1/feeds/{feed}")).1["events"].as_u64().unwrap()
}

/// A configured feed that is a stream of the same name.
pub fn feed(name: &str, partitions: u64, config: &Config) -> Feed {
    let exposure = StreamrExposure { partitions, ..StreamrExposure::whole(name) };
    Feed { streamr: Some(exposure), ..Feed::named(name, &config.storage) }
}

/// Adds the stream `short`, of which little is kept.
pub fn with_short_window(config: &mut Config) {
    let mut short = feed("short", 1, config);
    short.segment_bytes_max = 1 << 20;
    short.retention.bytes = Some(2 << 20);
    config.feeds.push(short);
}
