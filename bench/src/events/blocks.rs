//! Blocks of made-up BigchainDB transactions.
//!
//! A transaction has every member, in the order and of the length that a driver's has; what would be hashes, keys and
//! signatures is arbitrary. Every other one transfers what the one before it created. Tests are below.

use super::web_socket_bytes;
use crate::dialect::FIRST_SEQ;

/// Transactions of a block in a large batch.
pub(super) const TRANSACTIONS: usize = 8;

const HEX: &[u8] = b"0123456789abcdef";
const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Makes blocks, no two of them alike.
#[derive(Debug)]
pub(super) struct Blocks {
    state: u64,
    transaction_bytes: usize,
    created: Option<String>,
}

impl Blocks {
    /// Of transactions of at least `transaction_bytes`; their shape needs 696 or 856.
    pub(super) fn new(transaction_bytes: usize) -> Self {
        Self { state: 0, transaction_bytes, created: None }
    }

    /// The line that publishes a block of so many transactions.
    pub(super) fn line(&mut self, transactions: usize) -> String {
        let transactions: Vec<String> = (0..transactions).map(|_| self.transaction()).collect();
        format!("{{\"kind\":\"block\",\"body\":{{\"transactions\":[{}]}}}}\n", transactions.join(","))
    }

    fn transaction(&mut self) -> String {
        let id = self.text(HEX, 64);
        let created = self.created.take();
        let (owner, receiver) = (self.text(BASE58, 44), self.text(BASE58, 44));
        let (fulfillment, fingerprint) = (self.text(BASE64URL, 133), self.text(BASE64URL, 43));
        let (asset, fulfills, operation) = match &created {
            None => {
                self.created = Some(id.clone());
                (r#"{"data":null}"#.to_owned(), "null".to_owned(), "CREATE")
            }
            Some(asset) => (
                format!(r#"{{"id":"{asset}"}}"#),
                format!(r#"{{"output_index":0,"transaction_id":"{asset}"}}"#),
                "TRANSFER",
            ),
        };
        let with = |metadata: &str| {
            format!(
                r#"{{"asset":{asset},"id":"{id}","inputs":[{{"fulfillment":"pGSAI{fulfillment}","fulfills":{fulfills},"owners_before":["{owner}"]}}],"metadata":{metadata},"operation":"{operation}","outputs":[{{"amount":"1","condition":{{"details":{{"public_key":"{receiver}","type":"ed25519-sha-256"}},"uri":"ni:///sha-256;{fingerprint}?fpt=ed25519-sha-256&cost=131072"}},"public_keys":["{receiver}"]}}],"version":"2.0"}}"#
            )
        };
        let (bare, padded) = (with("null"), with(r#"{"pad":""}"#));
        match self.transaction_bytes.checked_sub(padded.len()) {
            Some(pad) if pad > 0 => with(&format!(r#"{{"pad":"{}"}}"#, "x".repeat(pad))),
            _ => bare,
        }
    }

    /// So many arbitrary letters of an alphabet.
    fn text(&mut self, alphabet: &[u8], letters: usize) -> String {
        let mut letter = || char::from(alphabet[(self.next_number() % alphabet.len() as u64) as usize]);
        (0..letters).map(|_| letter()).collect()
    }

    /// The generator SplitMix64: the same blocks in every run.
    fn next_number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Bytes a subscriber receives for a transaction.
pub(super) fn stream_bytes() -> u64 {
    let id = "0".repeat(64);
    let message = format!(r#"{{"height": {FIRST_SEQ}, "asset_id": "{id}", "transaction_id": "{id}"}}"#);
    web_socket_bytes(message.len() as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn transactions(line: &str) -> Vec<Value> {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["kind"], "block");
        event["body"]["transactions"].as_array().unwrap().clone()
    }

    #[test]
    fn transactions_come_in_pairs() {
        let mut blocks = Blocks::new(0);
        let (made, others) = (transactions(&blocks.line(TRANSACTIONS)), transactions(&blocks.line(3)));
        assert_eq!((made.len(), others.len()), (TRANSACTIONS, 3));
        for pair in made.chunks(2) {
            assert_eq!((&pair[0]["operation"], &pair[1]["operation"]), (&"CREATE".into(), &"TRANSFER".into()));
            assert_eq!(pair[1]["asset"]["id"], pair[0]["id"]);
            assert_eq!(pair[1]["inputs"][0]["fulfills"]["transaction_id"], pair[0]["id"]);
        }
        let ids: BTreeSet<String> = made.iter().chain(&others).map(|made| made["id"].to_string()).collect();
        assert_eq!(ids.len(), TRANSACTIONS + 3);
    }

    #[test]
    fn sizes() {
        let least = Blocks::new(0).transaction().len();
        assert!((650..750).contains(&least), "{least}");
        assert_eq!(Blocks::new(2000).transaction().len(), 2000);
        assert_eq!(stream_bytes(), 4 + 185);
    }
}
