//! Subscribing and publishing over TLS, against a peer that speaks the bytes with certificates of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::{
    fs,
    io::Write,
    net::TcpListener,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use peer::{
    BASE, Peer, Session, chunk, event, frame, reasons, run,
    secure::{Authority, Tls, VERSIONS},
};
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig};
use tailwater_loadgen::{
    Control, Error, PublishConfig, Snapshot, SubscribeConfig, TlsConfig, publish,
    subscribe::{self, Reasons, Window},
};

const XRPC: &str = "/xrpc/com.atproto.sync.subscribeRepos";

fn config(peer: &Peer, authority: &Authority) -> SubscribeConfig {
    SubscribeConfig {
        tls: authority.trusted(),
        window: Window::FromStart,
        seconds: Some(60.0),
        open_timeout_ms: 60_000,
        ..SubscribeConfig::new(peer.url("wss", XRPC))
    }
}

/// Subscribes to a peer that does this, with one connection that is checked and one that is drained, one after the other; why
/// they ended and what they received.
fn each_way(script: impl Fn(Session<Tls>) + Send + Sync + 'static) -> [(Reasons, u64); 2] {
    let authority = Authority::new();
    let peer = Peer::secure(authority.server(), script);
    [1, 0].map(|sample| {
        let report = run(&SubscribeConfig { sample: Some(sample), ..config(&peer, &authority) });
        assert_eq!(report.connections.tally.opened, 1, "{:?}", report.connections);
        (report.connections.tally.closed, report.delivered.bytes)
    })
}

#[test]
fn a_long_stream_comes_whole_in_both_versions_and_every_handshake_is_a_full_one() {
    const EVENTS: u32 = 60_000;
    const CONNECTIONS: u64 = 6;
    let authority = Authority::new();
    for version in VERSIONS {
        let peer = Peer::secure(authority.server_for("127.0.0.1", 4000, &[version]), |mut session| {
            assert_eq!(session.tls().conn.handshake_kind(), Some(HandshakeKind::Full));
            session.upgrade(b"");
            let bytes: Vec<u8> = (1..=EVENTS).flat_map(event).collect();
            let (first, second) = bytes.split_at(bytes.len() / 3);
            session.send(first);
            if session.tls().conn.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
                session.tls().conn.refresh_traffic_keys().unwrap();
            }
            session.send(second);
            session.send(&frame(8, b"\x03\xf4"));
            session.say_end();
            session.wait_for_end();
        });
        let report = run(&SubscribeConfig {
            connections: CONNECTIONS as usize,
            sample: Some(2),
            expect_contiguous: true,
            ..config(&peer, &authority)
        });
        assert!(report.verdict.ok, "{:?}", report.verdict);
        let per_connection = u64::from(EVENTS) * event(1).len() as u64 + 4;
        let spread = &report.bytes_per_connection;
        assert_eq!((spread.min, spread.max), (per_connection, per_connection));
        assert_eq!(report.delivered.checked_events, 2 * u64::from(EVENTS));
        assert_eq!(report.connections.tally.closed, reasons(&[("close 1012", CONNECTIONS)]));
        let tls = report.tls.unwrap();
        let words =
            if version.version == ProtocolVersion::TLSv1_3 { "TLS 1.3, TLS13_AES_256" } else { "TLS 1.2, TLS_ECDHE" };
        let (agreed, count) = tls.agreed.first_key_value().unwrap();
        assert!(agreed.starts_with(words) && *count == CONNECTIONS && tls.agreed.len() == 1, "{tls:?}");
        assert!(tls.verified && tls.handshakes.count == CONNECTIONS && tls.handshakes.p50_us > 0, "{tls:?}");
    }
}

#[test]
fn streams_over_https_are_those_over_http() {
    let authority = Authority::new();
    let peer = Peer::secure(authority.server(), |mut session| {
        assert!(session.tls().conn.server_name().is_none(), "an address is no name");
        assert_eq!(session.tls().conn.alpn_protocol(), None);
        session.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n");
        for seq in 1..=3 {
            session.send(chunk(&format!("{{\"seq\":{seq},\"time\":1,\"body\":{{}}}}\n")).as_bytes());
        }
        session.send(b"0\r\n\r\n");
        session.say_end();
    });
    for sample in [1, 0] {
        let report = run(&SubscribeConfig {
            sample: Some(sample),
            url: peer.url("https", "/v1/feeds/f/events"),
            ..config(&peer, &authority)
        });
        assert!(report.verdict.ok && report.delivered.checked_events == 3 * sample as u64, "{report:?}");
        let ended = if sample == 1 { "end of body" } else { "end of stream" };
        assert_eq!(report.connections.tally.closed, reasons(&[(ended, 1)]));
    }
}

#[test]
fn a_name_is_asked_for_and_http_1_is_offered() {
    let authority = Authority::new();
    let mut server = ServerConfig::clone(&authority.server_for("localhost", 4000, &VERSIONS));
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // The same address of the name's that the client takes: the first.
    let listener = TcpListener::bind("localhost:0").unwrap();
    let peer = Peer::secure_on(listener, Arc::new(server), |mut session| {
        assert_eq!(session.tls().conn.server_name(), Some("localhost"));
        assert_eq!(session.tls().conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
        session.upgrade(&event(1));
        session.wait_for_end();
    });
    let url = format!("wss://localhost:{}/", peer.address.port());
    assert!(run(&SubscribeConfig { url, events: Some(1), ..config(&peer, &authority) }).verdict.ok);
}

#[test]
fn what_is_said_and_answered_is_sealed() {
    const TEXTS: usize = 300;
    let text = "x".repeat(20_000);
    let expected = text.clone();
    let (told, answers) = mpsc::channel();
    let authority = Authority::new();
    let peer = Peer::secure(authority.server(), move |mut session| {
        // More is said than a socket takes while nobody reads.
        session.upgrade(&frame(9, b"first"));
        for _ in 0..TEXTS {
            assert_eq!(session.client_text(), expected);
        }
        told.send(session.client_frame().unwrap()).unwrap();
        session.send(&frame(9, b"beat"));
        told.send(session.client_frame().unwrap()).unwrap();
        session.send(&frame(8, b"\x03\xf4bye"));
        told.send(session.client_frame().unwrap()).unwrap();
        session.wait_for_end();
    });
    for sample in [1, 0] {
        let say = vec![vec![text.clone(); TEXTS]];
        let report = run(&SubscribeConfig { say, sample: Some(sample), ..config(&peer, &authority) });
        for answer in [(10, b"first".to_vec()), (10, b"beat".to_vec()), (8, b"\x03\xf4".to_vec())] {
            assert_eq!(answers.recv().unwrap(), answer, "sample {sample}");
        }
        assert_eq!(report.connections.tally.closed, reasons(&[("close 1012", 1)]));
    }
}

#[test]
fn a_stalled_connection_says_all_it_has_to_and_reads_nothing() {
    const TEXTS: usize = 200;
    let authority = Authority::new();
    let heard = Arc::new(Mutex::new(0));
    let (counter, control) = (Arc::clone(&heard), Arc::new(Control::default()));
    let stop = Arc::clone(&control);
    let peer = Peer::secure(authority.server(), move |mut session| {
        session.upgrade(b"");
        for _ in 0..TEXTS {
            *counter.lock().unwrap() += session.client_text().len();
        }
        stop.stop();
        session.wait_for_end();
    });
    let say = vec![vec!["y".repeat(20_000); TEXTS]];
    let report = subscribe::run(&SubscribeConfig { say, stall: 1, ..config(&peer, &authority) }, &control).unwrap();
    assert_eq!((*heard.lock().unwrap(), report.connections.open_at_end), (TEXTS * 20_000, 1));
    assert_eq!(report.delivered.bytes, 0);
}

#[test]
fn a_dropped_connection_comes_back_with_keys_of_its_own() {
    let authority = Authority::new();
    let peer = Peer::secure(authority.server(), |mut session| {
        match (session.index, session.cursor()) {
            (0, None) => session.upgrade(&[event(1), event(2), vec![0x82]].concat()),
            (1, Some(cursor)) if cursor == u64::from(BASE) + 3 => session.upgrade(&[event(3), event(4)].concat()),
            (index, cursor) => panic!("connection {index} asked for {cursor:?}"),
        }
        if session.index == 1 {
            session.wait_for_end();
        }
    });
    let report =
        run(&SubscribeConfig { events: Some(4), resume: true, expect_contiguous: true, ..config(&peer, &authority) });
    assert!(report.verdict.ok, "{:?}", report.verdict);
    assert_eq!((report.connections.tally.reconnected, report.tls.unwrap().handshakes.count), (1, 2));
}

#[test]
fn how_a_connection_ends_is_told() {
    let begun = |mut session: Session<Tls>| {
        session.upgrade(&event(1));
        session
    };
    let one = event(1).len() as u64;
    let cut = each_way(move |session| drop(begun(session)));
    assert_eq!(cut, [(); 2].map(|()| (reasons(&[("end of stream without TLS's close_notify", 1)]), one)));
    let ended = each_way(move |session| {
        let mut session = begun(session);
        session.say_end();
        session.wait_for_end();
    });
    assert_eq!(ended, [(); 2].map(|()| (reasons(&[("end of stream", 1)]), one)));
    let mid_record = each_way(move |session| {
        let mut session = begun(session);
        session.tls().sock.write_all(b"\x17\x03\x03\x40\x00half of a record").unwrap();
    });
    assert_eq!(mid_record, [(); 2].map(|()| (reasons(&[("cut off in the middle of a TLS record", 1)]), one)));
    let garbage = each_way(move |session| {
        let mut session = begun(session);
        session.tls().sock.write_all(&[b"\x17\x03\x03\x00\x20".as_slice(), &[7; 32]].concat()).unwrap();
        session.wait_for_end();
    });
    assert_eq!(garbage, [(); 2].map(|()| (reasons(&[("TLS: cannot decrypt peer's message", 1)]), one)));
    let without_notify = each_way(move |session| {
        let mut session = begun(session);
        session.send(&frame(8, b"\x03\xf5"));
    });
    assert_eq!(without_notify, [(); 2].map(|()| (reasons(&[("close 1013", 1)]), one + 4)));
}

#[test]
fn refusals_are_those_of_http() {
    let authority = Authority::new();
    let peer = Peer::secure(authority.server(), |mut session| {
        if session.index % 2 == 0 {
            session.answer("429 Too Many", r#"{"error":"TooManyConnections","message":"m"}"#);
        }
    });
    let report = run(&SubscribeConfig { connections: 4, ..config(&peer, &authority) });
    let expected = reasons(&[("HTTP 429 TooManyConnections", 2), ("closed without an answer", 2)]);
    assert_eq!(report.connections.tally.failed, expected);
    assert_eq!(report.tls.unwrap().handshakes.count, 4);
}

/// The reason of both ways in, which has to be one: subscribers and publishers.
fn refused(peer: &Peer, tls: &TlsConfig, open_timeout_ms: u64) -> String {
    let report = run(&SubscribeConfig {
        connections: 3,
        tls: tls.clone(),
        open_timeout_ms,
        ..SubscribeConfig::new(peer.url("wss", XRPC))
    });
    let failed = &report.connections.tally.failed;
    assert_eq!(failed.values().copied().collect::<Vec<_>>(), [3], "{failed:?}");
    let config = PublishConfig {
        tls: tls.clone(),
        create_feed: false,
        events: Some(2),
        timeout_ms: open_timeout_ms,
        ..PublishConfig::new(peer.url("https", ""), "f")
    };
    let published = publish::run(&config, &Control::default()).unwrap();
    let unanswered = &published.total.unanswered;
    assert_eq!(unanswered.values().copied().collect::<Vec<_>>(), [2], "{unanswered:?}");
    let publisher_s = unanswered.keys().next().unwrap().replace("https://", "wss://").replace("http://", "ws://");
    let reason = failed.keys().next().unwrap();
    assert_eq!(publisher_s, *reason);
    let origin = peer.url("wss", "");
    reason.strip_prefix(&format!("{origin} ")).unwrap_or_else(|| panic!("{reason}")).to_owned()
}

#[test]
fn certificates_that_do_not_hold_are_explained() {
    let (authority, same_name, other) = (Authority::new(), Authority::new(), Authority::named("another"));
    let script = |mut session: Session<Tls>| {
        session.upgrade(&event(1));
        session.wait_for_end();
    };
    let peer = |name: &str, until_year| Peer::secure(authority.server_for(name, until_year, &VERSIONS), script);
    let table = [
        (
            Peer::secure(authority.server_itself(), script),
            &authority,
            "of an authority as its own: make one",
            "(CA:FALSE)",
        ),
        (peer("127.0.0.1", 4000), &other, "of an authority that is not trusted here: name a file", "with --ca,"),
        (peer("127.0.0.1", 4000), &same_name, "of an authority that is not trusted here: name a file", "with --ca,"),
        (peer("127.0.0.1", 2001), &authority, "that has expired: renew it at the server", "--insecure"),
        (peer("example.com", 4000), &authority, "for example.com: ask for a name that it is for", "--insecure"),
    ];
    for (peer, trusted, wrong, remedy) in table {
        let reason = refused(&peer, &trusted.trusted(), 60_000);
        let shows =
            ["shows a certificate ", "shows the certificate "].iter().find_map(|shows| reason.strip_prefix(shows));
        assert!(shows.unwrap().starts_with(wrong) && reason.contains(remedy), "{reason}");
        let insecure = TlsConfig { ca: None, insecure: true };
        let report = run(&SubscribeConfig { events: Some(1), tls: insecure, ..config(&peer, trusted) });
        assert!(report.verdict.ok && !report.tls.unwrap().verified, "{:?}", report.verdict);
    }
}

#[test]
fn a_port_that_does_not_speak_tls_is_explained() {
    let trusted = Authority::new();
    let ports = "use the port that speaks TLS, or ws:// for one that does not";
    let plain = Peer::raw(|mut stream, _| {
        let mut some = [0; 1024];
        let _hello = std::io::Read::read(&mut stream, &mut some);
        let _answer = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let _until_the_end = std::io::copy(&mut stream, &mut std::io::sink());
    });
    assert_eq!(refused(&plain, &trusted.trusted(), 60_000), format!("does not answer in TLS: {ports}"));
    let silent = Peer::raw(|mut stream, _| {
        let _until_the_end = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let reason = refused(&silent, &trusted.trusted(), 100);
    assert_eq!(reason, format!("did not finish the TLS handshake in time: {ports}"));
    let closing = Peer::raw(|mut stream, _| {
        let mut hello = [0; 5];
        std::io::Read::read_exact(&mut stream, &mut hello).unwrap();
        let mut rest = vec![0; u16::from_be_bytes([hello[3], hello[4]]).into()];
        std::io::Read::read_exact(&mut stream, &mut rest).unwrap();
    });
    let reason = refused(&closing, &trusted.trusted(), 60_000);
    assert_eq!(reason, format!("ended the connection during the TLS handshake: {ports}"));
    let fussy = Peer::raw(|mut stream, _| {
        let _alert = stream.write_all(b"\x15\x03\x03\x00\x02\x02\x28");
        let _until_the_end = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let reason = refused(&fussy, &trusted.trusted(), 60_000);
    assert_eq!(reason, "refuses the TLS handshake (HandshakeFailure): look at the server's log for the reason");
}

#[test]
fn files_of_authorities_that_cannot_be_used_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, said) in [("", "there is no CERTIFICATE in PEM in it"), (broken, "ca.pem: ")] {
        fs::write(&file, pem).unwrap();
        let tls = TlsConfig { ca: Some(file.clone()), insecure: false };
        let error =
            publish::run(&PublishConfig { tls, ..PublishConfig::new("https://127.0.0.1:1", "f") }, &Control::default())
                .unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(said), "{error}");
        assert!(error.to_string().starts_with("--ca ") && error.to_string().ends_with("in PEM"), "{error}");
    }
    let tls = TlsConfig { ca: Some(directory.path().join("none")), insecure: false };
    let config = SubscribeConfig { tls, ..SubscribeConfig::new("wss://127.0.0.1:1") };
    let error = subscribe::run(&config, &Control::default()).unwrap_err();
    assert!(matches!(&error, Error::Authorities { reason, .. } if reason.starts_with("No such file")), "{error}");
}

#[test]
fn what_is_published_over_tls_is_acknowledged() {
    let authority = Authority::new();
    for version in VERSIONS {
        let peer = Peer::secure(authority.server_for("127.0.0.1", 4000, &[version]), |mut session| {
            loop {
                let count = session.body.iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(session.tls().conn.handshake_kind(), Some(HandshakeKind::Full));
                session.answer("200 OK", &format!(r#"{{"first_seq":1,"last_seq":{count},"count":{count}}}"#));
                // Every other connection is closed behind its first answer.
                if session.index % 2 == 1 || !session.next_request() {
                    break;
                }
            }
        });
        let config = PublishConfig {
            tls: authority.trusted(),
            create_feed: false,
            events: Some(6_000),
            batch: 2_000,
            ..PublishConfig::new(peer.url("https", ""), "f")
        };
        let report = publish::run(&config, &Control::default()).unwrap();
        let total = &report.total;
        assert_eq!((total.acked_events, total.acked_batches, total.unanswered.len()), (6_000, 3, 0), "{total:?}");
        let tls = report.tls.unwrap();
        assert!(tls.verified && tls.handshakes.count == 1 && tls.agreed.len() == 1, "{tls:?}");
    }
}

#[test]
fn handshakes_are_no_more_at_once_than_connections_that_are_being_opened() {
    const AT_ONCE: usize = 256;
    const CONNECTIONS: usize = AT_ONCE + 40;
    let authority = Authority::new();
    let (gathered, is_released) = (Barrier::new(AT_ONCE), AtomicBool::new(false));
    let peer = Peer::secure(authority.server(), move |mut session| {
        match session.index < AT_ONCE {
            // Nobody is answered before so many have shaken hands.
            true => {
                gathered.wait();
                is_released.store(true, SeqCst);
            }
            false => assert!(is_released.load(SeqCst), "another one was begun while so many were being opened"),
        }
        session.upgrade(&event(1));
        session.wait_for_end();
    });
    let control = Control::default();
    let config =
        SubscribeConfig { connections: CONNECTIONS, sample: Some(1), seconds: None, ..config(&peer, &authority) };
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| subscribe::run(&config, &control));
        let is_all = |seen: Snapshot| seen.bytes == (CONNECTIONS * event(1).len()) as u64 || seen.failed > 0;
        while !is_all(control.snapshot()) && !run.is_finished() {
            thread::yield_now();
        }
        control.stop();
        run.join().unwrap().unwrap()
    });
    assert!(report.verdict.ok, "{:?} {:?}", report.verdict, report.connections);
    assert_eq!(report.tls.unwrap().handshakes.count, CONNECTIONS as u64);
}
