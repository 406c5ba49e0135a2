//! The process is killed again and again while publishers write and subscribers read.
//!
//! Afterwards every acknowledged event is there once, every request is there whole or not at all, nobody ever saw two
//! different events under one seq, and whoever resumed at the next seq missed and repeated nothing. `TAILWATER_LONG=1`
//! runs it with 1,000 subscribers and more kills.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use common::{
    REPOS,
    atproto::{line, told},
    bulk::{self, Bulk},
    call, eventually, frame,
    process::{Serving, tailwater},
    with_lengths,
};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::Value;

const PUBLISHERS: usize = 4;
const BATCH_MAX: usize = 12;

/// The text of the very last event.
const END: &str = "the end";

/// What everybody shares.
struct World {
    /// Where the process serves now.
    address: Mutex<SocketAddr>,
    /// Publishers are to finish.
    over: AtomicBool,
    acknowledged: AtomicU64,
    /// A digest of the frame that was first seen under each seq, by anybody, in any life of the process.
    seen: Mutex<HashMap<u64, u64>>,
}

impl World {
    fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap()
    }

    fn see(&self, seq: u64, frame: &[u8]) {
        let mut hasher = DefaultHasher::new();
        frame.hash(&mut hasher);
        let digest = hasher.finish();
        let first = *self.seen.lock().unwrap().entry(seq).or_insert(digest);
        assert_eq!(first, digest, "seq {seq} was seen with different bytes");
    }
}

/// One request, and its answer if there was one.
struct Request {
    texts: Vec<String>,
    first_seq: Option<u64>,
}

fn serve(data: &Path) -> Command {
    let mut command = tailwater();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--log", "info", "--data"]).arg(data);
    command
}

/// Publishes; `None` when the process went away before it answered.
fn post(address: SocketAddr, content_type: &str, query: &str, body: &[u8]) -> Option<Value> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(common::PATIENCE))
        .build()
        .new_agent();
    let url = format!("http://{address}/v1/feeds/repos/events{query}");
    let mut response = agent.post(url).header("Content-Type", content_type).send(body).ok()?;
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_vec().ok()?;
    let answer = serde_json::from_slice(&body).ok()?;
    // 503: it is starting, and has stored nothing.
    assert!(matches!(status, 200 | 503), "{status} {answer}");
    (status == 200).then_some(answer)
}

/// Publishes batches of changing size, lines or frames, until it is over. Returns every request.
fn publish(world: &World, publisher: usize, mut random: ChaCha8Rng) -> Vec<Request> {
    let mut requests = Vec::new();
    while !world.over.load(Ordering::SeqCst) {
        let count = random.random_range(1..=BATCH_MAX);
        let batch = requests.len();
        let texts: Vec<String> = (0..count).map(|n| format!("{publisher}-{batch}-{n}")).collect();
        let answer = if publisher.is_multiple_of(2) {
            let lines: String = texts.iter().map(|text| line(text)).collect();
            post(world.address(), "application/x-ndjson", "", lines.as_bytes())
        } else {
            let frames: Vec<Vec<u8>> = texts.iter().map(|text| frame(1, text)).collect();
            post(world.address(), "application/vnd.tailwater.frames", "?seq=assign", &with_lengths(&frames))
        };
        let first_seq = answer.map(|answer| {
            assert_eq!(answer["count"], count);
            world.acknowledged.fetch_add(count as u64, Ordering::SeqCst);
            answer["first_seq"].as_u64().unwrap()
        });
        if first_seq.is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        requests.push(Request { texts, first_seq });
    }
    requests
}

/// Reads from the beginning to the end, resuming at the next seq whenever the stream is cut. Returns all texts.
fn subscribe(world: &World) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    loop {
        let path = format!("/xrpc/{REPOS}?cursor={}", texts.len() + 1);
        let Some(mut stream) = Bulk::open(world.address(), &path, None) else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        while let Some((first, frame)) = stream.next() {
            match first {
                0x82 => {}
                0x89 => continue,
                other => panic!("{other:#x} {}", String::from_utf8_lossy(frame)),
            }
            let told = told(frame);
            assert_eq!(told.seq, texts.len() as u64 + 1, "{told:?}");
            world.see(told.seq, frame);
            texts.push(told.text);
            if texts.last().is_some_and(|text| text == END) {
                return texts;
            }
        }
    }
}

/// Kills the process at random moments, each some acknowledged events after the last start, and starts it again.
fn kill_and_restart(world: &World, data: &Path, mut serving: Serving, kills: usize, mut random: ChaCha8Rng) -> Serving {
    for kill in 0..kills {
        let events = world.acknowledged.load(Ordering::SeqCst) + random.random_range(20..300);
        eventually("publishing", || world.acknowledged.load(Ordering::SeqCst) >= events);
        thread::sleep(Duration::from_micros(random.random_range(0..5_000)));
        println!("kill {kill} after {} acknowledged events", world.acknowledged.load(Ordering::SeqCst));
        serving.child.kill().unwrap();
        drop(serving);
        serving = Serving::start(&mut serve(data));
        *world.address.lock().unwrap() = serving.address;
    }
    serving
}

#[test]
fn acknowledged_events_survive_kills_and_readers_notice_nothing() {
    let (subscribers, kills) = if bulk::long() { (1_000, 20) } else { (200, 5) };
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let random = |stream| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        random
    };
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("log");
    let serving = Serving::start(&mut serve(&data));
    let world = World {
        address: Mutex::new(serving.address),
        over: AtomicBool::new(false),
        acknowledged: AtomicU64::new(0),
        seen: Mutex::default(),
    };
    let (requests, readings, serving) = thread::scope(|scope| {
        let world = &world;
        let readers: Vec<_> = (0..subscribers).map(|_| bulk::spawn(scope, || subscribe(world))).collect();
        let publishers: Vec<_> =
            (0..PUBLISHERS).map(|n| scope.spawn(move || publish(world, n, random(n as u64 + 1)))).collect();
        let serving = kill_and_restart(world, &data, serving, kills, random(0));
        world.over.store(true, Ordering::SeqCst);
        let requests: Vec<Request> = publishers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert!(post(world.address(), "application/x-ndjson", "", line(END).as_bytes()).is_some());
        let readings: Vec<Vec<String>> = readers.into_iter().map(|thread| thread.join().unwrap()).collect();
        (requests, readings, serving)
    });
    let log = &readings[0];
    assert!(readings.iter().all(|reading| reading == log), "all have read the same");
    check(log, &requests);
    let (_, feed) = call("GET", &format!("http://{}/v1/feeds/repos", serving.address), None, "");
    assert_eq!((&feed["events"], &feed["first_seq"]), (&log.len().into(), &1.into()));
}

/// Compares what is in the log with what was asked for and what was answered.
fn check(log: &[String], requests: &[Request]) {
    let unique: HashSet<&String> = log.iter().collect();
    assert_eq!(unique.len(), log.len(), "no event is there twice");
    let positions: HashMap<&String, usize> = log.iter().enumerate().map(|(at, text)| (text, at)).collect();
    let mut stored = 0;
    for Request { texts, first_seq } in requests {
        let at = positions.get(&texts[0]).copied();
        if let Some(seq) = first_seq {
            assert_eq!(at, Some(*seq as usize - 1), "the acknowledged event {} is where it was said to be", texts[0]);
        }
        match at {
            Some(at) => {
                assert_eq!(log.get(at..at + texts.len()), Some(&texts[..]), "a request is stored whole and in order");
                stored += texts.len();
            }
            None => assert!(texts.iter().all(|text| !positions.contains_key(text)), "or not at all: {texts:?}"),
        }
    }
    assert_eq!(stored + 1, log.len(), "there is nothing else");
}
