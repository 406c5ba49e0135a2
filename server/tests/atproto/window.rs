//! The retention window as clients see it.

use super::common::{
    Appliance, REPOS,
    atproto::{receive_frame, told, wide_frame},
    eventually,
};

/// A window of about 2 MiB in segments of 1 MiB.
fn start() -> Appliance {
    Appliance::start_with(|config| {
        for feed in &mut config.feeds {
            feed.segment_bytes_max = 1 << 20;
            feed.retention.bytes = Some(2 << 20);
        }
    })
}

fn first_seq(appliance: &Appliance) -> u64 {
    appliance.get("/v1/feeds/repos").1["first_seq"].as_u64().unwrap()
}

/// Publishes frames of 10 KB with every second seq, in batches, from this seq on; returns the next.
fn publish(appliance: &Appliance, mut seq: u64, batches: u64) -> u64 {
    for _ in 0..batches {
        let frames: Vec<_> = (0..20).map(|n| wide_frame(seq + 2 * n, 10_000)).collect();
        assert_eq!(appliance.publish_frames("repos", "preserve", &frames).0, 200);
        seq += 40;
    }
    seq
}

#[test]
fn a_cursor_below_the_window_is_told_so() {
    let appliance = start();
    let next_seq = publish(&appliance, 1, 30);
    eventually("retention", || first_seq(&appliance) > 1);
    let first_seq = first_seq(&appliance);
    let open = |cursor| appliance.websocket(&format!("/xrpc/{REPOS}?cursor={cursor}"));
    for cursor in [1, first_seq - 2] {
        let mut socket = open(cursor);
        assert_eq!(told(&receive_frame(&mut socket)).t, "#info");
        assert_eq!(told(&receive_frame(&mut socket)).seq, first_seq);
    }
    for cursor in [0, first_seq] {
        let mut socket = open(cursor);
        for seq in (first_seq..next_seq).step_by(2) {
            assert_eq!(told(&receive_frame(&mut socket)).seq, seq, "cursor={cursor}");
        }
    }
}

#[test]
fn who_has_read_everything_never_leaves_the_window() {
    let appliance = start();
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}"));
    let (mut seq, mut read) = (1, 1);
    // The window passes over the reader's place again and again, with gaps in the seqs where segments meet.
    while first_seq(&appliance) < 1_500 {
        seq = publish(&appliance, seq, 3);
        while read < seq {
            assert_eq!(told(&receive_frame(&mut socket)).seq, read);
            read += 2;
        }
    }
}
