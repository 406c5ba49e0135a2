//! What the server says besides messages and errors.
//!
//! `sub` stands in the payload of these, not in the place of the envelope that a unicast has it in: clients that do not
//! find it there miss the end of their resend.
//!
//! # Acknowledgements
//!
//! The protocol has none: a publisher hears of failures only. A publish with the member `ack`, which no client of the
//! original sends, is answered by exactly one message of type 100 that repeats the value, once the message is stored or
//! refused. The original counts its types up from 0, those of later versions too (8 is a publish request): 100 is none.

use super::super::errors::StreamrError;
use super::super::request::Token;
use crate::json::{write_str, write_u64};
use crate::websocket::frame::{self, Opcode};

/// A partition of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The stream's id.
    pub stream: &'a str,
    /// The partition.
    pub partition: u32,
}

/// Something the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// Type 2: messages will come from now on.
    Subscribed(Place<'a>),
    /// Type 3: no more messages will come.
    Unsubscribed(Place<'a>),
    /// Type 4: a resend begins.
    Resending(Place<'a>, Option<&'a Token>),
    /// Type 5: a resend is complete.
    Resent(Place<'a>, Option<&'a Token>),
    /// Type 6: there is nothing to resend.
    NoResend(Place<'a>, Option<&'a Token>),
    /// Type 100: the message of a publish that asked for it is stored.
    Stored {
        /// Where.
        place: Place<'a>,
        /// At which offset.
        offset: u64,
        /// What the client sent to know it by.
        ack: &'a Token,
    },
    /// Type 100 with an error: the message of a publish that asked for an acknowledgement is not stored. Takes the place
    /// of the error message.
    Refused {
        /// Why.
        error: &'a StreamrError,
        /// What the client sent to know it by.
        ack: &'a Token,
    },
}

impl Control<'_> {
    /// The number of its type.
    pub fn type_number(&self) -> u8 {
        match self {
            Self::Subscribed(_) => 2,
            Self::Unsubscribed(_) => 3,
            Self::Resending(..) => 4,
            Self::Resent(..) => 5,
            Self::NoResend(..) => 6,
            Self::Stored { .. } | Self::Refused { .. } => 100,
        }
    }

    /// Appends it as a WebSocket message.
    pub fn write_message(&self, out: &mut Vec<u8>) {
        frame::frame_with(out, Opcode::Text, |out| self.write_json(out));
    }

    /// Appends the JSON of that message, `[0,type,"",payload]`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[0,");
        write_u64(out, self.type_number().into());
        out.extend_from_slice(b",\"\",{");
        self.write_members(out);
        out.extend_from_slice(b"}]");
    }

    fn write_members(&self, out: &mut Vec<u8>) {
        match self {
            Self::Subscribed(place) | Self::Unsubscribed(place) => place.write(out),
            Self::Resending(place, sub) | Self::Resent(place, sub) | Self::NoResend(place, sub) => {
                place.write(out);
                if let Some(sub) = sub {
                    write_token(",\"sub\":", sub, out);
                }
            }
            Self::Stored { place, offset, ack } => {
                place.write(out);
                out.extend_from_slice(b",\"offset\":");
                write_u64(out, *offset);
                write_token(",\"ack\":", ack, out);
            }
            Self::Refused { error, ack } => {
                write_error(error, out);
                write_token(",\"ack\":", ack, out);
            }
        }
    }
}

impl Place<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"stream\":");
        write_str(out, self.stream);
        out.extend_from_slice(b",\"partition\":");
        write_u64(out, self.partition.into());
    }
}

fn write_error(error: &StreamrError, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"error\":");
    write_str(out, &error.to_string());
}

fn write_token(name: &str, token: &Token, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(token.as_json().as_bytes());
}
