//! What the end-to-end tests share: an appliance on a directory and a port of its own, and clients that are not ours.
//!
//! HTTP goes through `ureq`, WebSocket through `tungstenite`, raw bytes through `std`. Nothing here shares code with the
//! server's own wire handling.

#![allow(dead_code, reason = "every test binary compiles this module and uses its own part of it")]

pub mod atproto;
pub mod bigchaindb;
pub mod bulk;
pub mod damage;
pub mod frames;
pub mod mount;
pub mod process;
pub mod proxy;
pub mod raw;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tailwater::{
    config::{Config, Listen},
    serve::{self, Running},
};
use tempfile::TempDir;
use tungstenite::{WebSocket, client::IntoClientRequest, handshake::client::Response};

/// How long a test waits for something that has to happen before it says that it did not.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The AT Protocol stream that the default configuration binds to the feed `repos`.
pub const REPOS: &str = "com.atproto.sync.subscribeRepos";

/// A running appliance with a directory of its own.
pub struct Appliance {
    running: Option<Running>,
    directory: Option<TempDir>,
    pub address: SocketAddr,
}

impl Appliance {
    /// The default configuration on a free port.
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// A configuration of the test's own.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, change)
    }

    /// On a directory that was there before.
    pub fn start_in(directory: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(directory.path());
        change(&mut config);
        // On a thread of its own: starting confines its thread to the shards' processors.
        let started = std::thread::spawn(|| serve::start(config)).join().unwrap();
        let running = started.unwrap_or_else(|error| panic!("{error}"));
        let address = running.addresses()[0];
        Self { running: Some(running), directory: Some(directory), address }
    }

    /// Stops in order and hands the directory on.
    pub fn stop(mut self) -> TempDir {
        self.running.take().unwrap().stop();
        self.directory.take().unwrap()
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Where its data is, and what else a test keeps there.
    pub fn directory(&self) -> &Path {
        self.directory.as_ref().unwrap().path()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn ws_url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        call("GET", &self.url(path), None, "")
    }

    pub fn put(&self, path: &str, body: &str) -> (u16, Value) {
        call("PUT", &self.url(path), Some("application/json"), body)
    }

    pub fn patch(&self, path: &str, body: &str) -> (u16, Value) {
        call("PATCH", &self.url(path), Some("application/merge-patch+json"), body)
    }

    pub fn delete(&self, path: &str) -> (u16, Value) {
        call("DELETE", &self.url(path), None, "")
    }

    /// Publishes NDJSON lines.
    pub fn publish(&self, feed: &str, lines: &str) -> (u16, Value) {
        call("POST", &self.url(&format!("/v1/feeds/{feed}/events")), Some("application/x-ndjson"), lines)
    }

    /// Publishes frames, each with its length in front.
    pub fn publish_frames(&self, feed: &str, seq: &str, frames: &[Vec<u8>]) -> (u16, Value) {
        let url = self.url(&format!("/v1/feeds/{feed}/events?seq={seq}"));
        call("POST", &url, Some("application/vnd.tailwater.frames"), with_lengths(frames))
    }

    /// Opens a WebSocket.
    pub fn websocket(&self, path: &str) -> WebSocket<TcpStream> {
        self.websocket_with(path, None).0
    }

    /// Opens a WebSocket that asks for a subprotocol.
    pub fn websocket_with(&self, path: &str, subprotocol: Option<&str>) -> (WebSocket<TcpStream>, Response) {
        let stream = connect(self.address);
        let mut request = self.ws_url(path).into_client_request().unwrap();
        if let Some(subprotocol) = subprotocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol.parse().unwrap());
        }
        tungstenite::client(request, stream).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends raw bytes on a connection of their own, says that there will be no more, and reads to the end.
    pub fn raw_then_end(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = connect(self.address);
        let mut answer = Vec::new();
        // The server may have had enough before all is sent, and a reset after the answer is as good as an end.
        let _closed = stream.write_all(request.as_ref()).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let _reset = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends raw bytes on a connection of their own and reads until the server closes it.
    pub fn raw(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = connect(self.address);
        stream.write_all(request.as_ref()).unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is as good as an end.
        let _reset = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// The default configuration on a directory and a free loopback port, with two shards whatever the machine has.
pub fn config(directory: &Path) -> Config {
    Config {
        data: directory.join("log"),
        shards: Some(2),
        listen: vec![Listen { address: "127.0.0.1:0".parse().unwrap(), ..Listen::default() }],
        ..Config::default()
    }
}

/// A connection that gives up instead of hanging.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The same with little room in the kernel, so that a reader who does not read is noticed soon.
pub fn connect_narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// One HTTP request; the status and the JSON body (null when it is not JSON).
pub fn call(method: &str, url: &str, content_type: Option<&str>, body: impl AsRef<[u8]>) -> (u16, Value) {
    let agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().new_agent();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(content_type) = content_type {
        request = request.header("Content-Type", content_type);
    }
    let mut response = agent.run(request.body(body.as_ref()).unwrap()).unwrap();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// The body of a frames request.
pub fn with_lengths(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for frame in frames {
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend(frame);
    }
    body
}

/// The captured production frames, or `None` where they are not at hand.
///
/// # Panics
/// When they are demanded and missing.
pub fn corpus() -> Option<Vec<Vec<u8>>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("TAILWATER_SHARED").map_or(beside, PathBuf::from);
    let file = shared.join("corpus/atproto/frames.bin");
    let Ok(bytes) = std::fs::read(&file) else {
        let demanded = std::env::var("TAILWATER_REQUIRE_SHARED").is_ok_and(|value| value == "1");
        assert!(!demanded, "{} is missing", file.display());
        return None;
    };
    let mut frames = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (frame, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame.to_vec());
        rest = behind;
    }
    Some(frames)
}

/// A small valid frame of type `#test` with a seq and a text.
pub fn frame(seq: u64, text: &str) -> Vec<u8> {
    let mut bytes = b"\xa2\x61t\x65#test\x62op\x01".to_vec();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    let payload = encoder.map(2).and_then(|map| map.str("seq")?.u64(seq)?.str("text")?.str(text));
    payload.unwrap();
    bytes
}

/// Waits until a condition holds.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
