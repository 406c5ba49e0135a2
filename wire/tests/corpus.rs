//! Frames captured in production, where they are at hand: every one must be valid, survive every way through this crate
//! byte for byte, and say what another implementation read in it.
//!
//! The frames lie outside the repository. They are looked for in `$TAILWATER_SHARED` or in `shared` next to the checkout;
//! without them these tests pass without testing, unless `TAILWATER_REQUIRE_SHARED=1` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tailwater_core::{BodyFormat, Encoder, Event, SeqMode};
use tailwater_wire::atproto::encode::{AtprotoCbor, AtprotoJson};
use tailwater_wire::atproto::frame;
use tailwater_wire::dag_cbor::{Numbers, Value, decode, encode, from_json, to_json};
use tailwater_wire::native::encode::{NativeNdjson, NativeWsCbor};
use tailwater_wire::native::request::{PublishLimits, parse_frames};

const NSID: &str = "com.atproto.sync.subscribeRepos";

fn corpus(name: &str) -> Option<Vec<u8>> {
    let shared = std::env::var_os("TAILWATER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let file = std::fs::read(shared.join("corpus/atproto").join(name)).ok();
    let required = std::env::var_os("TAILWATER_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(file.is_some() || !required, "{name} is not in {}", shared.display());
    file
}

fn frames(file: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut frames) = (file, Vec::new());
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let (frame, behind) = behind.split_at(u32::from_le_bytes(*len) as usize);
        frames.push(frame);
        rest = behind;
    }
    frames
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, &mut out).unwrap();
    out
}

fn json_of(bytes: &[u8]) -> Json {
    let mut out = Vec::new();
    to_json(bytes, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// The message in an unmasked frame, whose first byte must be `first`.
fn unframed(first: u8, bytes: &[u8]) -> &[u8] {
    assert_eq!(bytes[0], first);
    match bytes[1] {
        126 => &bytes[4..],
        127 => &bytes[10..],
        _ => &bytes[2..],
    }
}

fn run(encoder: &dyn Encoder, event: &Event<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode(event, None, &mut out);
    out
}

#[test]
fn every_frame_is_valid_and_canonical() {
    let Some(file) = corpus("frames.bin") else { return };
    let frames = frames(&file);
    let mut kinds = HashMap::new();
    for (at, bytes) in frames.iter().enumerate() {
        let frame = frame::parse(bytes).unwrap();
        assert_eq!(frame.seq, Some(31_527_015_322 + at as u64));
        assert!(frame.key.starts_with("did:") && frame.time_us().is_some());
        *kinds.entry(frame.t.unwrap()).or_insert(0) += 1;
        let (header, payload) = (decode(frame.header).unwrap(), decode(frame.payload).unwrap());
        assert!([encoded(&header), encoded(&payload)].concat() == *bytes, "frame {at}");
    }
    assert_eq!(kinds, HashMap::from([("#commit", 148), ("#identity", 1), ("#account", 1)]));
    for mode in [SeqMode::Preserve, SeqMode::Assign] {
        assert_eq!(parse_frames(&file, mode, 0, &PublishLimits::default()).unwrap().len(), 150);
    }
}

#[test]
fn every_frame_survives_the_way_through_json() {
    let Some(file) = corpus("frames.bin") else { return };
    for bytes in frames(&file) {
        let payload = frame::parse(bytes).unwrap().payload;
        let (mut json, mut back) = (Vec::new(), Vec::new());
        to_json(payload, &mut json).unwrap();
        from_json(&json, Numbers::Exact, &mut back).unwrap();
        assert!(back == payload);
    }
}

#[test]
fn every_frame_leaves_in_every_form() {
    let Some(file) = corpus("frames.bin") else { return };
    let as_json = AtprotoJson::new(NSID);
    for bytes in frames(&file) {
        let frame = frame::parse(bytes).unwrap();
        let (seq, kind, key) = (frame.seq.unwrap(), frame.t.unwrap(), frame.key);
        let stored = Event { seq, time_us: 1, kind, key, format: BodyFormat::AtprotoFrame, body: bytes };
        assert!(unframed(0x82, &run(&AtprotoCbor, &stored)) == bytes);

        let Value::Map(mut entries) = decode(frame.payload).unwrap() else { unreachable!() };
        entries.retain(|(key, _)| key != "seq");
        let body = encoded(&Value::Map(entries));
        let renumbered = Event { format: BodyFormat::DagCbor, body: &body, ..stored };
        assert!(unframed(0x82, &run(&AtprotoCbor, &renumbered)) == bytes, "seq is put back where it was");

        let mut payload = json_of(frame.payload);
        let native = run(&NativeNdjson, &stored);
        let line = native.split(|b| *b == b'\n').nth(1).unwrap();
        assert_eq!(serde_json::from_slice::<Json>(line).unwrap()["body"], payload);
        let map = decode(unframed(0x82, &run(&NativeWsCbor, &stored))).unwrap();
        assert_eq!(map.get("body"), Some(&decode(frame.payload).unwrap()));

        payload["$type"] = format!("{NSID}{kind}").into();
        let envelope = serde_json::json!({"$type": "message", "payload": payload});
        for event in [stored, renumbered] {
            let text = run(&as_json, &event);
            assert_eq!(serde_json::from_slice::<Json>(unframed(0x81, &text)).unwrap(), envelope);
        }
    }
}

/// The blocks of a CAR file by their CIDs in text form.
fn blocks(car: &[u8]) -> HashMap<String, &[u8]> {
    let (header_len, mut rest) = varint(car);
    rest = &rest[header_len..];
    let mut blocks = HashMap::new();
    while !rest.is_empty() {
        let (len, behind) = varint(rest);
        let (section, behind) = behind.split_at(len);
        let (cid, block) = section.split_at(36);
        let mut text = Vec::new();
        tailwater_wire::dag_cbor::cid::write_text(&mut text, cid);
        blocks.insert(String::from_utf8(text).unwrap(), block);
        rest = behind;
    }
    blocks
}

fn varint(bytes: &[u8]) -> (usize, &[u8]) {
    let len = 1 + bytes.iter().position(|b| b & 0x80 == 0).unwrap();
    let number = bytes[..len].iter().rev().fold(0, |number, b| number << 7 | usize::from(b & 0x7f));
    (number, &bytes[len..])
}

/// What a Jetstream server says of a frame: one object per operation of a commit.
fn retold(bytes: &[u8]) -> Vec<Json> {
    let frame = frame::parse(bytes).unwrap();
    let (kind, payload) = (frame.t.unwrap().trim_start_matches('#'), json_of(frame.payload));
    if kind != "commit" {
        return vec![serde_json::json!({"did": frame.key, "kind": kind, kind: payload})];
    }
    let Some(Value::Bytes(car)) = decode(frame.payload).unwrap().get("blocks").cloned() else { unreachable!() };
    let blocks = blocks(&car);
    let operations = payload["ops"].as_array().unwrap().iter();
    operations.map(|operation| retold_operation(frame.key, &payload["rev"], operation, &blocks)).collect()
}

fn retold_operation(did: &str, rev: &Json, operation: &Json, blocks: &HashMap<String, &[u8]>) -> Json {
    let (collection, rkey) = operation["path"].as_str().unwrap().split_once('/').unwrap();
    let mut commit = serde_json::json!({
        "rev": rev, "operation": operation["action"], "collection": collection, "rkey": rkey,
    });
    if let Some(cid) = operation["cid"]["$link"].as_str() {
        commit["cid"] = cid.into();
        commit["record"] = json_of(blocks[cid]);
    }
    serde_json::json!({"did": did, "kind": "commit", "commit": commit})
}

#[test]
fn another_implementation_read_the_same() {
    let (Some(file), Some(expected)) = (corpus("frames.bin"), corpus("expected_v1.jsonl")) else { return };
    let text = String::from_utf8(expected).unwrap();
    let mut expected: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // When the other server saw the event; frames do not say.
    expected.iter_mut().for_each(|line| drop(line.as_object_mut().unwrap().shift_remove("time_us")));
    let mut retold: Vec<Json> = frames(&file).into_iter().flat_map(retold).collect();
    assert_eq!(retold.len(), 152);
    let order = |line: &Json| {
        serde_json::to_string(&[&line["did"], &line["kind"], &line["commit"]["rev"], &line["commit"]["rkey"]]).unwrap()
    };
    expected.sort_by_key(order);
    retold.sort_by_key(order);
    for (ours, theirs) in retold.iter().zip(&expected) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(retold.len(), expected.len());
}
