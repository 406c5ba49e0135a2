//! Pings, closes, and clients that leave.

use super::common::{
    Appliance, eventually,
    frames::{client_frame, open, server_frame},
};
use super::{CLOSE, PING, PONG, STREAM, XRPC};

#[test]
fn a_ping_comes_back_as_it_was() {
    let appliance = Appliance::start();
    for path in [STREAM, XRPC] {
        let mut connection = open(&appliance, path);
        for payload in [&b""[..], b"\0\xff", &[0xaa; 125]] {
            assert_eq!(server_frame(connection.send(client_frame(PING, payload))), (PONG, payload.to_vec()));
        }
    }
}

#[test]
fn frames_right_behind_the_handshake_are_not_lost() {
    let appliance = Appliance::start();
    let mut connection = super::common::raw::Connection::open(appliance.address);
    let mut request = (super::common::frames::upgrade(STREAM) + "\r\n").into_bytes();
    request.extend(client_frame(PING, b"early"));
    assert_eq!(connection.send(request).head().status, 101);
    assert_eq!(server_frame(&mut connection), (PONG, b"early".to_vec()));
}

#[test]
fn a_close_is_echoed() {
    let appliance = Appliance::start();
    for path in [STREAM, XRPC] {
        for (payload, echo) in [(&b"\x03\xe8bye"[..], &b"\x03\xe8"[..]), (b"\x0f\xa0", b"\x0f\xa0"), (b"", b"")] {
            let mut connection = open(&appliance, path);
            let answer = server_frame(connection.send(client_frame(CLOSE, payload)));
            assert_eq!(answer, (CLOSE, echo.to_vec()), "{payload:?}");
            assert!(connection.at_end());
        }
    }
    eventually("no connection is held", || appliance.running().connections() == 0);
}

#[test]
fn what_follows_a_close_is_not_looked_at() {
    let appliance = Appliance::start();
    let mut connection = open(&appliance, STREAM);
    let behind = [client_frame(CLOSE, b""), client_frame(PING, b"late"), b"\xff\xff".to_vec()].concat();
    assert_eq!(server_frame(connection.send(behind)), (CLOSE, Vec::new()));
    assert!(connection.at_end());
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_word_is_noticed() {
    // No heartbeat will find it out.
    let appliance = Appliance::start_with(|config| config.serve.ping_interval_ms = 3_600_000);
    for last_words in [Vec::new(), client_frame(PING, b"bye"), client_frame(PING, b"bye")[..3].to_vec()] {
        let mut connection = open(&appliance, STREAM);
        eventually("it is counted", || appliance.running().subscribers() == 1);
        connection.send(&last_words).finish();
        eventually("it is counted no more", || appliance.running().subscribers() == 0);
        drop(connection);
    }
    eventually("no connection is held", || appliance.running().connections() == 0);
}
