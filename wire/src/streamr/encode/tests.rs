use proptest::prelude::*;
use serde_json::{Value, json};
use tailwater_core::{BodyFormat, Encoder, Event};

use super::*;
use crate::dag_cbor;
use crate::streamr::errors::StreamrError;
use crate::streamr::request::{Request, RequestLimits, Token, parse_message};

fn event(seq: u64, format: BodyFormat, body: &[u8]) -> Event<'_> {
    Event { seq, time_us: 1_491_037_200_000_999, kind: "put", key: "", format, body }
}

fn put(body: &str) -> Event<'_> {
    event(2, BodyFormat::Json, body.as_bytes())
}

fn token(json: &str) -> Token {
    let text = format!(r#"{{"type":"resend","stream":"S","sub":{json}}}"#);
    match parse_message(&text, &RequestLimits::default()).request {
        Ok(Request::Resend(resend)) => resend.sub.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The text of a WebSocket message in one frame.
fn text_of(frame: &[u8]) -> String {
    assert_eq!(frame[0], 0x81);
    let start = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    String::from_utf8(frame[start..].to_vec()).unwrap()
}

fn broadcast(encoder: &dyn Encoder, event: &Event<'_>, previous_seq: Option<u64>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encoder.encode(event, previous_seq, &mut out);
    out.split_off(6)
}

#[test]
fn golden_broadcasts() {
    let table = [
        (
            StreamrJson::new("S", 0),
            put(r#"{"hello":"world"}"#),
            Some(1),
            r#"[0,0,"",[28,"S",0,1491037200000,0,2,1,27,"{\"hello\":\"world\"}"]]"#,
        ),
        (StreamrJson::new("S", 0), put("[1.50]"), None, r#"[0,0,"",[28,"S",0,1491037200000,0,2,null,27,"[1.50]"]]"#),
        (
            StreamrJson::new("a\"/ä", 99),
            put(r#""a\\\"\n\u2028ä""#),
            Some(1),
            r#"[0,0,"",[28,"a\"/ä",99,1491037200000,0,2,1,27,"\"a\\\\\\\"\\n\\u2028ä\""]]"#,
        ),
    ];
    for (encoder, event, previous_seq, expected) in table {
        let frame = broadcast(&encoder, &event, previous_seq);
        assert_eq!(text_of(&frame), expected);
        assert_eq!(frame.len(), expected.len() + 2);
    }
    let long = format!("\"{}\"", "x".repeat(70_000));
    for body in [&long[..2000], &long] {
        let body = format!("\"{}\"", body.trim_matches('"'));
        let frame = broadcast(&StreamrJson::new("S", 0), &put(&body), None);
        let message: Value = serde_json::from_str(&text_of(&frame)).unwrap();
        assert_eq!(message[3][8], body);
    }
}

#[test]
fn numbers_up_to_the_largest() {
    let event = Event { seq: (1 << 53) - 1, time_us: u64::MAX, ..put("1") };
    let text = text_of(&broadcast(&StreamrJson::new("S", 0), &event, Some((1 << 53) - 2)));
    assert_eq!(text, r#"[0,0,"",[28,"S",0,18446744073709551,0,9007199254740991,9007199254740990,27,"1"]]"#);
}

/// Old clients crash on `null`: they look up the key `_bye` in whatever they get.
#[test]
fn every_event_has_content_and_never_null() {
    let mut payload = Vec::new();
    let map = dag_cbor::Value::Map(vec![("b".into(), dag_cbor::Value::Bytes(vec![0, 255]))]);
    dag_cbor::encode(&map, &mut payload).unwrap();
    let frame = [&[0xa2, 0x61, b't', 0x62, b'#', b'a', 0x62, b'o', b'p', 1], &payload[..]].concat();
    let shown = r#"{"b":{"$bytes":"AP8"}}"#;
    let table: [(BodyFormat, &[u8], &str); 10] = [
        (BodyFormat::Json, b"7", "7"),
        (BodyFormat::Json, b"null", "{}"),
        (BodyFormat::Json, b"", "{}"),
        (BodyFormat::Json, b"\"\xff\"", "{}"),
        (BodyFormat::DagCbor, &payload, shown),
        (BodyFormat::DagCbor, b"\xf6", "{}"),
        (BodyFormat::DagCbor, b"\xa1\x61", "{}"),
        (BodyFormat::DagCbor, b"", "{}"),
        (BodyFormat::AtprotoFrame, &frame, shown),
        (BodyFormat::AtprotoFrame, b"\xa1", "{}"),
    ];
    for (format, body, expected) in table {
        let text = text_of(&broadcast(&StreamrJson::new("S", 0), &event(2, format, body), None));
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message[3][8], expected, "{format:?} {}", body.escape_ascii());
    }
}

#[test]
fn golden_unicasts_are_made_of_broadcasts() {
    let encoder = StreamrJson::new("S", 0);
    let long = format!("\"{}\"", "x".repeat(70_000));
    let middle = format!("\"{}\"", "x".repeat(200));
    let mut frames = Vec::new();
    for body in ["{\"a\":1}", &middle, &long, "2"] {
        encoder.encode(&put(body), Some(1), &mut frames);
    }
    let (found, ends): (Vec<&[u8]>, Vec<usize>) = messages(&frames).unzip();
    assert_eq!(ends.last(), Some(&frames.len()));
    assert_eq!(found.len(), 4);
    assert_eq!(found[0], br#"[28,"S",0,1491037200000,0,2,1,27,"{\"a\":1}"]"#);
    assert_eq!(found[3], br#"[28,"S",0,1491037200000,0,2,1,27,"2"]"#);

    for (sub, spelled) in [(Some(token("\"0\"")), "\"0\""), (Some(token("7")), "7"), (None, "\"\"")] {
        let mut out = Vec::new();
        write_unicast(&mut out, sub.as_ref(), found[0]);
        let expected = format!(r#"[0,1,{spelled},[28,"S",0,1491037200000,0,2,1,27,"{{\"a\":1}}"]]"#);
        assert_eq!(text_of(&out), expected);
    }
}

#[test]
fn messages_end_where_the_frames_are_cut_or_others() {
    let mut frames = Vec::new();
    StreamrJson::new("S", 0).encode(&put("1"), None, &mut frames);
    let one = frames.len();
    StreamrJson::new("S", 0).encode(&put(&format!("\"{}\"", "x".repeat(200))), None, &mut frames);
    for len in 0..frames.len() {
        assert_eq!(messages(&frames[..len]).count(), usize::from(len >= one), "{len}");
    }
    let others: [&[u8]; 5] =
        [b"\x82\x01x", b"\x81\x01x", b"\x81\x80", b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", b"\x01\x00"];
    for other in others {
        assert_eq!(messages(other).count(), 0);
    }
}

#[test]
fn golden_control_messages() {
    let place = Place { stream: "a\"b", partition: 3 };
    let (sub, ack) = (token("7"), token("\"x\""));
    let error = StreamrError::StreamNotFound { stream: "S".into() };
    let table = [
        (Control::Subscribed(place), r#"[0,2,"",{"stream":"a\"b","partition":3}]"#),
        (Control::Unsubscribed(place), r#"[0,3,"",{"stream":"a\"b","partition":3}]"#),
        (Control::Resending(place, Some(&sub)), r#"[0,4,"",{"stream":"a\"b","partition":3,"sub":7}]"#),
        (Control::Resent(place, Some(&ack)), r#"[0,5,"",{"stream":"a\"b","partition":3,"sub":"x"}]"#),
        (Control::NoResend(place, Some(&sub)), r#"[0,6,"",{"stream":"a\"b","partition":3,"sub":7}]"#),
        (Control::NoResend(place, None), r#"[0,6,"",{"stream":"a\"b","partition":3}]"#),
        (
            Control::Stored { place, offset: 9, ack: &ack },
            r#"[0,100,"",{"stream":"a\"b","partition":3,"offset":9,"ack":"x"}]"#,
        ),
        (Control::Refused { error: &error, ack: &ack }, r#"[0,100,"",{"error":"Stream S not found.","ack":"x"}]"#),
    ];
    for (control, expected) in table {
        let mut out = Vec::new();
        control.write_message(&mut out);
        assert_eq!(text_of(&out), expected);
        assert_eq!(usize::from(out[1]), expected.len());
    }
}

#[test]
fn golden_answers() {
    let table = [
        (Wrapper::Array, Content::Text, r#"[28,"a\"b",3,1491037200000,0,2,1,27,"{\"a\":1.50}"]"#),
        (Wrapper::Array, Content::Json, r#"[28,"a\"b",3,1491037200000,0,2,1,27,{"a":1.50}]"#),
        (
            Wrapper::Object,
            Content::Text,
            r#"{"version":28,"streamId":"a\"b","partition":3,"timestamp":1491037200000,"ttl":0,"offset":2,"previousOffset":1,"contentType":27,"content":"{\"a\":1.50}"}"#,
        ),
        (
            Wrapper::Object,
            Content::Json,
            r#"{"version":28,"streamId":"a\"b","partition":3,"timestamp":1491037200000,"ttl":0,"offset":2,"previousOffset":1,"contentType":27,"content":{"a":1.50}}"#,
        ),
    ];
    let encoder = StreamrJson::new("a\"b", 3);
    for (wrapper, content, one) in table {
        let (mut none, mut out) = (Vec::new(), Vec::new());
        AnswerWriter::new(encoder.clone(), wrapper, content).finish(&mut none);
        assert_eq!(none, b"[]");
        let mut answer = AnswerWriter::new(encoder.clone(), wrapper, content);
        answer.push(&put("{\"a\":1.50}"), Some(1), &mut out);
        assert_eq!(String::from_utf8(out.clone()).unwrap(), format!("[{one}"));
        answer.push(&put("{\"a\":1.50}"), Some(1), &mut out);
        answer.finish(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("[{one},{one}]"));
    }
    let mut first = Vec::new();
    let mut answer = AnswerWriter::new(encoder, Wrapper::Object, Content::Json);
    answer.push(&put("null"), None, &mut first);
    answer.finish(&mut first);
    let first: Value = serde_json::from_slice(&first).unwrap();
    assert_eq!((&first[0]["previousOffset"], &first[0]["content"]), (&Value::Null, &json!({})));
}

proptest! {
    #[test]
    fn another_reader_gets_the_same_values(
        stream in any::<String>(),
        partition in 0_u32..100,
        time_us in any::<u64>(),
        seq in 1_u64..1 << 53,
        previous_seq in proptest::option::of(1_u64..1 << 53),
        content in any::<String>(),
    ) {
        let encoder = StreamrJson::new(&stream, partition);
        let body = serde_json::to_string(&content).unwrap();
        let event = Event { seq, time_us, ..put(&body) };
        let text = text_of(&broadcast(&encoder, &event, previous_seq));
        let expected = json!([0, 0, "", [28, stream, partition, time_us / 1000, 0, seq, previous_seq, 27, body]]);
        prop_assert_eq!(&text, &expected.to_string());

        let mut answer = Vec::new();
        let mut writer = AnswerWriter::new(encoder, Wrapper::Object, Content::Json);
        writer.push(&event, previous_seq, &mut answer);
        writer.finish(&mut answer);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        prop_assert_eq!(&answer[0]["content"], &Value::from(content));
        prop_assert_eq!(&answer[0]["streamId"], &Value::from(stream));
    }

    #[test]
    fn no_frames_panic(bytes in prop::collection::vec(prop::sample::select(vec![0x81_u8, 0x82, 0, 1, 126, 127, 255, b'[']), 0..40)) {
        prop_assert!(messages(&bytes).all(|(_, end)| end <= bytes.len()));
    }
}
