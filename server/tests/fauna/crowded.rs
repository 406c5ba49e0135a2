//! What is too much at once, comes in between, or cannot be stored: the refusals, and that they end with their cause.

use std::{io::Write, sync::Barrier, thread};

use serde_json::json;

use crate::{
    client::{Client, appliance, refused, with},
    common::{Appliance, connect_narrow, eventually, raw::Connection},
    frames::{DATA, END_STREAM, GO, Http2, body},
};

type Refusal = (u16, String, String);

fn refusal(status: u16, code: &str, message: &str) -> Refusal {
    (status, code.to_owned(), message.to_owned())
}

/// Queries that write wait for their turn, but only so many bytes of them.
#[test]
fn queries_that_wait() {
    let (_appliance, client) = appliance();
    let query = |fql: &str, bytes: usize| {
        json!({ "query": { "fql": [fql] }, "arguments": { "t": "x".repeat(bytes) } }).to_string()
    };
    // Those before keep the thread busy while the large ones come.
    let (slow, large) = (query("Set.sequence(0, 900000).count(); A.create({})", 0), query("A.create({})", 8_000_000));
    let mut stored = 0;
    let is_turned_away = || {
        let answers: Vec<_> = thread::scope(|scope| {
            let client = &client;
            let asked = (0..18).map(|at| if at < 6 { &slow } else { &large });
            let asked: Vec<_> = asked.map(|body| scope.spawn(move || client.call("POST", "/query/1", body))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        let turned_away: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        for answer in &turned_away {
            assert_eq!(refused(answer), refusal(429, "limit_exceeded", "Too many pending requests"));
            assert_eq!(answer.header("Retry-After"), Some("1"));
        }
        stored += answers.len() - turned_away.len();
        !turned_away.is_empty()
    };
    eventually("some are turned away", is_turned_away);
    assert_eq!(client.call("POST", "/query/1", &large).status, 200, "there is room again");
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": (stored + 1).to_string() }));
}

/// The bodies of one connection over HTTP/2 have so much room together.
#[test]
fn bodies_over_http2() {
    let (_appliance, client) = appliance();
    let mut http2 = Http2::open(client.address);
    let query = body(json!({ "query": "1", "filler": "x".repeat(7_000_000) }));
    let (last, rest) = query.split_last().unwrap();
    // All but the last byte of each, so that none is answered.
    let begun = ["/query/1"; 3].map(|path| {
        let stream = http2.begin(path);
        http2.upload(stream, rest);
        stream
    });
    assert!(!http2.is_ok(begun[2]));
    let expected = json!({ "code": "limit_exceeded", "message": "Too many pending requests" });
    assert_eq!(http2.error(begun[2]), expected);
    for stream in &begun[..2] {
        http2.send(DATA, END_STREAM, *stream, &[*last]);
        assert!(http2.is_ok(*stream), "those that had room are answered");
        http2.body(*stream);
    }
    let stream = http2.begin("/query/1");
    http2.upload(stream, rest);
    http2.send(DATA, END_STREAM, stream, &[*last]);
    assert!(http2.is_ok(stream), "and there is room again");
}

/// One address catches up with so many streams at once, over both versions of HTTP.
#[test]
fn replays() {
    let (_appliance, client) = with(|config| {
        config.limits.limit_loopback = true;
        config.limits.replays_per_address_max = 1;
        config.serve.socket_send_buffer_bytes = 64 << 10;
    });
    let request = json!({ "token": client.token("A.all().eventSource()") });
    let text = "x".repeat(4_000);
    client.ok(&format!("Set.sequence(0, 2000).forEach(n => A.create({{ n: n, t: '{text}' }}))"));
    let body_text = request.to_string();
    let mut stream = connect_narrow(client.address);
    let head = format!("POST /stream/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body_text.len());
    stream.write_all((head + &body_text).as_bytes()).unwrap();
    let mut behind = Connection::on(stream);
    assert_eq!(behind.head().status, 200);
    let message = "Your address replays as many streams at once as it may. Wait until one has caught up.";
    let answer = client.call("POST", "/stream/1", &body_text);
    assert_eq!(refused(&answer), refusal(429, "limit_exceeded", message));
    assert_eq!(answer.header("Retry-After"), Some("1"));
    let mut http2 = Http2::open(client.address);
    let (is_ok, answer) = http2.answer("POST", "/stream/1", GO, &body(request.clone()));
    assert!(!is_ok && answer["error"]["code"] == "limit_exceeded", "{answer}");
    // A stream from the tail replays nothing.
    client.stream(&client.token("A.all().eventSource()"));
    for _ in 0..2_001 {
        behind.chunk().unwrap();
    }
    let is_let_in = || {
        let mut again = client.send("POST", "/stream/1", &body_text);
        again.head().status == 200
    };
    eventually("who has caught up makes room", is_let_in);
}

/// Of those who create a database at the same time one does, and the others are told so.
#[test]
fn databases_that_are_created_twice() {
    let (_appliance, client) = appliance();
    let contended =
        refusal(409, "contended_transaction", "Transaction was aborted due to detection of concurrent modifications.");
    let mut round = 0;
    let is_contended = || {
        round += 1;
        let query = format!("Database.create({{ name: 'D{round}' }})");
        let start = Barrier::new(4);
        let answers: Vec<_> = thread::scope(|scope| {
            let creating = || {
                start.wait();
                client.query(&query)
            };
            let asked: Vec<_> = (0..4).map(|_| scope.spawn(creating)).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        let refusals: Vec<_> = answers.iter().filter(|answer| answer.status != 200).map(refused).collect();
        assert_eq!(refusals.len(), 3, "{refusals:?}");
        assert!(refusals.iter().all(|found| *found == contended || found.1 == "constraint_failure"), "{refusals:?}");
        client.ok(&format!("Database.byName('D{round}')!.delete()"));
        refusals.contains(&contended)
    };
    eventually("some come in between", is_contended);
}

#[test]
fn databases_that_are_too_many() {
    let (_appliance, client) = with(|config| config.limits.feeds_max = 7);
    client.ok("Database.create({ name: 'One' })");
    let message = "there are 7 feeds already, as many as limits.feeds_max allows";
    assert_eq!(client.err("Database.create({ name: 'Two' })"), refusal(429, "limit_exceeded", message));
}

/// A disk without room takes nothing; what is there can be read.
#[test]
fn a_disk_that_is_full() {
    let (appliance, client) = appliance();
    let query = json!({ "query": { "fql": ["A.create({ t: t })"] }, "arguments": { "t": "x".repeat(4_000_000) } });
    assert_eq!(client.call("POST", "/query/1", query.to_string()).status, 200);
    let full = Appliance::start_in(appliance.stop(), |config| config.storage.disk_low_water_bytes = u64::MAX);
    let client = Client::new(&full);
    let (status, code, message) = refused(&client.call("POST", "/query/1", query.to_string()));
    assert_eq!((status, code.as_str()), (429, "limit_exceeded"), "{message}");
    assert!(message.starts_with("the feed is read-only: ") && message.contains("low-water mark"), "{message}");
    let (status, code, message) = client.err("Database.create({ name: 'D' })");
    assert_eq!((status, code.as_str()), (429, "limit_exceeded"), "{message}");
    assert!(message.contains("low-water mark"), "{message}");
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": "1" }));
    client.stream(&client.token("A.all().eventSource()"));
}

/// A feed can come to its end: it has no number left for another event.
#[test]
fn a_feed_without_numbers() {
    let (appliance, client) = appliance();
    let options = json!({ "first_seq": 9_007_199_254_740_991_u64, "dialects": { "fauna": { "database": "Last" } } });
    assert_eq!(appliance.put("/v1/feeds/last", &options.to_string()).0, 201);
    let last = client.bearer("s:Last:admin");
    last.ok("Event.create({ n: 1 })");
    let message = "the feed has used up its seqs (the largest is 9007199254740991)";
    assert_eq!(last.err("Event.create({ n: 2 })"), refusal(500, "internal_error", message));
    assert_eq!(last.ok("Event.all().count()"), json!({ "@int": "1" }));
}

/// A query that was evaluated when its database is deleted writes nothing any more.
#[test]
fn a_database_that_is_closed_meanwhile() {
    let (_appliance, client) = appliance();
    let closing = refusal(500, "internal_error", "The database is being closed. Try again in a moment.");
    let is_caught = || {
        client.ok("Database.create({ name: 'Child' })");
        let child = client.bearer("s:Child:admin");
        child.ok("1");
        let answer = thread::scope(|scope| {
            let writing = scope.spawn(|| child.query("Set.sequence(0, 900000).count(); Event.create({})"));
            client.ok("Database.byName('Child')!.delete()");
            writing.join().unwrap()
        });
        // One that was too early or too late for this was stored, or found no database.
        assert!(matches!(answer.status, 200 | 401) || refused(&answer) == closing, "{}", answer.text());
        answer.status == 500
    };
    eventually("one is caught in between", is_caught);
}
