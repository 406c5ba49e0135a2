//! What connections say once they are open, against a peer that speaks the bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::{
    collections::BTreeMap,
    sync::{Arc, Barrier, Mutex},
    thread,
};

use peer::{Peer, Session, broadcast};
use tailwater_loadgen::{
    Control, SubscribeConfig, SubscribeReport,
    subscribe::{self, Window},
};

fn run(config: &SubscribeConfig) -> SubscribeReport {
    subscribe::run(config, &Control::default()).unwrap()
}

fn config(peer: &Peer, connections: usize, events: u64) -> SubscribeConfig {
    SubscribeConfig {
        connections,
        events: Some(events),
        window: Window::FromStart,
        ..SubscribeConfig::new(peer.url("ws", "/api/v1/ws"))
    }
}

#[test]
fn checked_drained_and_stalled_connections_say_all_of_it() {
    const TEXTS: usize = 1000;
    let subscribe =
        |nth: usize| format!(r#"{{"type":"subscribe","stream":"sensor-{nth}","note":"{}"}}"#, "x".repeat(200));
    let all_have_said_it = Barrier::new(3);
    let peer = Peer::http(move |mut session| {
        session.upgrade(b"");
        for nth in 0..TEXTS {
            assert_eq!(session.client_text(), subscribe(nth));
        }
        all_have_said_it.wait();
        session.send(&broadcast("sensor-0", 1, "null"));
        session.wait_for_end();
    });
    let say = vec![(0..TEXTS).map(subscribe).collect()];
    let seconds = Some(20.0);
    let report = run(&SubscribeConfig { say, seconds, sample: Some(1), stall: 1, ..config(&peer, 3, 1) });
    assert!(report.verdict.ok, "{:?}", report.verdict);
    assert_eq!(report.connections.open_at_end, 2);
}

#[test]
fn lists_go_round() {
    let heard = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let told = Arc::clone(&heard);
    let peer = Peer::http(move |mut session| {
        session.upgrade(b"");
        let text = session.client_text();
        *told.lock().unwrap().entry(text).or_default() += 1;
        session.send(&broadcast("s", 1, "null"));
        session.wait_for_end();
    });
    let say = ["a", "b", "c"].map(|text| vec![text.to_owned()]).to_vec();
    assert!(run(&SubscribeConfig { say, ..config(&peer, 7, 1) }).verdict.ok);
    let expected = [("a".to_owned(), 3), ("b".to_owned(), 2), ("c".to_owned(), 2)];
    assert_eq!(*heard.lock().unwrap(), BTreeMap::from(expected));
}

#[test]
fn a_ping_is_answered_behind_what_is_being_said() {
    const TEXTS: usize = 100;
    let text = "x".repeat(60_000);
    let expected = text.clone();
    let peer = Peer::http(move |mut session| {
        // What the socket does not take at once waits in the client while the ping is read.
        session.upgrade(b"\x89\x02hi");
        for _ in 0..TEXTS {
            assert_eq!(session.client_text(), expected);
        }
        assert_eq!(session.client_frame(), Some((10, b"hi".to_vec())));
        session.send(&broadcast("s", 1, "null"));
        session.wait_for_end();
    });
    let expected_bytes = 4 + broadcast("s", 1, "null").len() as u64;
    for sample in [0, 1] {
        let say = vec![vec![text.clone(); TEXTS]];
        let config = SubscribeConfig { say, sample: Some(sample), events: None, ..config(&peer, 1, 1) };
        let control = Control::default();
        let report = thread::scope(|scope| {
            let run = scope.spawn(|| subscribe::run(&config, &control));
            while control.snapshot().bytes < expected_bytes && !run.is_finished() {
                thread::yield_now();
            }
            control.stop();
            run.join().unwrap().unwrap()
        });
        assert!(report.verdict.ok, "{:?}", report.verdict);
        assert_eq!((report.delivered.bytes, report.connections.open_at_end), (expected_bytes, 1), "sample {sample}");
    }
}

#[test]
fn a_connection_that_comes_back_says_it_again() {
    let peer = Peer::http(|mut session: Session| {
        session.upgrade(b"");
        assert_eq!(session.client_text(), "subscribe");
        let previous = ["null", "1"][session.index];
        session.send(&broadcast("s", session.index as u64 + 1, previous));
        if session.index == 1 {
            session.wait_for_end();
        }
    });
    let say = vec![vec!["subscribe".to_owned()]];
    let report = run(&SubscribeConfig { say, resume: true, ..config(&peer, 1, 2) });
    assert!(report.verdict.ok, "{:?}", report.verdict);
    assert_eq!(report.connections.tally.reconnected, 1);
}
