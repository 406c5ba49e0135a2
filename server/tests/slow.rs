//! Readers that do not read: nobody else notices, the process's memory does not grow with their backlog, and they are
//! closed for two reasons only: what they want has left the retention window, or they stay below the floor rate.
//!
//! `TAILWATER_LONG=1` runs it with 10,000 readers, of which 1,000 never read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, Scope},
    time::Duration,
};

use common::{
    REPOS,
    atproto::{told, wide_frame},
    bulk::{self, Bulk},
    call, eventually,
    process::{Serving, tailwater},
    with_lengths,
};
use serde_json::Value;

/// The size of an event; with this many a batch.
const EVENT_BYTES: usize = 10_000;
const BATCH: u64 = 20;

/// Threads that read for those who do.
const THREADS: usize = 4;

/// How far the slowest of the readers that do read may be behind before the publisher waits for it.
const AHEAD_MAX: u64 = 3 * BATCH;

/// Memory of its own that the process may take up in the course of a test; the backlogs are many times that.
const GROWTH_BYTES_MAX: u64 = 32 << 20;

/// The payload of the error frame `ConsumerTooSlow`.
const TOO_SLOW: &[u8] = b"\xa1\x62op\x20\xa2\x65error\x6fConsumerTooSlow\x67message\x78\x18Stream consumer too slow";

/// A process with small kernel buffers and settings of the test's own.
fn serve(directory: &Path, settings: &str) -> Serving {
    let file = directory.join("tailwater.toml");
    let common = "[serve]\nsocket_send_buffer_bytes = 65536\nnot_sent_low_water_bytes = 16384\n";
    std::fs::write(&file, format!("{common}{settings}")).unwrap();
    let mut command = tailwater();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--config"]).arg(file);
    Serving::start(command.arg("--data").arg(directory.join("log")))
}

/// Memory of the process that is neither a file's nor shared.
fn own_bytes(serving: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

fn feed(address: SocketAddr) -> Value {
    call("GET", &format!("http://{address}/v1/feeds/repos"), None, "").1
}

fn publish(address: SocketAddr, from_seq: u64) {
    let frames: Vec<_> = (from_seq..from_seq + BATCH).map(|seq| wide_frame(seq, EVENT_BYTES)).collect();
    let url = format!("http://{address}/v1/feeds/repos/events?seq=preserve");
    let (status, answer) = call("POST", &url, Some("application/vnd.tailwater.frames"), with_lengths(&frames));
    assert_eq!(status, 200, "{answer}");
}

/// Publishes this many events, waiting for the slowest reader again and again.
fn publish_in_step(address: SocketAddr, events: u64, progress: &[AtomicU64]) {
    for from_seq in (1..=events).step_by(BATCH as usize) {
        publish(address, from_seq);
        eventually("every reader's progress", || {
            let slowest = progress.iter().map(|seq| seq.load(Ordering::Relaxed)).min();
            slowest.unwrap_or(u64::MAX) + AHEAD_MAX >= from_seq
        });
    }
}

/// A stream of a reader that takes little into its kernel.
fn narrow(address: SocketAddr, cursor: u64) -> Bulk {
    let stream = Bulk::open(address, &format!("/xrpc/{REPOS}?cursor={cursor}"), Some(4 << 10)).unwrap();
    stream.shrink();
    stream
}

/// Opens streams that take what a reader that reads can need.
fn wide(address: SocketAddr, count: usize) -> Vec<Bulk> {
    let open = |_| Bulk::open(address, &format!("/xrpc/{REPOS}"), Some(64 << 10)).unwrap();
    (0..count).map(open).collect()
}

/// Starts threads that read the streams, each without a gap up to this event, noting the progress.
fn read_all<'scope>(
    scope: &'scope Scope<'scope, '_>,
    readers: &'scope mut [Bulk],
    last_seq: u64,
    progress: &'scope [AtomicU64],
) {
    let share = readers.len().div_ceil(THREADS);
    for (readers, progress) in readers.chunks_mut(share).zip(progress.chunks(share)) {
        scope.spawn(move || {
            bulk::drive(readers, |reader, first, frame| {
                let before = progress[reader].load(Ordering::Relaxed);
                if first == 0x82 {
                    assert_eq!(told(frame).seq, before + 1);
                    progress[reader].store(before + 1, Ordering::Relaxed);
                }
                first == 0x82 && before + 1 == last_seq
            });
        });
    }
}

/// Reads events without a gap up to this one.
fn read_to(stream: &mut Bulk, mut seq: u64, last_seq: u64) {
    while seq <= last_seq {
        let (first, frame) = stream.next().expect("a reader that reads is not closed");
        if first == 0x82 {
            assert_eq!(told(frame).seq, seq);
            seq += 1;
        }
    }
}

/// Reads what is left of a stream that was closed: whole events without a gap, then, if there was time for it, why. True
/// when it was told.
fn read_farewell(stream: &mut Bulk) -> bool {
    let mut seq = 1;
    while let Some((first, frame)) = stream.next() {
        match first {
            0x82 if frame == TOO_SLOW => {
                let close = stream.next().map(|(first, payload)| (first, payload.to_vec()));
                assert_eq!(close, Some((0x88, b"\x03\xf0ConsumerTooSlow".to_vec())));
                assert_eq!(stream.next(), None);
                return true;
            }
            0x82 => {
                assert_eq!(told(frame).seq, seq);
                seq += 1;
            }
            other => assert_eq!(other, 0x89),
        }
    }
    false
}

#[test]
fn stalled_readers_leave_the_window_and_nobody_else_notices() {
    const EVENTS: u64 = 700;
    const RETAINED_BYTES: u64 = 4 << 20;
    let (reading, stalled) = if bulk::long() { (9_000, 1_000) } else { (270, 30) };
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(
        directory.path(),
        &format!(
            "floor_lag_events = {EVENTS}\n[storage]\nsegment_bytes_max = 1048576\nretention.bytes = {RETAINED_BYTES}\n"
        ),
    );
    let address = serving.address;
    let mut readers = wide(address, reading);
    let mut sleepers: Vec<Bulk> = (0..stalled).map(|_| narrow(address, 1)).collect();
    let progress: Vec<AtomicU64> = readers.iter().map(|_| AtomicU64::new(0)).collect();
    let before = own_bytes(&serving);
    let outside = Barrier::new(stalled + 1);
    let told = thread::scope(|scope| {
        read_all(scope, &mut readers, EVENTS, &progress);
        let outside = &outside;
        let waking: Vec<_> = sleepers
            .iter_mut()
            .map(|stream| {
                bulk::spawn(scope, move || {
                    outside.wait();
                    read_farewell(stream)
                })
            })
            .collect();
        publish_in_step(address, EVENTS, &progress);
        assert!(feed(address)["first_seq"].as_u64().unwrap() > EVENTS / 4);
        let grown = own_bytes(&serving).saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
        eventually("the end of those that do not read", || feed(address)["subscribers"] == reading);
        // They read only now, long after they were given up.
        outside.wait();
        waking.into_iter().map(|thread| thread.join().unwrap()).filter(|told| *told).count()
    });
    assert_eq!(told, 0, "who did not read in time cannot be told any more");
    assert_eq!(feed(address)["subscribers"], reading);
}

#[test]
fn who_starts_to_read_in_time_is_told() {
    const STALLED: usize = 30;
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(
        directory.path(),
        "floor_lag_events = 1000000\n[storage]\nsegment_bytes_max = 1048576\nretention.bytes = 2097152\n",
    );
    let address = serving.address;
    let mut sleepers: Vec<Bulk> = (0..STALLED).map(|_| narrow(address, 1)).collect();
    let told = thread::scope(|scope| {
        let mut next_seq = 1;
        while feed(address)["first_seq"] == 1 {
            publish(address, next_seq);
            next_seq += BATCH;
        }
        let waking: Vec<_> = sleepers.iter_mut().map(|stream| bulk::spawn(scope, || read_farewell(stream))).collect();
        waking.into_iter().map(|thread| thread.join().unwrap()).filter(|told| *told).count()
    });
    assert!(told > 0);
    eventually("the end of all", || feed(address)["subscribers"] == 0);
}

#[test]
fn stalled_readers_fall_below_the_floor_and_slow_ones_do_not() {
    const EVENTS: u64 = 1_200;
    const LAG_EVENTS: u64 = 50;
    let (reading, stalled) = if bulk::long() { (900, 100) } else { (50, 10) };
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(directory.path(), &format!("floor_window_ms = 4000\nfloor_lag_events = {LAG_EVENTS}\n"));
    let address = serving.address;
    let mut readers = wide(address, reading);
    let sleepers: Vec<Bulk> = (0..stalled).map(|_| narrow(address, 1)).collect();
    let mut slow = narrow(address, 1);
    let progress: Vec<AtomicU64> = readers.iter().map(|_| AtomicU64::new(0)).collect();
    let before = own_bytes(&serving);
    thread::scope(|scope| {
        read_all(scope, &mut readers, EVENTS, &progress);
        // Reads a tenth of a second's worth and rests, far behind all the time, for longer than two windows.
        scope.spawn(|| {
            for from_seq in (1..=EVENTS).step_by(10) {
                read_to(&mut slow, from_seq, from_seq + 9);
                thread::sleep(Duration::from_millis(80));
            }
        });
        publish_in_step(address, EVENTS, &progress);
        // This one does not read either, but is not far behind.
        let near = narrow(address, EVENTS - LAG_EVENTS + 1);
        eventually("the end of those that do not read", || feed(address)["subscribers"] == reading + 2);
        let grown = own_bytes(&serving).saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
        drop(near);
    });
    drop(sleepers);
    eventually("the end of the near one", || feed(address)["subscribers"] == reading + 1);
}
