//! Appliances behind appliances: the same bytes under the same seqs, whatever breaks in between.

use tailwater::config::{Config, CursorSemantics, MirrorStart};

use super::{
    common::{
        Appliance, REPOS,
        atproto::{receive_frame, wide_frame},
        corpus, frame,
        proxy::Proxy,
    },
    upstream::{assert_holds, mirror_of, mirroring, status, wait_for, wait_for_seq},
};

fn frames(seqs: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
    seqs.into_iter().map(|seq| frame(seq, "chained")).collect()
}

fn publish(appliance: &Appliance, frames: &[Vec<u8>]) {
    let (status, answer) = appliance.publish_frames("repos", "preserve", frames);
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn captured_frames_pass_two_mirrors_unchanged() {
    let Some(captured) = corpus() else { return };
    let origin = Appliance::start();
    publish(&origin, &captured);
    let first = mirroring(origin.address);
    let second = mirroring(first.address);
    let last_seq = super::upstream::last_seq(&origin);
    wait_for_seq(&second, last_seq);
    assert_holds(&second, &captured);
    let mut live = second.websocket(&format!("/xrpc/{REPOS}"));
    publish(&origin, &[frame(last_seq + 1, "live")]);
    assert_eq!(receive_frame(&mut live), frame(last_seq + 1, "live"));
}

/// A mirror is stopped and started again while its upstream goes on.
fn resumes(semantics: CursorSemantics, duplicates: u64) {
    let origin = Appliance::start_with(|config| {
        for binding in config.feeds.iter_mut().filter_map(|feed| feed.atproto.as_mut()) {
            binding.cursor_semantics = semantics;
        }
    });
    let follow = |config: &mut Config| {
        mirror_of(config, origin.address, MirrorStart::At(0));
    };
    let mirror = Appliance::start_with(follow);
    publish(&origin, &frames([1, 2, 3]));
    wait_for_seq(&mirror, 3);
    let directory = mirror.stop();
    publish(&origin, &frames([4, 10]));
    let mirror = Appliance::start_in(directory, follow);
    wait_for_seq(&mirror, 10);
    publish(&origin, &frames([11]));
    wait_for_seq(&mirror, 11);
    assert_eq!(status(&mirror)["duplicates_total"], duplicates, "{semantics:?}");
    assert_holds(&mirror, &frames([1, 2, 3, 4, 10, 11]));
}

#[test]
fn an_inclusive_upstream_sends_the_last_event_again_and_it_is_dropped() {
    resumes(CursorSemantics::Inclusive, 1);
}

#[test]
fn an_exclusive_upstream_sends_nothing_again_and_nothing_is_lost() {
    resumes(CursorSemantics::Exclusive, 0);
}

#[test]
fn an_upstream_that_restarts_is_followed_again() {
    let origin = Appliance::start();
    let proxy = Proxy::start(origin.address);
    let mirror = mirroring(proxy.address);
    publish(&origin, &frames([1, 2]));
    wait_for_seq(&mirror, 2);
    let origin = Appliance::start_in(origin.stop(), |_| {});
    proxy.retarget(origin.address);
    publish(&origin, &frames([3, 4]));
    wait_for_seq(&mirror, 4);
    assert_holds(&mirror, &frames([1, 2, 3, 4]));
}

#[test]
fn an_upstream_that_lost_its_log_stops_the_mirror() {
    let origin = Appliance::start();
    let proxy = Proxy::start(origin.address);
    let mirror = mirroring(proxy.address);
    publish(&origin, &frames([1, 2, 3]));
    wait_for_seq(&mirror, 3);
    let fresh = Appliance::start();
    proxy.retarget(fresh.address);
    drop(origin);
    proxy.cut();
    let reason = wait_for(&mirror, "stopped");
    assert!(reason.contains("FutureCursor"), "{reason}");
    assert_holds(&mirror, &frames([1, 2, 3]));
}

#[test]
fn random_cuts_lose_and_repeat_nothing() {
    const LAST: u64 = 2_000;
    let origin = Appliance::start();
    let proxy = Proxy::with_cuts(origin.address, 4_000..150_000);
    let mirror = mirroring(proxy.address);
    let mut live = mirror.websocket(&format!("/xrpc/{REPOS}"));
    let expected: Vec<_> = (1..=LAST).map(|seq| wide_frame(seq, 1_000)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| expected.chunks(20).for_each(|frames| publish(&origin, frames)));
        for (index, frame) in expected.iter().enumerate() {
            assert!(receive_frame(&mut live) == *frame, "frame {index}");
        }
    });
    assert_holds(&mirror, &expected);
    let status = status(&mirror);
    assert!(proxy.accepted() > 10 && status["connects_total"].as_u64().unwrap() > 10, "{status}");
    assert_eq!(status["frames_total"], LAST);
}
