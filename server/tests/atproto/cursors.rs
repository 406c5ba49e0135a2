//! Where a stream starts: every rule for cursors, against feeds that go on.

use std::net::TcpStream;

use tungstenite::WebSocket;

use super::common::{
    Appliance, REPOS,
    atproto::{Received, receive, told},
    frame,
};

/// What a request earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Earned {
    /// Everything from this seq on.
    From(u64),
    /// The notice that the cursor is outdated, then everything from this seq on.
    Outdated(u64),
    /// An error frame of this name, and the end.
    Refused(&'static str),
}

use Earned::{From, Outdated, Refused};

const LARGEST: &str = "cursor=9007199254740991";

/// Opens all the streams, then publishes one event more, and says what each stream was.
fn earned(appliance: &Appliance, feed: &str, nsid: &str, next_seq: u64, queries: &[&str]) -> Vec<Earned> {
    let open = |query: &&str| appliance.websocket(&format!("/xrpc/{nsid}?{query}"));
    let mut sockets: Vec<_> = queries.iter().map(open).collect();
    let (status, answer) = appliance.publish_frames(feed, "preserve", &[frame(next_seq, "live")]);
    assert_eq!(status, 200, "{answer}");
    sockets.iter_mut().map(|socket| read_to(socket, next_seq)).collect()
}

/// Reads to the live event or the end. What comes in between has to be without gap or repetition.
fn read_to(socket: &mut WebSocket<TcpStream>, live_seq: u64) -> Earned {
    let mut outdated = false;
    let mut first_seq = None;
    let mut last_seq = None;
    let mut error = None;
    loop {
        match receive(socket) {
            Received::Frame(frame) if told(&frame).t == "#info" => {
                assert_eq!((outdated, first_seq), (false, None), "the notice comes first and once");
                outdated = true;
            }
            Received::Frame(frame) if told(&frame).t.is_empty() => error = Some(frame),
            Received::Frame(frame) => {
                let seq = told(&frame).seq;
                assert_eq!(last_seq.replace(seq).map_or(seq, |last| last + 1), seq);
                first_seq.get_or_insert(seq);
                if seq == live_seq {
                    break;
                }
            }
            Received::Closed(1008, reason) => {
                let frame = error.expect("an error frame before the close");
                let names = ["FutureCursor", "InvalidRequest", "CursorTooOld"];
                let name = names.into_iter().find(|name| *name == reason).unwrap();
                assert!(String::from_utf8_lossy(&frame).contains(name));
                assert_eq!((first_seq, outdated), (None, false));
                return Refused(name);
            }
            other => panic!("{other:?}"),
        }
    }
    if outdated { Outdated(first_seq.unwrap()) } else { From(first_seq.unwrap()) }
}

fn check(appliance: &Appliance, feed: &str, nsid: &str, next_seq: u64, table: &[(&str, Earned)]) {
    let queries: Vec<&str> = table.iter().map(|(query, _)| *query).collect();
    let earned = earned(appliance, feed, nsid, next_seq, &queries);
    for ((query, expected), earned) in table.iter().zip(earned) {
        assert_eq!(earned, *expected, "{nsid} {query}");
    }
}

/// A feed that holds the events 5 to 9, bound with these options.
fn bound(appliance: &Appliance, name: &str, nsid: &str, options: &str) {
    let body = format!(r#"{{"dialects":{{"atproto":{{"nsid":"{nsid}"{options}}}}}}}"#);
    let (status, answer) = appliance.put(&format!("/v1/feeds/{name}"), &body);
    assert_eq!(status, 201, "{answer}");
}

fn fill(appliance: &Appliance, name: &str) {
    let frames: Vec<_> = (5..=9).map(|seq| frame(seq, "past")).collect();
    assert_eq!(appliance.publish_frames(name, "preserve", &frames).0, 200);
}

/// What is no cursor at all is refused the same way everywhere.
const MALFORMED: [&str; 8] = [
    "cursor=abc",
    "cursor=1.5",
    "cursor=1e3",
    "cursor=-",
    "cursor=%2B1",
    "cursor=9007199254740992",
    "cursor=99999999999999999999999",
    "cursor=1&cursor=2",
];

#[test]
fn inclusive_cursors() {
    let appliance = Appliance::start();
    fill(&appliance, "repos");
    let mut table = vec![
        ("", From(10)),
        ("cursor=", From(10)),
        ("cursors=3&x", From(10)),
        ("cursor=-1", From(5)),
        ("cursor=-9007199254740993", From(5)),
        ("cursor=0", From(5)),
        ("cursor=1", Outdated(5)),
        ("cursor=4", Outdated(5)),
        ("cursor=5", From(5)),
        ("cursor=8", From(8)),
        ("x=y&cursor=8&z", From(8)),
        ("cursor=009", From(9)),
        ("cursor=9", From(9)),
        ("cursor=10", From(10)),
        ("cursor=11", Refused("FutureCursor")),
        (LARGEST, Refused("FutureCursor")),
    ];
    table.extend(MALFORMED.map(|query| (query, Refused("InvalidRequest"))));
    check(&appliance, "repos", REPOS, 10, &table);
}

#[test]
fn exclusive_cursors() {
    let appliance = Appliance::start();
    let nsid = "com.example.exclusive";
    bound(&appliance, "mine", nsid, r#","cursor_semantics":"exclusive""#);
    fill(&appliance, "mine");
    let mut table = vec![
        ("", From(10)),
        ("cursor=", From(10)),
        ("cursor=-1", From(5)),
        ("cursor=0", From(5)),
        ("cursor=3", Outdated(5)),
        ("cursor=4", From(5)),
        ("cursor=5", From(6)),
        ("cursor=8", From(9)),
        ("cursor=9", From(10)),
        ("cursor=10", Refused("FutureCursor")),
        ("cursor=11", Refused("FutureCursor")),
        (LARGEST, Refused("FutureCursor")),
    ];
    table.extend(MALFORMED.map(|query| (query, Refused("InvalidRequest"))));
    check(&appliance, "mine", nsid, 10, &table);
}

#[test]
fn an_empty_log_has_a_next_seq_too() {
    let appliance = Appliance::start();
    let live = [("", From(1)), ("cursor=0", From(1)), ("cursor=-7", From(1))];
    let table = [&live[..], &[("cursor=1", From(1)), ("cursor=2", Refused("FutureCursor"))]].concat();
    check(&appliance, "repos", REPOS, 1, &table);

    let nsid = "com.example.exclusive";
    bound(&appliance, "mine", nsid, r#","cursor_semantics":"exclusive""#);
    let table = [&live[..], &[("cursor=1", Refused("FutureCursor"))]].concat();
    check(&appliance, "mine", nsid, 1, &table);
}

#[test]
fn an_empty_log_with_a_floor() {
    let appliance = Appliance::start();
    let options = r#"{"first_seq":100,"dialects":{"atproto":{"nsid":"com.example.floor"}}}"#;
    assert_eq!(appliance.put("/v1/feeds/floor", options).0, 201);
    let table = [
        ("", From(100)),
        ("cursor=0", From(100)),
        ("cursor=99", Outdated(100)),
        ("cursor=100", From(100)),
        ("cursor=101", Refused("FutureCursor")),
    ];
    check(&appliance, "floor", "com.example.floor", 100, &table);
}

#[test]
fn gaps_in_the_seqs_are_no_obstacle() {
    let appliance = Appliance::start();
    let frames: Vec<_> = [10, 20, 30].map(|seq| frame(seq, "past")).to_vec();
    assert_eq!(appliance.publish_frames("repos", "preserve", &frames).0, 200);
    for (cursor, expected) in
        [(10, [10, 20, 30].as_slice()), (11, &[20, 30]), (20, &[20, 30]), (21, &[30]), (30, &[30])]
    {
        let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}?cursor={cursor}"));
        let seqs: Vec<u64> = expected.iter().map(|_| seq_of(receive(&mut socket))).collect();
        assert_eq!(seqs, expected, "cursor={cursor}");
    }
}

fn seq_of(received: Received) -> u64 {
    match received {
        Received::Frame(frame) => told(&frame).seq,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_feed_can_fail_instead_of_skipping() {
    let appliance = Appliance::start();
    let nsid = "com.example.whole";
    bound(&appliance, "whole", nsid, r#","on_outdated":"fail""#);
    fill(&appliance, "whole");
    let table = [
        ("", From(10)),
        ("cursor=0", From(5)),
        ("cursor=1", Refused("CursorTooOld")),
        ("cursor=4", Refused("CursorTooOld")),
        ("cursor=5", From(5)),
        ("cursor=11", Refused("FutureCursor")),
    ];
    check(&appliance, "whole", nsid, 10, &table);
}
