//! What comes out of [`super::ClientDecoder`]: messages, or the rule the client broke.

use super::close_code;

/// Something a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// To be answered by a pong with the same payload (at most 125 bytes).
    Ping(Vec<u8>),
    /// An answer to a ping, or unasked for.
    Pong(Vec<u8>),
    /// The client closes; the answer is a close frame, then the connection ends.
    Close {
        /// The code, if it sent one.
        code: Option<u16>,
        /// The reason, at most 123 bytes, often empty.
        reason: String,
    },
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
}

/// A rule of RFC 6455 that the client broke. The connection is to be closed with [`close_code`](Self::close_code);
/// what follows cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Section 5.1.
    #[error("frames from a client must be masked")]
    Unmasked,
    /// Section 5.2; no extension was negotiated.
    #[error("reserved bits are set")]
    ReservedBits,
    /// Section 5.2.
    #[error("the opcode is reserved")]
    ReservedOpcode,
    /// Section 5.2: the shortest form must be used, and the top bit of 64 be 0.
    #[error("the length is not in its shortest form or above 2^63")]
    Length,
    /// Section 5.5.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Section 5.5.
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// Section 5.4.
    #[error("a continuation without a message to continue")]
    LoneContinuation,
    /// Section 5.4.
    #[error("a new message before the last fragment of the one before")]
    Interleaved,
    /// Section 8.1.
    #[error("text that is not UTF-8")]
    InvalidUtf8,
    /// Section 5.5.1.
    #[error("a close frame with one byte of payload")]
    ShortClose,
    /// Section 7.4.
    #[error("a close code that must not be sent")]
    CloseCode,
    /// The message exceeds the limit of this connection.
    #[error("the message is too big")]
    TooBig,
}

impl ProtocolError {
    /// The code to close with: 1002, 1007 or 1009.
    pub fn close_code(&self) -> u16 {
        match self {
            Self::InvalidUtf8 => close_code::INVALID_DATA,
            Self::TooBig => close_code::TOO_BIG,
            _ => close_code::PROTOCOL,
        }
    }
}
