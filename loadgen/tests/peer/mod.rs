//! A peer for the transport engines: a listener that hands each connection's request to a script on a thread of its own.
//!
//! It speaks the bytes it is told to speak, over TLS (`secure`) as well, and checks what the client sends; it is no server.

#![allow(dead_code, reason = "each test binary uses the part of the peer it needs")]

pub mod secure;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use data_encoding::BASE64;
use sha1::{Digest, Sha1};
use tailwater_loadgen::{
    Control, SubscribeConfig, SubscribeReport,
    subscribe::{self, Reasons},
};

/// Subscribes; nobody else has a say in it.
pub fn run(config: &SubscribeConfig) -> SubscribeReport {
    subscribe::run(config, &Control::default()).unwrap()
}

/// Reasons of a report, with how often each was given.
pub fn reasons(expected: &[(&str, u64)]) -> Reasons {
    expected.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

/// A listener on a loopback port, for the rest of the test's process.
pub struct Peer {
    pub address: SocketAddr,
}

/// One accepted connection and what it asked for.
pub struct Session<S = TcpStream> {
    pub stream: BufReader<S>,
    /// The request's line and headers.
    pub head: String,
    /// The request's body.
    pub body: Vec<u8>,
    /// How many connections were accepted before this one.
    pub index: usize,
}

impl Peer {
    /// Accepts connections without end; `script` is run for each with its first request read.
    pub fn http(script: impl Fn(Session) + Send + Sync + 'static) -> Self {
        Self::raw(move |stream, index| {
            if let Some(session) = Session::accept(stream, index) {
                script(session);
            }
        })
    }

    /// Accepts connections without end and reads nothing.
    pub fn raw(script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    fn on(listener: TcpListener, script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let script = Arc::new(script);
        let accepted = AtomicUsize::new(0);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, index) = (Arc::clone(&script), accepted.fetch_add(1, SeqCst));
                thread::spawn(move || script(stream.unwrap(), index));
            }
        });
        Self { address }
    }

    /// `scheme://address/path`.
    pub fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }
}

impl<S: Read + Write> Session<S> {
    fn accept(stream: S, index: usize) -> Option<Self> {
        let mut session = Self { stream: BufReader::new(stream), head: String::new(), body: Vec::new(), index };
        session.next_request().then_some(session)
    }

    /// Reads the next request of the connection; `false` when there is none.
    pub fn next_request(&mut self) -> bool {
        self.head.clear();
        while !self.head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut self.head).unwrap_or(0) == 0 {
                return false;
            }
        }
        let length = self.header("content-length").map_or(0, |value| value.parse().unwrap());
        self.body = vec![0; length];
        self.stream.read_exact(&mut self.body).is_ok()
    }

    /// The value of a header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The request's method and path.
    pub fn request_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The `cursor` parameter.
    pub fn cursor(&self) -> Option<u64> {
        let (_, rest) = self.request_line().split_once("cursor=")?;
        rest.split([' ', '&']).next().unwrap().parse().ok()
    }

    /// Answers with 101, and `first` in the same write.
    pub fn upgrade(&mut self, first: &[u8]) {
        let key = self.header("sec-websocket-key").unwrap();
        let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
        let accept = BASE64.encode(&digest);
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.send(&[head.as_bytes(), first].concat());
    }

    /// Answers with a JSON document.
    pub fn answer(&mut self, status: &str, body: &str) {
        let length = body.len();
        self.send(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes());
    }

    /// Sends; whether the client still took it.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).and_then(|()| stream.flush()).is_ok()
    }

    /// Reads one client frame of at most 65,535 bytes: its opcode and its unmasked payload. `None` at the end.
    pub fn client_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, second] = self.bytes()?;
        assert_eq!(second & 0x80, 0x80, "client frames are masked");
        let length = match second & 0x7f {
            126 => u16::from_be_bytes(self.bytes()?).into(),
            short => usize::from(short),
        };
        let mask: [u8; 4] = self.bytes()?;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).ok()?;
        let unmasked = payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        Some((first & 0x0f, unmasked))
    }

    /// Reads one text message.
    pub fn client_text(&mut self) -> String {
        let (opcode, payload) = self.client_frame().unwrap();
        assert_eq!(opcode, 1);
        String::from_utf8(payload).unwrap()
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Waits until the client closes the connection.
    pub fn wait_for_end(&mut self) {
        let _ = std::io::copy(&mut self.stream, &mut std::io::sink());
    }
}

/// A server frame with a payload of up to 65,535 bytes.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(length) if length <= 125 => out.push(length),
        _ => {
            out.push(126);
            out.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// An AT Protocol event of 62 bytes: `{"t":"#x","op":1}` and `{"pad":..,"seq":..}`, in a WebSocket frame.
pub fn event(seq: u32) -> Vec<u8> {
    let mut payload = b"\xa2\x61t\x62#x\x62op\x01\xa2\x63pad\x58\x20".to_vec();
    payload.extend_from_slice(&[seq as u8; 32]);
    payload.extend_from_slice(b"\x63seq\x1a");
    // Above 2^16, so that the length is the shortest possible and always the same.
    payload.extend_from_slice(&(seq + BASE).to_be_bytes());
    frame(2, &payload)
}

/// What [`event`] adds to its seq.
pub const BASE: u32 = 1 << 16;

/// One HTTP chunk.
pub fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// A live message of a Streamr stream, in a WebSocket frame.
pub fn broadcast(stream: &str, offset: u64, previous: &str) -> Vec<u8> {
    frame(1, format!(r#"[0,0,"",[28,"{stream}",0,5,0,{offset},{previous},27,"{{\"n\":{offset}}}"]]"#).as_bytes())
}
