use proptest::prelude::*;

use super::*;
use crate::couchdb::errors::Refusal;

const UID: DbUid = DbUid(7);

fn get(query: &str) -> Result<ChangesRequest, ChangesError> {
    ChangesRequest::parse(&Query::parse(query), RequestParts::default(), UID)
}

fn post(query: &str, body: &str) -> Result<ChangesRequest, ChangesError> {
    let parts = RequestParts { body: Some(body.as_bytes()), ..RequestParts::default() };
    ChangesRequest::parse(&Query::parse(query), parts, UID)
}

fn refusal(request: Result<ChangesRequest, ChangesError>) -> (u16, String) {
    let refusal = Refusal::from(request.unwrap_err());
    let mut body = Vec::new();
    refusal.write_body(&mut body);
    (refusal.status, String::from_utf8(body).unwrap())
}

#[test]
fn defaults() {
    let request = get("").unwrap();
    assert_eq!((request.feed, request.since, request.limit), (Feed::Normal, Since::Beginning, None));
    assert_eq!((request.patience, request.style), (Patience::TimeoutMs(60_000), Style::MainOnly));
    assert!(matches!(request.filter, FilterSpec::None) && request.seq_interval.is_none());
    assert!(!(request.descending || request.include_docs || request.conflicts || request.attachments));
    assert!(!(request.att_encoding_info || request.buffer_response || request.waits()));
}

#[test]
fn feeds() {
    let table = [
        ("feed=normal", Feed::Normal),
        ("feed=longpoll", Feed::Longpoll),
        ("feed=continuous", Feed::Continuous),
        ("feed=live", Feed::Continuous),
        ("feed=eventsource", Feed::EventSource),
        ("FEED=live", Feed::Continuous),
        ("feed=bogus&feed=live", Feed::Continuous),
    ];
    for (query, feed) in table {
        assert_eq!(get(query).unwrap().feed, feed, "{query}");
    }
    assert!(get("feed=live").unwrap().waits() && !get("feed=live&descending=true").unwrap().waits());
}

#[test]
fn patience() {
    use Patience::{HeartbeatMs, TimeoutMs};
    let table = [
        ("timeout=0", TimeoutMs(0)),
        ("timeout=1500", TimeoutMs(1500)),
        ("timeout=120000", TimeoutMs(60_000)),
        ("timeout=99999999999999999999", TimeoutMs(60_000)),
        ("heartbeat=true", HeartbeatMs(60_000)),
        ("heartbeat=1", HeartbeatMs(1)),
        ("heartbeat=90000", HeartbeatMs(60_000)),
        ("heartbeat=3000&timeout=5000", HeartbeatMs(3000)),
        ("heartbeat=5&heartbeat=6", HeartbeatMs(6)),
    ];
    for (query, patience) in table {
        assert_eq!(get(query).unwrap().patience, patience, "{query}");
    }
}

#[test]
fn flags_are_true_or_nothing() {
    let all =
        "descending=true&include_docs=true&conflicts=true&attachments=true&att_encoding_info=true&buffer_response=true";
    let request = get(all).unwrap();
    assert!(request.descending && request.include_docs && request.conflicts && request.attachments);
    assert!(request.att_encoding_info && request.buffer_response);
    let request = get("include_docs=yes&descending=1&conflicts=TRUE&unknown=1&sse=x").unwrap();
    assert!(!(request.include_docs || request.descending || request.conflicts));
    assert_eq!(request.wording, Wording::CouchDb);
    assert_eq!(get("sse=asyncapi&style=all_docs").unwrap().wording, Wording::AsyncApi);
}

#[test]
fn limits() {
    let table = [("limit=0", Some(0)), ("LIMIT=1", Some(1)), ("limit=1&limit=2", Some(2)), ("limit=%2B5", Some(5))];
    for (query, limit) in table {
        assert_eq!(get(query).unwrap().limit, limit, "{query}");
    }
    // All parameters are the query's; a body has none.
    assert_eq!(post("", r#"{"limit":1}"#).unwrap().limit, None);
}

#[test]
fn where_it_starts() {
    let (three, four) = (UID.token(3), UID.token(4));
    let table = [
        (format!("since={three}"), Since::Seq(3)),
        (format!("since=%22{three}%22"), Since::Seq(3)),
        (format!("last-event-id={three}"), Since::Seq(3)),
        (format!("since={three}&last-event-id={four}"), Since::Seq(4)),
        (format!("last-event-id={four}&since={three}"), Since::Seq(3)),
        ("since=now".into(), Since::Now),
        ("since=0".into(), Since::Beginning),
    ];
    for (query, since) in table {
        assert_eq!(get(&query).unwrap().since, since, "{query}");
    }
    let with_header = |query: &str| {
        let quoted = format!("\"{four}\"");
        let parts = RequestParts { last_event_id: Some(&quoted), ..RequestParts::default() };
        ChangesRequest::parse(&Query::parse(query), parts, UID).unwrap().since
    };
    assert_eq!(with_header("feed=eventsource&since=now"), Since::Seq(4));
    assert_eq!(with_header("feed=continuous&since=now"), Since::Now);
}

#[test]
fn which_rows_have_a_seq() {
    let pattern = |query: &str| -> String {
        let request = get(query).unwrap();
        (0..6).map(|row| if request.row_has_seq(row) { 's' } else { '-' }).collect()
    };
    let table = [
        ("", "ssssss"),
        ("seq_interval=2", "s-s-s-"),
        ("seq_interval=2&limit=2", "s-"),
        ("seq_interval=3&limit=4", "-s--"),
        ("seq_interval=100&limit=100", "s-----"),
    ];
    for (query, expected) in table {
        // Rows beyond the limit are never shown.
        let shown = get(query).unwrap().limit.unwrap_or(6).min(6) as usize;
        assert_eq!(pattern(query)[..shown], expected[..shown], "{query}");
    }
}

#[test]
fn filters() {
    let table = [
        ("filter=", "None"),
        ("filter=%2F", "None"),
        ("filter=_design", "Design"),
        ("filter=_doc_ids&doc_ids=[%22a%22,%22nosuch%22]", r#"DocIds(["a", "nosuch"])"#),
        ("doc_ids=[%22a%22]", "None"),
        ("filter=f%2Fodd", r#"Function { design: "f", name: "odd" }"#),
        ("filter=a%252Fb/c", r#"Function { design: "a/b", name: "c" }"#),
        ("filter=_view&view=f/k", r#"View { design: "f", view: "k" }"#),
    ];
    for (query, expected) in table {
        assert_eq!(format!("{:?}", get(query).unwrap().filter), expected, "{query}");
    }
    let filter = post("filter=_doc_ids", r#"{"doc_ids":["a"]}"#).unwrap().filter;
    assert_eq!((filter.by_id("a"), filter.by_id("b"), filter.is_looked_up()), (Some(true), Some(false), true));
    let filter = get("filter=_design").unwrap().filter;
    assert_eq!((filter.by_id("_design/x"), filter.by_id("x")), (Some(true), Some(false)));
    let filter = post("filter=_selector", r#"{"selector":{"n":{"$gt":1}},"fields":["n","_id"]}"#).unwrap().filter;
    let FilterSpec::Selector { fields, .. } = &filter else { panic!("{filter:?}") };
    assert!(!fields.is_all() && filter.by_id("a").is_none() && !filter.is_looked_up());
    assert!(post("", "").is_ok() && post("", "{}").is_ok());
}

/// Refusals of CouchDB 3.5.0, byte for byte, or main's where it says something else.
#[test]
fn captured_refusals() {
    let bad = |reason: &str| (400, format!("{{\"error\":\"bad_request\",\"reason\":\"{reason}\"}}\n"));
    let since = "Malformed sequence supplied in 'since' parameter.";
    let feed = "Supported `feed` types: normal, continuous, live, longpoll, eventsource";
    let table = [
        ("feed=bogus", feed),
        ("feed=Continuous&limit=1", feed),
        ("feed=", feed),
        ("limit=abc", "The limit parameter should be a non-negative integer"),
        ("limit=", "The limit parameter should be a non-negative integer"),
        ("limit=-1", "The limit value should be a non-negative integer"),
        ("limit=-1&limit=1", "The limit value should be a non-negative integer"),
        ("heartbeat=0", "The heartbeat value should be a positive integer (in milliseconds)."),
        ("heartbeat=-5", "The heartbeat value should be a positive integer (in milliseconds)."),
        ("heartbeat=abc", "Invalid heartbeat value. Expecting a positive integer value (in milliseconds)."),
        ("heartbeat=false", "Invalid heartbeat value. Expecting a positive integer value (in milliseconds)."),
        ("timeout=abc", "The timeout parameter should be a non-negative integer"),
        ("timeout=-1", "The timeout value should be a non-negative integer"),
        ("seq_interval=0", "invalid_seq_interval"),
        ("seq_interval=abc", "invalid_seq_interval"),
        ("style=bogus", "The style parameter should be main_only or all_docs"),
        ("since=abc", since),
        ("since=5", since),
        ("since=-1", since),
        ("since=", since),
        ("since=5-", since),
        ("since=4-xxxx", since),
        ("since=null", since),
        ("since=%22now%22", since),
        ("feed=continuous&since=abc&timeout=500", since),
        ("feed=longpoll&since=abc&timeout=500", since),
        ("feed=eventsource&since=abc&timeout=500", since),
        ("since=2026-99-09T19:01:02Z", "invalid_time_format"),
        ("filter=_bogus", "unknown builtin filter name"),
        ("filter=abc", "`filter` must be of the form `designname/filtername`"),
        ("filter=abc/def/ghi", "`filter` must be of the form `designname/filtername`"),
        ("filter=_doc_ids", "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_doc_ids&doc_ids=a,b", "invalid UTF-8 JSON"),
        ("filter=_doc_ids&doc_ids=[1]", "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_selector", "Selector must be specified in POST payload"),
        ("filter=_view", "`view` filter parameter is not provided."),
        ("filter=_view&view=abc", "`view` must be of the form `designname/viewname`"),
    ];
    for (query, reason) in table {
        assert_eq!(refusal(get(query)), bad(reason), "{query}");
    }
    let table = [
        ("", "{bad", "invalid UTF-8 JSON"),
        ("", "[]", "Request body must be a JSON object"),
        ("filter=_doc_ids", r#"{"doc_ids":"a"}"#, "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_doc_ids", r#"{"doc_ids":[1]}"#, "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_doc_ids", "{}", "`doc_ids` filter parameter is not a list of doc ids."),
        ("filter=_doc_ids", "", "invalid UTF-8 JSON"),
        ("filter=_selector", "{}", "Selector error: expected a JSON object"),
        ("filter=_selector", r#"{"selector":5}"#, "Selector error: expected a JSON object"),
        ("filter=_selector", r#"{"selector":{"$bad":1}}"#, "Invalid operator: $bad"),
        ("filter=_selector", r#"{"selector":{"n":{"$bad":1}}}"#, "Invalid operator: $bad"),
        ("filter=_selector", r#"{"selector":{"n":{"$regex":"("}}}"#, "Bad argument for operator $regex: <<40>>"),
        ("filter=_selector", r#"{"selector":{},"fields":5}"#, "Selector error: fields must be JSON array"),
        ("filter=_selector", r#"{"selector":{},"fields":[5]}"#, "Invalid JSON for field spec: 5"),
    ];
    for (query, body, reason) in table {
        assert_eq!(refusal(post(query, body)), bad(reason), "{query} {body}");
    }
    let division = post("filter=_selector", r#"{"selector":{"n":{"$mod":[0,0]}}}"#);
    assert_eq!(refusal(division), (500, "{\"error\":\"unknown_error\",\"reason\":\"badarith\"}\n".into()));
    let many = format!(r#"{{"doc_ids":[{}]}}"#, vec!["\"a\""; 10_001].join(","));
    assert_eq!(refusal(post("filter=_doc_ids", &many)), bad("`doc_ids` has more than 10000 ids."));
}

proptest! {
    #[test]
    fn no_query_panics(query in "((feed|since|limit|heartbeat|filter|view|style|doc_ids)=[a-z0-9_/%\\[\\]\"-]{0,12}&){0,4}", body in "[{}\\[\\]:\",a-z$]{0,20}") {
        let _ = get(&query);
        let _ = post(&query, &body);
    }
}
