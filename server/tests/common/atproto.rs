//! What a client makes of an AT Protocol stream: messages, what they say, how the stream ended.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use minicbor::{Decoder, Encoder};
use tungstenite::{Error, Message, WebSocket, error::ProtocolError};

/// What came next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    Frame(Vec<u8>),
    Text(String),
    /// A close frame: code and reason.
    Closed(u16, String),
    /// The end without a word.
    Cut,
}

/// Waits for the next message; pings are answered on the way.
///
/// # Panics
/// When nothing comes within the socket's patience.
pub fn receive(socket: &mut WebSocket<impl Read + Write>) -> Received {
    loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => return Received::Frame(bytes.to_vec()),
            Ok(Message::Text(text)) => return Received::Text(text.to_string()),
            Ok(Message::Close(Some(close))) => return Received::Closed(close.code.into(), close.reason.to_string()),
            Ok(Message::Close(None)) => return Received::Closed(0, String::new()),
            Ok(_) => {}
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came");
            }
            Err(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed) => return Received::Cut,
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return Received::Cut,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The next binary message.
pub fn receive_frame(socket: &mut WebSocket<TcpStream>) -> Vec<u8> {
    match receive(socket) {
        Received::Frame(frame) => frame,
        other => panic!("{other:?} is no frame"),
    }
}

/// Type and seq of a frame, and the text of one that [`super::frame`] or [`line`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub t: String,
    pub seq: u64,
    pub text: String,
}

/// Takes a frame apart.
pub fn told(frame: &[u8]) -> Told {
    let mut told = Told { t: String::new(), seq: 0, text: String::new() };
    let mut decoder = Decoder::new(frame);
    for _header_then_payload in 0..2 {
        for _ in 0..decoder.map().unwrap().unwrap() {
            match decoder.str().unwrap() {
                "t" => told.t = decoder.str().unwrap().to_owned(),
                "seq" => told.seq = decoder.u64().unwrap(),
                "text" => told.text = decoder.str().unwrap().to_owned(),
                _ => decoder.skip().unwrap(),
            }
        }
    }
    assert_eq!(decoder.position(), frame.len(), "there is more than two objects");
    told
}

/// A line that is shown as the same frame as [`super::frame`] makes.
pub fn line(text: &str) -> String {
    format!("{{\"kind\":\"#test\",\"key\":\"\",\"body\":{{\"text\":\"{text}\"}}}}\n")
}

/// A frame of about `bytes` bytes; its text begins with its seq.
pub fn wide_frame(seq: u64, bytes: usize) -> Vec<u8> {
    super::frame(seq, &format!("{seq}:{}", "x".repeat(bytes)))
}

/// The two objects of a frame without `seq`: a type, and entries that are written by the test.
pub fn two_objects(t: &str, entries: u64, write: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    encoder.map(2).unwrap().str("t").unwrap().str(t).unwrap().str("op").unwrap().i8(1).unwrap();
    encoder.map(entries).unwrap();
    write(&mut encoder);
    bytes
}
