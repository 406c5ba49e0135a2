//! The dialect over HTTP/2, with prior knowledge and upgraded, spoken frame by frame; floods; and the traps that are of HTTP/2.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Client, appliance, change, with},
    common::{connect, connect_narrow, eventually},
    frames::*,
};

#[test]
fn queries_pages_and_streams_with_prior_knowledge() {
    let (_appliance, client) = appliance();
    let mut http2 = Http2::open(client.address);
    let tagged = [("x-format", "tagged")];
    let query = |fql: &str| body(json!({ "query": { "fql": [fql] } }));
    let (ok, answer) = http2.answer("POST", "/query/1", &tagged, &query("A.all().eventSource()"));
    assert!(ok, "{answer}");
    let token = answer["data"]["@stream"].clone();
    let stream = http2.request("POST", "/stream/1", GO, &body(json!({ "token": token })));
    assert!(http2.is_ok(stream));
    assert_eq!(http2.event(stream)["type"], "status");
    let (ok, _) = http2.answer("POST", "/query/1", &tagged, &query("A.create({ n: 1 })"));
    assert!(ok);
    assert_eq!(change(&http2.event(stream)), ("add".to_owned(), 1));
    let (ok, page) = http2.answer("POST", "/feed/1", &[], &body(json!({ "token": token })));
    assert!(ok && page["events"].as_array().unwrap().len() == 1, "{page}");
    let (ok, refused) = http2.answer("POST", "/stream/1", &[], b"{}");
    assert!(!ok && refused["error"]["message"] == "Invalid request body: Value for key token not found.");
    assert!(!http2.answer("GET", "/v1/feeds", &[], b"").0, "no other dialect is spoken over HTTP/2");
    let empty = http2.request("POST", "/query/1", &[], b"");
    assert!(!http2.is_ok(empty));
}

/// T2: an event stands in a DATA frame of its own, whole if a frame can hold it.
#[test]
fn t2_one_whole_event_in_a_frame() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let text = "x".repeat(15_000);
    client.ok(&format!("Set.sequence(0, 40).forEach(n => A.create({{ n: n, t: '{text}' }}))"));
    let mut http2 = Http2::open(client.address);
    for headers in [GO, &[("x-driver", "Java")], &[("user-agent", "Java-http-client/17.0.1")]] {
        let stream = http2.request("POST", "/stream/1", headers, &body(json!({ "token": token })));
        assert!(http2.is_ok(stream));
        assert_eq!(http2.event(stream)["type"], "status");
        for n in 0..40 {
            assert_eq!(change(&http2.event(stream)).1, n);
        }
        http2.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }
}

/// T1: the driver that loses events which come apart gets a backlog in few frames, and every frame is whole lines.
#[test]
fn t1_a_backlog_comes_in_few_frames() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    client.ok("Set.sequence(0, 200).forEach(n => A.create({ n: n }))");
    let mut http2 = Http2::open(client.address);
    let stream = http2.stream(json!({ "token": token }));
    assert!(http2.is_ok(stream));
    let (mut seen, mut frames) = (Vec::new(), 0);
    while seen.len() < 201 {
        let frame = http2.of_stream(stream);
        frames += 1;
        let text = String::from_utf8(frame.payload).unwrap();
        assert!(text.ends_with("\r\n") && text.len() <= 16_384);
        seen.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    assert!(seen[1..].iter().map(|event| change(event).1).eq(0..200));
    assert!(frames <= 6, "{frames} frames for 200 events");
}

/// What is sent from the frame log, many frames at once, to two streams of a connection whose reader is slower than that.
#[test]
fn a_large_backlog_comes_whole_on_each_stream() {
    const DOCUMENTS: i64 = 3_000;
    let (appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let pad = "x".repeat(1_500);
    for begin in (0..DOCUMENTS).step_by(500) {
        client.ok(&format!("Set.sequence({begin}, {}).forEach(n => A.create({{ n: n, pad: '{pad}' }}))", begin + 500));
    }
    // Windows that are never full: SETTINGS_INITIAL_WINDOW_SIZE of 16 MiB.
    let mut http2 = Http2::open_with(client.address, &[0, 4, 1, 0, 0, 0]);
    http2.send(WINDOW_UPDATE, 0, 0, &[1, 0, 0, 0]);
    let streams =
        [GO, &[]].map(|headers| http2.request("POST", "/stream/1", headers, &body(json!({ "token": token }))));
    streams.iter().for_each(|stream| assert!(http2.is_ok(*stream)));
    // Nobody reads: the kernel has all it takes.
    let sent = || appliance.get("/v1/status").1["sent_bytes_total"].as_u64();
    eventually("the first sends", || sent() >= Some(300_000));
    for stream in streams {
        let (mut text, mut lines) = (Vec::new(), 0);
        while lines < DOCUMENTS as usize + 1 {
            let payload = http2.of_stream(stream).payload;
            lines += payload.iter().filter(|byte| **byte == b'\n').count();
            text.extend(payload);
        }
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).skip(1);
        let seen: Vec<i64> = lines.map(|line| change(&serde_json::from_slice(line).unwrap()).1).collect();
        assert_eq!(seen, (0..DOCUMENTS).collect::<Vec<_>>());
    }
}

/// T10: a client that has said goodbye still reads its streams. T7: nothing ends them for it.
#[test]
fn t7_t10_a_goodbye_ends_no_stream() {
    let (_appliance, client) = with(|config| config.limits.idle_timeout_ms = 1_000);
    let token = client.token("A.all().eventSource()");
    let mut http2 = Http2::open(client.address);
    let stream = http2.request("POST", "/stream/1", GO, &body(json!({ "token": token })));
    assert!(http2.is_ok(stream));
    http2.event(stream);
    http2.send(GOAWAY, 0, 0, &[0; 8]);
    // One without streams that begins later is ended for being idle: so would this one be.
    assert_eq!(Http2::open(client.address).goodbye(), Some(0));
    client.ok("A.create({ n: 1 })");
    assert_eq!(change(&http2.event(stream)).1, 1);
}

/// T11: to reset a stream is to be rid of it.
#[test]
fn t11_a_reset_ends_a_stream() {
    let (appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let mut http2 = Http2::open(client.address);
    let stream = http2.stream(json!({ "token": token }));
    assert!(http2.is_ok(stream));
    eventually("the stream counts", || appliance.running().subscribers() == 1);
    http2.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    eventually("the stream is gone", || appliance.running().subscribers() == 0);
    assert!(http2.answer("POST", "/query/1", &[], &body(json!({ "query": "1" }))).0, "the connection goes on");
}

#[test]
fn an_upgraded_request_is_the_first_stream() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    client.ok("A.create({ n: 1 })");
    let request = body(json!({ "token": token, "filler": "x".repeat(100_000) }));
    let mut http2 = Http2 {
        socket: connect(client.address),
        buffer: Vec::new(),
        next_stream: 3,
        window: WINDOW_BYTES,
        held: Vec::new(),
    };
    let head = format!(
        "POST /stream/1 HTTP/1.1\r\nHost: a\r\nX-Driver: Java\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nContent-Length: {}\r\n\r\n",
        request.len()
    );
    http2.write(head.as_bytes());
    http2.write(&request);
    let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(http2.take(switching.len()).unwrap(), switching.as_bytes());
    // The preface comes in pieces, with a setting in its first frame.
    for piece in [&PREFACE[..10], &PREFACE[10..], &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3], &[0, 0, 0, 100]] {
        http2.write(piece);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(http2.is_ok(1));
    assert_eq!(http2.event(1)["type"], "status");
    assert_eq!(change(&http2.event(1)).1, 1);
    assert!(http2.answer("POST", "/query/1", &[], &body(json!({ "query": "1" }))).0, "and others follow");
}

#[test]
fn a_source_that_fails_ends_the_stream_and_a_stopping_server_does_too() {
    let (appliance, client) = appliance();
    let (failing, all) = (client.token("A.all().map(.a.b).eventSource()"), client.token("A.all().eventSource()"));
    let mut http2 = Http2::open(client.address);
    let streams = [failing, all].map(|token| http2.request("POST", "/stream/1", GO, &body(json!({ "token": token }))));
    let heads: Vec<Frame> = (0..4)
        .map(|_| {
            loop {
                let frame = http2.frame().unwrap();
                if matches!(frame.kind, HEADERS | DATA) {
                    break frame;
                }
            }
        })
        .collect();
    assert_eq!(heads.iter().filter(|frame| frame.kind == HEADERS).count(), 2);
    client.ok("A.create({ n: 1 }); A.create({ n: 2 })");
    assert_eq!(http2.event(streams[0])["error"]["code"], "invalid_null_access");
    let end = http2.of_stream(streams[0]);
    assert_eq!((end.kind, end.flags & END_STREAM, end.payload.len()), (DATA, END_STREAM, 0));
    appliance.stop();
    let mut last = None;
    while let Some(frame) = http2.frame() {
        if frame.stream == streams[1] {
            last = Some(frame);
        }
    }
    let last = last.unwrap();
    assert_eq!((last.kind, last.flags & END_STREAM), (DATA, END_STREAM), "without an error, so that drivers come back");
}

/// What a feed says of itself counts streams over both versions of HTTP, each once.
#[test]
fn a_feed_counts_its_streams_over_both_versions() {
    let (appliance, client) = appliance();
    let subscribers = || appliance.get("/v1/feeds/documents").1["subscribers"].as_u64().unwrap();
    let all = json!({ "token": client.token("A.all().eventSource()") });
    let _over_http1 = client.stream_with(all.clone());
    let mut http2 = Http2::open(client.address);
    let streams: Vec<u32> = (0..3).map(|_| http2.request("POST", "/stream/1", GO, &body(all.clone()))).collect();
    streams.iter().for_each(|stream| assert!(http2.is_ok(*stream)));
    eventually("all four are counted", || subscribers() == 4 && appliance.running().subscribers() == 4);
    // An event reaches all of them, so that nobody is still on its way to be counted twice.
    client.ok("A.create({ n: 1 })");
    for stream in &streams {
        assert_eq!(http2.event(*stream)["type"], "status");
        assert_eq!(change(&http2.event(*stream)).1, 1);
    }
    assert_eq!((subscribers(), appliance.running().subscribers()), (4, 4));
    let listed = appliance.get("/v1/feeds").1;
    let documents = listed["feeds"].as_array().unwrap().iter().find(|feed| feed["name"] == "documents").unwrap();
    assert_eq!(documents["subscribers"], json!(4));
    http2.send(RST_STREAM, 0, streams[0], &8_u32.to_be_bytes());
    eventually("one less is counted", || subscribers() == 3);
}

/// A reader whose window is smaller than an event.
#[test]
fn windows_are_kept_to() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    client.ok("Set.sequence(0, 5).forEach(n => A.create({ n: n }))");
    // SETTINGS_INITIAL_WINDOW_SIZE of 100 bytes: less than an event.
    let mut http2 = Http2::open_with(client.address, &[0, 4, 0, 0, 0, 100]);
    let stream = http2.request("POST", "/stream/1", GO, &body(json!({ "token": token })));
    assert!(http2.is_ok(stream));
    let (mut text, mut seen) = (Vec::new(), 0);
    while seen < 6 {
        let frame = http2.of_stream(stream);
        assert!(frame.payload.len() <= 100);
        text.extend(frame.payload);
        seen = text.iter().filter(|byte| **byte == b'\n').count();
    }
}

/// A stream whose window stays closed is let go once it is far behind, and not before. Nothing but a reset gets through to it;
/// its connection is for the others.
#[test]
fn whoever_takes_nothing_is_let_go_when_far_behind() {
    let (appliance, client) = with(|config| {
        config.serve.floor_window_ms = 1_000;
        config.serve.floor_lag_events = 100;
    });
    client.ok("Database.create({ name: 'Busy' })");
    let busy = client.bearer("s:Busy:admin");
    busy.ok("Collection.create({ name: 'A' })");
    let [near, far] = [&client, &busy].map(|client| client.token("A.all().eventSource()"));
    client.ok("Set.sequence(0, 50).forEach(n => A.create({ n: n }))");
    busy.ok("Set.sequence(0, 500).forEach(n => A.create({ n: n }))");
    // Windows of streams that are closed until they are opened: SETTINGS_INITIAL_WINDOW_SIZE of 0.
    let mut http2 = Http2::open_with(client.address, &[0, 4, 0, 0, 0, 0]);
    let mut open = |secret: &str, token: &str| {
        let headers = [GO[0], ("authorization", secret)];
        let stream = http2.request("POST", "/stream/1", &headers, &body(json!({ "token": token })));
        assert!(http2.is_ok(stream));
        stream
    };
    let near = open("Bearer s", &near);
    let [reading, far] = [(); 2].map(|()| open("Bearer s:Busy:admin", &far));
    for opened in [0, reading] {
        http2.send(WINDOW_UPDATE, 0, opened, &[0x70, 0, 0, 0]);
    }
    assert_eq!(http2.event(reading)["type"], "status");
    for n in 0..500 {
        assert_eq!(change(&http2.event(reading)).1, n);
    }
    // The one that is far behind is let go, though it has waited for less.
    let enhance_your_calm = 11_u32.to_be_bytes().to_vec();
    let reset = http2.of_stream(far);
    assert_eq!((reset.kind, reset.payload), (RST_STREAM, enhance_your_calm.clone()));
    eventually("its stream is gone", || appliance.running().subscribers() == 2);
    busy.ok("A.create({ n: 500 })");
    assert_eq!(change(&http2.event(reading)).1, 500);
    client.ok("Set.sequence(0, 500).forEach(n => A.create({ n: n }))");
    let reset = http2.of_stream(near);
    assert_eq!((reset.kind, reset.payload), (RST_STREAM, enhance_your_calm));
    busy.ok("A.create({ n: 501 })");
    assert_eq!(change(&http2.event(reading)).1, 501);
}

/// Where nothing gets through at all the connection ends, long before it would for being idle.
#[test]
fn whoever_does_not_read_the_connection_loses_it() {
    let (appliance, client) = with(|config| {
        config.serve.socket_send_buffer_bytes = 64 << 10;
        config.serve.not_sent_low_water_bytes = 16 << 10;
        config.serve.floor_window_ms = 1_000;
        config.serve.floor_lag_events = 50;
    });
    let token = client.token("A.all().eventSource()");
    let text = "x".repeat(10_000);
    client.ok(&format!("Set.sequence(0, 1000).forEach(n => A.create({{ n: n, t: '{text}' }}))"));
    // Windows that are never full.
    let mut http2 = Http2::on(connect_narrow(client.address), &[0, 4, 0x70, 0, 0, 0]);
    http2.send(WINDOW_UPDATE, 0, 0, &[0x70, 0, 0, 0]);
    let stream = http2.request("POST", "/stream/1", GO, &body(json!({ "token": token })));
    assert!(http2.is_ok(stream));
    eventually("the stream counts", || appliance.running().subscribers() == 1);
    eventually("the connection is gone", || appliance.running().connections() == 0);
    assert_eq!(appliance.running().subscribers(), 0);
}

#[test]
fn statuses_come_over_http2_too() {
    let (_appliance, client) = with(|config| config.fauna.status_interval_ms = 100);
    let token = client.token("A.all().eventSource()");
    let mut http2 = Http2::open(client.address);
    let stream = http2.request("POST", "/stream/1", GO, &body(json!({ "token": token })));
    assert!(http2.is_ok(stream));
    for _ in 0..3 {
        assert_eq!(http2.event(stream)["type"], "status");
    }
}

/// Whatever one connection does, the others are served.
#[test]
fn floods_end_their_own_connection_alone() {
    let (_appliance, client) = appliance();
    type Flood = fn(&mut Http2) -> bool;
    let floods: [(&str, Flood); 6] = [
        ("rapid reset", |http2| {
            let stream = http2.request("POST", "/query/1", &[], b"");
            http2.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
        }),
        ("unfinished requests that are reset", |http2| {
            let stream = http2.next_stream;
            http2.next_stream += 2;
            http2.send(HEADERS, END_HEADERS, stream, b"\x83\x86\x04\x08/query/1")
                && http2.send(RST_STREAM, 0, stream, &[0, 0, 0, 8])
        }),
        ("settings", |http2| http2.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])),
        ("pings", |http2| http2.send(PING, 0, 0, &[1; 8])),
        ("continuations", |http2| {
            if http2.next_stream == 1 {
                http2.next_stream = 3;
                http2.send(HEADERS, 0, 1, b"\x83\x86\x84");
            }
            http2.send(9, 0, 1, &[0; 1_000])
        }),
        ("empty data", |http2| {
            if http2.next_stream == 1 {
                http2.next_stream = 3;
                http2.send(HEADERS, END_HEADERS, 1, b"\x83\x86\x04\x08/query/1");
            }
            http2.send(DATA, 0, 1, b"")
        }),
    ];
    for (name, flood) in floods {
        let mut http2 = Http2::open(client.address);
        http2.socket.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        // Answers are not read: whoever answers a flood must not remember it.
        let mut sent = 0;
        while sent < 20_000 && flood(&mut http2) {
            sent += 1;
        }
        assert_eq!(client.ok("1"), json!({ "@int": "1" }), "{name}");
    }
}

#[test]
fn header_bombs_are_refused() {
    let (_appliance, client) = appliance();
    let mut http2 = Http2::open(client.address);
    for _ in 0..3 {
        // One long field that a table remembers, named again and again.
        let stream = http2.next_stream;
        http2.next_stream += 2;
        let mut block = b"\x83\x86\x04\x08/query/1\x41\x01a".to_vec();
        block.extend([0x40, 1, b'x', 127, 0x81, 0x1f]);
        block.extend(vec![b'y'; 127 + 1 + (0x1f << 7)]);
        block.extend(vec![0xbe; 8_000]);
        http2.send(HEADERS, END_HEADERS | END_STREAM, stream, &block);
    }
    let reason = http2.goodbye();
    assert!(reason.is_none_or(|reason| reason != 0), "{reason:?}");
    assert_eq!(client.ok("1"), json!({ "@int": "1" }));
}

#[test]
fn what_is_no_http2_ends() {
    let (_appliance, client) = appliance();
    let mut wrong: Vec<Vec<u8>> = vec![b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(), [PREFACE, &[0xff; 100]].concat()];
    wrong.push([PREFACE, &[0, 0, 1, 4, 0, 0, 0, 0, 0, 9]].concat());
    for bytes in wrong {
        let mut http2 = Http2 {
            socket: connect(client.address),
            buffer: Vec::new(),
            next_stream: 1,
            window: WINDOW_BYTES,
            held: Vec::new(),
        };
        http2.write(&bytes);
        http2.goodbye();
    }
    assert_eq!(Client::at(client.address).ok("1"), json!({ "@int": "1" }));
}

/// A connection without streams is ended in order.
#[test]
fn an_idle_connection_is_ended() {
    let (_appliance, client) = with(|config| config.limits.idle_timeout_ms = 1_000);
    let mut http2 = Http2::open(client.address);
    assert!(http2.answer("POST", "/query/1", &[], &body(json!({ "query": "1" }))).0);
    assert_eq!(http2.goodbye(), Some(0));
}
