//! How conversations are kept alive and how they end.

use rustix::process::Signal;
use serde_json::{Value, json};
use tungstenite::Message;

use super::{
    client::{Client, STREAM, create, produce},
    common::{
        Appliance, connect_narrow,
        frames::{client_frame, closed_with, open, server_frame},
        process::{Serving, serve},
        raw::Connection,
    },
};

const WS: &str = "/api/v1/ws";

#[test]
fn the_server_pings_who_is_silent() {
    let appliance = Appliance::start_with(|config| config.serve.ping_interval_ms = 200);
    let mut connection = open(&appliance, WS);
    for _ in 0..2 {
        assert_eq!(server_frame(&mut connection), (0x89, Vec::new()), "also without any subscription");
        connection.send(client_frame(0x8a, b""));
    }
    connection.send(client_frame(0x81, br#"{"type":"subscribe","stream":"messages"}"#));
    let mut frames = std::iter::repeat_with(|| server_frame(&mut connection));
    assert!(frames.any(|(first, _)| first == 0x81));
    for _ in 0..2 {
        assert_eq!(frames.next(), Some((0x89, Vec::new())));
    }
}

#[test]
fn pings_of_clients_are_answered_between_messages() {
    let appliance = Appliance::start();
    let content = json!("x".repeat(100_000)).to_string();
    (0..300).for_each(|_| produce(&appliance, STREAM, "", &content));
    let mut connection = Connection::on(connect_narrow(appliance.address));
    assert_eq!(connection.send(super::common::frames::upgrade(WS) + "\r\n").head().status, 101);
    connection.send(client_frame(0x81, br#"{"type":"resend","stream":"messages","sub":1,"resend_all":true}"#));
    assert_eq!(server_frame(&mut connection).0, 0x81, "a resend begins");
    connection.send(client_frame(0x89, b"are you there"));
    let (mut before, mut pong) = (0, false);
    loop {
        let (first, payload) = server_frame(&mut connection);
        match first {
            0x8a => {
                assert_eq!((payload.as_slice(), pong), (&b"are you there"[..], false));
                pong = true;
            }
            _ if payload.starts_with(b"[0,5,") => break,
            _ if !pong => before += 1,
            _ => {}
        }
    }
    assert!(pong && before < 250, "{before} messages came before the pong");
}

#[test]
fn a_close_of_the_client_is_answered_and_ends_its_subscriptions() {
    let appliance = Appliance::start();
    let mut connection = open(&appliance, WS);
    connection.send(client_frame(0x81, br#"{"type":"subscribe","stream":"messages"}"#));
    server_frame(&mut connection);
    connection.send(client_frame(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(closed_with(server_frame(&mut connection)), (1000, String::new()));
    assert!(connection.at_end());
    drop(connection);
    super::common::eventually("it is counted no more", || {
        appliance.get("/v1/feeds/messages").1["subscribers"] == 0 && appliance.get("/v1/status").1["subscribers"] == 0
    });
}

/// Whoever is in the middle of something when the process is asked to stop.
#[test]
fn a_stop_closes_with_1012_and_keeps_what_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(&mut serve(directory.path()));
    let at = |query| Client::at(serving.address, query);
    let mut silent = at("");
    let mut follower = at("?controlLayerVersion=0");
    follower.follow(STREAM).follow("_system");
    let mut stalled = Client::on(connect_narrow(serving.address), serving.address, "");
    let mut publisher = at("");
    let content = json!("x".repeat(100_000)).to_string();
    for _ in 0..100 {
        publisher.ask(json!({ "type": "publish", "stream": STREAM, "msg": content }));
    }
    publisher.is_quiet();
    stalled.ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_all": true }));
    assert_eq!(stalled.value()[1], json!(4));
    let acknowledged = std::thread::scope(|scope| {
        let (begun, beginning) = std::sync::mpsc::channel();
        let publishing = scope.spawn(move || {
            let mut acknowledged = Vec::new();
            for at in 0_u64.. {
                let publish = json!({ "type": "publish", "stream": STREAM, "msg": "1", "ack": at }).to_string();
                if publisher.socket.send(Message::text(publish)).is_err() {
                    return acknowledged;
                }
                match publisher.socket.read() {
                    Ok(Message::Text(text)) => {
                        let value: Value = serde_json::from_str(&text).unwrap();
                        acknowledged.push(value[3]["offset"].as_u64().unwrap());
                    }
                    Ok(Message::Close(Some(close))) => {
                        assert_eq!(u16::from(close.code), 1012);
                        return acknowledged;
                    }
                    other => panic!("{other:?}"),
                }
                if at == 20 {
                    begun.send(()).unwrap();
                }
            }
            acknowledged
        });
        beginning.recv_timeout(super::common::PATIENCE).unwrap();
        serving.signal(Signal::TERM);
        for client in [&mut silent, &mut follower, &mut stalled] {
            assert_eq!(client.closed(), (1012, "restarting".to_owned()));
        }
        publishing.join().unwrap()
    });
    drop((silent, follower, stalled));
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped") && !log.contains("ERROR"), "{log}");

    let again = Serving::start(&mut serve(directory.path()));
    let mut client = Client::at(again.address, "");
    client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_from": 101 }));
    let stored = super::client::offsets(&super::client::resent(&mut client, &json!(0)));
    assert!(stored.iter().copied().eq(101..101 + stored.len() as u64), "{stored:?}");
    assert!(acknowledged.len() > 20 && acknowledged.iter().all(|offset| stored.contains(offset)));
}

#[test]
fn within_one_process_the_directory_can_be_opened_again() {
    let change = |config: &mut tailwater::config::Config| config.serve.drain_timeout_ms = 300;
    let mut appliance = Appliance::start_with(change);
    for round in 1..=3 {
        // Left in every state a conversation can be in.
        let mut follower = Client::open(&appliance);
        follower.follow(STREAM);
        let mut stalled = Client::on(connect_narrow(appliance.address), appliance.address, "");
        stalled.follow(STREAM).ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_all": true }));
        create(&appliance, &format!("s{round}"), 2);
        let content = json!("x".repeat(500_000)).to_string();
        (0..10).for_each(|_| produce(&appliance, STREAM, "", &content));
        appliance = Appliance::start_in(appliance.stop(), change);
        assert_eq!(appliance.get("/v1/feeds/messages").1["events"], round * 10);
        drop((follower, stalled));
    }
}

/// Whoever published and left at once lost what had not been looked at yet.
#[test]
fn what_was_asked_for_before_leaving_is_done() {
    const MESSAGES: usize = 500;
    let appliance = Appliance::start();
    let publish = client_frame(0x81, br#"{"type":"publish","stream":"messages","msg":"{}"}"#).repeat(MESSAGES);
    let others = [
        client_frame(0x81, br#"{"type":"subscribe","stream":"messages"}"#),
        client_frame(0x81, br#"{"type":"resend","stream":"messages","sub":1,"resend_all":true}"#),
        client_frame(0x81, br#"{"type":"x"}"#),
    ]
    .concat();
    let endings = [
        // A close frame, a violation, and an end without a word.
        [&others[..], &publish, &client_frame(0x88, &1000_u16.to_be_bytes())].concat(),
        [&publish, &others[..], &publish, &client_frame(0x83, b"")].concat(),
        publish,
    ];
    for (bytes, stored) in endings.into_iter().zip([MESSAGES, 3 * MESSAGES, 4 * MESSAGES]) {
        let mut connection = open(&appliance, WS);
        connection.send(bytes).finish();
        let events = || super::client::events(&appliance, STREAM);
        super::common::eventually("all is stored", || events() >= stored as u64);
        connection.drain();
        assert_eq!(events(), stored as u64);
    }
    super::common::eventually("nobody follows", || appliance.get("/v1/feeds/messages").1["subscribers"] == 0);
}
