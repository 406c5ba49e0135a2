//! What the web API answers: where things are, and transactions and blocks as they are stored.
//!
//! Objects are compact, their names sorted, a line end behind them, as the reference server has them. It says that it is
//! version 2.2.2 of BigchainDB, whose behaviour it has. Refusals are in [`errors`](super::errors).

use tailwater_core::Event;

use super::stored::Stored;
use crate::json;

/// The version whose behaviour this is.
const VERSION: &str = "2.2.2";

/// The addresses of the streams, as clients are told them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The stream of transactions: `ws://localhost:9985/api/v1/streams/valid_transactions`.
    pub streams: String,
    /// The stream of blocks, if it is to be announced. The reference server has none, and no field for it.
    pub streamedblocks: Option<String>,
}

/// Appends the answer to `GET /`.
pub fn write_root(out: &mut Vec<u8>, advertised: &Advertised) {
    out.extend_from_slice(b"{\"api\":{\"v1\":");
    write_places(out, "/api/v1", advertised);
    out.push(b'}');
    write_field(out, "docs", &format!("https://docs.bigchaindb.com/projects/server/en/v{VERSION}/"));
    write_field(out, "software", "BigchainDB");
    write_field(out, "version", VERSION);
    out.extend_from_slice(b"}\n");
}

/// Appends the answer to `GET /api/v1/`.
pub fn write_api(out: &mut Vec<u8>, advertised: &Advertised) {
    write_places(out, "", advertised);
    out.push(b'\n');
}

fn write_places(out: &mut Vec<u8>, prefix: &str, advertised: &Advertised) {
    out.extend_from_slice(b"{\"assets\":");
    json::write_str(out, &format!("{prefix}/assets/"));
    write_field(out, "blocks", &format!("{prefix}/blocks/"));
    let docs = format!("https://docs.bigchaindb.com/projects/server/en/v{VERSION}/http-client-server-api.html");
    write_field(out, "docs", &docs);
    write_field(out, "metadata", &format!("{prefix}/metadata/"));
    write_field(out, "outputs", &format!("{prefix}/outputs/"));
    if let Some(blocks) = &advertised.streamedblocks {
        write_field(out, "streamedblocks", blocks);
    }
    write_field(out, "streams", &advertised.streams);
    write_field(out, "transactions", &format!("{prefix}/transactions/"));
    write_field(out, "validators", &format!("{prefix}/validators"));
    out.push(b'}');
}

fn write_field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b',');
    json::write_str(out, name);
    out.push(b':');
    json::write_str(out, value);
}

/// Appends a transaction: the answer to `GET /api/v1/transactions/{id}`, and to a post that is accepted.
pub fn write_transaction(out: &mut Vec<u8>, transaction_json: &str) {
    out.extend_from_slice(transaction_json.as_bytes());
    out.push(b'\n');
}

/// Appends a block: the answer to `GET /api/v1/blocks/{height}`.
pub fn write_block(out: &mut Vec<u8>, event: &Event<'_>) {
    out.extend_from_slice(b"{\"height\":");
    json::write_u64(out, event.seq);
    out.extend_from_slice(b",\"transactions\":[");
    for (at, transaction) in Stored::all(event).iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(transaction.json.as_bytes());
    }
    out.extend_from_slice(b"]}\n");
}

/// Appends the heights of the blocks that have a transaction: the answer to `GET /api/v1/blocks?transaction_id={id}`.
pub fn write_heights(out: &mut Vec<u8>, heights: &[u64]) {
    out.push(b'[');
    for (at, height) in heights.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_u64(out, *height);
    }
    out.extend_from_slice(b"]\n");
}

#[cfg(test)]
mod tests {
    use tailwater_core::BodyFormat;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"before".to_vec();
        write(&mut out);
        String::from_utf8(out.split_off(6)).unwrap()
    }

    #[test]
    fn golden_places() {
        let streams = "ws://localhost:9985/api/v1/streams/valid_transactions".to_owned();
        let mut advertised = Advertised { streams, streamedblocks: None };
        let api = r#"{"assets":"/assets/","blocks":"/blocks/","docs":"https://docs.bigchaindb.com/projects/server/en/v2.2.2/http-client-server-api.html","metadata":"/metadata/","outputs":"/outputs/","streams":"ws://localhost:9985/api/v1/streams/valid_transactions","transactions":"/transactions/","validators":"/validators"}"#;
        assert_eq!(written(|out| write_api(out, &advertised)), format!("{api}\n"));
        let prefixed = r#"{"assets":"/api/v1/assets/","blocks":"/api/v1/blocks/","docs":"https://docs.bigchaindb.com/projects/server/en/v2.2.2/http-client-server-api.html","metadata":"/api/v1/metadata/","outputs":"/api/v1/outputs/","streams":"ws://localhost:9985/api/v1/streams/valid_transactions","transactions":"/api/v1/transactions/","validators":"/api/v1/validators"}"#;
        let root = format!(
            "{{\"api\":{{\"v1\":{prefixed}}},\"docs\":\"https://docs.bigchaindb.com/projects/server/en/v2.2.2/\",\
             \"software\":\"BigchainDB\",\"version\":\"2.2.2\"}}\n"
        );
        assert_eq!(written(|out| write_root(out, &advertised)), root);
        advertised.streamedblocks = Some("ws://a/b".to_owned());
        let with_blocks = api.replace("\"streams\"", "\"streamedblocks\":\"ws://a/b\",\"streams\"");
        assert_eq!(written(|out| write_api(out, &advertised)), format!("{with_blocks}\n"));
    }

    #[test]
    fn golden_blocks() {
        let body = br#"{"transactions":[{"id":"a","x":[1]},{"id":"b"}]}"#;
        let block = Event { seq: 7, time_us: 1, kind: "block", key: "", format: BodyFormat::Json, body };
        let expected = "{\"height\":7,\"transactions\":[{\"id\":\"a\",\"x\":[1]},{\"id\":\"b\"}]}\n";
        assert_eq!(written(|out| write_block(out, &block)), expected);
        let key = "ab".repeat(32);
        let other = Event { kind: "put", key: &key, body: b"5", ..block };
        let expected = format!("{{\"height\":7,\"transactions\":[{{\"asset\":{{\"data\":5}},\"id\":\"{key}\"}}]}}\n");
        assert_eq!(written(|out| write_block(out, &other)), expected);
        assert_eq!(written(|out| write_heights(out, &[])), "[]\n");
        assert_eq!(written(|out| write_heights(out, &[3, 12])), "[3,12]\n");
        assert_eq!(written(|out| write_transaction(out, "{}")), "{}\n");
    }
}
