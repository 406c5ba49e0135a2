use proptest::prelude::*;

use super::*;
use crate::fauna::source::Source;

fn key() -> TokenKey {
    TokenKey::new([1; 32])
}

fn token() -> Token {
    Token { source: Source::of_collection("A"), start: cursor() }
}

fn cursor() -> Cursor {
    Cursor { uid: 1, time_us: 1_718_340_750_415_639, seq: 5 }
}

/// The body with the good token and cursor in it.
fn body(text: &str) -> String {
    text.replace("TOKEN", &token().sign(&key())).replace("CURSOR", &cursor().to_text())
}

fn stream(text: &str) -> Result<StreamRequest, String> {
    let key = key();
    parse_stream(body(text).as_bytes(), Verifier { key: &key, uid: 1 }).map_err(|error| error.message)
}

fn feed(text: &str) -> Result<FeedRequest, String> {
    let key = key();
    parse_feed(body(text).as_bytes(), Verifier { key: &key, uid: 1 }).map_err(|error| error.message)
}

#[test]
fn requests() {
    let table = [
        (r#"{"token":"TOKEN"}"#, Start::Token, 16),
        (r#"{"token":"TOKEN","start_ts":null,"cursor":null,"page_size":null}"#, Start::Token, 16),
        (r#" {"page_size":1,"x":{"y":[]},"token":"TOKEN"} "#, Start::Token, 1),
        (r#"{"token":"TOKEN","start_ts":1710968002310000}"#, Start::Time(1_710_968_002_310_000), 16),
        (r#"{"token":"TOKEN","start_ts":0,"page_size":16000}"#, Start::Time(0), 16_000),
        (r#"{"token":"TOKEN","start_ts":-5}"#, Start::Time(0), 16),
        (r#"{"token":"TOKEN","cursor":"CURSOR"}"#, Start::Cursor(cursor()), 16),
    ];
    for (text, start, page_size) in table {
        assert_eq!(stream(text), Ok(StreamRequest { token: token(), start }), "{text}");
        assert_eq!(feed(text), Ok(FeedRequest { token: token(), start, page_size }), "{text}");
    }
}

#[test]
fn refusals_of_both_endpoints() {
    let table = [
        ("", "No request body provided"),
        ("{}", "Invalid request body: Value for key token not found."),
        (r#"{"streamz":"TOKEN"}"#, "Invalid request body: Value for key token not found."),
        (r#"{"token":null}"#, "Invalid request body: Value for key token not found."),
        (r#"{"token":1}"#, "Invalid request body: Unexpected integer value 1."),
        (r#"{"token":1.5}"#, "Invalid request body: Unexpected float value 1.5."),
        (r#"{"token":"TOKEN","start_ts":"1"}"#, "Invalid request body: Unexpected string value '1'."),
        (r#"{"token":"TOKEN","start_ts":"INVALID!"}"#, "Invalid request body: Unexpected string value 'INVALID!'."),
        (r#"{"token":"TOKEN","start_ts":1.5}"#, "Invalid request body: Unexpected float value 1.5."),
        (r#"{"token":"TOKEN","start_ts":true}"#, "Invalid request body: Unexpected true value."),
        (r#"{"token":"TOKEN","cursor":{}}"#, "Invalid request body: Unexpected object value."),
        ("[]", "Invalid request body: Unexpected array value."),
        ("null", "Invalid request body: Unexpected null value."),
        ("{", "Invalid request body: the JSON ends too early at byte 1"),
    ];
    for (text, message) in table {
        assert_eq!(stream(text), Err(message.to_owned()), "{text}");
        assert_eq!(feed(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn refusals_that_end_with_a_full_stop_on_feeds() {
    let table = [
        (r#"{"token":"INVALID!"}"#, "invalid event source provided"),
        (r#"{"token":"2","cursor":"CURSOR"}"#, "invalid event source provided"),
        (r#"{"token":"TOKEN","cursor":"INVALID!"}"#, "invalid event cursor provided"),
        (r#"{"token":"TOKEN","cursor":""}"#, "invalid event cursor provided"),
        (r#"{"token":"TOKEN","cursor":"CURSOR","start_ts":0}"#, "can not provide both `start_ts` and `cursor`"),
        (r#"{"token":"2","cursor":"x","start_ts":0}"#, "can not provide both `start_ts` and `cursor`"),
    ];
    for (text, problem) in table {
        assert_eq!(stream(text), Err(format!("Invalid request body: {problem}")), "{text}");
        assert_eq!(feed(text), Err(format!("Invalid request body: {problem}.")), "{text}");
    }
}

#[test]
fn page_sizes() {
    let table = [
        ("0", "page size must be greater than zero."),
        ("-1", "page size must be greater than zero."),
        ("16001", "page size can not be greater than 16000."),
        ("9223372036854775807", "page size can not be greater than 16000."),
        ("\"1\"", "Unexpected string value '1'."),
    ];
    for (size, problem) in table {
        let text = format!(r#"{{"token":"TOKEN","page_size":{size}}}"#);
        assert_eq!(feed(&text), Err(format!("Invalid request body: {problem}")), "{size}");
        assert!(stream(&text).is_ok(), "a stream ignores what it does not know");
    }
}

#[test]
fn tokens_of_other_databases() {
    let key = key();
    let foreign = Verifier { key: &key, uid: 2 };
    let text = body(r#"{"token":"TOKEN"}"#);
    let problem = "the event source belongs to another database";
    let error = parse_stream(text.as_bytes(), foreign).unwrap_err();
    assert_eq!(error.message, format!("Error evaluating provided stream, {problem}"));
    let error = parse_feed(text.as_bytes(), foreign).unwrap_err();
    assert_eq!(error.message, format!("Error evaluating provided event source, {problem}"));
}

#[test]
fn large_and_broken_bodies() {
    let key = key();
    let verifier = Verifier { key: &key, uid: 1 };
    let large = vec![b' '; super::super::BODY_BYTES_MAX + 1];
    assert_eq!(parse_stream(&large, verifier).unwrap_err().status, 413);
    let error = parse_stream(b"{\"token\":\"\xff\"}", verifier).unwrap_err();
    assert_eq!(error.message, "Invalid request body: it is not UTF-8");
}

proptest! {
    #[test]
    fn no_body_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[\\[\\]{}:,\"a-z0-9.]{0,40}") {
        let key = key();
        let verifier = Verifier { key: &key, uid: 1 };
        prop_assert!(parse_stream(&bytes, verifier).is_err());
        prop_assert!(parse_feed(text.as_bytes(), verifier).is_err());
    }
}
