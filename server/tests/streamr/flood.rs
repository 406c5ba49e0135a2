//! More at once than anybody asks for: requests without reading the answers, streams by the thousand.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use serde_json::json;

use super::{
    client::{Client, STREAM, create, feed},
    common::{
        Appliance, connect_narrow, eventually,
        frames::client_frame,
        process::{Serving, serve},
    },
};

/// Memory of its own that the process may take up for one client that asks without reading.
const GROWTH_BYTES_MAX: u64 = 24 << 20;

/// Memory of the process that is neither a file's nor shared.
pub fn own_bytes(serving: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

fn start(directory: &Path) -> Serving {
    Serving::start(&mut serve(directory))
}

/// The requests of the flood, and the beginning of the answer to each.
fn request(at: usize) -> (String, String) {
    match at / 1_000 % 4 {
        0 => (
            format!(r#"{{"type":"publish","stream":"messages","msg":"{at}","ack":{at}}}"#),
            r#"[0,100,"",{"stream":"messages","partition":0,"offset":"#.to_owned(),
        ),
        1 => (format!(r#"{{"type":"{at}"}}"#), format!(r#"[0,7,"","Unknown request type: {at}"]"#)),
        2 => (
            format!(r#"{{"type":"resend","stream":"messages","sub":{at}}}"#),
            format!(r#"[0,6,"",{{"stream":"messages","partition":0,"sub":{at}}}]"#),
        ),
        _ => (
            format!(r#"{{"type":"publish","stream":"gone","msg":"1","ack":{at}}}"#),
            format!(r#"[0,100,"",{{"error":"Stream gone not found.","ack":{at}}}]"#),
        ),
    }
}

/// Writes until all is written or the other end takes no more; the rest.
fn write_until_it_stands_still<'b>(stream: &mut TcpStream, mut bytes: &'b [u8]) -> &'b [u8] {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return bytes,
            Err(error) => panic!("{error}"),
        }
    }
    bytes
}

#[test]
fn a_hundred_thousand_requests_without_reading() {
    const REQUESTS: usize = 100_000;
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path());
    let mut other = Client::at(serving.address, "");
    let mut client = Client::on(connect_narrow(serving.address), serving.address, "");
    let before = own_bytes(&serving);
    let flood: Vec<u8> = (0..REQUESTS).flat_map(|at| client_frame(0x81, request(at).0.as_bytes())).collect();
    let mut writer = client.socket.get_ref().try_clone().unwrap();
    // What is not taken within this time is not taken until somebody reads.
    writer.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let rest = write_until_it_stands_still(&mut writer, &flood);
    println!("{} of {} bytes were taken unread", flood.len() - rest.len(), flood.len());
    other.publish(STREAM, &json!("others go on"));
    let grown = own_bytes(&serving).saturating_sub(before);
    println!("{grown} bytes");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            writer.set_write_timeout(None).unwrap();
            writer.write_all(rest).unwrap();
        });
        for at in 0..REQUESTS {
            let (answer, expected) = (client.text(), request(at).1);
            assert!(answer.starts_with(&expected), "{at}: {answer} is not {expected}");
        }
    });
    client.is_quiet().follow(STREAM);
    let grown = own_bytes(&serving).saturating_sub(before);
    println!("{grown} bytes");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
}

#[test]
fn a_thousand_streams_on_one_connection() {
    const STREAMS: usize = 1_000;
    // Ten times a hundred partitions, which are as many feeds.
    let appliance = Appliance::start_with(|config| {
        config.storage.segment_bytes_max = 1 << 20;
        let large = |at: usize| {
            let mut feed = feed(&format!("s{at}"), 100, config);
            feed.segment_bytes_max = 1 << 20;
            feed.durability = tailwater::config::Durability::Os;
            feed
        };
        config.feeds = (0..10).map(large).collect();
    });
    let mut client = Client::open(&appliance);
    for at in 0..STREAMS {
        client.follow_partition(&format!("s{}", at / 100), at as u64 % 100);
    }
    let mut publisher = Client::open(&appliance);
    let mut published = 0;
    // Spread over all partitions in turn.
    for _ in 0..3 {
        for at in 0..STREAMS {
            publisher.ask(json!({ "type": "publish", "stream": format!("s{}", at / 100), "msg": at.to_string() }));
            published += 1;
        }
    }
    publisher.is_quiet();
    let mut lasts = std::collections::HashMap::new();
    for _ in 0..published {
        let message = client.broadcast();
        let last = lasts.entry((message.stream, message.partition)).or_insert(0);
        assert_eq!((message.offset, message.previous), (*last + 1, (*last > 0).then_some(*last)));
        *last += 1;
    }
    assert!(lasts.len() > STREAMS / 2, "{}", lasts.len());
    client.is_quiet();
    drop(client);
    eventually("all are counted no more", || appliance.get("/v1/feeds/s0").1["subscribers"] == 0);
}

/// Everybody comes, goes, and comes again, while streams are created and deleted under them.
#[test]
fn a_storm_of_subscriptions_holds_no_memory() {
    const ROUNDS: usize = 30;
    const CLIENTS: usize = 8;
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path());
    let storm = || {
        std::thread::scope(|scope| {
            for number in 0..CLIENTS {
                let address = serving.address;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let mut client = Client::at(address, "");
                        for _ in 0..20 {
                            client.ask(json!({ "type": "subscribe", "stream": STREAM }));
                            client.ask(json!({ "type": "unsubscribe", "stream": STREAM }));
                            client.ask(json!({ "type": "subscribe", "stream": "_system" }));
                        }
                        if (number + round) % 3 == 0 {
                            // Gone without a word, in the middle of it.
                            continue;
                        }
                        client.ask(json!({ "type": "barrier" }));
                        while client.value()[1] != json!(7) {}
                    }
                });
            }
        });
    };
    storm();
    let before = own_bytes(&serving);
    (0..3).for_each(|_| storm());
    let status = || super::common::call("GET", &format!("http://{}/v1/status", serving.address), None, "").1;
    eventually("all have gone", || status()["subscribers"] == 0);
    let grown = own_bytes(&serving).saturating_sub(before);
    println!("{grown} bytes");
    assert!(grown < GROWTH_BYTES_MAX / 2, "{grown} bytes");
}

#[test]
fn streams_by_the_hundred_come_and_go() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.follow("_system");
    for at in 0..100 {
        let id = format!("s{at}");
        create(&appliance, &id, 1);
        let created = client.broadcast();
        assert_eq!(created.content["stream"]["id"], json!(id));
        client.follow(&id);
        if at >= 10 {
            let gone = format!("s{}", at - 10);
            assert_eq!(appliance.delete(&format!("/api/v1/streams/{gone}")).0, 204);
            let both = [client.value(), client.value()];
            let told = |value: &&serde_json::Value| value[3] == json!(format!("Stream {gone} not found."));
            assert!(both.iter().any(|value| told(&value)), "{both:?}");
            assert!(both.iter().any(|value| value[1] == json!(0)), "{both:?}");
        }
    }
    client.is_quiet();
}
