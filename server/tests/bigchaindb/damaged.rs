//! Blocks that cannot be read, and a chain that is taken away: what is told to whoever asks for it.

use std::thread;

use serde_json::{Value, json};
use tailwater::config::Config;

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, ask, create, get, post_request},
        damage::{damage, segments, without_frames},
        eventually,
        frames::{closed_with, server_frame, upgrade},
        raw::{Answer, Connection},
    },
    follow, last_height,
};

const MIB: u64 = 1 << 20;

fn small_segments(config: &mut Config) {
    config.feeds.iter_mut().filter(|feed| feed.bigchaindb).for_each(|feed| feed.segment_bytes_max = MIB);
}

/// Publishes blocks of 12 kB each, one for each event.
fn publish(appliance: &Appliance, count: usize) {
    let line = format!("{{\"kind\":\"put\",\"key\":\"{}\",\"body\":\"{}\"}}\n", "0f".repeat(32), "x".repeat(12_000));
    for _ in 0..count / 100 {
        assert_eq!(appliance.publish("blocks", &line.repeat(100)).0, 200);
    }
}

/// The answer to a request for a stream that does not begin.
fn no_stream(appliance: &Appliance, since_height: u64) -> Answer {
    ask(appliance, upgrade(&format!("{STREAM}?since_height={since_height}")) + "\r\n")
}

/// In the middle: whoever is in front of it is shown everything up to there.
#[test]
fn a_block_that_cannot_be_read() {
    let appliance = Appliance::start_with(small_segments);
    publish(&appliance, 600);
    let directory = appliance.stop();
    let segments = segments(directory.path(), "blocks");
    damage(&segments[segments.len() / 2], MIB / 2, 64);
    let appliance = Appliance::start_in(directory, small_segments);
    let mut stream = follow(&appliance, &format!("{STREAM}?since_height=0"));
    let mut last = 0;
    let end = loop {
        match server_frame(&mut stream) {
            (0x81, payload) => last = serde_json::from_slice::<Value>(&payload).unwrap()["height"].as_u64().unwrap(),
            (0x89, _) => {}
            close => break closed_with(close),
        }
    };
    assert_eq!(end, (1011, "the chain cannot be read beyond this point".to_owned()));
    assert!((1..600).contains(&last), "{last}");
    let unready = no_stream(&appliance, last);
    let why = "503: The chain cannot be read right now. Try again later.";
    assert_eq!((unready.status, unready.text(), unready.header("Retry-After")), (503, why, Some("5")));
    let answers: Vec<_> = (1..=600).map(|height| get(&appliance, &format!("/api/v1/blocks/{height}"))).collect();
    let (whole, broken): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!broken.is_empty() && whole.len() > 300, "{} {}", whole.len(), broken.len());
    let unreadable = "{\"message\":\"The block cannot be read.\",\"status\":500}\n";
    assert!(broken.iter().all(|answer| (answer.status, answer.text()) == (500, unreadable)));
}

/// In the newest blocks: the chain ends before them, and takes no more.
#[test]
fn a_chain_whose_end_is_damaged() {
    let appliance = Appliance::start_with(small_segments);
    publish(&appliance, 600);
    let directory = appliance.stop();
    damage(segments(directory.path(), "blocks").last().unwrap(), 40_000, 64);
    let appliance = Appliance::start_in(directory, small_segments);
    let last = last_height(&appliance);
    assert!(last < 600);
    let beyond = no_stream(&appliance, 600);
    let why = format!("503: The chain is damaged on this server and cannot be read beyond {last}");
    assert_eq!((beyond.status, beyond.text()), (503, &*why));
    let refused = ask(&appliance, post_request(&create(&Owner::new(1), json!(null), &[1]).json));
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    let why = "The block could not be stored: the feed has failed and takes no more events: ";
    assert!(refused.status == 500 && message.starts_with(why), "{message}");
}

/// Frames that cannot be written: no stream begins.
#[test]
fn a_chain_without_a_place_for_frames() {
    let appliance = Appliance::start();
    publish(&appliance, 100);
    without_frames(appliance.directory(), "blocks");
    let answer = no_stream(&appliance, 0);
    let why = "503: The chain cannot be read right now. Try again later.";
    assert_eq!((answer.status, answer.text(), answer.header("Retry-After")), (503, why, Some("5")));
}

/// A transaction whose chain is deleted while it is looked at is stored by nobody.
#[test]
fn a_chain_that_is_closed_meanwhile() {
    let appliance = Appliance::start();
    let large = create(&Owner::new(1), json!({ "x": "x".repeat(900_000) }), &[1]).json;
    let closing = "{\"message\":\"The chain is being closed. Try again in a moment.\",\"status\":503}\n";
    let is_caught = || {
        let answer = thread::scope(|scope| {
            let posting = scope.spawn(|| Connection::open(appliance.address).send(post_request(&large)).answer());
            assert_eq!(appliance.delete("/v1/feeds/blocks").0, 200);
            posting.join().unwrap()
        });
        assert_eq!(appliance.put("/v1/feeds/blocks", r#"{"dialects":{"bigchaindb":{}}}"#).0, 201);
        // One that was too early or too late for this was stored, or found no chain.
        let is_closing = (answer.status, answer.text()) == (503, closing);
        assert!(matches!(answer.status, 202 | 404) || is_closing, "{}", answer.text());
        is_closing && answer.header("Retry-After") == Some("1")
    };
    eventually("one is caught in between", is_caught);
}
