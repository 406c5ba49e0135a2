//! What is generated, taken apart with code of its own. The same checks accept captured production frames, where those
//! are at hand, so that they check the protocol and not only this generator.

mod decode;
mod proof;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use decode::{Item, two_objects};
use proof::check_commit;

use super::firehose::SEQ_PLACEHOLDER;
use super::*;

const START_US: u64 = 1_783_175_888_085_434;

/// The first `count` frames of a seed, a network's second apart by 350.
fn frames(seed: u64, count: u64) -> Vec<Vec<u8>> {
    let mut firehose = Firehose::new(seed);
    (0..count).map(|index| firehose.next_frame(START_US + index * 2_857)).collect()
}

/// What a network sends for a few seconds. Repositories take their time to come into being, so it is made once.
static FRAMES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| frames(1, 1_500));

/// Checks a frame in itself; gives its kind and its payload.
fn check_frame(frame: &[u8]) -> (String, Item) {
    let (header, payload) = two_objects(frame).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(header.keys(), ["t", "op"]);
    assert_eq!(header.get("op").int(), 1);
    let kind = header.get("t").text().to_owned();
    let optional = |keys: &[&'static str]| payload.keys().iter().all(|key| keys.contains(key));
    match kind.as_str() {
        "#commit" => check_commit(&payload),
        "#identity" => assert!(optional(&["did", "seq", "time", "handle"])),
        "#account" => assert!(optional(&["did", "seq", "time", "active", "status"])),
        other => panic!("{other}"),
    }
    assert!(payload.get("seq").int() > 0);
    (kind, payload)
}

#[test]
fn frames_are_what_a_relay_sends() {
    let (mut kinds, mut actions) = (HashMap::<String, u64>::new(), HashSet::new());
    let mut repositories = HashMap::<String, (String, Item)>::new();
    for frame in FRAMES.iter() {
        let (kind, payload) = check_frame(frame);
        *kinds.entry(kind.clone()).or_default() += 1;
        assert_eq!(payload.get("seq").int() as u64, SEQ_PLACEHOLDER);
        if kind != "#commit" {
            continue;
        }
        actions.extend(payload.get("ops").list().iter().map(|operation| operation.get("action").text().to_owned()));
        let repository = payload.get("repo").text().to_owned();
        let revision = payload.get("rev").text().to_owned();
        if let Some((since, data)) = repositories.get(&repository) {
            assert_eq!(payload.get("since").text(), since);
            assert_eq!(payload.get("prevData"), data);
            assert!(revision > *since);
        }
        repositories.insert(repository, (revision, proof::data_of(&payload)));
    }
    assert!(kinds["#commit"] >= 1_450 && kinds["#identity"] > 0 && kinds["#account"] > 0, "{kinds:?}");
    assert_eq!(actions.len(), 3, "{actions:?}");
    assert!(repositories.len() > 20);
}

#[test]
fn frames_have_the_size_of_real_ones() {
    let sizes: Vec<_> = FRAMES.iter().map(Vec::len).collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((4_500..6_000).contains(&mean), "{mean}");
    assert!(sizes.iter().all(|size| *size < 40_000));
}

#[test]
fn a_seed_decides_every_byte() {
    assert_eq!(frames(7, 20), frames(7, 20));
    assert_ne!(frames(7, 1), frames(8, 1));
    let documents = |seed| {
        let mut documents = Documents::new(seed);
        (0..300).map(|index| documents.next_document(START_US + index)).collect::<Vec<_>>()
    };
    assert_eq!(documents(7), documents(7));
    assert_ne!(documents(7), documents(8));
}

#[test]
fn documents_are_written_again_and_deleted() {
    let mut documents = Documents::new(1);
    let (mut alive, mut puts, mut rewrites, mut deletes) = (HashSet::new(), 0, 0, 0);
    for index in 0..20_000 {
        let document = documents.next_document(START_US + index * 1_000);
        let body: serde_json::Value = serde_json::from_str(&document.body).expect("JSON");
        assert!(!document.body.contains('\n'));
        if document.kind == "put" {
            assert!(body.is_object());
            puts += 1;
            rewrites += u64::from(!alive.insert(document.key));
        } else {
            assert_eq!((document.kind, body), ("delete", serde_json::Value::Null));
            assert!(alive.remove(&document.key), "{} was deleted before it was written", document.key);
            deletes += 1;
        }
    }
    assert!(puts > 15_000 && rewrites > 10_000 && deletes > 500, "{puts} {rewrites} {deletes}");
    assert!(alive.len() <= 1_200, "{}", alive.len());
}

#[test]
fn production_frames_pass_the_same_checks() {
    let Some(corpus) = captured_frames() else { return };
    let mut rest = corpus.as_slice();
    let mut count = 0;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (frame, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        check_frame(frame);
        (rest, count) = (after, count + 1);
    }
    assert_eq!(count, 150);
}

/// The captured frames beside the checkout, or where `TAILWATER_SHARED` says.
fn captured_frames() -> Option<Vec<u8>> {
    let shared = std::env::var_os("TAILWATER_SHARED")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into(), std::path::PathBuf::from);
    let file = shared.join("corpus/atproto/frames.bin");
    let frames = std::fs::read(&file).ok();
    let required = std::env::var_os("TAILWATER_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(frames.is_some() || !required, "{} is required", file.display());
    frames
}
