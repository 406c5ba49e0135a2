//! Lines of a Fauna event stream.
//!
//! The time of a transaction, `txn_ts`, is the sequence number; the events of a transaction share it. A status line is no
//! event. The time of publishing is the document's own `t` where there is one.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decode::{DecodeError, EventFields, Message, json, message::is_seq};

const LAYER: &str = "Fauna";

/// A real driver drops the stream over any other member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    txn_ts: Option<u64>,
    cursor: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<Failure<'a>>,
    #[serde(borrow, rename = "stats")]
    _stats: &'a RawValue,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

/// Reads one line.
pub fn message(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let refuse = |reason: &str| Err(DecodeError::new(LAYER, reason));
    let line: Line<'_> = json::parse(LAYER, bytes)?;
    match (line.kind, line.txn_ts, line.data, line.error) {
        ("error", None, None, Some(failure)) if line.cursor.is_none() => Ok(Message::Error(failure.code)),
        _ if line.cursor.is_none() => refuse("a line without a cursor"),
        ("status", Some(_), None, None) => Ok(Message::Other),
        ("add" | "update" | "remove", Some(txn_ts), Some(data), None) if is_seq(txn_ts) => {
            let published_us = document_t(data).unwrap_or(txn_ts);
            Ok(Message::Event(EventFields::grouped(txn_ts, Some(published_us))))
        }
        _ => refuse("neither a status nor an event nor an error"),
    }
}

/// The `t` of a document, a whole number in the tagged format.
fn document_t(data: &RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow, rename = "@doc")]
        doc: Document<'a>,
    }
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(borrow)]
        t: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Tagged<'a> {
        #[serde(alias = "@int", rename = "@long")]
        number: &'a str,
    }
    let data: Data<'_> = serde_json::from_str(data.get()).ok()?;
    serde_json::from_str::<Tagged<'_>>(data.doc.t.get()).ok()?.number.parse().ok()
}
