//! JSON documents as they are published, and what a subscriber receives for one.
//!
//! They have the shape and the size of those that the load generator publishes at a pace. Tests are below.

use anyhow::{Result, ensure};

use super::web_socket_bytes;
use crate::dialect::{Dialect, FIRST_SEQ};

/// A document up to its padding. The number has as many digits as a time in microseconds.
const BEFORE_PAD: &str = r#"{"n":1783166400000001,"pad":""#;
const AFTER_PAD: &str = r#""}"#;

/// Largest event the server takes.
const BODY_BYTES_MAX: usize = 5_000_000;

/// A document of exactly this size.
///
/// # Errors
///
/// A size that cannot be made.
pub(super) fn document(event_bytes: usize) -> Result<String> {
    let least = BEFORE_PAD.len() + AFTER_PAD.len();
    ensure!(
        (least..=BODY_BYTES_MAX).contains(&event_bytes),
        "events must have {least} to {BODY_BYTES_MAX} bytes, not {event_bytes}"
    );
    Ok(format!("{BEFORE_PAD}{}{AFTER_PAD}", "x".repeat(event_bytes - least)))
}

/// The line that publishes a document.
pub(super) fn line(document: &str) -> String {
    format!("{{\"kind\":\"put\",\"key\":\"k0\",\"body\":{document}}}\n")
}

/// Bytes a subscriber receives for a document.
pub(super) fn stream_bytes(dialect: Dialect, document: &str) -> u64 {
    web_socket_bytes(payload(dialect, document).len() as u64)
}

/// The message of a document, as far as its length goes.
fn payload(dialect: Dialect, document: &str) -> String {
    match dialect {
        Dialect::Streamr => {
            let content = serde_json::Value::from(document);
            format!("[0,0,\"\",[28,\"messages\",0,1783166400000,0,{FIRST_SEQ},{FIRST_SEQ},27,{content}]]")
        }
        _ => format!(
            "{{\"seq\":{FIRST_SEQ},\"time\":1783166400000001,\"kind\":\"put\",\"key\":\"k0\",\"body\":{document}}}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use tailwater_loadgen::decode::{Message, stream::Encoding};

    use super::*;

    #[test]
    fn documents_have_the_size_asked_for() {
        for event_bytes in [31, 512, 5400] {
            let document = document(event_bytes).unwrap();
            assert_eq!(document.len(), event_bytes);
            for dialect in [Dialect::Native, Dialect::Streamr] {
                // A message cannot follow itself, as the payload says in order to have the right length.
                let payload = payload(dialect, &document).replace("1000000,27", "999999,27");
                let Ok(Message::Event(fields)) = Encoding::Json.message(payload.as_bytes()) else {
                    panic!("{payload}")
                };
                assert_eq!(fields.seq, FIRST_SEQ);
            }
        }
        assert!(document(30).is_err() && document(BODY_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn what_a_document_becomes() {
        let document = document(512).unwrap();
        let native = r#"{"seq":1000000,"time":1783166400000001,"kind":"put","key":"k0","body":}"#.len() as u64;
        assert_eq!(stream_bytes(Dialect::Native, &document), 4 + native + 512);
        // Six quotation marks are escaped.
        let streamr = r#"[0,0,"",[28,"messages",0,1783166400000,0,1000000,1000000,27,""]]"#.len() as u64;
        assert_eq!(stream_bytes(Dialect::Streamr, &document), 4 + streamr + 512 + 6);
    }
}
