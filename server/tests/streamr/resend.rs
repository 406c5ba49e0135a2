//! Resends: what each option selects, which wins, and what comes in between.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, Told, offsets, produce, resent, with_short_window},
    common::Appliance,
};

/// No message.
const NONE: RangeInclusive<u64> = RangeInclusive::new(1, 0);

/// Ten messages; message N has the offset N, the content N and the time N * 100.
fn ten() -> (Appliance, Client) {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    for at in 1..=10 {
        client.ask(json!({ "type": "publish", "stream": STREAM, "msg": at.to_string(), "ts": at * 100 }));
    }
    client.is_quiet();
    (appliance, client)
}

fn resend(client: &mut Client, options: &Value) -> Vec<Told> {
    let mut request = json!({ "type": "resend", "stream": STREAM, "partition": 0, "sub": "s" });
    request.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    client.ask(request);
    resent(client, &json!("s"))
}

#[test]
fn what_the_options_select() {
    let (_appliance, mut client) = ten();
    let table = [
        (json!({ "resend_all": true }), 1..=10),
        (json!({ "resend_last": 1 }), 10..=10),
        (json!({ "resend_last": 3 }), 8..=10),
        (json!({ "resend_last": "3" }), 8..=10),
        (json!({ "resend_last": 1000 }), 1..=10),
        (json!({ "resend_last": 1e300 }), 1..=10),
        (json!({ "resend_from": 0 }), 1..=10),
        (json!({ "resend_from": 7 }), 7..=10),
        (json!({ "resend_from": "7" }), 7..=10),
        (json!({ "resend_from": 10 }), 10..=10),
        (json!({ "resend_from": 3, "resend_to": 5 }), 3..=5),
        (json!({ "resend_from": 3, "resend_to": 3 }), 3..=3),
        (json!({ "resend_from": 9, "resend_to": 9_007_199_254_740_991_u64 }), 9..=10),
        (json!({ "resend_from_time": 0 }), 1..=10),
        (json!({ "resend_from_time": 500 }), 5..=10),
        (json!({ "resend_from_time": 401 }), 5..=10),
        (json!({ "resend_from_time": "401" }), 5..=10),
        (json!({ "resend_from_time": "1970-01-01T00:00:00.401Z" }), 5..=10),
        (json!({ "resend_last": 0 }), NONE),
        (json!({ "resend_last": -5 }), NONE),
        (json!({ "resend_from": 11 }), NONE),
        (json!({ "resend_from": 5, "resend_to": 4 }), NONE),
        (json!({ "resend_from": 11, "resend_to": 20 }), NONE),
        (json!({ "resend_from_time": 1001 }), NONE),
        (json!({ "resend_to": 5 }), NONE),
        (json!({ "resend_all": false }), NONE),
        (json!({ "resend_all": "true" }), NONE),
        (json!({ "resend_all": null, "resend_from": null, "resend_last": null }), NONE),
        (json!({}), NONE),
    ];
    for (options, expected) in table {
        let messages = resend(&mut client, &options);
        assert!(offsets(&messages).into_iter().eq(expected.clone()), "{options}: {messages:?}");
        for Told { sub, content, offset, previous, time_ms, .. } in messages {
            assert_eq!((sub, content, time_ms), (Some(json!("s")), json!(offset), offset * 100), "{options}");
            assert_eq!(previous, (offset > 1).then(|| offset - 1), "even where the one before was not asked for");
        }
    }
}

#[test]
fn which_option_wins() {
    let (_appliance, mut client) = ten();
    let everything = json!({
        "resend_all": true, "resend_from": 4, "resend_to": 6, "resend_last": 2, "resend_from_time": 900
    });
    let expected =
        [("", 1..=10), ("resend_all", 4..=6), ("resend_to", 4..=10), ("resend_from", 9..=10), ("resend_last", 9..=10)];
    let mut options = everything;
    for (without, expected) in expected {
        options.as_object_mut().unwrap().remove(without);
        let messages = resend(&mut client, &options);
        assert!(offsets(&messages).into_iter().eq(expected), "{options}: {messages:?}");
    }
    // What does not count is not looked at.
    assert_eq!(resend(&mut client, &json!({ "resend_all": true, "resend_from": "x" })).len(), 10);
}

#[test]
fn options_that_are_no_numbers() {
    let (_appliance, mut client) = ten();
    let failed = "Failed to request resend from stream messages and partition 0:";
    let table = [
        (json!({ "resend_last": "x" }), "resend_last"),
        (json!({ "resend_from": {} }), "resend_from"),
        (json!({ "resend_from": 1, "resend_to": "x" }), "resend_to"),
        (json!({ "resend_from_time": "yesterday" }), "resend_from_time"),
    ];
    for (mut options, name) in table {
        options["type"] = json!("resend");
        options["stream"] = json!(STREAM);
        client.ask(options).complains(&format!("{failed} {name} is not a number"));
    }
    client.is_quiet();
}

#[test]
fn the_name_of_a_subscription_comes_back_with_its_type() {
    let (_appliance, mut client) = ten();
    for sub in
        [json!("0"), json!(7), json!(-1.5), json!("ü\"\\\n"), json!(true), json!({ "a": [1, null] }), json!(["x"])]
    {
        for options in [json!({ "resend_last": 1 }), json!({ "resend_last": 0 })] {
            let mut request = json!({ "type": "resend", "stream": STREAM, "sub": sub });
            request.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
            client.ask(request);
            for message in resent(&mut client, &sub) {
                assert_eq!(message.sub.as_ref(), Some(&sub));
            }
        }
    }
    // Without a name there is none in the answers.
    client.ask(json!({ "type": "resend", "stream": STREAM, "resend_last": 1 }));
    client.says(r#"[0,4,"",{"stream":"messages","partition":0}]"#);
    assert_eq!(client.unicast().sub, Some(json!("")));
    client.says(r#"[0,5,"",{"stream":"messages","partition":0}]"#);
    client
        .ask(json!({ "type": "resend", "stream": STREAM, "sub": "x".repeat(300), "resend_last": 1 }))
        .complains("Field \"sub\" is longer than 256 bytes");
}

#[test]
fn times_need_not_increase() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    for ts in [500, 300, 900, 100, 700] {
        client.ask(json!({ "type": "publish", "stream": STREAM, "msg": "{}", "ts": ts }));
    }
    // From the first message at or after it on, whatever comes behind that.
    for (time, expected) in [(100, 1..=5), (500, 1..=5), (501, 3..=5), (900, 3..=5)] {
        let messages = resend(&mut client, &json!({ "resend_from_time": time }));
        assert!(offsets(&messages).into_iter().eq(expected), "{time}: {messages:?}");
    }
}

/// While messages came, the newest one was sometimes answered with `no_resend`.
#[test]
fn a_resend_sees_all_that_was_broadcast() {
    const MESSAGES: u64 = 300;
    let appliance = Appliance::start();
    let mut reader = Client::open(&appliance);
    reader.follow(STREAM);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = Client::open(&appliance);
            (0..MESSAGES).for_each(|at| {
                publisher.publish(STREAM, &json!(at));
            });
        });
        for offset in 1..=MESSAGES {
            assert_eq!(reader.broadcast().offset, offset);
            let mut other = Client::open(&appliance);
            let last = resend(&mut other, &json!({ "resend_last": 1 }));
            assert!(last.len() == 1 && last[0].offset >= offset, "{last:?} after {offset} had been seen");
        }
    });
}

/// Broadcasts go on during a resend; each of both is whole and in order.
#[test]
fn messages_come_between_those_of_a_resend() {
    const HISTORY: u64 = 3_000;
    let appliance = Appliance::start();
    let mut publisher = Client::open(&appliance);
    let content = json!("x".repeat(1_000)).to_string();
    for _ in 0..HISTORY {
        publisher.ask(json!({ "type": "publish", "stream": STREAM, "msg": content }));
    }
    publisher.is_quiet();
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 1, "resend_all": true }));
    assert_eq!(client.value()[1], json!(4));
    for at in 0..50 {
        publisher.publish(STREAM, &json!(at));
    }
    let (mut live, mut again, mut ended) = (HISTORY, 0, false);
    while live < HISTORY + 50 || !ended {
        let value = client.value();
        let message = |sub| super::client::told(sub, &value[3]);
        match value[1].as_u64().unwrap() {
            0 => {
                live += 1;
                assert_eq!(message(None).offset, live);
            }
            1 => {
                again += 1;
                assert_eq!(message(Some(value[2].clone())).offset, again);
            }
            5 => ended = true,
            _ => panic!("{value}"),
        }
    }
    assert!((HISTORY..=HISTORY + 50).contains(&again), "{again}: not beyond what there was when it was asked for");
}

#[test]
fn several_resends_are_answered_one_after_the_other() {
    let (_appliance, mut client) = ten();
    for sub in 0..20 {
        client.ask(json!({ "type": "resend", "stream": STREAM, "sub": sub, "resend_last": 5 }));
    }
    for sub in 0..20 {
        assert_eq!(offsets(&resent(&mut client, &json!(sub))), [6, 7, 8, 9, 10]);
    }
}

#[test]
fn what_retention_has_taken_is_not_sent_and_nothing_else_is_missing() {
    let appliance = Appliance::start_with(with_short_window);
    let mut client = Client::open(&appliance);
    let content = json!("x".repeat(10_000)).to_string();
    let mut published = 0;
    let first = loop {
        for _ in 0..50 {
            client.ask(json!({ "type": "publish", "stream": "short", "msg": content }));
        }
        client.is_quiet();
        published += 50;
        let first = appliance.get("/v1/feeds/short").1["first_seq"].as_u64().unwrap();
        if first > 1 {
            break first;
        }
    };
    for options in [json!({ "resend_all": true }), json!({ "resend_from": 1 }), json!({ "resend_from_time": 0 })] {
        let mut request = json!({ "type": "resend", "stream": "short", "sub": 0 });
        request.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        client.ask(request);
        let messages = resent(&mut client, &json!(0));
        assert!(offsets(&messages).into_iter().eq(first..=published), "{options}");
        assert_eq!(messages[0].previous, Some(first - 1), "what is gone is still named");
    }
}

#[test]
fn a_resend_needs_no_subscription_and_begins_none() {
    let (appliance, mut client) = ten();
    assert_eq!(resend(&mut client, &json!({ "resend_last": 1 })).len(), 1);
    produce(&appliance, STREAM, "", "11");
    client.is_quiet();
}
