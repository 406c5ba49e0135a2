//! JSON messages: native events, the `xrpc.v1.json` envelope, refusals.

use proptest::prelude::*;

use crate::decode::{EventFields, Message, json::message};

#[test]
fn messages() {
    let event = |seq, published_us| Some(Message::Event(EventFields::increasing(seq, published_us)));
    let table = [
        (r#"{"seq":7,"time":1000,"kind":"put","key":"k","body":{"t":900,"pad":"x"}}"#, event(7, Some(900))),
        (r#"{"body":{"t":900},"time":1000,"seq":7}"#, event(7, Some(900))),
        (r#"{"seq":7,"time":1000,"body":{"t":"x","b":[{}]}}"#, event(7, Some(1000))),
        (r#"{"seq":7,"body":[1,{"t":5}],"key":"\u0061"}"#, event(7, None)),
        (r#"{"seq":7,"body":null}"#, event(7, None)),
        (r#"{"seq":7,"body":-1.5,"x":null}"#, event(7, None)),
        (r#"{"s\u0065q":7}"#, event(7, None)),
        (r#"{"seq":7,"time":"1970-01-01T00:00:00.5Z"}"#, event(7, Some(500_000))),
        (
            r##"{"$type":"message","payload":{"$type":"a#commit","seq":8,"time":"1970-01-01T00:00:01Z","name":"n"}}"##,
            event(8, Some(1_000_000)),
        ),
        (
            r##"{"$type":"message","payload":{"$type":"a#info","name":"OutdatedCursor"}}"##,
            Some(Message::Info("OutdatedCursor".into())),
        ),
        (r#"{"$type":"error","error":"FutureCursor","message":"m"}"#, Some(Message::Error("FutureCursor".into()))),
        (r#"{"$type":"message","payload":{"$type":"a#new"}}"#, Some(Message::Other)),
        ("{}", Some(Message::Other)),
        (r#"{"seq":0}"#, None),
        (r#"{"seq":-1}"#, None),
        (r#"{"seq":"7"}"#, None),
        (r#"{"seq":9007199254740992}"#, None),
        (r#"{"seq":7"#, None),
        (r#"{"seq":7} {}"#, None),
        (r#"{"seq":7,}"#, None),
        ("[]", None),
        ("", None),
    ];
    for (text, expected) in table {
        assert_eq!(message(text.as_bytes()).ok(), expected, "{text}");
    }
    assert!(message(b"{\"seq\":7,\"body\":\"\xff\"}").is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = message(&bytes);
    }

    #[test]
    fn any_text_is_answered(text in "[\\[\\]{}\":,a-z0-9 .-]{0,80}") {
        let _ = message(text.as_bytes());
    }
}
