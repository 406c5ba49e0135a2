//! Each stream that comes or goes is told of exactly once, whoever made it and whatever cut that short.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::{Value, json};
use tailwater::config::{Config, Dialect, Feed, StreamrExposure};

use super::common::{
    Appliance, call, eventually,
    process::{Serving, tailwater},
};

/// What the stream tells: `+` and a stream's id for one that came, `-` for one that went, and how many partitions it has.
fn told(address: std::net::SocketAddr) -> Vec<(String, u64)> {
    let url = format!("http://{address}/api/v1/streams/_system/data/partitions/0/from?fromOffset=0&content=json");
    let (status, messages) = call("GET", &url, None, "");
    assert_eq!(status, 200, "{messages}");
    let shown = |message: &Value| {
        let content = &message[8];
        let sign = match content["event"].as_str().unwrap() {
            "stream-object-created" => '+',
            "stream-object-deleted" => '-',
            other => panic!("{other}"),
        };
        let stream = &content["stream"];
        (format!("{sign}{}", stream["id"].as_str().unwrap()), stream["partitions"].as_u64().unwrap())
    };
    messages.as_array().unwrap().iter().map(shown).collect()
}

fn names(told: &[(String, u64)]) -> Vec<&str> {
    told.iter().map(|(name, _)| name.as_str()).collect()
}

/// These streams, each with so many partitions, and nothing else.
fn with_streams(config: &mut Config, streams: &[(&str, u64)]) {
    config.feeds = streams
        .iter()
        .map(|(name, partitions)| Feed {
            streamr: Some(StreamrExposure { partitions: *partitions, ..StreamrExposure::whole(name) }),
            ..Feed::named(name, &config.storage)
        })
        .collect();
}

#[test]
fn streams_of_the_configuration_are_told_of_once() {
    let appliance = Appliance::start_with(|config| with_streams(config, &[("b", 3), ("a", 1)]));
    let expected = vec![("+a".to_owned(), 1), ("+b".to_owned(), 3)];
    assert_eq!(told(appliance.address), expected);
    let appliance = Appliance::start_in(appliance.stop(), |config| with_streams(config, &[("b", 3), ("a", 1)]));
    assert_eq!(told(appliance.address), expected, "and not again");
    // One that comes later, one that came over the API, one that is configured no more and stays.
    let created = call("POST", &appliance.url("/api/v1/streams"), None, json!({ "id": "c" }).to_string());
    assert_eq!(created.0, 201);
    let appliance = Appliance::start_in(appliance.stop(), |config| with_streams(config, &[("b", 3), ("d", 2)]));
    assert_eq!(names(&told(appliance.address)), ["+a", "+b", "+c", "+d"]);
    // What is deleted and configured comes again.
    assert_eq!(appliance.delete("/api/v1/streams/d").0, 204);
    let appliance = Appliance::start_in(appliance.stop(), |config| with_streams(config, &[("d", 2)]));
    assert_eq!(names(&told(appliance.address)), ["+a", "+b", "+c", "+d", "-d", "+d"]);
}

#[test]
fn what_came_while_nobody_could_be_told_is_told_of_later() {
    let appliance = Appliance::start_with(|config| {
        with_streams(config, &[("a", 2), ("b", 1)]);
        config.listen[0].dialects.retain(|dialect| *dialect != Dialect::Streamr);
    });
    assert_eq!(appliance.get("/v1/feeds/_system").0, 404);
    let appliance = Appliance::start_in(appliance.stop(), |config| with_streams(config, &[("a", 2)]));
    assert_eq!(names(&told(appliance.address)), ["+a", "+b"]);
}

#[test]
fn what_a_crash_cut_short_is_told_of_at_the_next_start() {
    let appliance = Appliance::start_with(|config| with_streams(config, &[("stays", 1), ("goes", 2), ("returns", 1)]));
    let before = told(appliance.address);
    let directory = appliance.stop();
    // As if the process had been killed when these were deleted, and had not told yet.
    for feed in ["goes", "goes.1", "returns"] {
        fs::remove_dir_all(directory.path().join("log/feeds").join(feed)).unwrap();
    }
    let appliance = Appliance::start_in(directory, |config| with_streams(config, &[("stays", 1), ("returns", 1)]));
    let after = told(appliance.address);
    assert_eq!(after[..3], before);
    assert_eq!(names(&after[3..]), ["-goes", "-returns", "+returns"]);
}

#[test]
fn kills_at_any_moment_of_the_start_tell_nothing_twice() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tailwater.toml");
    let serve = |streams: usize| {
        let feeds = (0..streams)
            .map(|number| format!("[[feed]]\nname = \"s{number}\"\nstreamr = {{ stream = \"s{number}\" }}\n"));
        fs::write(&file, feeds.collect::<String>()).unwrap();
        let mut command = tailwater();
        command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--data"]);
        command.arg(directory.path().join("log")).arg("--config").arg(&file);
        command
    };
    // How long a start takes, so that kills come within it.
    let began = Instant::now();
    drop(Serving::start(&mut serve(1)));
    let start = began.elapsed() * 2;
    let rounds = 12;
    for streams in 2..2 + rounds {
        let mut child = serve(streams).spawn().unwrap();
        thread::sleep(start.mul_f64(random.random_range(0.0..1.0)).min(Duration::from_secs(5)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let serving = Serving::start(&mut serve(2 + rounds));
    let mut expected: Vec<String> = (0..2 + rounds).map(|number| format!("+s{number}")).collect();
    expected.sort();
    eventually("all are told of", || told(serving.address).len() >= expected.len());
    let mut told: Vec<String> = told(serving.address).into_iter().map(|(name, _)| name).collect();
    told.sort();
    assert_eq!(told, expected);
}

/// Whoever changes a stream at the same time: one is told of as gone before the one that takes its place, and the next goes after
/// it came.
#[test]
fn changes_are_told_of_in_their_order() {
    let appliance = Appliance::start_with(|config| with_streams(config, &[("a", 1)]));
    let url = appliance.url("/v1/feeds/a");
    thread::scope(|scope| {
        for by in 0..4 {
            let url = &url;
            scope.spawn(move || {
                for number in 0..15 {
                    let change = json!({ "dialects": { "streamr": { "stream": format!("{by}-{number}") } } });
                    let (status, answer) = call("PATCH", url, None, change.to_string());
                    assert_eq!(status, 200, "{answer}");
                }
            });
        }
    });
    let told = told(appliance.address);
    let told = names(&told);
    assert_eq!((told.len(), told[0]), (1 + 2 * 4 * 15, "+a"));
    for pair in told[..told.len() - 1].chunks(2) {
        assert_eq!(pair[0].strip_prefix('+'), pair[1].strip_prefix('-'), "{told:?}");
    }
}
