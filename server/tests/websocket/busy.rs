//! Control frames on a stream whose reader does not read.

use super::common::{
    Appliance, connect_narrow,
    frames::{client_frame, server_frame, upgrade},
    raw::Connection,
};
use super::{CLOSE, PING, PONG, STREAM, TEXT};

const EVENTS: u64 = 320;

/// A stream with 32 MB before it, of which the kernel holds little.
fn stalled(appliance: &Appliance) -> Connection {
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000));
    (0..EVENTS / 32).for_each(|_| assert_eq!(appliance.publish("repos", &line.repeat(32)).0, 200));
    let mut connection = Connection::on(connect_narrow(appliance.address));
    let head = connection.send(upgrade(&format!("{STREAM}?cursor=0")) + "\r\n").head();
    assert_eq!(head.status, 101);
    connection
}

/// The seq of an event.
fn seq(payload: &[u8]) -> u64 {
    let event: serde_json::Value = serde_json::from_slice(payload).unwrap();
    event["seq"].as_u64().unwrap()
}

#[test]
fn a_pong_overtakes_what_is_queued() {
    let appliance = Appliance::start();
    let mut connection = stalled(&appliance);
    connection.send(client_frame(PING, b"are you there"));
    let mut before = 0;
    let mut pong = false;
    for expected in 1..=EVENTS {
        let mut frame = server_frame(&mut connection);
        if frame.0 == PONG {
            assert_eq!((frame.1.as_slice(), pong), (&b"are you there"[..], false));
            (before, pong) = (expected - 1, true);
            frame = server_frame(&mut connection);
        }
        assert_eq!((frame.0, seq(&frame.1)), (TEXT, expected), "whole events in order around it");
    }
    assert!(pong && before < EVENTS / 2, "{before} of {EVENTS} events came before the pong");
}

/// A pong that waited for the end of the last event there was stayed unsent until the next event or heartbeat.
#[test]
fn a_pong_follows_the_last_event_at_once() {
    let appliance = Appliance::start();
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(4_900_000));
    assert_eq!(appliance.publish("repos", &line).0, 200);
    let mut connection = Connection::on(connect_narrow(appliance.address));
    let head = connection.send(upgrade(&format!("{STREAM}?cursor=0")) + "\r\n").head();
    assert_eq!(head.status, 101);
    // The event has begun, and the kernel holds little of it.
    let begun = connection.take(10);
    connection.send(client_frame(PING, b"now"));
    let length = u64::from_be_bytes(begun[2..10].try_into().unwrap());
    connection.take(length as usize);
    assert_eq!(server_frame(&mut connection), (PONG, b"now".to_vec()));
}

#[test]
fn a_close_overtakes_what_is_queued() {
    let appliance = Appliance::start();
    let mut connection = stalled(&appliance);
    connection.send(client_frame(CLOSE, b"\x03\xe8"));
    let mut events = 0;
    let last = loop {
        let frame = server_frame(&mut connection);
        if frame.0 != TEXT {
            break frame;
        }
        events += 1;
    };
    assert_eq!(last, (CLOSE, b"\x03\xe8".to_vec()));
    assert!(connection.at_end() && events < EVENTS / 2, "{events} of {EVENTS} events came before the close");
}

#[test]
fn a_flood_of_pings_gets_as_many_pongs_as_the_limit_allows() {
    const PINGS: usize = 20_000;
    let appliance = Appliance::start_with(|config| config.limits.control_queue_bytes_max = 8 << 10);
    let mut connection = stalled(&appliance);
    // Once the first part of the first event has come, the rest fills the pipe and everything below waits behind it.
    let flood = client_frame(PING, &[b'!'; 125]).repeat(PINGS);
    connection.send(flood);
    let (mut events, mut pongs) = (0, 0);
    while events < EVENTS {
        let (first, payload) = server_frame(&mut connection);
        if first == PONG {
            assert_eq!(payload, [b'!'; 125]);
            pongs += 1;
        } else {
            events += 1;
            assert_eq!((first, seq(&payload)), (TEXT, events));
        }
    }
    assert!((1..PINGS / 2).contains(&pongs), "{pongs} pongs to {PINGS} pings");
    // It still answers one who reads.
    connection.send(client_frame(PING, b"sober"));
    let last = std::iter::repeat_with(|| server_frame(&mut connection)).find(|(_, payload)| payload != &[b'!'; 125]);
    assert_eq!(last, Some((PONG, b"sober".to_vec())));
}
