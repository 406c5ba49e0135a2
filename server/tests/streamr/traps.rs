//! What clients in the field rely on and the specification does not say, or says otherwise: a test for each.
//!
//! | trap | tested |
//! | --- | --- |
//! | what an error looks like depends on the client | `errors` |
//! | the request is called `resend`; private streams want a key on it | here |
//! | the answers to a resend repeat `sub` in their payload, with its type | `golden`, `resend` |
//! | `resend_from_time`; `resend_all` is all there is | `resend` |
//! | a subscription replays nothing, whatever comes with the request | here |
//! | content is JSON in a string, `previousOffset` may be null, streams' coming and going | `golden`, `streams` |
//! | offsets increase, and name the one before in the same partition, also after a restart | `offsets`, `partitions` |
//! | the first request names no partition, the second does | here |
//! | leaving names no partition | here |
//! | content that is no JSON kills clients, or turns them against the server | `publish` |
//! | a gap that retention has taken makes clients ask without end | here |
//! | `subscribed` comes once for each request that succeeds | here |
//! | nothing is delivered twice, nobody leaves for another | here |
//! | a close without a code | `golden` |
//! | newer clients: query string, session, description, `sessionToken` | here |
//! | clients of the next protocol | here |

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, create, feed, offsets, produce, resent, with_short_window},
    common::{Appliance, call},
};

/// The frames that 0.9.3, 0.11.2 and 0.12.2 send, in their order.
#[test]
fn the_conversation_of_old_clients() {
    let appliance = Appliance::start();
    (1..=3).for_each(|at| produce(&appliance, STREAM, "?ts=7", &at.to_string()));
    let mut client = Client::open(&appliance);
    client
        .ask_text(r#"{"stream":"messages","resend_last":2,"type":"subscribe","authKey":null}"#)
        .says(r#"[0,2,"",{"stream":"messages","partition":0}]"#)
        .ask_text(r#"{"stream":"messages","resend_last":2,"type":"resend","partition":0,"authKey":null,"sub":"0"}"#)
        .says(r#"[0,4,"",{"stream":"messages","partition":0,"sub":"0"}]"#)
        .says(r#"[0,1,"0",[28,"messages",0,7,0,2,1,27,"2"]]"#)
        .says(r#"[0,1,"0",[28,"messages",0,7,0,3,2,27,"3"]]"#)
        .says(r#"[0,5,"",{"stream":"messages","partition":0,"sub":"0"}]"#)
        .ask_text(r#"{"type":"publish","stream":"messages","authKey":null,"msg":"{\"n\":4}"}"#);
    assert_eq!(client.broadcast().content, json!({ "n": 4 }));
    client
        .ask_text(r#"{"type":"unsubscribe","stream":"messages"}"#)
        .says(r#"[0,3,"",{"stream":"messages","partition":0}]"#)
        .is_quiet();
}

#[test]
fn a_subscription_replays_nothing() {
    let appliance = Appliance::start();
    produce(&appliance, STREAM, "", "1");
    for options in [
        json!({ "resend_all": true }),
        json!({ "resend_last": 5 }),
        json!({ "resend_from": 0 }),
        json!({ "resend_from_time": 0 }),
    ] {
        let mut client = Client::open(&appliance);
        let mut request = json!({ "type": "subscribe", "stream": STREAM });
        request.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        client.ask(request).says(r#"[0,2,"",{"stream":"messages","partition":0}]"#).is_quiet();
    }
}

#[test]
fn a_private_stream_wants_its_key_for_each_request() {
    use sha2::{Digest, Sha256};
    let appliance = Appliance::start_with(|config| {
        config.keys = vec![tailwater::config::Key {
            name: "both".to_owned(),
            secret_sha256: Some(Sha256::digest("KEY").into()),
            read: vec!["*".to_owned()],
            write: vec!["*".to_owned()],
            admin: false,
        }];
    });
    let mut client = Client::open(&appliance);
    let subscribe = |key: Value| json!({ "type": "subscribe", "stream": STREAM, "authKey": key });
    let resend =
        |key: Value| json!({ "type": "resend", "stream": STREAM, "authKey": key, "sub": 0, "resend_all": true });
    let publish = |key: Value| json!({ "type": "publish", "stream": STREAM, "authKey": key, "msg": "1" });
    client.ask(subscribe(json!("KEY"))).says(r#"[0,2,"",{"stream":"messages","partition":0}]"#);
    client.ask(publish(json!("KEY")));
    assert_eq!(client.broadcast().content, json!(1));
    client.ask(resend(json!("KEY")));
    assert_eq!(resent(&mut client, &json!(0)).len(), 1);
    // What was shown once is not remembered.
    assert_eq!(client.ask(publish(Value::Null)).value()[1], json!(7));
    assert_eq!(client.ask(resend(Value::Null)).value()[1], json!(7));
    assert_eq!(client.ask(subscribe(Value::Null)).value()[1], json!(7));
    client.ask(publish(json!("KEY")));
    assert_eq!(client.broadcast().content, json!(1), "the subscription is still there");
}

/// Clients below 1.0 never say which partition they leave, and wait for ever if they are refused.
#[test]
fn leaving_without_naming_the_partition() {
    let appliance = Appliance::start();
    create(&appliance, "ten", 10);
    let mut client = Client::open(&appliance);
    let unsubscribe = json!({ "type": "unsubscribe", "stream": "ten" });
    client.follow_partition("ten", 3);
    client.ask(unsubscribe.clone()).says(r#"[0,3,"",{"stream":"ten","partition":3}]"#);
    // Partition 0 is what is meant where it is followed.
    client.follow_partition("ten", 3).follow_partition("ten", 0);
    client.ask(unsubscribe.clone()).says(r#"[0,3,"",{"stream":"ten","partition":0}]"#);
    // Of several others none is.
    client.follow_partition("ten", 7);
    client.ask(unsubscribe.clone()).complains("Not subscribed");
    // Whoever names one means it.
    client.ask(json!({ "type": "unsubscribe", "stream": "ten", "partition": 0 })).complains("Not subscribed");
    client
        .ask(json!({ "type": "unsubscribe", "stream": "ten", "partition": 7 }))
        .says(r#"[0,3,"",{"stream":"ten","partition":7}]"#);
    client.ask(unsubscribe).says(r#"[0,3,"",{"stream":"ten","partition":3}]"#).is_quiet();
}

#[test]
fn subscribed_twice_is_answered_twice_and_sent_once() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.follow(STREAM).follow(STREAM);
    produce(&appliance, STREAM, "", "1");
    produce(&appliance, STREAM, "", "2");
    assert_eq!((client.broadcast().offset, client.broadcast().offset), (1, 2));
    // One leave is enough.
    client.ask(json!({ "type": "unsubscribe", "stream": STREAM })).value();
    produce(&appliance, STREAM, "", "3");
    client.is_quiet();
    client.ask(json!({ "type": "unsubscribe", "stream": STREAM })).complains("Not subscribed");
}

#[test]
fn nobody_leaves_for_another() {
    let appliance = Appliance::start();
    let mut one = Client::open(&appliance);
    let mut two = Client::open(&appliance);
    one.follow(STREAM);
    two.ask(json!({ "type": "unsubscribe", "stream": STREAM })).complains("Not subscribed");
    produce(&appliance, STREAM, "", "1");
    assert_eq!(one.broadcast().offset, 1);
    two.is_quiet();
}

#[test]
fn a_refused_subscription_is_not_said_to_be_one() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "subscribe", "stream": "gone" })).complains("Stream gone not found.").is_quiet();
}

/// All clients up to 1.0.2 answer `no_resend` to such a gap with the same request, 40,000 times a second.
#[test]
fn a_gap_that_retention_has_taken_is_closed() {
    let appliance = Appliance::start_with(with_short_window);
    let mut publisher = Client::open(&appliance);
    let content = json!("x".repeat(10_000)).to_string();
    let first = loop {
        for _ in 0..50 {
            publisher.ask(json!({ "type": "publish", "stream": "short", "msg": content }));
        }
        publisher.is_quiet();
        let first = appliance.get("/v1/feeds/short").1["first_seq"].as_u64().unwrap();
        if first > 1 {
            break first;
        }
    };
    // What a client does that had received message 1, was away, and now got the oldest one there is.
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "resend", "stream": "short", "sub": "0", "resend_from": 2, "resend_to": first - 1 }));
    let messages = resent(&mut client, &json!("0"));
    assert_eq!(offsets(&messages), [first], "from here it goes on");
    // A gap of which a part is left is filled with that part.
    client.ask(json!({ "type": "resend", "stream": "short", "sub": "0", "resend_from": 2, "resend_to": first + 1 }));
    assert_eq!(offsets(&resent(&mut client, &json!("0"))), [first, first + 1]);
}

#[test]
fn a_bye_is_content_like_any_other() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    produce(&appliance, STREAM, "?ts=7", r#"{"_bye":true}"#);
    client.says(r#"[0,0,"",[28,"messages",0,7,0,1,null,27,"{\"_bye\":true}"]]"#);
    produce(&appliance, STREAM, "", "1");
    assert_eq!(client.broadcast().content, json!(1));
}

/// The requests of 1.0.2 in their order: a session, then the stream's description, then frames with a token.
#[test]
fn the_conversation_of_newer_clients() {
    let appliance = Appliance::start();
    let login = appliance.url("/api/v1/login/apikey");
    let (_, session) = call("POST", &login, Some("application/json"), r#"{"apiKey":"KEY"}"#);
    let token = session["token"].as_str().unwrap();
    let (status, stream) = appliance.get("/api/v1/streams/messages");
    assert_eq!((status, &stream["requireSignedData"], &stream["partitions"]), (200, &json!(false), &json!(1)));
    for query in ["", "?controlLayerVersion=0&messageLayerVersion=28", "?controlLayerVersion=0&messageLayerVersion=29"]
    {
        let mut client = Client::at(appliance.address, query);
        let subscribe = json!({ "type": "subscribe", "stream": STREAM, "partition": 0, "sessionToken": token });
        client.ask(subscribe).says(r#"[0,2,"",{"stream":"messages","partition":0}]"#);
        client.ask(json!({
            "type": "publish", "stream": STREAM, "authKey": "KEY", "sessionToken": token, "msg": "{}",
            "ts": 1_533_924_184_016_u64, "pkey": null,
        }));
        let message = client.broadcast();
        assert_eq!((message.time_ms, message.content), (1_533_924_184_016, json!({})));
        client.ask(json!({ "type": "resend", "stream": STREAM, "partition": 0, "sub": "0", "resend_last": 1, "sessionToken": token }));
        assert_eq!(resent(&mut client, &json!("0")).len(), 1);
        client
            .ask(json!({ "type": "unsubscribe", "stream": STREAM, "partition": 0, "sessionToken": token }))
            .says(r#"[0,3,"",{"stream":"messages","partition":0}]"#)
            .is_quiet();
    }
}

#[test]
fn clients_of_the_next_protocol_are_told() {
    let appliance = Appliance::start();
    let mut client = Client::at(appliance.address, "?controlLayerVersion=1&messageLayerVersion=31");
    let told =
        r#"[0,7,"",{"error":"Message is not a JSON object; only requests of control layer version 0 are understood"}]"#;
    client.ask_text(r#"[1,9,"messages",0,"SESSION"]"#).says(told);
    client.ask_text(r#"[1,8,[31,["messages",0,1,0,"a","b"],null,27,"{}"],"SESSION"]"#).says(told);
}

#[test]
fn no_more_than_100_000_of_the_newest() {
    let appliance = Appliance::start_with(|config| config.feeds.push(feed("large", 1, config)));
    let line = "{\"kind\":\"put\",\"body\":1}\n".repeat(25_250);
    (0..4).for_each(|_| assert_eq!(appliance.publish("large", &line).0, 200));
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "resend", "stream": "large", "sub": 0, "resend_last": 9_007_199_254_740_991_u64 }));
    let offsets = offsets(&resent(&mut client, &json!(0)));
    assert!(offsets.into_iter().eq(1_001..=101_000));
}
