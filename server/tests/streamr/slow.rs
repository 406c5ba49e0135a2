//! Readers that do not read: others go on, memory does not grow with what waits for them, and they are told why they are
//! closed.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, Told, offsets, produce, told, with_short_window},
    common::{
        Appliance, call, connect_narrow, eventually,
        process::{Serving, tailwater},
        raw::Connection,
    },
    flood::own_bytes,
};

/// Memory of its own that the process may take up; what waits is many times that.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

/// A process with a feed of 20 partitions and small kernel buffers.
fn start(directory: &Path, settings: &str) -> Serving {
    let file = directory.join("tailwater.toml");
    let common = "[serve]\nsocket_send_buffer_bytes = 65536\nnot_sent_low_water_bytes = 16384\n";
    let feeds = "[[feed]]\nname = \"messages\"\nstreamr.stream = \"messages\"\n\
                 [[feed]]\nname = \"many\"\nstreamr = { stream = \"many\", partitions = 20 }\n";
    std::fs::write(&file, format!("{common}{settings}{feeds}")).unwrap();
    let mut command = tailwater();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--config"]).arg(file);
    Serving::start(command.arg("--data").arg(directory.join("log")))
}

/// Publishes so many messages of about this size, in turn over the partitions.
fn publish(client: &mut Client, stream: &str, count: usize, bytes: usize) {
    let msg = json!("x".repeat(bytes)).to_string();
    for at in 0..count {
        client.ask(json!({ "type": "publish", "stream": stream, "msg": msg, "pkey": format!("key-{at}") }));
        if at % 100 == 99 {
            client.is_quiet();
        }
    }
    client.is_quiet();
}

/// 40 MB on 20 subscriptions wait for one connection. Whoever reads gets them meanwhile; it gets them all later.
#[test]
fn who_does_not_read_many_subscriptions_delays_nobody() {
    const MESSAGES: usize = 2_000;
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path(), "");
    let mut stalled = Client::on(connect_narrow(serving.address), serving.address, "");
    let mut reader = Client::at(serving.address, "");
    for partition in 0..20 {
        stalled.follow_partition("many", partition);
        reader.follow_partition("many", partition);
    }
    let before = own_bytes(&serving);
    std::thread::scope(|scope| {
        scope.spawn(|| publish(&mut Client::at(serving.address, ""), "many", MESSAGES, 20_000));
        read_all(&mut reader, MESSAGES);
    });
    let grown = own_bytes(&serving).saturating_sub(before);
    println!("{grown} bytes");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
    // It can still ask, and is answered as soon as it reads.
    stalled.ask(json!({ "type": "barrier" }));
    let (mut seen, mut answered_after) = (0, None);
    let mut lasts = [0; 20];
    while seen < MESSAGES {
        let value = stalled.value();
        if value[1] == json!(7) {
            answered_after = Some(seen);
        } else {
            follow_chain(&mut lasts, &told(None, &value[3]));
            seen += 1;
        }
    }
    assert!(answered_after.is_some_and(|seen| seen < MESSAGES / 2), "{answered_after:?}");
    stalled.is_quiet();
}

fn read_all(client: &mut Client, count: usize) {
    let mut lasts = [0; 20];
    for _ in 0..count {
        follow_chain(&mut lasts, &client.broadcast());
    }
}

fn follow_chain(lasts: &mut [u64], message: &Told) {
    let last = &mut lasts[message.partition as usize];
    assert_eq!((message.offset, message.previous), (*last + 1, (*last > 0).then_some(*last)));
    *last += 1;
}

/// One busy stream does not keep those beside it on the same connection from having their turns.
#[test]
fn subscriptions_of_one_connection_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path(), "");
    let mut client = Client::on(connect_narrow(serving.address), serving.address, "");
    client.follow(STREAM);
    (0..20).for_each(|partition| {
        client.follow_partition("many", partition);
    });
    let mut publisher = Client::at(serving.address, "");
    publish(&mut publisher, STREAM, 500, 20_000);
    publish(&mut publisher, "many", 100, 10);
    let (mut seen, mut last_of_many) = (0, 0);
    for at in 0..600 {
        if client.broadcast().stream == "many" {
            (seen, last_of_many) = (seen + 1, at);
        }
    }
    assert_eq!(seen, 100);
    assert!(last_of_many < 500, "the last of the quiet ones came after {last_of_many} messages");
}

/// A resend is made as it is read: 40 MB wait in the log, not in memory.
#[test]
fn a_resend_to_a_reader_that_does_not_read() {
    const MESSAGES: usize = 2_000;
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path(), "");
    let mut publisher = Client::at(serving.address, "");
    publish(&mut publisher, STREAM, MESSAGES, 20_000);
    let mut stalled: Vec<Client> =
        (0..10).map(|_| Client::on(connect_narrow(serving.address), serving.address, "")).collect();
    let before = own_bytes(&serving);
    for client in &mut stalled {
        client.follow(STREAM);
        client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_all": true }));
        assert_eq!(client.value()[1], json!(4));
    }
    // Others are served meanwhile, in every way there is.
    let mut other = Client::at(serving.address, "");
    other.follow(STREAM);
    assert_eq!(publisher.publish(STREAM, &json!("next")), MESSAGES as u64 + 1);
    assert_eq!(other.broadcast().content, json!("next"));
    other.ask(json!({ "type": "resend", "stream": STREAM, "sub": 1, "resend_last": 3 }));
    assert_eq!(super::client::resent(&mut other, &json!(1)).len(), 3);
    let grown = own_bytes(&serving).saturating_sub(before);
    println!("{grown} bytes");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
    let client = &mut stalled[0];
    let (mut again, mut live) = (Vec::new(), Vec::new());
    loop {
        let value = client.value();
        match value[1].as_u64().unwrap() {
            0 => live.push(told(None, &value[3])),
            1 => again.push(told(Some(json!(0)), &value[3])),
            5 => break,
            _ => panic!("{value:.200}"),
        }
    }
    let last = *offsets(&again).last().unwrap();
    assert!(last >= MESSAGES as u64 && offsets(&again).into_iter().eq(1..=last));
    assert_eq!(offsets(&live), [MESSAGES as u64 + 1]);
}

#[test]
fn who_falls_below_the_floor_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path(), "floor_window_ms = 1000\nfloor_lag_events = 50\n");
    let mut stalled = Client::on(connect_narrow(serving.address), serving.address, "");
    stalled.follow_partition("many", 3).follow(STREAM);
    let mut reader = Client::at(serving.address, "");
    reader.follow("_system");
    publish(&mut Client::at(serving.address, ""), STREAM, 600, 20_000);
    let subscribers = || {
        let url = format!("http://{}/v1/feeds/messages", serving.address);
        super::common::call("GET", &url, None, "").1["subscribers"].clone()
    };
    eventually("it is given up", || subscribers() == 0);
    reader.is_quiet();
    // It reads only now: whole messages without a gap, and why it was closed if there was still time for it.
    let mut last = 0;
    loop {
        match stalled.socket.read() {
            Ok(tungstenite::Message::Text(text)) => {
                let value: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(told(None, &value[3]).offset, last + 1);
                last += 1;
            }
            Ok(tungstenite::Message::Close(Some(close))) => {
                break assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "too slow"));
            }
            _ => break,
        }
    }
}

fn first_offset(appliance: &Appliance) -> u64 {
    appliance.get("/v1/feeds/short").1["first_seq"].as_u64().unwrap()
}

/// Publishes to `short` until its window begins behind everything that the kernel can hold for a reader.
fn overtake(appliance: &Appliance) {
    let body = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(10_000)).repeat(100);
    let from = first_offset(appliance);
    eventually("the window moves", || {
        assert_eq!(appliance.publish("short", &body).0, 200);
        first_offset(appliance) > from + 1_000
    });
}

#[test]
fn who_is_overtaken_by_retention_is_told_and_closed() {
    let appliance = Appliance::start_with(with_short_window);
    let mut stalled = Client::on(connect_narrow(appliance.address), appliance.address, "");
    stalled.follow(STREAM).follow("short");
    overtake(&appliance);
    let mut last = 0;
    loop {
        match stalled.socket.read().unwrap() {
            tungstenite::Message::Text(text) => {
                let value: Value = serde_json::from_str(&text).unwrap();
                let message = told(None, &value[3]);
                assert_eq!(message.offset, last + 1, "what came had no gap");
                last = message.offset;
            }
            tungstenite::Message::Close(Some(close)) => {
                let told = (u16::from(close.code), close.reason.as_str());
                break assert_eq!(told, (1008, "what comes next is no longer stored"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(last < first_offset(&appliance));
}

/// Whoever had left the stream before was closed all the same, and with it its other streams.
#[test]
fn retention_of_a_stream_that_was_left_closes_nobody() {
    let appliance = Appliance::start_with(with_short_window);
    let mut stalled = Client::on(connect_narrow(appliance.address), appliance.address, "");
    stalled.follow("short").follow(STREAM);
    let body = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(10_000)).repeat(100);
    // More than the kernel takes on its behalf, and not more than is kept.
    (0..2).for_each(|_| assert_eq!(appliance.publish("short", &body).0, 200));
    stalled.ask(json!({ "type": "unsubscribe", "stream": "short" }));
    // Requests are taken in order: once this is stored, the one before has been acted on.
    stalled.ask(json!({ "type": "publish", "stream": STREAM, "msg": "\"mark\"" }));
    eventually("it is stored", || super::client::events(&appliance, STREAM) == 1);
    overtake(&appliance);
    let mut last = 0;
    let (mut left, mut mark) = (false, false);
    while !(left && mark) {
        let value = stalled.value();
        match (value[1].as_u64().unwrap(), value[3][1].as_str()) {
            (0, Some("short")) => {
                let message = told(None, &value[3]);
                assert_eq!(message.offset, last + 1);
                last += 1;
                assert!(!left, "nothing comes behind the answer");
            }
            (0, Some(STREAM)) => mark = true,
            (3, _) => left = true,
            _ => panic!("{value}"),
        }
    }
    produce(&appliance, STREAM, "", "1");
    assert_eq!(stalled.broadcast().content, json!(1));
}

/// An appliance whose addresses have two resends at once, and 30 MB to resend.
fn with_two_places(floor_window_ms: u64) -> Appliance {
    let appliance = Appliance::start_with(|config| {
        config.serve.floor_window_ms = floor_window_ms;
        config.limits.limit_loopback = true;
        config.limits.replays_per_address_max = 2;
    });
    let content = json!("x".repeat(500_000)).to_string();
    (0..60).for_each(|_| produce(&appliance, STREAM, "", &content));
    appliance
}

/// A resend that is under way and not read.
fn stalled_resend(appliance: &Appliance) -> Client {
    let mut client = Client::on(connect_narrow(appliance.address), appliance.address, "");
    client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_all": true }));
    assert_eq!(client.value()[1], json!(4));
    client
}

/// Old clients that are refused a resend wait for ever: after a restart, when all come back at once, that was most of them.
#[test]
fn a_resend_waits_until_its_address_has_a_place() {
    let appliance = with_two_places(600_000);
    let first = stalled_resend(&appliance);
    let _second = stalled_resend(&appliance);
    let mut client = Client::open(&appliance);
    client.follow(STREAM).ask(json!({ "type": "resend", "stream": STREAM, "sub": 1, "resend_last": 1 }));
    produce(&appliance, STREAM, "", "\"live\"");
    assert_eq!(client.broadcast().content, json!("live"), "what is followed goes on meanwhile");
    drop(first);
    assert_eq!(super::client::resent(&mut client, &json!(1)).len(), 1);
}

/// A resend of which nothing was read held its place as long as its reader liked.
#[test]
fn a_resend_that_nobody_reads_is_given_up() {
    let appliance = with_two_places(500);
    let _stalled = [stalled_resend(&appliance), stalled_resend(&appliance)];
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 1, "resend_last": 1 }));
    assert_eq!(super::client::resent(&mut client, &json!(1)).len(), 1);
}

/// Only `TAILWATER_LONG=1` has the time.
#[test]
fn a_resend_does_not_wait_for_ever() {
    if !super::common::bulk::long() {
        return;
    }
    let appliance = with_two_places(600_000);
    let _places = [stalled_resend(&appliance), stalled_resend(&appliance)];
    let mut client = Client::open(&appliance);
    client.socket.get_ref().set_read_timeout(Some(3 * super::common::PATIENCE)).unwrap();
    client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_all": true }));
    let answer = loop {
        if let tungstenite::Message::Text(text) = client.socket.read().unwrap() {
            break text;
        }
    };
    let refused =
        "Failed to request resend from stream messages and partition 0: your address asks for too many at once";
    assert!(answer.contains(refused), "{answer}");
}

/// Whoever reads a resend more slowly than retention drops what it is to send gets what there still is.
#[test]
fn a_resend_that_is_overtaken_goes_on_with_the_oldest() {
    let appliance = Appliance::start_with(with_short_window);
    let body = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(10_000)).repeat(100);
    (0..2).for_each(|_| assert_eq!(appliance.publish("short", &body).0, 200));
    let mut client = Client::on(connect_narrow(appliance.address), appliance.address, "");
    client.ask(json!({ "type": "resend", "stream": "short", "sub": 0, "resend_all": true }));
    assert_eq!(client.value()[1], json!(4));
    // The window moves, but does not pass the end of what was asked for.
    eventually("the window moves", || {
        assert_eq!(appliance.publish("short", &body[..body.len() / 2]).0, 200);
        first_offset(&appliance) > 1
    });
    let mut last = 0;
    loop {
        let value = client.value();
        if value[1] == json!(5) {
            break;
        }
        let message = told(Some(json!(0)), &value[3]);
        assert!(message.offset > last && message.offset <= 200);
        assert_eq!(message.previous, message.offset.checked_sub(1).filter(|&offset| offset > 0));
        last = message.offset;
    }
    client.is_quiet();
}

/// Answers to queries were once made whole before they were sent: some 16 MiB for each reader that did not read.
#[test]
fn answers_to_queries_that_nobody_reads_hold_a_piece_each() {
    const READERS: usize = 20;
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path(), "");
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000));
    let url = format!("http://{}/v1/feeds/{STREAM}/events", serving.address);
    for _ in 0..30 {
        assert_eq!(call("POST", &url, Some("application/x-ndjson"), line.repeat(10)).0, 200);
    }
    let query = "/api/v1/streams/messages/data/partitions/0/from?fromOffset=0";
    let request = format!("GET {query} HTTP/1.1\r\nHost: a\r\n\r\n");
    let whole = |connection: &mut Connection| connection.send(&request).answer().json().as_array().unwrap().len();
    assert_eq!(whole(&mut Connection::open(serving.address)), 300);
    let before = own_bytes(&serving);
    let asked: Vec<Connection> = (0..READERS)
        .map(|_| {
            let mut connection = Connection::on(connect_narrow(serving.address));
            assert_eq!(connection.send(&request).head().status, 200);
            connection
        })
        .collect();
    // Whoever reads is answered meanwhile.
    assert_eq!(whole(&mut Connection::open(serving.address)), 300);
    let grown = own_bytes(&serving).saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes for {READERS} answers of 30 MB");
    drop(asked);
}
