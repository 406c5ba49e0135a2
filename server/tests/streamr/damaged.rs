//! Messages that cannot be read, and bodies that say nothing: what is told to whoever asks for them or sends them.

use std::path::Path;

use serde_json::json;
use tailwater::config::Config;

use super::{
    client::{Client, STREAM, feed, produce},
    common::{
        Appliance, connect_narrow,
        damage::{damage, files, segments, without_frames},
        eventually,
        raw::Connection,
    },
};

const MIB: u64 = 1 << 20;

/// The stream `small`, whose segments are, and little room in the kernel.
fn small_segments(config: &mut Config) {
    let mut small = feed("small", 1, config);
    small.segment_bytes_max = MIB;
    config.feeds.push(small);
    config.serve.socket_send_buffer_bytes = 64 << 10;
    config.serve.not_sent_low_water_bytes = 16 << 10;
}

/// Publishes messages of 12 kB.
fn publish(appliance: &Appliance, count: usize) {
    let content = json!({ "x": "x".repeat(12_000) });
    (0..count).for_each(|_| produce(appliance, "small", "", &content.to_string()));
}

/// Whoever asks for them over HTTP or in a resend is told; those of other segments are there.
#[test]
fn messages_that_cannot_be_read() {
    let appliance = Appliance::start_with(small_segments);
    publish(&appliance, 400);
    let directory = appliance.stop();
    let segments = segments(directory.path(), "small");
    damage(&segments[segments.len() / 2], MIB / 2, 64);
    let appliance = Appliance::start_in(directory, small_segments);
    let ask = |offset: u64| {
        let path = format!("/api/v1/streams/small/data/partitions/0/range?fromOffset={offset}&toOffset={offset}");
        Connection::open(appliance.address).send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).answer()
    };
    let answers: Vec<_> = (1..=400).map(ask).collect();
    let broken: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!((1..200).contains(&broken.len()), "{}", broken.len());
    assert!(
        broken
            .iter()
            .all(|answer| answer.status == 500 && answer.json() == json!({ "error": "Failed to fetch data!" }))
    );
    let first = answers.iter().position(|answer| answer.status != 200).unwrap() + 1;
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "resend", "stream": "small", "sub": 1, "resend_from": first }));
    let error = client.value();
    let text = error[3].as_str().unwrap_or_else(|| panic!("{error}"));
    let why = "Failed to request resend from stream small and partition 0: ";
    assert!(error[1] == 7 && text.starts_with(why) && text.len() > why.len(), "{text}");
}

/// A reader that stands in front of what was damaged meanwhile, and has to be made of it again: frames of two segments are kept.
#[test]
fn a_subscription_that_cannot_be_read_on() {
    let appliance = Appliance::start_with(|config| {
        small_segments(config);
        config.storage.frame_bytes_max = 2 * MIB;
    });
    publish(&appliance, 1);
    let mut client = Client::on(connect_narrow(appliance.address), appliance.address, "");
    client.follow("small");
    publish(&appliance, 400);
    let segments = segments(appliance.directory(), "small");
    let frames = appliance.directory().join("log/feeds/small/frames");
    let begin = segments[2].file_stem().unwrap().to_str().unwrap();
    let of_the_third = |path: &Path| path.file_name().unwrap().to_string_lossy().starts_with(begin);
    eventually("frames are given up", || files(&frames, of_the_third).is_empty());
    segments[1..segments.len() - 1].iter().for_each(|segment| damage(segment, 0, MIB as usize / 2));
    assert_eq!(client.closed(), (1011, "a stream cannot be read beyond this point".to_owned()));
}

/// Frames that cannot be written: no subscription begins, and others do.
#[test]
fn a_stream_without_a_place_for_frames() {
    let appliance = Appliance::start_with(small_segments);
    publish(&appliance, 1);
    without_frames(appliance.directory(), "small");
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "subscribe", "stream": "small" }));
    client.complains("Server not ready. Please try again shortly.");
    client.follow(STREAM);
}

#[test]
fn bodies_that_say_nothing() {
    let appliance = Appliance::start();
    let post = |path: &str, body: &[u8]| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        Connection::open(appliance.address).send([head.as_bytes(), body].concat()).answer()
    };
    let answer = post("/api/v1/streams/messages/data", b"\"\xff\"");
    let why = "No request body or invalid request body. (not valid UTF-8)";
    assert_eq!((answer.status, answer.json()), (400, json!({ "error": why })));
    let answer = post("/api/v1/streams", b"[");
    let why = "The body does not describe a stream: EOF while parsing a list at line 1 column 1";
    assert_eq!((answer.status, answer.json()), (400, json!({ "error": why })));
}
