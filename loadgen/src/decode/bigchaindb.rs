//! Messages of BigchainDB's stream of transactions, and of the stream of blocks that its fork has.
//!
//! The height of a block is its sequence number; the messages of a block's transactions share it. They have no time.

use serde::Deserialize;

use crate::decode::{DecodeError, EventFields, Message, json, message::is_seq};

const LAYER: &str = "BigchainDB";

/// What is told of a transaction or of a block. Ids are hexadecimal, so none of them needs an escape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<'a> {
    height: u64,
    asset_id: Option<&'a str>,
    transaction_id: Option<&'a str>,
    hash: Option<&'a str>,
    #[serde(borrow)]
    transaction_ids: Option<Vec<&'a str>>,
}

/// Reads one message.
pub fn message(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let refuse = |reason: String| Err(DecodeError::new(LAYER, reason));
    let told: Told<'_> = json::parse(LAYER, bytes)?;
    let (event, are_ids) = match (told.asset_id, told.transaction_id, told.hash, told.transaction_ids) {
        (Some(asset_id), Some(transaction_id), None, None) => {
            (EventFields::grouped(told.height, None), is_id(asset_id) && is_id(transaction_id))
        }
        (None, None, Some(hash), Some(ids)) => {
            (EventFields::increasing(told.height, None), is_id(hash) && ids.into_iter().all(is_id))
        }
        _ => return refuse("neither a transaction's message nor a block's".into()),
    };
    match (is_seq(told.height), are_ids) {
        (true, true) => Ok(Message::Event(event)),
        (false, _) => refuse(format!("height {}, expected 1 to 2^53 - 1", told.height)),
        (_, false) => refuse("an id is not 64 hexadecimal digits in lower case".into()),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
