//! Offsets: they increase, and each message names the one before it, for everybody and across restarts.

use serde_json::json;

use super::{
    client::{Client, STREAM, create, feed, offsets, produce, resent},
    common::{Appliance, call},
};

#[test]
fn both_survive_a_restart() {
    let three = |config: &mut tailwater::config::Config| config.feeds.push(feed("three", 3, config));
    let mut appliance = Appliance::start_with(three);
    let mut lasts = [0_u64; 3];
    for round in 0..4 {
        let mut client = Client::open(&appliance);
        (0..3).for_each(|partition| {
            client.follow_partition("three", partition);
        });
        for at in 0..12 {
            produce(&appliance, "three", &format!("?pkey=key-{at}"), &round.to_string());
            let message = client.broadcast();
            let last = &mut lasts[message.partition as usize];
            assert_eq!(message.previous, (*last > 0).then_some(*last), "round {round}");
            assert!(message.offset > *last);
            *last = message.offset;
        }
        for (partition, last) in lasts.into_iter().enumerate() {
            client.ask(
                json!({ "type": "resend", "stream": "three", "partition": partition, "sub": 0, "resend_all": true }),
            );
            let messages = resent(&mut client, &json!(0));
            let mut before = None;
            for message in &messages {
                assert_eq!(message.previous, before, "the same as in the broadcast");
                before = Some(message.offset);
            }
            assert_eq!(before.unwrap_or_default(), last);
        }
        drop(client);
        appliance = Appliance::start_in(appliance.stop(), three);
    }
}

/// The first message after a restart shows whoever was away what they have missed.
#[test]
fn the_first_message_after_a_restart_reveals_the_gap() {
    let appliance = Appliance::start();
    (1..=5).for_each(|at| produce(&appliance, STREAM, "", &at.to_string()));
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    produce(&appliance, STREAM, "", "6");
    let message = client.broadcast();
    assert_eq!((message.offset, message.previous), (6, Some(5)));
    client.ask(
        json!({ "type": "resend", "stream": STREAM, "partition": 0, "sub": "0", "resend_from": 3, "resend_to": 5 }),
    );
    assert_eq!(offsets(&resent(&mut client, &json!("0"))), [3, 4, 5]);
}

#[test]
fn gaps_between_offsets_are_none_in_the_chain() {
    let appliance = Appliance::start();
    let frame = |seq: u64| super::common::frame(seq, "x");
    // Published in another dialect, with seqs of its own choice.
    let (status, answer) = appliance.publish_frames(STREAM, "preserve", &[frame(5), frame(9), frame(1_000)]);
    assert_eq!(status, 200, "{answer}");
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_all": true }));
    let messages = resent(&mut client, &json!(0));
    let chain: Vec<_> = messages.iter().map(|message| (message.offset, message.previous)).collect();
    assert_eq!(chain, [(5, None), (9, Some(5)), (1_000, Some(9))]);
    for (from, to, expected) in [(6, 9, vec![9]), (6, 8, vec![]), (10, 1_000, vec![1_000]), (0, 5, vec![5])] {
        client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 0, "resend_from": from, "resend_to": to }));
        assert_eq!(offsets(&resent(&mut client, &json!(0))), expected, "{from} to {to}");
    }
    let (_, range) = call(
        "GET",
        &appliance.url("/api/v1/streams/messages/data/partitions/0/range?fromOffset=6&toOffset=999"),
        None,
        "",
    );
    assert_eq!((range.as_array().unwrap().len(), &range[0][5], &range[0][6]), (1, &json!(9), &json!(5)));
}

#[test]
fn a_stream_created_anew_begins_anew() {
    let appliance = Appliance::start();
    for _ in 0..2 {
        create(&appliance, "again", 2);
        let mut client = Client::open(&appliance);
        client.follow_partition("again", 0).follow_partition("again", 1);
        (0..4).for_each(|at| produce(&appliance, "again", &format!("?pkey=key-{at}"), "{}"));
        let messages: Vec<_> = (0..4).map(|_| client.broadcast()).collect();
        assert!(messages.iter().any(|message| (message.offset, message.previous) == (1, None)));
        assert_eq!(appliance.delete("/api/v1/streams/again").0, 204);
    }
}
