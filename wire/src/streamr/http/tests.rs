use proptest::prelude::*;

use super::*;
use crate::http1::{HeadLimits, Query, parse_head};
use crate::json::{JsonError, JsonErrorKind};
use crate::streamr::cursor::Selection;
use crate::streamr::encode::{Content, Wrapper};
use crate::streamr::errors::{ContentProblem, StreamrError};
use crate::streamr::request::{Credentials, RequestLimits};

#[test]
fn endpoints() {
    let shown = |path: &str| {
        let text = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = parse_head(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0;
        let segments = head.segments().unwrap();
        Endpoint::of_segments(&segments).map(|endpoint| format!("{endpoint:?}"))
    };
    let query = |stream, partition, kind| Some(Endpoint::Query { stream, partition, kind });
    let table = [
        ("/api/v1/ws?controlLayerVersion=0", Some(Endpoint::WebSocket)),
        ("/api/v1/volume", Some(Endpoint::Volume)),
        ("/api/v1/login/apikey", Some(Endpoint::Login)),
        ("/api/v1/streams/S", Some(Endpoint::Stream { stream: "S" })),
        ("/api/v1/streams/a%2Fb%20c", Some(Endpoint::Stream { stream: "a/b c" })),
        ("/api/v1/streams/S/data?ts=1", Some(Endpoint::Produce { stream: "S" })),
        ("/api/v1/streams/S/data/partitions/0/last", query("S", "0", QueryKind::Last)),
        ("/api/v1/streams/S/data/partitions/x/from", query("S", "x", QueryKind::From)),
        ("/api/v1/streams/S/data/partitions/7/range?fromOffset=1", query("S", "7", QueryKind::Range)),
        ("/api/v1/streams/S/data/partitions/7/all", None),
        ("/api/v1/streams/S/data/partitions/7", None),
        ("/api/v1/streams/S/fields", None),
        ("/api/v1/streams//data", None),
        ("/api/v1/streams", None),
        ("/api/v1/", None),
        ("/api/v2/ws", None),
        ("/api", None),
        ("/", None),
    ];
    for (path, expected) in table {
        assert_eq!(shown(path), expected.map(|endpoint| format!("{endpoint:?}")), "{path}");
    }
}

#[test]
fn authorization() {
    let key = |key: &'static str| Ok(Credentials { key: Some(key.into()), session_token: None });
    let table = [
        (None, Ok(Credentials::default())),
        (Some("token KEY"), key("KEY")),
        (Some("tOkEn   KEY "), key("KEY")),
        (Some("Token"), Ok(Credentials::default())),
        (Some("Bearer T"), Ok(Credentials { key: None, session_token: Some("T".into()) })),
        (Some("doken KEY"), Err(StreamrError::AuthorizationMalformed)),
        (Some("KEY"), Err(StreamrError::AuthorizationMalformed)),
        (Some(""), Err(StreamrError::AuthorizationMalformed)),
    ];
    for (header, expected) in table {
        assert_eq!(parse_authorization(header), expected, "{header:?}");
    }
}

#[test]
fn logins() {
    assert_eq!(parse_login(br#"{"apiKey":"KEY","x":1}"#), Ok("KEY".into()));
    let bodies: [&[u8]; 6] = [b"", b"{", b"[]", b"{}", br#"{"apiKey":""}"#, br#"{"apiKey":7}"#];
    for body in bodies {
        assert_eq!(parse_login(body), Err(StreamrError::LoginWithoutKey), "{}", body.escape_ascii());
    }
}

type Produced = (String, Option<String>, Option<u64>, String);

fn produce(query: &str, body: &[u8]) -> Result<Produced, StreamrError> {
    let query = Query::parse(query);
    let publish = parse_produce("S", &query, body, &RequestLimits::default())?;
    let content = String::from_utf8(publish.content).unwrap();
    Ok((publish.stream.into_owned(), publish.pkey.map(Into::into), publish.time_ms, content))
}

#[test]
fn bodies_become_messages() {
    let produced = |pkey: Option<&str>, ms, content: &str| Ok(("S".into(), pkey.map(Into::into), ms, content.into()));
    let table = [
        ("", "{\"a\": 1}\n", produced(None, None, "{\"a\":1}")),
        ("ts=&pkey=&ttl=", "[1.50]", produced(None, None, "[1.50]")),
        ("ts=1533924184016&pkey=d%C3%A4v&x=y", "\"x\"", produced(Some("däv"), Some(1_533_924_184_016), "\"x\"")),
        ("ts=2017-04-01T12%3A00%3A00Z&ttl=60", "7", produced(None, Some(1_491_048_000_000), "7")),
    ];
    for (query, body, expected) in table {
        assert_eq!(produce(query, body.as_bytes()), expected, "{query}");
    }
}

#[test]
fn bodies_that_are_refused() {
    let json = |offset, kind| StreamrError::Body(ContentProblem::Json(JsonError { offset, kind }));
    let table: [(&str, &[u8], StreamrError); 8] = [
        ("", b"", StreamrError::Body(ContentProblem::Missing)),
        ("ts=x", b"", StreamrError::Body(ContentProblem::Missing)),
        ("ts=x", b"{}", StreamrError::InvalidTimestamp("x".into())),
        ("ttl=x", b"{}", StreamrError::InvalidTtl("x".into())),
        ("ttl=0", b"{}", StreamrError::InvalidTtl("0".into())),
        ("", b"\xff", StreamrError::Body(ContentProblem::Utf8)),
        ("", b"hello", json(0, JsonErrorKind::Unexpected(b'h'))),
        ("", b"null", StreamrError::Body(ContentProblem::Null)),
    ];
    for (query, body, expected) in table {
        assert_eq!(produce(query, body), Err(expected), "{query} {}", body.escape_ascii());
    }
    let large = [b"\"", &[b'x'; 1 << 20][..], b"\""].concat();
    assert_eq!(produce("", &large), Err(StreamrError::ContentTooLarge { bytes_max: 1 << 20 }));
    let stream = "s".repeat(257);
    let query = Query::default();
    let long = parse_produce(&stream, &query, b"1", &RequestLimits::default());
    assert_eq!(long, Err(StreamrError::FieldTooLong { name: "stream", bytes_max: 256 }));
}

#[test]
fn queries() {
    use QueryKind::{From, Last, Range};
    let table = [
        (Last, "", Selection::Last { count: 1 }),
        (Last, "count=666", Selection::Last { count: 666 }),
        (Last, "count=-1&fromOffset=x", Selection::Last { count: 0 }),
        (From, "fromOffset=5&toOffset=x", Selection::From { from: 5 }),
        (From, "fromTimestamp=1496408255672", Selection::FromTime { ms: 1_496_408_255_672 }),
        (Range, "fromOffset=15", Selection::From { from: 15 }),
        (Range, "fromOffset=15&toOffset=8196", Selection::Range { from: 15, to: 8196 }),
        (Range, "fromTimestamp=7", Selection::FromTime { ms: 7 }),
        (Range, "fromTimestamp=7&toTimestamp=9", Selection::TimeRange { from_ms: 7, to_ms: 9 }),
    ];
    for (kind, query, selection) in table {
        let expected = DataQuery { selection, wrapper: Wrapper::Array, content: Content::Text };
        assert_eq!(parse_query(kind, &Query::parse(query)), Ok(expected), "{query}");
    }
}

#[test]
fn forms_of_answers() {
    let table = [
        ("", Wrapper::Array, Content::Text),
        ("wrapper=&content=", Wrapper::Array, Content::Text),
        ("wrapper=array&content=string", Wrapper::Array, Content::Text),
        ("wrapper=obJECt", Wrapper::Object, Content::Text),
        ("content=json", Wrapper::Array, Content::Json),
        ("wrapper=object&content=JSON", Wrapper::Object, Content::Json),
        ("content=other", Wrapper::Array, Content::Text),
    ];
    for (query, wrapper, content) in table {
        let expected = DataQuery { selection: Selection::Last { count: 1 }, wrapper, content };
        assert_eq!(parse_query(QueryKind::Last, &Query::parse(query)), Ok(expected), "{query}");
    }
}

#[test]
fn queries_that_are_refused() {
    use QueryKind::{From, Last, Range};
    let no_number = |name, value: &str| StreamrError::NotANumber { name, value: value.into() };
    let table = [
        (Last, "count=sixsixsix", no_number("count", "sixsixsix")),
        (Last, "count=", no_number("count", "")),
        (Last, "wrapper=xml", StreamrError::Wrapper("xml".into())),
        (From, "", StreamrError::FromRequired),
        (From, "toOffset=5", StreamrError::FromRequired),
        (From, "fromOffset=1&fromTimestamp=1", StreamrError::Twice("fromOffset", "fromTimestamp")),
        (Range, "", StreamrError::FromRequired),
        (Range, "fromOffset=numberOfTheBeast", no_number("fromOffset", "numberOfTheBeast")),
        (Range, "fromTimestamp=endOfTime", no_number("fromTimestamp", "endOfTime")),
        (Range, "fromOffset=1&toOffset=sixsixsix", no_number("toOffset", "sixsixsix")),
        (Range, "fromOffset=1&toTimestamp=endOfLife", no_number("toTimestamp", "endOfLife")),
        (Range, "fromOffset=2&fromTimestamp=1", StreamrError::Twice("fromOffset", "fromTimestamp")),
        (Range, "fromOffset=1&toOffset=15&toTimestamp=1321525", StreamrError::Twice("toOffset", "toTimestamp")),
        (Range, "toOffset=15&toTimestamp=1321525", StreamrError::FromRequired),
        (Range, "fromOffset=1&toTimestamp=1321525", StreamrError::Mixed("fromOffset", "toTimestamp")),
        (Range, "fromTimestamp=13215215215&toOffset=666", StreamrError::Mixed("fromTimestamp", "toOffset")),
    ];
    for (kind, query, expected) in table {
        assert_eq!(parse_query(kind, &Query::parse(query)), Err(expected), "{query}");
    }
}

#[test]
fn partitions_in_paths() {
    for (text, expected) in [("0", 0), ("7", 7), ("007", 7), ("1.9", 1), ("99999999999", u32::MAX)] {
        assert_eq!(parse_partition(text), Ok(expected), "{text}");
    }
    for text in ["zero", "", "-1", "0x1"] {
        assert_eq!(parse_partition(text), Err(StreamrError::PathPartition(text.into())), "{text}");
    }
}

proptest! {
    #[test]
    fn no_request_panics(segments in prop::collection::vec(any::<String>(), 0..8), query in any::<String>(), body in any::<Vec<u8>>()) {
        let _ = (Endpoint::of_segments(&segments), parse_authorization(Some(&query)), parse_login(&body), produce(&query, &body));
        for kind in [QueryKind::Last, QueryKind::From, QueryKind::Range] {
            let _ = parse_query(kind, &Query::parse(&query));
        }
    }
}
