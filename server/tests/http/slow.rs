//! Peers that take their time.

use std::{
    io::Write,
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::common::{Appliance, eventually, raw::Connection};

/// Sends a byte now and then until told to stop or the peer has closed.
fn dribble(mut stream: TcpStream, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) && stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_head_that_dribbles_in_is_refused() {
    let appliance = Appliance::start_with(|config| config.limits.header_timeout_ms = 300);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for behind_another in [false, true] {
            let mut connection = Connection::open(appliance.address);
            if behind_another {
                assert_eq!(connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").answer().status, 200);
            }
            connection.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
            let sending = connection.stream.try_clone().unwrap();
            scope.spawn(|| dribble(sending, &stop));
            let answer = connection.answer();
            assert_eq!((answer.error(), answer.header("Connection")), ((408, "RequestTimeout".into()), Some("close")));
            assert!(answer.json()["message"].as_str().unwrap().contains("limits.header_timeout_ms"));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_body_that_dribbles_in_is_refused() {
    let appliance = Appliance::start_with(|config| config.limits.body_timeout_ms = 1_000);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut connection = Connection::open(appliance.address);
        let head = "POST /v1/feeds/repos/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n";
        connection.send(format!("{head}Content-Length: 100000\r\n\r\n"));
        let sending = connection.stream.try_clone().unwrap();
        scope.spawn(|| dribble(sending, &stop));
        let answer = connection.answer();
        assert_eq!((answer.error(), answer.header("Connection")), ((408, "RequestTimeout".into()), Some("close")));
        assert!(answer.json()["message"].as_str().unwrap().contains("limits.body_timeout_ms"));
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let appliance = Appliance::start_with(|config| config.limits.idle_timeout_ms = 1_500);
    let mut asked = Connection::open(appliance.address);
    assert_eq!(asked.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").answer().status, 200);
    let mut silent = Connection::open(appliance.address);
    assert!(silent.at_end() && asked.at_end());
    eventually("no connection is held", || appliance.running().connections() == 0);
}

#[test]
fn a_request_cut_short_is_told_so() {
    let appliance = Appliance::start();
    for cut in ["GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let answer = Connection::open(appliance.address).send(cut).finish().answer();
        assert_eq!(answer.error(), (400, "BadRequest".into()), "{cut}");
    }
    assert!(Connection::open(appliance.address).finish().at_end(), "nothing asked, nothing answered");
}

#[test]
fn requests_byte_by_byte_are_requests() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    for byte in b"\r\nGET /v1/feeds/repos HTTP/1.1\r\nHost: a\r\n\r\n" {
        connection.send([*byte]);
    }
    assert_eq!(connection.answer().status, 200);
}
