//! Partitions: where a key goes, and that each has offsets of its own.

use serde_json::json;

use super::{
    client::{Client, create, feed, offsets, produce, resent},
    common::{Appliance, call},
};

/// The partitions of `key-0` to `key-99` among 10, as the original's own test has them.
const PUBLISHED: &str =
    "5639302826955850072856817921856433171528338687482352888982770885999727044648550825186881207322579647";

#[test]
fn keys_go_where_publishers_and_readers_compute_them_to_go() {
    let appliance = Appliance::start();
    create(&appliance, "ten", 10);
    let mut client = Client::open(&appliance);
    for (at, digit) in PUBLISHED.bytes().enumerate() {
        let publish = json!({ "type": "publish", "stream": "ten", "msg": at.to_string(), "pkey": format!("key-{at}"), "ack": at });
        let answer = client.ask(publish).value();
        assert_eq!((&answer[3]["partition"], &answer[3]["ack"]), (&json!(digit - b'0'), &json!(at)));
    }
    // The same over HTTP.
    produce(&appliance, "ten", "?pkey=key-0", "\"http\"");
    let (_, last) = call("GET", &appliance.url("/api/v1/streams/ten/data/partitions/5/last"), None, "");
    assert_eq!(last[0][8], json!("\"http\""));
}

#[test]
fn without_a_key_messages_are_spread() {
    let appliance = Appliance::start();
    create(&appliance, "three", 3);
    let mut client = Client::open(&appliance);
    let mut counts = [0; 3];
    for at in 0..60 {
        let answer = client.ask(json!({ "type": "publish", "stream": "three", "msg": "{}", "ack": at })).value();
        counts[answer[3]["partition"].as_u64().unwrap() as usize] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn each_partition_has_offsets_of_its_own() {
    let appliance = Appliance::start_with(|config| config.feeds.push(feed("three", 3, config)));
    let mut client = Client::open(&appliance);
    (0..3).for_each(|partition| {
        client.follow_partition("three", partition);
    });
    let mut publisher = Client::open(&appliance);
    let mut lasts = [0; 3];
    for at in 0..100 {
        publisher
            .ask(json!({ "type": "publish", "stream": "three", "msg": at.to_string(), "pkey": format!("key-{at}") }));
    }
    for _ in 0..100 {
        let message = client.broadcast();
        let last = &mut lasts[message.partition as usize];
        assert_eq!(message.previous, (*last > 0).then_some(*last), "named is the one before in the same partition");
        assert_eq!(message.offset, *last + 1);
        *last = message.offset;
    }
    assert_eq!(lasts.iter().sum::<u64>(), 100);
    for (partition, last) in lasts.into_iter().enumerate() {
        client.ask(json!({ "type": "resend", "stream": "three", "partition": partition, "sub": partition, "resend_all": true }));
        let messages = resent(&mut client, &json!(partition));
        assert!(offsets(&messages).into_iter().eq(1..=last), "{partition}");
        assert!(messages.iter().all(|message| message.partition == partition as u64));
    }
}

#[test]
fn a_subscription_is_to_one_partition() {
    let appliance = Appliance::start();
    create(&appliance, "ten", 10);
    let mut client = Client::open(&appliance);
    client.follow_partition("ten", 5);
    // Spelled as a text it is the same one.
    client.ask(json!({ "type": "subscribe", "stream": "ten", "partition": "5" }));
    client.says(r#"[0,2,"",{"stream":"ten","partition":5}]"#);
    for (at, digit) in PUBLISHED.bytes().enumerate().take(20) {
        produce(&appliance, "ten", &format!("?pkey=key-{at}"), &at.to_string());
        if digit == b'5' {
            let message = client.broadcast();
            assert_eq!((message.partition, message.content), (5, json!(at)));
        }
    }
    client.is_quiet();
}

#[test]
fn partitions_that_are_not_there() {
    let appliance = Appliance::start();
    create(&appliance, "two", 2);
    let mut client = Client::open(&appliance);
    for kind in ["subscribe", "unsubscribe", "resend"] {
        for partition in [json!(100), json!(-1), json!(1.5), json!("x"), json!([1]), json!(true), json!(1e300)] {
            let request = json!({ "type": kind, "stream": "two", "partition": partition, "resend_all": true });
            let shown = partition.as_str().map_or_else(|| partition.to_string(), str::to_owned);
            client.ask(request).complains(&format!("Invalid partition: {shown}"));
        }
    }
    client
        .ask(json!({ "type": "subscribe", "stream": "two", "partition": 2 }))
        .complains("Partition 2 of stream two not found.");
    client
        .ask(json!({ "type": "resend", "stream": "two", "partition": 99, "resend_all": true }))
        .complains("Failed to request resend from stream two and partition 99: Partition 99 of stream two not found.");
    client.ask(json!({ "type": "unsubscribe", "stream": "two", "partition": 2 })).complains("Not subscribed");
    let get = |partition: &str| {
        call("GET", &appliance.url(&format!("/api/v1/streams/two/data/partitions/{partition}/last")), None, "")
    };
    assert_eq!(get("2"), (404, json!({ "error": "Partition 2 of stream two not found." })));
    assert_eq!(get("x"), (400, json!({ "error": "Path parameter \"partition\" not a number: x" })));
    assert_eq!(get("1"), (200, json!([])));
}
