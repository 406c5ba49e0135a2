//! What the server says about the stream itself: error frames, the `#info` frame, and how connections close.
//!
//! An error's payload has `error` and `message` and nothing else: one client in wide use fails on any other key.

use super::encode;
use crate::dag_cbor::write;
use crate::json;
use crate::websocket::frame::{self, Opcode};

/// The close code behind every error frame; the reason is the error's name.
pub const CLOSE_ERROR: u16 = 1008;
/// The close code of a server that goes down. Clients take 1000 and 1001 for the end of the stream and stay away for
/// good; after 1012 all of them come back.
pub const CLOSE_RESTART: u16 = 1012;

/// How a notice is spelled: as the stream it goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling<'a> {
    /// Two DAG-CBOR objects in a binary message.
    Cbor,
    /// One JSON object in a text message.
    Json {
        /// The endpoint's name, which prefixes the type of an info.
        nsid: &'a str,
    },
}

/// Something the server says about the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Info: what came before the window is gone. The stream goes on.
    OutdatedCursor,
    /// Error: the cursor names an event that does not exist yet.
    FutureCursor,
    /// Error: the subscriber fell out of the window, or below the floor rate.
    ConsumerTooSlow,
    /// Error: the request's parameters are wrong, in the given way.
    InvalidRequest(String),
    /// Error: any other one.
    Error {
        /// The error's name, such as `InternalServerError`.
        error: String,
        /// A description for people.
        message: String,
    },
}

impl Notice {
    /// The name of the error or info.
    pub fn name(&self) -> &str {
        match self {
            Self::OutdatedCursor => "OutdatedCursor",
            Self::FutureCursor => "FutureCursor",
            Self::ConsumerTooSlow => "ConsumerTooSlow",
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::Error { error, .. } => error,
        }
    }

    /// The description, in the words of the reference server where it has some.
    pub fn message(&self) -> &str {
        match self {
            Self::OutdatedCursor => "Requested cursor exceeded limit. Possibly missing events",
            Self::FutureCursor => "Cursor in the future.",
            Self::ConsumerTooSlow => "Stream consumer too slow",
            Self::InvalidRequest(message) | Self::Error { message, .. } => message,
        }
    }

    /// Whether the stream ends with this notice.
    pub fn is_error(&self) -> bool {
        !matches!(self, Self::OutdatedCursor)
    }

    /// Appends the notice as a WebSocket message.
    pub fn write_message(&self, spelling: Spelling<'_>, out: &mut Vec<u8>) {
        match spelling {
            Spelling::Cbor => frame::frame_with(out, Opcode::Binary, |out| self.write_cbor(out)),
            Spelling::Json { nsid } => frame::frame_with(out, Opcode::Text, |out| self.write_json(nsid, out)),
        }
    }

    /// Appends the close frame that follows an error, whose reason is its name.
    pub fn write_close(&self, out: &mut Vec<u8>) {
        frame::close(out, CLOSE_ERROR, self.name());
    }

    /// Appends the two DAG-CBOR objects.
    pub fn write_cbor(&self, out: &mut Vec<u8>) {
        let name_key = if self.is_error() {
            write::map(out, 1);
            write::text(out, "op");
            write::int(out, (-1_i64).into());
            "error"
        } else {
            encode::write_header("#info", out);
            "name"
        };
        write::map(out, 2);
        for (key, value) in [(name_key, self.name()), ("message", self.message())] {
            write::text(out, key);
            write::text(out, value);
        }
    }

    /// Appends the JSON object.
    pub fn write_json(&self, nsid: &str, out: &mut Vec<u8>) {
        if self.is_error() {
            out.extend_from_slice(b"{\"$type\":\"error\",\"error\":");
        } else {
            out.extend_from_slice(b"{\"$type\":\"message\",\"payload\":{\"$type\":");
            json::write_str(out, &format!("{nsid}#info"));
            out.extend_from_slice(b",\"name\":");
        }
        json::write_str(out, self.name());
        out.extend_from_slice(b",\"message\":");
        json::write_str(out, self.message());
        out.extend_from_slice(if self.is_error() { b"}" } else { b"}}" });
    }
}

/// Appends the body of an HTTP error, `{"error","message"}`.
pub fn write_xrpc(out: &mut Vec<u8>, error: &str, message: &str) {
    json::write_error(out, error, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.replace(' ', "").as_bytes()).unwrap()
    }

    #[test]
    fn golden_frames_of_the_reference_server() {
        let table = [
            (
                Notice::FutureCursor,
                "a1626f7020 a2656572726f726c467574757265437572736f72676d65737361676575437572736f7220696e20746865206675\
                 747572652e",
            ),
            (
                Notice::ConsumerTooSlow,
                "a1626f7020 a2656572726f726f436f6e73756d6572546f6f536c6f77676d657373616765781853747265616d20636f6e7375\
                 6d657220746f6f20736c6f77",
            ),
            (
                Notice::OutdatedCursor,
                "a261746523696e666f626f7001 a2646e616d656e4f75746461746564437572736f72676d6573736167657838526571756573\
                 74656420637572736f72206578636565646564206c696d69742e20506f737369626c79206d697373696e67206576656e7473",
            ),
        ];
        for (notice, expected) in table {
            let expected = hex(expected);
            let mut out = Vec::new();
            notice.write_cbor(&mut out);
            assert_eq!(out, expected, "{notice:?}");
            let mut framed = Vec::new();
            notice.write_message(Spelling::Cbor, &mut framed);
            assert_eq!(framed[..2], [0x82, expected.len() as u8]);
            assert_eq!(framed[2..], expected);
        }
    }

    #[test]
    fn golden_json() {
        let table = [
            (Notice::FutureCursor, r#"{"$type":"error","error":"FutureCursor","message":"Cursor in the future."}"#),
            (
                Notice::InvalidRequest("cursor is \"x\"".into()),
                r#"{"$type":"error","error":"InvalidRequest","message":"cursor is \"x\""}"#,
            ),
            (
                Notice::OutdatedCursor,
                r##"{"$type":"message","payload":{"$type":"a.b.c#info","name":"OutdatedCursor","message":"Requested cursor exceeded limit. Possibly missing events"}}"##,
            ),
        ];
        for (notice, expected) in table {
            let mut out = Vec::new();
            notice.write_json("a.b.c", &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn errors_close_with_their_name() {
        let mut out = Vec::new();
        Notice::FutureCursor.write_close(&mut out);
        assert_eq!(out, b"\x88\x0e\x03\xf0FutureCursor");
    }
}
