//! Frames of repository commits of about 5 KB, as they come in practice.
//!
//! Captured ones where a corpus is at hand (`TAILWATER_SHARED`, or `../shared` beside the checkout), made up in their likeness
//! where it is not.

use std::{env, fs, path::PathBuf};

use tailwater_bench::events::split;
use tailwater_wire::dag_cbor::{Value, encode};

/// Made-up frames when there is no corpus.
const FRAMES: u64 = 100;

/// Frames of commits.
pub fn commit_frames() -> Vec<Vec<u8>> {
    let shared = env::var_os("TAILWATER_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")));
    match fs::read(shared.join("corpus/atproto/frames.bin")) {
        Ok(bytes) => split(&bytes).expect("the corpus is whole").into_iter().map(<[u8]>::to_vec).collect(),
        Err(_) => (1..=FRAMES).map(made_up_commit).collect(),
    }
}

fn made_up_commit(seq: u64) -> Vec<u8> {
    let text = |text: &str| Value::Text(text.into());
    let cid = || Value::Link([&[1, 0x71, 0x12, 0x20][..], &[7; 32]].concat());
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let header = map(vec![("op", Value::Int(1)), ("t", text("#commit"))]);
    let operation =
        map(vec![("action", text("create")), ("cid", cid()), ("path", text("app.bsky.feed.post/3k2yihcrp6f2c"))]);
    let payload = map(vec![
        ("blobs", Value::List(vec![])),
        ("blocks", Value::Bytes(vec![0xa5; 4900])),
        ("commit", cid()),
        ("ops", Value::List(vec![operation])),
        ("prevData", cid()),
        ("rebase", Value::Bool(false)),
        ("repo", text("did:plc:ewvi7nxzyoun6zhxrhs64oiz")),
        ("rev", text("3k2yihcrp6f2c")),
        ("seq", Value::Int(seq.into())),
        ("since", text("3k2yihcrp6e2c")),
        ("time", text("2026-07-04T14:39:14.123Z")),
        ("tooBig", Value::Bool(false)),
    ]);
    let mut frame = Vec::new();
    for part in [header, payload] {
        encode(&part, &mut frame).expect("the parts are canonical values");
    }
    frame
}
