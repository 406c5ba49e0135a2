//! How a stream ends and what a client may say while it lasts.

use tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::common::{
    Appliance, REPOS,
    atproto::{Received, receive, receive_frame, told, wide_frame},
    eventually, frame,
    frames::{client_frame, closed_with, open, server_frame},
};

#[test]
fn a_stop_is_a_restart_to_clients() {
    let appliance = Appliance::start();
    for form in [None, Some("xrpc.v1.json")] {
        let (mut socket, _) = appliance.websocket_with(&format!("/xrpc/{REPOS}"), form);
        socket.send(Message::Ping("x".into())).unwrap();
        assert!(matches!(socket.read(), Ok(Message::Pong(_))), "{form:?}");
    }
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}"));
    let stopping = std::thread::spawn(move || appliance.stop());
    assert_eq!(receive(&mut socket), Received::Closed(1012, "restarting".to_owned()));
    assert_eq!(receive(&mut socket), Received::Cut);
    stopping.join().unwrap();
}

#[test]
fn a_clients_close_is_answered_and_frees_its_place() {
    let appliance = Appliance::start();
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}"));
    eventually("the stream", || appliance.running().subscribers() == 1);
    socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "enough".into() })).unwrap();
    assert_eq!(receive(&mut socket), Received::Closed(1000, String::new()));
    eventually("the end of the stream", || appliance.running().subscribers() == 0);
}

#[test]
fn a_client_that_says_a_last_word_and_is_gone_leaves_no_trace() {
    let appliance = Appliance::start();
    for _ in 0..50 {
        let mut connection = open(&appliance, &format!("/xrpc/{REPOS}"));
        connection.send(client_frame(0x8a, b"last word")).finish();
    }
    eventually("the end of the streams", || appliance.running().connections() == 0);
}

#[test]
fn what_clients_send_is_ignored() {
    let appliance = Appliance::start();
    let mut connection = open(&appliance, &format!("/xrpc/{REPOS}"));
    let big = vec![b'x'; 100_000];
    for (first, payload) in [(0x81, &b"hello"[..]), (0x82, &[0xff; 3]), (0x82, &big), (0x01, b"in"), (0x80, b"parts")] {
        connection.send(client_frame(first, payload));
    }
    connection.send(client_frame(0x89, b"still there?"));
    assert_eq!(server_frame(&mut connection), (0x8a, b"still there?".to_vec()));
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(1, "x")]).0, 200);
    assert_eq!(server_frame(&mut connection), (0x82, frame(1, "x")));
}

#[test]
fn a_violation_ends_only_that_stream() {
    let appliance = Appliance::start();
    let mut other = appliance.websocket(&format!("/xrpc/{REPOS}"));
    let mut connection = open(&appliance, &format!("/xrpc/{REPOS}"));
    connection.send([0x81, 0x02, b'h', b'i']);
    assert_eq!(closed_with(server_frame(&mut connection)).0, 1002, "unmasked");
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(1, "x")]).0, 200);
    assert_eq!(receive_frame(&mut other), frame(1, "x"));
}

#[test]
fn a_silent_stream_is_pinged() {
    let appliance = Appliance::start_with(|config| config.serve.ping_interval_ms = 1_000);
    let mut connection = open(&appliance, &format!("/xrpc/{REPOS}"));
    for _ in 0..2 {
        assert_eq!(server_frame(&mut connection), (0x89, Vec::new()));
    }
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(1, "x")]).0, 200);
    loop {
        match server_frame(&mut connection) {
            (0x89, _) => {}
            other => break assert_eq!(other, (0x82, frame(1, "x"))),
        }
    }
}

#[test]
fn a_pong_overtakes_the_backlog_between_two_frames() {
    const EVENTS: u64 = 200;
    let appliance = Appliance::start();
    let frames: Vec<_> = (1..=EVENTS).map(|seq| wide_frame(seq, 60_000)).collect();
    for frames in frames.chunks(50) {
        assert_eq!(appliance.publish_frames("repos", "preserve", frames).0, 200);
    }
    let mut connection = open(&appliance, &format!("/xrpc/{REPOS}?cursor=0"));
    // As long as nothing is read the server cannot send everything; the ping reaches it in the middle of some frame.
    eventually("sending", || appliance.running().sent_bytes() > 0);
    connection.send(client_frame(0x89, b"now"));
    let mut pong_after = None;
    let mut seq = 0;
    while seq < EVENTS {
        match server_frame(&mut connection) {
            (0x8a, payload) => {
                assert_eq!(payload, b"now");
                assert_eq!(pong_after.replace(seq), None);
            }
            (first, frame) => {
                seq += 1;
                assert_eq!((first, told(&frame).seq), (0x82, seq));
            }
        }
    }
    let pong_after = pong_after.expect("a pong before the end");
    assert!(pong_after < EVENTS / 2, "after {pong_after} frames");
}
