//! Rows of CouchDB's `_changes`, as a continuous or an eventsource feed has them.
//!
//! A row's `seq` is `N-opaque`, of which N is the sequence number. A row has no time but the `t` of its document, where the
//! feed includes documents.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decode::{DecodeError, EventFields, Message, json, message::is_seq};

const LAYER: &str = "CouchDB";

/// How the line begins that ends a feed.
const END: &[u8] = br#"{"last_seq":"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    seq: &'a str,
    #[serde(borrow, rename = "id")]
    _id: Cow<'a, str>,
    #[serde(borrow, rename = "changes")]
    _changes: Vec<Leaf<'a>>,
    #[serde(rename = "deleted")]
    _deleted: Option<bool>,
    #[serde(borrow)]
    doc: Option<&'a RawValue>,
}

/// A revision.
#[derive(Deserialize)]
struct Leaf<'a> {
    #[serde(rename = "rev")]
    _rev: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End<'a> {
    #[serde(rename = "last_seq")]
    _last_seq: &'a str,
    #[serde(rename = "pending")]
    _pending: u64,
}

/// Reads one line, or the data of one server-sent event.
pub fn message(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    if bytes.starts_with(END) {
        return json::parse::<End<'_>>(LAYER, bytes).map(|_| Message::Other);
    }
    let row: Row<'_> = json::parse(LAYER, bytes)?;
    let seq = number(row.seq)
        .ok_or_else(|| DecodeError::new(LAYER, format!("seq {:?}, expected a number, a dash and more", row.seq)))?;
    let published_us = row.doc.map_or(Ok(None), |doc| json::body_t(doc.get()))?;
    Ok(Message::Event(EventFields::increasing(seq, published_us)))
}

/// The number in front of the dash.
fn number(seq: &str) -> Option<u64> {
    let (number, opaque) = seq.split_once('-')?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|number| digits && !opaque.is_empty() && is_seq(*number))
}
