//! `since_height`: where a stream starts, and that nothing is lost between what was and what comes.

use serde_json::json;
use tailwater::config::Retention;

use super::{
    BLOCKS, STREAM,
    common::{
        Appliance,
        bigchaindb::{Made, Owner, accepted, ask, create},
        connect_narrow, eventually,
        frames::upgrade,
        raw::Connection,
    },
    follow, last_height, message,
};

/// Posts this many transactions, one block each.
fn fill(appliance: &Appliance, count: u64) -> Vec<Made> {
    let owner = Owner::new(1);
    let made: Vec<_> = (0..count).map(|n| create(&owner, json!({ "n": n }), &[1])).collect();
    made.iter().for_each(|made| accepted(appliance, &made.json));
    made
}

#[test]
fn a_stream_begins_behind_the_height_named() {
    let appliance = Appliance::start();
    let made = fill(&appliance, 5);
    let live = create(&Owner::new(2), json!({ "is": "live" }), &[1]);
    let mut streams: Vec<_> = ["0", "1", "4", "5", "005"]
        .map(|since| (since.parse::<u64>().unwrap(), follow(&appliance, &format!("{STREAM}?since_height={since}"))))
        .into();
    accepted(&appliance, &live.json);
    for (since, stream) in &mut streams {
        for (height, made) in (1..).zip(made.iter().chain([&live])).skip(*since as usize) {
            assert_eq!(message(stream), made.message(height), "since_height={since}");
        }
    }
}

#[test]
fn an_empty_chain_can_be_followed_from_its_beginning() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, &format!("{STREAM}?since_height=0"));
    let made = fill(&appliance, 1);
    assert_eq!(message(&mut stream), made[0].message(1));
}

#[test]
fn heights_that_cannot_be() {
    let appliance = Appliance::start();
    fill(&appliance, 2);
    let number = "400: since_height: Height must be an integer from 0 to 9007199254740991";
    for (query, body) in [
        ("since_height=", number),
        ("since_height=-1", number),
        ("since_height=1.0", number),
        ("since_height=abc", number),
        ("since_height=%2B1", number),
        ("since_height=9007199254740992", number),
        ("since_height=99999999999999999999999", number),
        ("since_height=1&since_height=1", "400: since_height: Given more than once"),
        ("since_height=3", "400: since_height: 3 is in the future, the newest block is 2"),
        (
            "since_height=9007199254740991",
            "400: since_height: 9007199254740991 is in the future, the newest block is 2",
        ),
    ] {
        for path in [STREAM, BLOCKS] {
            let answer = ask(&appliance, upgrade(&format!("{path}?{query}")) + "\r\n");
            assert_eq!((answer.status, answer.text()), (400, body), "{query}");
            assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
        }
    }
}

/// A chain whose window has moved on, and the oldest height it holds.
fn moved_on() -> (Appliance, u64) {
    let appliance = Appliance::start_with(|config| {
        let blocks = config.feeds.iter_mut().find(|feed| feed.bigchaindb).unwrap();
        blocks.segment_bytes_max = 1 << 20;
        blocks.retention = Retention { bytes: Some(2 << 20), ..blocks.retention };
    });
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000));
    let first = || appliance.get("/v1/feeds/blocks").1["first_seq"].as_u64().unwrap();
    eventually("retention", || {
        assert_eq!(appliance.publish("blocks", &line.repeat(5)).0, 200);
        first() > 3
    });
    let first = first();
    (appliance, first)
}

#[test]
fn blocks_that_are_gone_are_not_skipped_without_a_word() {
    let (appliance, first) = moved_on();
    for since in [1, first - 2] {
        let answer = ask(&appliance, upgrade(&format!("{STREAM}?since_height={since}")) + "\r\n");
        let words = format!(
            "410: since_height: Blocks after {since} are gone, the oldest one held is {first}; 0 asks for all that are held"
        );
        assert_eq!((answer.status, answer.text()), (410, &*words));
    }
    for since in [0, first - 1] {
        let mut stream = follow(&appliance, &format!("{STREAM}?since_height={since}"));
        assert!(message(&mut stream).starts_with(&format!("{{\"height\": {first}, ")), "{since}");
    }
}

#[test]
fn one_address_has_so_many_replays() {
    let appliance = Appliance::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.replays_per_address_max = 1;
        config.serve.socket_send_buffer_bytes = 4 << 10;
        config.serve.not_sent_low_water_bytes = 1 << 10;
    });
    // More messages than a socket holds, so that who does not read goes on replaying.
    const EVENTS: u64 = 6_000;
    let lines = "{\"kind\":\"put\",\"body\":1}\n".repeat(EVENTS as usize);
    assert_eq!(appliance.publish("blocks", &lines).0, 200);
    let replay = upgrade(&format!("{STREAM}?since_height=0")) + "\r\n";
    let mut first = Connection::on(connect_narrow(appliance.address));
    assert_eq!(first.send(&replay).head().status, 101);
    let refused = ask(&appliance, &replay);
    let words = "429: Your address replays as many streams at once as it may. Wait until one has caught up.";
    assert_eq!((refused.status, refused.text(), refused.header("Retry-After")), (429, words, Some("5")));
    follow(&appliance, STREAM);
    (0..EVENTS).for_each(|_| drop(message(&mut first)));
    eventually("a place for another", || Connection::open(appliance.address).send(&replay).head().status == 101);
}

#[test]
fn whoever_joins_while_blocks_come_sees_each_once() {
    const BLOCKS: u64 = 60;
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let made: Vec<_> = (0..BLOCKS).map(|n| create(&owner, json!({ "n": n }), &[1])).collect();
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| made.iter().for_each(|made| accepted(&appliance, &made.json)));
        let mut readers = Vec::new();
        while !publishing.is_finished() && readers.len() < 32 {
            let since = last_height(&appliance);
            let mut stream = follow(&appliance, &format!("{STREAM}?since_height={since}"));
            let made = &made;
            readers.push(scope.spawn(move || {
                for (height, made) in (1..).zip(made).skip(since as usize) {
                    assert_eq!(message(&mut stream), made.message(height));
                }
            }));
        }
        assert!(!readers.is_empty());
    });
}
