//! What a mirror does with each thing an upstream can say.

use minicbor::Encoder;
use tailwater::config::MirrorStart;
use tungstenite::Message;

use super::{
    common::{Appliance, eventually, frame},
    upstream::{LONG_MS, Script, assert_holds, hold, mirror_of, mirroring, say, status, wait_for, wait_for_seq},
};

fn frames(seqs: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
    seqs.into_iter().map(|seq| frame(seq, "mirrored")).collect()
}

/// An error frame or an info, as the reference server writes it.
fn notice(header: &[u8], key: &str, name: &str) -> Vec<u8> {
    let mut bytes = header.to_vec();
    let mut encoder = Encoder::new(&mut bytes);
    encoder.map(2).unwrap().str(key).unwrap().str(name).unwrap().str("message").unwrap().str("said so").unwrap();
    bytes
}

fn error(name: &str) -> Vec<u8> {
    notice(b"\xa1\x62op\x20", "error", name)
}

/// An upstream that says these on every connection, and then waits.
fn upstream(said: Vec<Vec<u8>>) -> Script {
    Script::start(move |_, socket| {
        if say(socket, &said) {
            hold(socket);
        }
    })
}

#[test]
fn what_came_before_is_dropped() {
    let upstream = upstream(frames([4, 4, 5, 5, 9, 9, 10]));
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, 10);
    assert_holds(&mirror, &frames([4, 5, 9, 10]));
    let status = status(&mirror);
    assert_eq!((&status["duplicates_total"], &status["frames_total"]), (&3.into(), &4.into()));
    assert_eq!((&status["state"], &status["last_seq"]), (&"following".into(), &10.into()));
}

#[test]
fn frames_that_are_too_large_are_refused_and_the_stream_goes_on() {
    let mut said = frames([1, 2]);
    said.insert(1, super::common::atproto::wide_frame(7, 5_000_000));
    let upstream = upstream(said);
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, 2);
    assert_holds(&mirror, &frames([1, 2]));
    assert_eq!(status(&mirror)["refused_total"], 1);
}

#[test]
fn frames_that_are_none_are_refused_and_the_stream_goes_on() {
    let no_type = b"\xa1\x62op\x01\xa1\x63seq\x02".to_vec();
    let no_seq = b"\xa2\x61t\x65#test\x62op\x01\xa0".to_vec();
    let unknown_op = b"\xa2\x61t\x65#test\x62op\x05\xa1\x63seq\x03".to_vec();
    let truncated = frame(4, "x")[..12].to_vec();
    let bad = [b"".to_vec(), b"\xff\xff".to_vec(), no_type, no_seq, unknown_op, truncated];
    let count = bad.len();
    let said = [frames([1]), bad.to_vec(), frames([8])].concat();
    let upstream = upstream(said);
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, 8);
    assert_holds(&mirror, &frames([1, 8]));
    assert_eq!(status(&mirror)["refused_total"], count);
}

#[test]
fn going_back_stops_the_mirror() {
    let upstream = upstream(frames([5, 6, 4, 7]));
    let mirror = mirroring(upstream.address);
    let reason = wait_for(&mirror, "stopped");
    assert!(reason.contains("from seq 6 to 4") && reason.contains("delete this feed"), "{reason}");
    assert_holds(&mirror, &frames([5, 6]));
    assert_eq!(upstream.asked().len(), 1, "it does not come back");
}

#[test]
fn a_future_cursor_stops_the_mirror() {
    let upstream = Script::start(|number, socket| {
        let said = if number == 0 { frames([5]) } else { vec![error("FutureCursor")] };
        say(socket, &said);
    });
    let mirror = mirroring(upstream.address);
    let reason = wait_for(&mirror, "stopped");
    assert!(reason.contains("FutureCursor"), "{reason}");
    assert_holds(&mirror, &frames([5]));
    let targets: Vec<String> = upstream.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(targets.len(), 2);
    assert!(targets[0].ends_with("?cursor=0") && targets[1].ends_with("?cursor=5"), "{targets:?}");
}

#[test]
fn an_outdated_cursor_is_a_gap() {
    let said = [vec![notice(b"\xa2\x61t\x65#info\x62op\x01", "name", "OutdatedCursor")], frames([50, 51])].concat();
    let upstream = upstream(said);
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, 51);
    assert_holds(&mirror, &frames([50, 51]));
    let status = status(&mirror);
    assert_eq!((&status["gaps_total"], &status["refused_total"]), (&1.into(), &0.into()));
}

#[test]
fn a_jump_forward_is_kept() {
    let upstream = upstream(frames([17, (1 << 53) - 1]));
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, (1 << 53) - 1);
    assert_holds(&mirror, &frames([17, (1 << 53) - 1]));
}

#[test]
fn text_stops_the_mirror() {
    let upstream = Script::start(|_, socket| {
        if socket.send(Message::Text(r#"{"$type":"message"}"#.into())).is_ok() {
            hold(socket);
        }
    });
    let mirror = mirroring(upstream.address);
    let reason = wait_for(&mirror, "stopped");
    assert!(reason.contains("text"), "{reason}");
}

#[test]
fn other_errors_are_retried_and_what_came_before_is_kept() {
    for name in ["ConsumerTooSlow", "InternalServerError"] {
        let upstream = Script::start(move |number, socket| match number {
            0 => {
                say(socket, &[frames([1, 2]), vec![error(name)]].concat());
            }
            _ => {
                say(socket, &frames([2, 3]));
                hold(socket);
            }
        });
        let mirror = mirroring(upstream.address);
        wait_for_seq(&mirror, 3);
        assert_holds(&mirror, &frames([1, 2, 3]));
        assert!(upstream.asked()[1].target.ends_with("?cursor=2"));
    }
}

#[test]
fn the_reason_for_waiting_is_told() {
    let upstream = Script::start(|_, socket| {
        say(socket, &[error("ConsumerTooSlow")]);
    });
    let mirror = Appliance::start_with(|config| {
        let mirror = mirror_of(config, upstream.address, MirrorStart::Live);
        (mirror.backoff_ms_min, mirror.backoff_ms_max) = (LONG_MS, LONG_MS);
    });
    let reason = wait_for(&mirror, "waiting");
    assert!(reason.contains("ConsumerTooSlow"), "{reason}");
    assert_eq!(status(&mirror)["connects_total"], 1);
}

#[test]
fn a_mirror_whose_feed_is_deleted_stops() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let upstream = Script::start(move |_, socket| {
        say(socket, &frames([1]));
        // The test says when.
        receiver.lock().unwrap().recv().unwrap();
        say(socket, &frames([2]));
        hold(socket);
    });
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, 1);
    assert_eq!(mirror.delete("/v1/feeds/repos").0, 200);
    sender.send(()).unwrap();
    let reason = wait_for(&mirror, "stopped");
    assert!(reason.contains("closed"), "{reason}");
}

#[test]
fn pings_are_answered_even_on_a_silent_stream() {
    let upstream = Script::start(|_, socket| {
        for seq in 1..=5 {
            let payload = vec![seq as u8; 3];
            socket.send(Message::Ping(payload.clone().into())).unwrap();
            // Without the answer nothing more is said.
            while !matches!(socket.read(), Ok(Message::Pong(answer)) if answer == payload) {}
            say(socket, &frames([seq]));
        }
        hold(socket);
    });
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, 5);
    eventually("following", || status(&mirror)["state"] == "following");
    assert_eq!(upstream.asked().len(), 1);
}
