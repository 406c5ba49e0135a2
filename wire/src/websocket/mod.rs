//! The server side of WebSocket (RFC 6455): opening handshake, frames to clients, decoding of frames from clients.
//!
//! Frames to clients are unmasked, so that one encoding of an event serves every subscriber. Extensions are always
//! declined. Nothing here decides when to ping or close. Tests lie next to the code; that any split of the input
//! decodes alike is tested in `decode_tests.rs`.

mod close_code;
mod decode;
pub mod frame;
pub mod handshake;
mod message;

pub use decode::ClientDecoder;
pub use frame::Opcode;
pub use handshake::{Accept, HandshakeError};
pub use message::{Message, ProtocolError};
