use proptest::prelude::*;

use super::*;
use crate::json::{JsonError, JsonErrorKind};
use crate::streamr::cursor::Selection;
use crate::streamr::errors::ContentProblem;

fn read(text: &str) -> Incoming<'_> {
    parse_message(text, &RequestLimits::default())
}

fn request(text: &str) -> Result<Request<'_>, StreamrError> {
    read(text).request
}

fn published(text: &str) -> Publish<'_> {
    match request(text) {
        Ok(Request::Publish(publish)) => publish,
        other => panic!("{text}: {other:?}"),
    }
}

fn resent(text: &str) -> Resend<'_> {
    match request(text) {
        Ok(Request::Resend(resend)) => resend,
        other => panic!("{text}: {other:?}"),
    }
}

fn subscribe(stream: &str, partition: u32) -> Request<'_> {
    Request::Subscribe(Subscribe { stream: stream.into(), partition })
}

fn unsubscribe(stream: &str, partition: Option<u32>) -> Request<'_> {
    Request::Unsubscribe(Unsubscribe { stream: stream.into(), partition })
}

/// What unmodified clients of 0.9.3 to 1.0.2 send.
#[test]
fn requests_of_real_clients() {
    let table = [
        (r#"{"stream":"S","resend_last":2,"type":"subscribe","authKey":null}"#, subscribe("S", 0)),
        (r#"{"stream":"S","resend_last":2,"type":"subscribe","authKey":"KEY"}"#, subscribe("S", 0)),
        (r#"{"type":"subscribe","stream":"S","authKey":"KEY","sessionToken":"t0k","partition":3}"#, subscribe("S", 3)),
        (r#"{"type":"unsubscribe","stream":"S"}"#, unsubscribe("S", None)),
        (r#"{"type":"unsubscribe","stream":"S","partition":0}"#, unsubscribe("S", Some(0))),
    ];
    for (text, expected) in table {
        assert_eq!(request(text), Ok(expected), "{text}");
    }
    let gap =
        r#"{"stream":"S","resend_from":6,"resend_to":100,"type":"resend","partition":0,"authKey":null,"sub":"0"}"#;
    let resend = resent(gap);
    assert_eq!((resend.partition, resend.selection), (0, Selection::Range { from: 6, to: 100 }));
    assert_eq!(resend.sub.as_ref().map(Token::as_json), Some("\"0\""));

    let text = r#"{"type":"publish","stream":"S","authKey":"KEY","sessionToken":"t0k","msg":"{\"a\":1}","ts":1533924184016,"sigtype":0}"#;
    let publish = published(text);
    assert_eq!(
        (&publish.content[..], publish.time_ms, publish.pkey),
        (&b"{\"a\":1}"[..], Some(1_533_924_184_016), None)
    );
}

#[test]
fn who_asks() {
    let credentials = |text| {
        let incoming = read(text);
        let Credentials { key, session_token } = incoming.credentials;
        (key.map(Cow::into_owned), session_token.map(Cow::into_owned), incoming.has_session_token)
    };
    let key = |text: &str| Some(text.to_owned());
    let table = [
        (r#"{"type":"x"}"#, (None, None, false)),
        (r#"{"type":"x","authKey":null}"#, (None, None, false)),
        (r#"{"type":"x","authKey":""}"#, (None, None, false)),
        (r#"{"type":"x","authKey":"K"}"#, (key("K"), None, false)),
        (r#"{"type":"x","authKey":7}"#, (key("7"), None, false)),
        (r#"{"type":"x","authKey":"K","sessionToken":"T"}"#, (key("K"), key("T"), true)),
        (r#"{"type":"x","sessionToken":null}"#, (None, None, true)),
    ];
    for (text, expected) in table {
        assert_eq!(credentials(text), expected, "{text}");
    }
}

#[test]
fn partitions() {
    let table = [
        ("null", Some(0)),
        ("0", Some(0)),
        ("false", Some(0)),
        ("\"\"", Some(0)),
        ("7", Some(7)),
        ("7.0", Some(7)),
        ("\"7\"", Some(7)),
        ("99", Some(99)),
        ("100", None),
        ("-1", None),
        ("1.5", None),
        ("true", None),
        ("\"x\"", None),
        ("[1]", None),
    ];
    for (partition, expected) in table {
        let text = format!(r#"{{"type":"subscribe","stream":"S","partition":{partition}}}"#);
        let shown = partition.trim_matches('"').to_owned();
        let expected = expected.map(|partition| subscribe("S", partition)).ok_or(StreamrError::InvalidPartition(shown));
        assert_eq!(request(&text), expected, "{text}");
    }
}

/// The original leaves partition 0, where the client is not, and the client waits for ever.
#[test]
fn old_clients_leave_the_only_partition_they_follow() {
    let leave =
        |partition, followed: &[u32]| Unsubscribe { stream: "S".into(), partition }.partition_to_leave(followed).ok();
    let table: [(Option<u32>, &[u32], Option<u32>); 8] = [
        (None, &[0], Some(0)),
        (None, &[3, 0], Some(0)),
        (None, &[3], Some(3)),
        (None, &[3, 4], None),
        (None, &[], None),
        (Some(0), &[3], None),
        (Some(3), &[3, 4], Some(3)),
        (Some(5), &[3, 4], None),
    ];
    for (partition, followed, expected) in table {
        assert_eq!(leave(partition, followed), expected, "{partition:?} {followed:?}");
    }
    let error = Unsubscribe { stream: "S\"".into(), partition: Some(5) }.partition_to_leave(&[]).unwrap_err();
    let request = r#"{"type":"unsubscribe","stream":"S\"","partition":5}"#.to_owned();
    assert_eq!(error, StreamrError::NotSubscribed { request });
}

#[test]
fn resend_options_win_over_each_other() {
    use Selection::{All, From, FromTime, Last, Nothing, Range};
    let table = [
        ("", Nothing),
        (r#","resend_all":true"#, All),
        (r#","resend_all":"true""#, Nothing),
        (r#","resend_all":false,"resend_last":5"#, Last { count: 5 }),
        (r#","resend_all":true,"resend_from":"x","resend_last":3"#, All),
        (r#","resend_from":5"#, From { from: 5 }),
        (r#","resend_from":0"#, From { from: 0 }),
        (r#","resend_from":-5"#, From { from: 0 }),
        (r#","resend_from":"5","resend_to":"9""#, Range { from: 5, to: 9 }),
        (r#","resend_from":5,"resend_to":null"#, From { from: 5 }),
        (r#","resend_to":9"#, Nothing),
        (r#","resend_to":9,"resend_last":3"#, Last { count: 3 }),
        (r#","resend_last":3,"resend_from":5,"resend_to":9,"resend_from_time":7"#, Range { from: 5, to: 9 }),
        (r#","resend_last":3,"resend_from":5,"resend_from_time":7"#, From { from: 5 }),
        (r#","resend_last":3,"resend_from_time":7"#, Last { count: 3 }),
        (r#","resend_last":0"#, Last { count: 0 }),
        (r#","resend_last":-1"#, Last { count: 0 }),
        (r#","resend_last":1e6"#, Last { count: 1_000_000 }),
        (r#","resend_from_time":1491048000000"#, FromTime { ms: 1_491_048_000_000 }),
        (r#","resend_from_time":"1491048000000""#, FromTime { ms: 1_491_048_000_000 }),
        (r#","resend_from_time":"2017-04-01T12:00:00.000Z""#, FromTime { ms: 1_491_048_000_000 }),
        (r#","resend_from_time":-1"#, FromTime { ms: 0 }),
    ];
    for (options, expected) in table {
        let text = format!(r#"{{"type":"resend","stream":"S"{options}}}"#);
        assert_eq!(resent(&text).selection, expected, "{text}");
    }
}

#[test]
fn resends_that_fail() {
    let failed = |stream: &str, partition, reason: &str| {
        Err(StreamrError::ResendFailed { stream: stream.into(), partition, reason: reason.into() })
    };
    let table = [
        (r#"{"type":"resend","partition":2}"#, failed("undefined", 2, "stream id not defined")),
        (r#"{"type":"resend","stream":"S","resend_from":"x"}"#, failed("S", 0, "resend_from is not a number")),
        (
            r#"{"type":"resend","stream":"S","resend_from":1,"resend_to":{}}"#,
            failed("S", 0, "resend_to is not a number"),
        ),
        (r#"{"type":"resend","stream":"S","resend_last":true}"#, failed("S", 0, "resend_last is not a number")),
        (
            r#"{"type":"resend","stream":"S","resend_from_time":"x"}"#,
            failed("S", 0, "resend_from_time is not a number"),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(request(text), expected, "{text}");
    }
    let resend = resent(r#"{"type":"resend","stream":"S","partition":2}"#);
    assert_eq!(Err(resend.failed("too many")), failed("S", 2, "too many"));
}

#[test]
fn sub_and_ack_keep_their_type() {
    for json in ["\"0\"", "7", "0", "-1.50", "true", "false", "\"a\\\"b\"", "\"😀\"", "[1,{\"a\":null}]"] {
        let text = format!(r#"{{"type":"resend","stream":"S","sub": {json} }}"#);
        assert_eq!(resent(&text).sub.as_ref().map(Token::as_json), Some(json));
        let text = format!(r#"{{"type":"publish","stream":"S","msg":"{{}}","ack": {json} }}"#);
        let incoming = read(&text);
        if json.starts_with('[') {
            let error = StreamrError::InvalidField { name: "ack", expected: "a string, a number or a boolean" };
            assert_eq!((incoming.ack, incoming.request), (None, Err(error)));
        } else {
            assert_eq!(incoming.ack.as_ref().map(Token::as_json), Some(json));
            assert!(incoming.request.is_ok());
        }
    }
    for none in ["", r#","sub":null,"ack":null"#] {
        assert_eq!(resent(&format!(r#"{{"type":"resend","stream":"S"{none}}}"#)).sub, None);
        assert_eq!(read(&format!(r#"{{"type":"publish","stream":"S","msg":"1"{none}}}"#)).ack, None);
    }
}

/// A publisher that asked for it hears of a failure under the name it gave.
#[test]
fn a_refused_publish_keeps_its_ack() {
    let incoming = read(r#"{"type":"publish","stream":"S","msg":"no JSON","ack":"a"}"#);
    assert_eq!(incoming.ack.as_ref().map(Token::as_json), Some("\"a\""));
    assert!(matches!(incoming.request, Err(StreamrError::Content(ContentProblem::Json(_)))));
    assert_eq!(read(r#"{"type":"subscribe","stream":"S","ack":"a"}"#).ack, None);
}

#[test]
fn a_publish_becomes_an_event() {
    let publish = published(
        r#"{"type":"publish","stream":"S","pkey":"dev","ts":"2017-04-01","msg":" { \"a\" : [1.50, \"x y\"] } "}"#,
    );
    let draft = publish.draft(5);
    assert_eq!((draft.seq, draft.time_us, draft.kind, draft.key), (None, 1_491_004_800_000_000, "put", "dev"));
    assert_eq!(draft.body, br#"{"a":[1.50,"x y"]}"#);
    let publish = published(r#"{"type":"publish","stream":"S","msg":"7","pkey":"","ts":null}"#);
    assert_eq!((publish.draft(5).time_us, publish.draft(5).key, &publish.pkey), (5, "", &None));
    assert_eq!(published(r#"{"type":"publish","stream":"S","msg":"7","pkey":12.50}"#).draft(5).key, "12.50");
    let ts = |ts: &str| published(&format!(r#"{{"type":"publish","stream":"S","msg":"7","ts":{ts}}}"#)).time_ms;
    let table = [
        ("0", None),
        ("\"\"", None),
        ("false", None),
        ("7", Some(7)),
        ("7.9", Some(7)),
        ("\"7\"", Some(7)),
        ("\"0\"", Some(0)),
    ];
    for (text, expected) in table {
        assert_eq!(ts(text), expected, "{text}");
    }
}

#[test]
fn publishes_that_are_refused() {
    use StreamrError::{Content, InvalidField, InvalidTimestamp, PublishWithoutStream};
    let json = |offset, kind| Content(ContentProblem::Json(JsonError { offset, kind }));
    let table = [
        (r#""msg":"{}""#, PublishWithoutStream),
        (r#""stream":"","msg":"{}""#, PublishWithoutStream),
        (r#""stream":0,"msg":"{}""#, PublishWithoutStream),
        (r#""stream":7,"msg":"{}""#, InvalidField { name: "stream", expected: "a string" }),
        (r#""stream":"S","msg":"{}","ts":"yesterday""#, InvalidTimestamp("yesterday".into())),
        (r#""stream":"S","ts":"yesterday""#, InvalidTimestamp("yesterday".into())),
        (r#""stream":"S","msg":"{}","ts":-1"#, InvalidTimestamp("-1".into())),
        (r#""stream":"S","msg":"{}","ts":true"#, InvalidTimestamp("true".into())),
        (r#""stream":"S","msg":"{}","ts":{"a": 1}"#, InvalidTimestamp("{\"a\":1}".into())),
        (r#""stream":"S""#, Content(ContentProblem::Missing)),
        (r#""stream":"S","msg":null"#, Content(ContentProblem::Missing)),
        (r#""stream":"S","msg":{"a":1}"#, Content(ContentProblem::Missing)),
        (r#""stream":"S","msg":7"#, Content(ContentProblem::Missing)),
        (r#""stream":"S","msg":"""#, json(0, JsonErrorKind::End)),
        (r#""stream":"S","msg":"hello""#, json(0, JsonErrorKind::Unexpected(b'h'))),
        (r#""stream":"S","msg":"{} {}""#, json(3, JsonErrorKind::Trailing)),
        (r#""stream":"S","msg":"\"\\ud800\"""#, json(1, JsonErrorKind::Surrogate)),
        (r#""stream":"S","msg":" null ""#, Content(ContentProblem::Null)),
        (r#""stream":"S","msg":"{}","pkey":{}"#, InvalidField { name: "pkey", expected: "a string" }),
        (r#""stream":"S","msg":"{}","pkey":true"#, InvalidField { name: "pkey", expected: "a string" }),
    ];
    for (members, expected) in table {
        let text = format!(r#"{{"type":"publish",{members}}}"#);
        assert_eq!(request(&text), Err(expected), "{text}");
    }
}

#[test]
fn what_is_no_request() {
    use StreamrError::{NotARequest, NotSubscribed, SubscribeWithoutStream, UnknownType};
    let json = |offset, kind| StreamrError::NotJson(JsonError { offset, kind });
    let table = [
        ("", json(0, JsonErrorKind::End)),
        ("hello", json(0, JsonErrorKind::Unexpected(b'h'))),
        ("{\"type\"", json(7, JsonErrorKind::End)),
        ("{\"type\":\"subscribe\",}", json(20, JsonErrorKind::Unexpected(b'}'))),
        ("{} x", json(3, JsonErrorKind::Trailing)),
        ("[1,9,\"S\",0,\"SESS\"]", NotARequest),
        ("null", NotARequest),
        ("{}", UnknownType("undefined".into())),
        (r#"{"type":null}"#, UnknownType("undefined".into())),
        (r#"{"type":"constructor"}"#, UnknownType("constructor".into())),
        (r#"{"type":7}"#, UnknownType("7".into())),
        (r#"{"type":"Subscribe"}"#, UnknownType("Subscribe".into())),
        (r#"{"type":"subscribe"}"#, SubscribeWithoutStream),
        (r#"{"type":"subscribe","stream":""}"#, SubscribeWithoutStream),
        (r#"{"type":"unsubscribe"}"#, NotSubscribed { request: r#"{"type":"unsubscribe"}"#.into() }),
    ];
    for (text, expected) in table {
        assert_eq!(request(text), Err(expected), "{text}");
    }
}

#[test]
fn members_nobody_knows_and_members_given_twice() {
    let text = r#" { "type":"x" , "deep":[[{"a":[null]}]], "type" : "subscribe","stream":"T","\u0073tream":"S\n" , "Stream":1 } "#;
    assert_eq!(request(text), Ok(subscribe("S\n", 0)));
}

#[test]
fn limits_are_inclusive() {
    let text = r#"{"type":"publish","stream":"abcd","msg":" [[1]] ","pkey":"abc","ack":"a"}"#;
    let exact = RequestLimits {
        message_bytes_max: text.len(),
        stream_bytes_max: 4,
        content_bytes_max: 5,
        key_bytes_max: 3,
        token_bytes_max: 3,
        depth_max: 2,
    };
    let limited = |limits: RequestLimits| parse_message(text, &limits).request.err();
    assert_eq!(limited(exact), None);
    let long = |name, bytes_max| Some(StreamrError::FieldTooLong { name, bytes_max });
    let table = [
        (
            RequestLimits { message_bytes_max: text.len() - 1, ..exact },
            Some(StreamrError::MessageTooLarge { bytes_max: text.len() - 1 }),
        ),
        (RequestLimits { stream_bytes_max: 3, ..exact }, long("stream", 3)),
        (RequestLimits { content_bytes_max: 4, ..exact }, Some(StreamrError::ContentTooLarge { bytes_max: 4 })),
        (RequestLimits { key_bytes_max: 2, ..exact }, long("pkey", 2)),
        (RequestLimits { token_bytes_max: 2, ..exact }, long("ack", 2)),
        (
            RequestLimits { depth_max: 1, ..exact },
            Some(StreamrError::Content(ContentProblem::Json(JsonError { offset: 2, kind: JsonErrorKind::Depth(1) }))),
        ),
    ];
    for (limits, expected) in table {
        assert_eq!(limited(limits), expected);
    }
    let resend = format!(r#"{{"type":"resend","stream":"S","sub":"{}"}}"#, "x".repeat(255));
    assert_eq!(request(&resend), Err(long("sub", 256).unwrap()));
    let deep = format!(r#"{{"type":"subscribe","stream":"S","x":{}{}}}"#, "[".repeat(129), "]".repeat(129));
    assert!(matches!(request(&deep), Err(StreamrError::NotJson(JsonError { kind: JsonErrorKind::Depth(128), .. }))));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        any::<String>().prop_map(Into::into),
        "(publish|subscribe|unsubscribe|resend|[0-9]{1,20}|2017-[0-9]{2}-01)".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Into::into))
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..30)) {
        let _ = (read(&text).request, read(&tokens.concat()).request);
    }

    #[test]
    fn no_members_panic(members in prop::collection::btree_map(prop::sample::select(NAMES), any_json(), 0..10)) {
        let text = serde_json::to_string(&members).unwrap();
        prop_assert!(!matches!(request(&text), Err(StreamrError::NotJson(_))), "{}", text);
    }

    #[test]
    fn requests_arrive_as_another_writer_meant_them(stream in ".{1,40}", pkey in ".{1,40}", content in any_json(), ms in 1..=TIME_MS_MAX) {
        prop_assume!(!content.is_null());
        let msg = serde_json::to_string_pretty(&content).unwrap();
        let text = serde_json::json!({"type": "publish", "stream": stream, "pkey": pkey, "msg": msg, "ts": ms}).to_string();
        let publish = published(&text);
        prop_assert_eq!((publish.stream.as_ref(), publish.pkey.as_deref(), publish.time_ms), (&stream[..], Some(&pkey[..]), Some(ms)));
        let stored: serde_json::Value = serde_json::from_slice(&publish.content).unwrap();
        prop_assert_eq!(stored, serde_json::from_str::<serde_json::Value>(&msg).unwrap());
    }
}

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\"type\"",
    "\"publish\"",
    "\"resend\"",
    "\"stream\"",
    "\"msg\"",
    "\"ts\"",
    "1",
    "-",
    "null",
    "true",
    " ",
    "\"\\u0000\"",
    "ä",
];
const NAMES: &[&str] = &[
    "type",
    "stream",
    "partition",
    "authKey",
    "sessionToken",
    "msg",
    "ts",
    "pkey",
    "ack",
    "sub",
    "resend_all",
    "resend_from",
    "resend_to",
    "resend_last",
    "resend_from_time",
    "other",
];
