//! A mirror's configuration and status, and upstreams that follow a script.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;
use tailwater::config::{Config, Mirror, MirrorStart, Upstream};
use tungstenite::{
    Message, WebSocket,
    handshake::server::{ErrorResponse, Request, Response},
};

use super::common::{
    Appliance, REPOS,
    atproto::{Received, receive},
    eventually,
};

/// A pause that no test outlasts.
pub const LONG_MS: u64 = 3_600_000;

/// Mirrors the stream at this address into `repos`, with short pauses.
pub fn mirror_of(config: &mut Config, upstream: SocketAddr, start: MirrorStart) -> &mut Mirror {
    let target = format!("/xrpc/{REPOS}");
    let upstream = Upstream { tls: false, host: upstream.ip().to_string(), port: upstream.port(), target };
    config.mirrors.push(Mirror {
        feed: "repos".to_owned(),
        upstream,
        start,
        backoff_ms_min: 10,
        backoff_ms_max: 50,
        user_agent: None,
        frame_bytes_max: 5_000_000,
        ca_file: None,
    });
    config.mirrors.last_mut().unwrap()
}

/// An appliance that mirrors this address from its oldest event on.
pub fn mirroring(upstream: SocketAddr) -> Appliance {
    Appliance::start_with(|config| {
        mirror_of(config, upstream, MirrorStart::At(0));
    })
}

/// The one mirror's status.
pub fn status(appliance: &Appliance) -> Value {
    appliance.get("/v1/mirrors").1["mirrors"][0].clone()
}

/// Waits for a state, and returns its reason.
pub fn wait_for(appliance: &Appliance, state: &str) -> String {
    eventually(state, || status(appliance)["state"] == state);
    status(appliance)["reason"].as_str().unwrap_or_default().to_owned()
}

/// Waits until the mirror has stored this seq.
pub fn wait_for_seq(appliance: &Appliance, seq: u64) {
    eventually("the mirror's progress", || last_seq(appliance) >= seq);
    assert_eq!(last_seq(appliance), seq);
}

pub fn last_seq(appliance: &Appliance) -> u64 {
    appliance.get("/v1/feeds/repos").1["last_seq"].as_u64().unwrap()
}

/// Checks that a stream from the beginning is exactly these frames.
pub fn assert_holds(appliance: &Appliance, frames: &[Vec<u8>]) {
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}?cursor=0"));
    for (index, frame) in frames.iter().enumerate() {
        assert!(receive(&mut socket) == Received::Frame(frame.clone()), "frame {index}");
    }
    let events = appliance.get("/v1/feeds/repos").1["events"].as_u64().unwrap();
    assert_eq!(events, frames.len() as u64);
}

/// What a mirror asked an upstream for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub target: String,
    pub user_agent: String,
    pub host: String,
}

/// A listening socket with a script for each connection; its threads end with the process.
pub struct Script {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    /// Runs the script on every connection, numbered from 0. The connection ends with it.
    pub fn start(script: impl Fn(usize, &mut WebSocket<TcpStream>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, of_thread) = (Arc::new(script), asked.clone());
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (script, asked) = (script.clone(), of_thread.clone());
                thread::spawn(move || {
                    if let Some(mut socket) = accept(stream.unwrap(), &asked) {
                        script(number, &mut socket);
                    }
                });
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

#[allow(clippy::result_large_err, reason = "the signature is the WebSocket library's")]
fn accept(stream: TcpStream, asked: &Mutex<Vec<Asked>>) -> Option<WebSocket<TcpStream>> {
    let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let header = |name| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        asked.lock().unwrap().push(Asked {
            target: request.uri().to_string(),
            user_agent: header("user-agent"),
            host: header("host"),
        });
        Ok(response)
    };
    // A mirror that was stopped in the middle of the handshake is none.
    tungstenite::accept_hdr(stream, note).ok()
}

/// Sends binary messages; false when the mirror has gone.
pub fn say(socket: &mut WebSocket<TcpStream>, frames: &[Vec<u8>]) -> bool {
    frames.iter().all(|frame| socket.send(Message::Binary(frame.clone().into())).is_ok())
}

/// Keeps the connection until the mirror ends it.
pub fn hold(socket: &mut WebSocket<TcpStream>) {
    while socket.read().is_ok() {}
}
