//! Subscriptions: any number on one connection, each once, each from the next message on.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, create, produce},
    common::{Appliance, eventually},
};

#[test]
fn a_subscription_begins_with_the_next_message() {
    let appliance = Appliance::start();
    produce(&appliance, STREAM, "", "\"before\"");
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    produce(&appliance, STREAM, "", "\"after\"");
    let message = client.broadcast();
    assert_eq!((message.content, message.offset, message.previous), (json!("after"), 2, Some(1)));
}

#[test]
fn a_connection_carries_many_streams_and_each_client_its_own() {
    const STREAMS: usize = 40;
    let appliance = Appliance::start();
    let ids: Vec<String> = (0..STREAMS).map(|at| format!("s{at}")).collect();
    ids.iter().for_each(|id| create(&appliance, id, 1));
    let mut even = Client::open(&appliance);
    let mut all = Client::open_new(&appliance);
    ids.iter().step_by(2).for_each(|id| {
        even.follow(id);
    });
    ids.iter().for_each(|id| {
        all.follow(id);
    });
    let mut publisher = Client::open(&appliance);
    for round in 0..5 {
        ids.iter().for_each(|id| {
            publisher.ask(json!({ "type": "publish", "stream": id, "msg": round.to_string() }));
        });
    }
    publisher.is_quiet();
    for (client, ids) in [(&mut even, ids.iter().step_by(2).collect::<Vec<_>>()), (&mut all, ids.iter().collect())] {
        let mut seen: HashMap<String, Vec<Value>> = HashMap::new();
        for _ in 0..5 * ids.len() {
            let message = client.broadcast();
            seen.entry(message.stream).or_default().push(message.content);
        }
        assert_eq!(seen.len(), ids.len());
        for id in ids {
            assert_eq!(seen[id], [json!(0), json!(1), json!(2), json!(3), json!(4)], "{id}");
        }
        client.is_quiet();
    }
}

#[test]
fn after_unsubscribing_nothing_comes_any_more() {
    let appliance = Appliance::start();
    create(&appliance, "other", 1);
    let mut client = Client::open(&appliance);
    client.follow(STREAM).follow("other");
    client
        .ask(json!({ "type": "unsubscribe", "stream": STREAM }))
        .says(r#"[0,3,"",{"stream":"messages","partition":0}]"#);
    produce(&appliance, STREAM, "", "1");
    produce(&appliance, "other", "", "2");
    assert_eq!(client.broadcast().content, json!(2));
    // Whoever comes again goes on where the stream is now.
    client.follow(STREAM);
    produce(&appliance, STREAM, "", "3");
    let message = client.broadcast();
    assert_eq!((message.content, message.previous), (json!(3), Some(1)));
    client.is_quiet();
}

#[test]
fn subscriptions_are_counted_and_end_with_their_connection() {
    let appliance = Appliance::start();
    let subscribers = || appliance.get("/v1/feeds/messages").1["subscribers"].clone();
    let mut one = Client::open(&appliance);
    let mut two = Client::open(&appliance);
    one.follow(STREAM).follow(STREAM);
    two.follow(STREAM);
    assert_eq!(subscribers(), 2);
    two.ask(json!({ "type": "unsubscribe", "stream": STREAM })).value();
    eventually("one has left", || subscribers() == 1);
    drop(one);
    eventually("both have left", || subscribers() == 0);
}

#[test]
fn one_more_than_there_may_be_is_refused_and_the_others_stay() {
    let appliance = Appliance::start_with(|config| config.streamr.subscriptions_max = 3);
    (0..5).for_each(|at| create(&appliance, &format!("s{at}"), 1));
    let mut client = Client::open(&appliance);
    client.follow("s0").follow("s1").follow("s2");
    for stream in ["s3", "s4"] {
        client
            .ask(json!({ "type": "subscribe", "stream": stream }))
            .complains("Not subscribed: a connection has at most 3 subscriptions");
    }
    // One it has is not another one.
    client.follow("s1");
    produce(&appliance, "s3", "", "0");
    produce(&appliance, "s2", "", "1");
    assert_eq!(client.broadcast().stream, "s2");
    client.ask(json!({ "type": "unsubscribe", "stream": "s0" })).value();
    client.follow("s3").is_quiet();
    // Another connection has its own.
    Client::open(&appliance).follow("s0").follow("s1").follow("s2");
}

/// Streams that were deleted counted as followed for ever.
#[test]
fn deleted_streams_make_room_for_others() {
    let appliance = Appliance::start_with(|config| config.streamr.subscriptions_max = 2);
    let mut client = Client::open(&appliance);
    for round in 0..5 {
        for stream in ["a", "b"] {
            create(&appliance, stream, 1);
            client.follow(stream);
        }
        for stream in ["a", "b"] {
            assert_eq!(appliance.delete(&format!("/api/v1/streams/{stream}")).0, 204, "{round}");
            client.complains(&format!("Stream {stream} not found."));
        }
    }
    client.is_quiet();
}

#[test]
fn subscribing_and_unsubscribing_in_one_go_is_answered_in_order() {
    const ROUNDS: usize = 2_000;
    let appliance = Appliance::start();
    create(&appliance, "other", 1);
    let mut client = Client::open(&appliance);
    let mut requests = Vec::new();
    for round in 0..ROUNDS {
        let stream = if round % 3 == 0 { "other" } else { STREAM };
        requests.push(json!({ "type": "subscribe", "stream": stream }));
        requests.push(json!({ "type": "unsubscribe", "stream": stream }));
    }
    let mut writer = Client {
        socket: tungstenite::WebSocket::from_raw_socket(
            client.socket.get_ref().try_clone().unwrap(),
            tungstenite::protocol::Role::Client,
            None,
        ),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            requests.iter().for_each(|request| {
                writer.ask(request.clone());
            })
        });
        for request in &requests {
            let kind = if request["type"] == json!("subscribe") { 2 } else { 3 };
            assert_eq!(client.value(), json!([0, kind, "", { "stream": request["stream"], "partition": 0 }]));
        }
    });
    client.is_quiet();
    eventually("nobody follows", || appliance.get("/v1/status").1["subscribers"] == 1);
    assert_eq!(appliance.get("/v1/feeds/messages").1["subscribers"], 0);
    client.follow(STREAM);
    produce(&appliance, STREAM, "", "1");
    assert_eq!(client.broadcast().content, json!(1));
}

/// Unsubscribing is answered while messages stream, and none comes behind the answer.
#[test]
fn unsubscribing_in_the_middle_of_a_flood() {
    let appliance = Appliance::start();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::open(&appliance)).collect();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (appliance, over) = (&appliance, &over);
        scope.spawn(move || {
            let mut publisher = Client::open(appliance);
            let content = json!("x".repeat(2_000)).to_string();
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                for _ in 0..20 {
                    publisher.ask(json!({ "type": "publish", "stream": STREAM, "msg": content }));
                }
                publisher.is_quiet();
            }
        });
        let readers: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                scope.spawn(|| {
                    for _ in 0..20 {
                        client.follow(STREAM);
                        let mut last = client.broadcast().offset;
                        client.ask(json!({ "type": "unsubscribe", "stream": STREAM }));
                        loop {
                            let value = client.value();
                            if value[1] == json!(3) {
                                break;
                            }
                            let message = super::client::told(None, &value[3]);
                            assert_eq!((message.offset, message.previous), (last + 1, Some(last)));
                            last = message.offset;
                        }
                        client.is_quiet();
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
}
