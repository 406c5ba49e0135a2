//! Messages of Streamr's control layer 0, `[0,type,sub,payload]`, and of its message layer 28 in them.
//!
//! The content of a message is a string that has to hold JSON: real clients fail over anything else. Answers to requests
//! are passed over, errors are not.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decode::{DecodeError, EventFields, Message, Order, json, message::Link};

const LAYER: &str = "Streamr";

/// Type codes of the control layer.
const BROADCAST: u64 = 0;
const UNICAST: u64 = 1;
const ERROR: u64 = 7;

/// Offsets are numbers that every client can hold.
const OFFSETS_END: u64 = 1 << 53;

/// Version, type, the client's name for a request, and what the type says.
#[derive(Deserialize)]
struct Control<'a>(u64, u64, #[serde(borrow)] &'a RawValue, #[serde(borrow)] &'a RawValue);

/// Version, stream, partition, time in milliseconds, time to live, offset, previous offset, type of the content, content.
#[derive(Deserialize)]
struct Published<'a>(
    u64,
    #[serde(borrow)] Cow<'a, str>,
    u32,
    u64,
    u64,
    u64,
    Option<u64>,
    u64,
    #[serde(borrow)] Cow<'a, str>,
);

/// Reads one message.
pub fn message(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let Control(version, kind, sub, payload) = json::parse(LAYER, bytes)?;
    if version != 0 {
        return Err(DecodeError::new(LAYER, format!("control layer {version}, expected 0")));
    }
    match kind {
        BROADCAST => published(payload.get(), None),
        UNICAST => published(payload.get(), Some(sub.get())),
        ERROR => Ok(Message::Error(error(payload.get()))),
        _ => Ok(Message::Other),
    }
}

fn published<'a>(payload: &'a str, subscription: Option<&'a str>) -> Result<Message<'a>, DecodeError> {
    let Published(version, stream, partition, time_ms, _ttl, offset, previous, kind, content) =
        json::parse(LAYER, payload.as_bytes())?;
    if version != 28 || kind != 27 {
        return Err(DecodeError::new(
            LAYER,
            format!("message layer {version} with content {kind}, expected 28 with 27"),
        ));
    }
    if offset >= OFFSETS_END || previous.is_some_and(|previous| previous >= offset) {
        return Err(DecodeError::new(LAYER, format!("offset {offset} after {previous:?}")));
    }
    let published_us = json::body_t(&content)?.or(Some(time_ms.saturating_mul(1000)));
    let order = Order::Linked(Link { stream, partition, subscription, previous });
    Ok(Message::Event(EventFields { seq: offset, published_us, order }))
}

/// What went wrong: a text, or a text in an object.
fn error(payload: &str) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct InObject<'a> {
        #[serde(borrow)]
        error: Cow<'a, str>,
    }
    let in_object = serde_json::from_str(payload).map(|InObject { error }| error);
    in_object.or_else(|_| serde_json::from_str::<String>(payload).map(Cow::from)).unwrap_or(Cow::Borrowed(payload))
}
