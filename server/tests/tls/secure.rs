//! An appliance with a plain listener and one that speaks TLS, and connections to the second.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use futures_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;
use tailwater::config::{Config, Dialect, Listen};
use tempfile::TempDir;
use tungstenite::WebSocket;

use crate::{
    authority::{Authority, VERSIONS},
    common::{Appliance, connect, eventually, frames::upgrade, raw::Connection},
};

/// A connection that speaks TLS. An end without a word (`close_notify`) is an error of its own.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

pub struct Secure {
    pub appliance: Appliance,
    pub authority: Authority,
    /// Of the listener that speaks TLS.
    pub address: SocketAddr,
    client: Arc<ClientConfig>,
    _files: TempDir,
}

impl Secure {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::speaking(&Dialect::ALL, change)
    }

    /// An appliance that speaks these dialects over TLS.
    pub fn speaking(dialects: &[Dialect], change: impl FnOnce(&mut Config)) -> Self {
        let (authority, files) = (Authority::new(), tempfile::tempdir().unwrap());
        let pair = Authority::files(files.path());
        authority.write(&pair);
        let appliance = Appliance::start_with(|config| {
            let address = config.listen[0].address;
            config.listen.push(Listen { address, dialects: dialects.to_vec(), tls: Some(pair) });
            // As many as any machine has descriptors for.
            config.limits.connections_max = 1_000;
            change(config);
        });
        let address = appliance.running().addresses()[1];
        let client = authority.client(&VERSIONS, &[]);
        Self { appliance, authority, address, client, _files: files }
    }

    /// A connection that is ready.
    pub fn connect(&self) -> Tls {
        shake(connect(self.address), &self.client)
    }

    pub fn open(&self) -> Connection<Tls> {
        Connection::on(self.connect())
    }

    /// A connection that has become a WebSocket.
    pub fn websocket(&self, path: &str) -> Connection<Tls> {
        let mut connection = self.open();
        let head = connection.send(upgrade(path) + "\r\n").head();
        assert_eq!(head.status, 101, "{path}");
        connection
    }

    /// The same with a client library's view of it.
    pub fn tungstenite(&self, path: &str) -> WebSocket<Tls> {
        let url = format!("ws://localhost:{}{path}", self.address.port());
        tungstenite::client(url, self.connect()).unwrap_or_else(|error| panic!("{path}: {error}")).0
    }

    /// What the status says of a counter.
    pub fn status(&self, name: &str) -> u64 {
        self.appliance.get("/v1/status").1[name].as_u64().unwrap_or_else(|| panic!("{name} is no number"))
    }

    /// Waits until a counter says so.
    pub fn status_becomes(&self, name: &str, expected: u64) {
        eventually(&format!("{name} = {expected}"), || self.status(name) == expected);
    }
}

/// Comes to an agreement with whoever is at the other end.
pub fn shake(socket: TcpStream, client: &Arc<ClientConfig>) -> Tls {
    let mut tls = dial(socket, client);
    tls.conn.complete_io(&mut tls.sock).unwrap();
    tls
}

/// A connection that has not said anything.
pub fn dial(socket: TcpStream, client: &Arc<ClientConfig>) -> Tls {
    let connection = ClientConnection::new(client.clone(), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(connection, socket)
}

/// A request without a body.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A request with a JSON body.
pub fn post(path: &str, body: &Value) -> String {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Sends a request on a connection and takes the whole answer.
pub fn ask<S: Read + Write>(connection: &mut Connection<S>, request: impl AsRef<[u8]>) -> (u16, Value) {
    let answer = connection.send(request).answer();
    (answer.status, answer.json())
}
