//! A disk that fills up: publishing is refused with a reason, reading goes on, and space that is freed is used again.
//!
//! Needs a file system of its own and with it root; elsewhere the tests say that they were skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;

use common::{Appliance, call, config, eventually, mount, mount::Mounted, raw::Connection};
use serde_json::Value;
use tailwater::config::Config;
use tempfile::TempDir;

const DISK_BYTES: u64 = 24 << 20;

/// One event of 100 kB.
fn line() -> String {
    format!(r#"{{"kind":"put","body":"{}"}}"#, "x".repeat(100_000))
}

/// A small disk, where there may be one.
fn small_disk() -> Option<(TempDir, Mounted)> {
    let directory = tempfile::tempdir().unwrap();
    let mounted = mount::tmpfs(directory.path(), DISK_BYTES)?;
    Some((directory, mounted))
}

/// Segments of 2 MiB and a low-water mark.
fn small_segments(config: &mut Config, disk_low_water_bytes: u64) {
    config.storage.disk_low_water_bytes = disk_low_water_bytes;
    config.storage.segment_bytes_max = 2 << 20;
    config.feeds.truncate(1);
    config.feeds[0].segment_bytes_max = 2 << 20;
}

/// Publishes until that is refused; how many events were acknowledged.
fn fill(appliance: &Appliance) -> u64 {
    let line = line();
    for count in 0.. {
        let (status, answer) = appliance.publish("repos", &line);
        if status != 200 {
            assert_eq!((status, answer["error"].as_str()), (507, Some("InsufficientStorage")), "{answer}");
            let message = answer["message"].as_str().unwrap();
            assert!(message.contains("read-only") && message.contains("free"), "{message}");
            return count;
        }
        assert!(count < DISK_BYTES / 100_000, "the disk cannot hold that");
    }
    unreachable!("the disk has an end");
}

/// Reads every event from the beginning.
fn read_all(appliance: &Appliance, count: u64) {
    let mut stream = Connection::open(appliance.address);
    let head = stream.send("GET /v1/feeds/repos/events?cursor=0 HTTP/1.1\r\nHost: a\r\n\r\n").head();
    assert_eq!(head.status, 200);
    for seq in 1..=count {
        let event: Value = serde_json::from_str(&stream.event().unwrap()).unwrap();
        assert_eq!((&event["seq"], event["body"].as_str().unwrap().len()), (&seq.into(), 100_000));
    }
}

fn state(appliance: &Appliance) -> String {
    appliance.get("/v1/feeds/repos").1["state"].as_str().unwrap().to_owned()
}

/// Whatever happens to the disk: refusal, reading, and publishing again once there is space.
fn fills_and_recovers(disk_low_water_bytes: u64) {
    let Some((directory, _mounted)) = small_disk() else { return };
    let ballast = directory.path().join("ballast");
    fs::write(&ballast, vec![0; 12 << 20]).unwrap();
    let path = directory.path().to_owned();
    let appliance = Appliance::start_in(directory, |config| small_segments(config, disk_low_water_bytes));
    let count = fill(&appliance);
    assert!(count > 0);
    assert_eq!(state(&appliance), "read_only");
    let (_, page) = appliance.get("/v1/feeds/repos/events?format=json&limit=10000");
    assert_eq!(page["events"].as_array().unwrap().len() as u64, count);
    let (status, answer) = appliance.put("/v1/feeds/more", "");
    assert_eq!((status, answer["error"].as_str()), (507, Some("InsufficientStorage")), "{answer}");

    fs::remove_file(path.join("ballast")).unwrap();
    eventually("publishing works again", || appliance.publish("repos", &line()).0 == 200);
    assert_eq!(state(&appliance), "open");
    read_all(&appliance, count + 1);
    // What was acknowledged is there after a restart, and nothing else.
    let directory = appliance.stop();
    let appliance = Appliance::start_in(directory, |config| small_segments(config, disk_low_water_bytes));
    let (_, feed) = appliance.get("/v1/feeds/repos");
    assert_eq!((&feed["last_seq"], &feed["events"]), (&(count + 1).into(), &(count + 1).into()));
    read_all(&appliance, count + 1);
    drop(appliance);
}

#[test]
fn below_the_low_water_mark() {
    fills_and_recovers(4 << 20);
}

#[test]
fn to_the_last_byte() {
    fills_and_recovers(0);
}

#[test]
fn live_readers_go_on_reading_what_is_there() {
    let Some((directory, _mounted)) = small_disk() else { return };
    let appliance = Appliance::start_in(directory, |config| small_segments(config, 4 << 20));
    let mut stream = Connection::open(appliance.address);
    stream.send("GET /v1/feeds/repos/events HTTP/1.1\r\nHost: a\r\n\r\n").head();
    let count = fill(&appliance);
    for seq in 1..=count {
        assert!(stream.event().unwrap().starts_with(&format!("{{\"seq\":{seq},")));
    }
    // Deleting a feed makes room for the others.
    assert_eq!(appliance.delete("/v1/feeds/repos").0, 200);
    assert!(stream.event().unwrap().contains("FeedNotFound"));
    eventually("a feed can be created", || appliance.put("/v1/feeds/next", "").0 == 201);
    eventually("and published to", || appliance.publish("next", &line()).0 == 200);
}

#[test]
fn there_is_not_even_room_to_begin() {
    let Some((directory, _mounted)) = small_disk() else { return };
    let mut config = config(directory.path());
    config.storage.disk_low_water_bytes = 1 << 30;
    let refused = std::thread::spawn(|| tailwater::serve::start(config).err().unwrap().to_string()).join().unwrap();
    assert!(refused.contains("low-water mark") && refused.contains("free some space"), "{refused}");
    // With room it begins where it left off.
    let appliance = Appliance::start_in(directory, |config| small_segments(config, 0));
    let url = appliance.url("/v1/feeds/repos/events");
    assert_eq!(call("POST", &url, Some("application/x-ndjson"), r#"{"kind":"put","body":1}"#).0, 200);
}
