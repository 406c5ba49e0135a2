//! Publishing frames.

use super::common::{Appliance, call, frame, with_lengths};
use super::feeds::error;
use super::publish::events;

/// A frame with this header and payload, both already encoded.
fn raw_frame(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

#[test]
fn frames_keep_their_seqs_or_get_new_ones() {
    let appliance = Appliance::start();
    let frames = [frame(7, "a"), frame(9, "b"), frame(40, "c")];
    let (status, kept) = appliance.publish_frames("repos", "preserve", &frames);
    assert_eq!((status, kept), (200, serde_json::json!({"first_seq": 7, "last_seq": 40, "count": 3})));
    let (status, given) = appliance.publish_frames("labels", "assign", &frames);
    assert_eq!((status, given), (200, serde_json::json!({"first_seq": 1, "last_seq": 3, "count": 3})));
    for (feed, seqs) in [("repos", [7, 9, 40]), ("labels", [1, 2, 3])] {
        let found = events(&appliance, feed);
        assert_eq!(found.iter().map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>(), seqs);
        let texts: Vec<&str> = found.iter().map(|event| event["body"]["text"].as_str().unwrap()).collect();
        assert_eq!((texts, &found[0]["kind"]), (vec!["a", "b", "c"], &"#test".into()));
    }
}

#[test]
fn seqs_that_do_not_increase_are_refused_with_their_position() {
    let appliance = Appliance::start();
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(10, "a")]).0, 200);
    let (status, answer) = appliance.publish_frames("repos", "preserve", &[frame(10, "b")]);
    assert_eq!((status, error(&answer)), (409, "SeqNotIncreasing"), "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("event 0") && message.contains("seq 10"), "{message}");

    let (status, answer) = appliance.publish_frames("repos", "preserve", &[frame(11, "b"), frame(11, "c")]);
    assert_eq!((status, error(&answer)), (400, "InvalidFrame"), "{answer}");
    let message = answer["message"].as_str().unwrap();
    let offset = 4 + frame(11, "b").len();
    assert!(message.starts_with(&format!("frame 1 (at byte {offset} of the body): ")), "{message}");
    assert_eq!(appliance.get("/v1/feeds/repos").1["last_seq"], 10);
}

#[test]
fn a_bad_frame_refuses_the_whole_and_is_named() {
    let appliance = Appliance::start();
    let header = b"\xa2\x61t\x65#test\x62op\x01";
    let table: [(Vec<u8>, &str); 12] = [
        (raw_frame(header, b"\xa1\x63seq\x18\x05"), "not in its shortest form"),
        (raw_frame(header, b"\xbf\x63seq\x05\xff"), "indefinite length"),
        (raw_frame(header, b"\xa1\x63seq"), "ends too early"),
        (raw_frame(header, b"\xa1\x63seq\x05\x00"), "something follows"),
        (raw_frame(header, b"\xa2\x63seq\x05\x61a\x01"), "out of order"),
        (raw_frame(header, b"\xa2\x61a\xfa\x00\x00\x00\x00\x63seq\x05"), "64 bits"),
        (raw_frame(header, b"\xa1\x63tex\x05"), "no \"seq\""),
        (raw_frame(header, b"\xa1\x63seq\x00"), "no \"seq\""),
        (raw_frame(header, b"\x01"), "not a map"),
        (raw_frame(b"\xa1\x62op\x20", b"\xa1\x63seq\x05"), "\"op\" of the header is -1"),
        (raw_frame(b"\xa1\x62op\x01", b"\xa1\x63seq\x05"), "\"t\" of the header"),
        (Vec::new(), "header"),
    ];
    let good = frame(3, "good");
    for (bad, named) in table {
        let (status, answer) = appliance.publish_frames("repos", "preserve", &[good.clone(), bad.clone()]);
        assert_eq!((status, error(&answer)), (400, "InvalidFrame"), "{bad:02x?}: {answer}");
        let message = answer["message"].as_str().unwrap();
        let place = format!("frame 1 (at byte {} of the body): ", 4 + good.len());
        assert!(message.starts_with(&place) && message.contains(named), "{bad:02x?}: {message}");
    }
    assert_eq!(appliance.get("/v1/feeds/repos").1["events"], 0);
}

#[test]
fn a_body_that_ends_within_a_frame() {
    let appliance = Appliance::start();
    let whole = with_lengths(&[frame(3, "a"), frame(4, "b")]);
    let url = appliance.url("/v1/feeds/repos/events?seq=preserve");
    let second = 4 + frame(3, "a").len();
    for cut in [1, 3, 4, 5, second - 1, second + 1, second + 4, whole.len() - 1] {
        let (status, answer) = call("POST", &url, Some("application/vnd.tailwater.frames"), &whole[..cut]);
        assert_eq!((status, error(&answer)), (400, "InvalidFrame"), "{cut}");
        let place = if cut < second { "frame 0 (at byte 0 ".to_owned() } else { format!("frame 1 (at byte {second} ") };
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with(&place) && message.contains("too early"), "{cut}: {message}");
    }
    let too_large = 5_000_001_u32.to_le_bytes();
    let (status, answer) = call("POST", &url, Some("application/vnd.tailwater.frames"), too_large);
    assert_eq!((status, error(&answer)), (413, "TooLarge"), "{answer}");
    assert_eq!(appliance.get("/v1/feeds/repos").1["events"], 0);
}

#[test]
fn nesting_has_an_end() {
    let appliance = Appliance::start();
    let nested = |levels: usize| {
        let mut payload = b"\xa2\x61a".to_vec();
        payload.extend(vec![0x81; levels]);
        payload.extend(b"\x00\x63seq\x05");
        raw_frame(b"\xa2\x61t\x65#test\x62op\x01", &payload)
    };
    let (status, answer) = appliance.publish_frames("repos", "preserve", &[nested(128)]);
    assert_eq!((status, error(&answer)), (400, "InvalidFrame"), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("nested deeper than 128 levels"), "{answer}");
    let (status, answer) = appliance.publish_frames("repos", "preserve", &[nested(4_000_000)]);
    assert_eq!((status, error(&answer)), (400, "InvalidFrame"), "{answer}");
    assert_eq!(appliance.publish_frames("repos", "preserve", &[nested(127)]).0, 200);
    let deep = |levels| format!(r#"{{"kind":"put","body":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(appliance.publish("labels", &deep(128)).0, 200);
    let (status, answer) = appliance.publish("labels", &deep(129));
    assert_eq!((status, error(&answer)), (400, "InvalidLine"), "{answer}");
    assert_eq!(appliance.publish("labels", &deep(4_000_000)).0, 400);
}
