//! A connection that speaks HTTP/2 frame by frame.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use crate::common::connect;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// The windows that everybody begins with who has acknowledged no other.
pub const WINDOW_BYTES: i64 = 65_535;

#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection that speaks HTTP/2 and answers nothing by itself but the windows of what it reads.
pub struct Http2<S = TcpStream> {
    pub socket: S,
    pub buffer: Vec<u8>,
    pub next_stream: u32,
    /// What the server takes of all bodies; kept by those that are uploaded.
    pub window: i64,
    /// Of other streams than the one that was waited for.
    pub held: Vec<Frame>,
}

impl Http2 {
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[])
    }

    pub fn open_with(address: SocketAddr, settings: &[u8]) -> Self {
        Self::on(connect(address), settings)
    }
}

impl<S: Read + Write> Http2<S> {
    /// On a socket of the test's own.
    pub fn on(socket: S, settings: &[u8]) -> Self {
        let mut http2 = Self { socket, buffer: Vec::new(), next_stream: 1, window: WINDOW_BYTES, held: Vec::new() };
        http2.write(PREFACE);
        http2.send(SETTINGS, 0, 0, settings);
        http2
    }

    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.write(&frame)
    }

    /// A request whose body is still to come; the number of its stream.
    pub fn begin(&mut self, path: &str) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let head = [b"\x83\x86\x04".as_slice(), &[path.len() as u8], path.as_bytes()].concat();
        self.send(HEADERS, END_HEADERS, stream, &head);
        stream
    }

    /// Sends a part of a body as the server's windows allow, or until it is answered.
    pub fn upload(&mut self, stream: u32, part: &[u8]) {
        let (mut own, mut all) = (WINDOW_BYTES, self.window);
        for piece in part.chunks(16_384) {
            while own.min(all) < piece.len() as i64 {
                let frame = self.frame().expect("the connection goes on");
                let grown = i64::from(u32::from_be_bytes(
                    frame.payload.get(..4).map_or([0; 4], |four| four.try_into().unwrap()),
                ));
                match (frame.kind, frame.stream) {
                    (WINDOW_UPDATE, 0) => all += grown,
                    (WINDOW_UPDATE, of) if of == stream => own += grown,
                    (HEADERS | DATA | RST_STREAM, of) => {
                        self.held.push(frame);
                        if of == stream {
                            self.window = all;
                            return;
                        }
                    }
                    _ => {}
                }
            }
            self.send(DATA, 0, stream, piece);
            own -= piece.len() as i64;
            all -= piece.len() as i64;
        }
        self.window = all;
    }

    /// A request; the number of its stream.
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")];
        let mut block = Vec::new();
        for (name, value) in pseudo.iter().chain(headers) {
            block.push(0);
            for text in [name, value] {
                assert!(text.len() < 16_000);
                match text.len() {
                    short @ ..127 => block.push(short as u8),
                    long => block.extend([127, ((long - 127) & 0x7f) as u8 | 0x80, ((long - 127) >> 7) as u8]),
                }
                block.extend(text.bytes());
            }
        }
        let ends = if body.is_empty() { END_STREAM } else { 0 };
        self.send(HEADERS, END_HEADERS | ends, stream, &block);
        let mut pieces = body.chunks(16_384).peekable();
        while let Some(piece) = pieces.next() {
            let ends = if pieces.peek().is_none() { END_STREAM } else { 0 };
            self.send(DATA, ends, stream, piece);
        }
        stream
    }

    pub fn stream(&mut self, body: Value) -> u32 {
        self.request("POST", "/stream/1", &[], body.to_string().as_bytes())
    }

    /// The next frame; `None` at the end of the connection.
    pub fn frame(&mut self) -> Option<Frame> {
        let head = self.take(9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = self.take(length)?;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            let mut bytes = [0; 16 << 10];
            match self.socket.read(&mut bytes) {
                Ok(0) => return None,
                Ok(read) => self.buffer.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// The next frame of a stream that is HEADERS, DATA or RST_STREAM.
    pub fn of_stream(&mut self, stream: u32) -> Frame {
        loop {
            let held = self.held.iter().position(|frame| frame.stream == stream);
            let frame = held.map(|at| self.held.remove(at));
            let frame = frame.unwrap_or_else(|| self.frame().expect("the connection goes on"));
            let is_of_a_stream = matches!(frame.kind, DATA | HEADERS | RST_STREAM);
            if frame.stream != stream && is_of_a_stream {
                self.held.push(frame);
            } else if is_of_a_stream {
                if frame.kind == DATA && !frame.payload.is_empty() {
                    let count = (frame.payload.len() as u32).to_be_bytes();
                    self.send(WINDOW_UPDATE, 0, stream, &count);
                    self.send(WINDOW_UPDATE, 0, 0, &count);
                }
                return frame;
            }
        }
    }

    /// The head of an answer: whether its status is 200, which has an index of its own.
    pub fn is_ok(&mut self, stream: u32) -> bool {
        let frame = self.of_stream(stream);
        assert_eq!(frame.kind, HEADERS);
        frame.payload[0] == 0x88
    }

    /// The whole body of an answer.
    pub fn body(&mut self, stream: u32) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let frame = self.of_stream(stream);
            assert_eq!(frame.kind, DATA, "{frame:?}");
            body.extend(frame.payload);
            if frame.flags & END_STREAM != 0 {
                return body;
            }
        }
    }

    /// The error that the body of an answer tells of.
    pub fn error(&mut self, stream: u32) -> Value {
        serde_json::from_slice::<Value>(&self.body(stream)).unwrap()["error"].clone()
    }

    pub fn answer(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (bool, Value) {
        let stream = self.request(method, path, headers, body);
        let is_ok = self.is_ok(stream);
        (is_ok, serde_json::from_slice(&self.body(stream)).unwrap_or(Value::Null))
    }

    /// The next event, which must be a DATA frame of its own.
    pub fn event(&mut self, stream: u32) -> Value {
        let frame = self.of_stream(stream);
        assert_eq!(frame.kind, DATA, "{frame:?}");
        let line = frame.payload.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("{frame:?}"));
        serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(line)))
    }

    /// Reads until the server ends the connection; the reason of its goodbye.
    pub fn goodbye(&mut self) -> Option<u32> {
        let mut reason = None;
        while let Some(frame) = self.frame() {
            if frame.kind == GOAWAY {
                reason = Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()));
            }
        }
        reason
    }
}

/// As a driver says of itself that is not the one of JavaScript, which says nothing.
pub const GO: &[(&str, &str)] = &[("x-driver", "go")];

pub fn body(value: Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
