//! WebSocket frames by hand: what a well-behaved client library would never send, and what it would hide.

use std::io::{Read, Write};

use super::{Appliance, raw::Connection};

/// The request that opens a WebSocket, without its blank line; fields may follow.
pub fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
}

/// A connection that has become a WebSocket.
pub fn open(appliance: &Appliance, path: &str) -> Connection {
    let mut connection = Connection::open(appliance.address);
    let head = connection.send(upgrade(path) + "\r\n").head();
    assert_eq!((head.status, head.header("Sec-WebSocket-Accept")), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    connection
}

/// A masked frame of a client; `first` holds the final bit, the reserved bits and the opcode.
pub fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut frame = client_header(first, payload.len() as u64);
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The header of a client's frame up to its mask, the length in its shortest form.
pub fn client_header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..126 => header.push(0x80 | length as u8),
        126..0x1_0000 => {
            header.push(0x80 | 126);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend(length.to_be_bytes());
        }
    }
    header
}

/// The next frame of the server: its first byte and its payload. Server frames are never masked.
pub fn server_frame<S: Read + Write>(connection: &mut Connection<S>) -> (u8, Vec<u8>) {
    let start = connection.take(2);
    let length = match start[1] {
        126 => u64::from(u16::from_be_bytes(connection.take(2).try_into().unwrap())),
        127 => u64::from_be_bytes(connection.take(8).try_into().unwrap()),
        short => u64::from(short),
    };
    (start[0], connection.take(length as usize))
}

/// The code and the reason of a close frame.
pub fn closed_with((first, payload): (u8, Vec<u8>)) -> (u16, String) {
    assert_eq!(first, 0x88, "no close frame: {payload:?}");
    let (code, reason) = payload.split_first_chunk().unwrap();
    (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).unwrap())
}
