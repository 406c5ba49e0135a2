//! Replay to live: whoever joins, wherever and whenever, sees one contiguous run of exact bytes.

use std::sync::{Condvar, Mutex};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

use super::common::{
    Appliance, REPOS, atproto,
    atproto::{Received, receive, receive_frame, told, wide_frame},
};

const READERS: u64 = 48;
const LAST: u64 = 4_000;
const TEXT_BYTES: usize = 1_000;

/// The frame of a seq; its size varies.
fn expected(seq: u64) -> Vec<u8> {
    wide_frame(seq, TEXT_BYTES + (seq % 97) as usize)
}

/// How far the publisher has come.
#[derive(Default)]
struct Published {
    last_seq: Mutex<u64>,
    moved: Condvar,
}

impl Published {
    fn advance(&self, last_seq: u64) {
        *self.last_seq.lock().unwrap() = last_seq;
        self.moved.notify_all();
    }

    fn wait_for(&self, seq: u64) {
        drop(self.moved.wait_while(self.last_seq.lock().unwrap(), |last_seq| *last_seq < seq).unwrap());
    }
}

/// Publishes in batches of changing size, several segments in all.
fn publish(appliance: &Appliance, published: &Published) {
    let mut next_seq = 1;
    while next_seq <= LAST {
        let end = (next_seq + next_seq % 41).min(LAST);
        let frames: Vec<_> = (next_seq..=end).map(expected).collect();
        let (status, answer) = appliance.publish_frames("repos", "preserve", &frames);
        assert_eq!(status, 200, "{answer}");
        published.advance(end);
        next_seq = end + 1;
    }
}

/// Joins at a random point of the publishing with a random cursor, and reads to the end.
fn follow(appliance: &Appliance, published: &Published, mut random: ChaCha8Rng) {
    let after = random.random_range(0..LAST * 9 / 10);
    published.wait_for(after);
    let live = random.random_bool(0.2);
    let cursor = random.random_range(1..=after + 1);
    let query = if live { String::new() } else { format!("?cursor={cursor}") };
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}{query}"));
    let first = receive_frame(&mut socket);
    let first_seq = told(&first).seq;
    if !live {
        assert_eq!(first_seq, cursor);
    }
    assert!(first == expected(first_seq));
    for seq in first_seq + 1..=LAST {
        let frame = receive_frame(&mut socket);
        assert!(frame == expected(seq), "after {} came {:?}", seq - 1, told(&frame).seq);
    }
}

#[test]
fn many_join_while_a_publisher_runs() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let appliance = Appliance::start_with(|config| {
        for feed in &mut config.feeds {
            feed.segment_bytes_max = 1 << 20;
        }
    });
    let published = Published::default();
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let random = ChaCha8Rng::seed_from_u64(seed ^ reader);
            scope.spawn(|| follow(&appliance, &published, random));
        }
        publish(&appliance, &published);
    });
}

#[test]
fn both_forms_and_lines_share_one_order() {
    let appliance = Appliance::start();
    let mut cbor = appliance.websocket(&format!("/xrpc/{REPOS}"));
    let (mut json, _) = appliance.websocket_with(&format!("/xrpc/{REPOS}"), Some("xrpc.v1.json"));
    std::thread::scope(|scope| {
        for publisher in 0..3 {
            let appliance = &appliance;
            scope.spawn(move || {
                for n in 0..50 {
                    assert_eq!(appliance.publish("repos", &atproto::line(&format!("{publisher}-{n}"))).0, 200);
                }
            });
        }
    });
    for seq in 1..=150 {
        let told = told(&receive_frame(&mut cbor));
        let Received::Text(text) = receive(&mut json) else { panic!("no text") };
        let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told.seq, seq);
        assert_eq!((&shown["payload"]["seq"], &shown["payload"]["text"]), (&told.seq.into(), &told.text.into()));
    }
}
