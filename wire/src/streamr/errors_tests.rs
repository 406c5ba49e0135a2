use super::*;
use crate::json::JsonErrorKind;

fn json(error: &StreamrError, style: ErrorStyle) -> String {
    let mut out = Vec::new();
    error.write_json(style, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn texts_and_statuses() {
    use StreamrError as E;
    let stream = || "S".to_owned();
    let at = JsonError { offset: 3, kind: JsonErrorKind::End };
    let table = [
        (E::NotJson(at), 400, "Message is not valid JSON: the JSON ends too early at byte 3"),
        (E::NotARequest, 400, "Message is not a JSON object; only requests of control layer version 0 are understood"),
        (E::UnknownType("x".into()), 400, "Unknown request type: x"),
        (E::MessageTooLarge { bytes_max: 9 }, 413, "Message is larger than 9 bytes"),
        (E::InvalidField { name: "stream", expected: "a string" }, 400, "Field \"stream\" is not a string"),
        (E::FieldTooLong { name: "sub", bytes_max: 9 }, 400, "Field \"sub\" is longer than 9 bytes"),
        (E::InvalidPartition("x".into()), 400, "Invalid partition: x"),
        (E::InvalidTimestamp("x".into()), 400, "Invalid timestamp: x"),
        (E::InvalidTtl("x".into()), 400, "Invalid ttl: x"),
        (E::PublishWithoutStream, 400, "Publish request is missing the stream id!"),
        (E::Content(ContentProblem::Missing), 400, "Message must be stringified JSON!"),
        (E::Content(at.into()), 400, "Message must be stringified JSON! (the JSON ends too early at byte 3)"),
        (E::Content(ContentProblem::Null), 400, "Message must be stringified JSON! (null is no message)"),
        (E::Body(ContentProblem::Missing), 400, "No request body or invalid request body."),
        (E::Body(ContentProblem::Utf8), 400, "No request body or invalid request body. (not valid UTF-8)"),
        (E::ContentTooLarge { bytes_max: 9 }, 413, "Message content is larger than 9 bytes"),
        (E::WriteNotAllowed { stream: stream() }, 401, "You are not allowed to write to stream S"),
        (
            E::PublishUnauthenticated { stream: stream() },
            403,
            "Authentication failed while trying to publish to stream S",
        ),
        (E::PublishFailed { reason: "disk full".into() }, 500, "Publish request failed: disk full"),
        (E::SubscribeWithoutStream, 400, "Error: stream id not defined. Are you using an outdated client?"),
        (
            E::SubscribeNotAuthorized { stream: stream(), partition: 0 },
            403,
            "Not authorized to subscribe to stream S and partition 0",
        ),
        (E::TooManySubscriptions { count_max: 9 }, 429, "Not subscribed: a connection has at most 9 subscriptions"),
        (E::NotSubscribed { request: "{}".into() }, 400, "Not subscribed"),
        (
            E::ResendFailed { stream: stream(), partition: 7, reason: "no".into() },
            500,
            "Failed to request resend from stream S and partition 7: no",
        ),
        (E::StreamNotFound { stream: stream() }, 404, "Stream S not found."),
        (E::PartitionNotFound { stream: stream(), partition: 7 }, 404, "Partition 7 of stream S not found."),
        (E::AuthorizationMalformed, 400, "Authorization header malformed. Should be of form \"token authKey\"."),
        (E::AuthenticationFailed, 403, "Authentication failed."),
        (E::RequestFailed, 401, "Request failed."),
        (E::LoginWithoutKey, 400, "Login request is missing the \"apiKey\""),
        (E::PathPartition("zero".into()), 400, "Path parameter \"partition\" not a number: zero"),
        (
            E::NotANumber { name: "count", value: "sixsixsix".into() },
            400,
            "Query parameter \"count\" not a number: sixsixsix",
        ),
        (E::FromRequired, 400, "Query parameter \"fromOffset\" or \"fromTimestamp\" required."),
        (
            E::Twice("toOffset", "toTimestamp"),
            400,
            "Query parameters \"toOffset\" and \"toTimestamp\" cannot be used simultaneously.",
        ),
        (
            E::Mixed("fromOffset", "toTimestamp"),
            400,
            "Using query parameters \"fromOffset\" and \"toTimestamp\" together is not yet supported.",
        ),
        (E::Wrapper("x".into()), 400, "Invalid value for query parameter \"wrapper\": x"),
        (E::FetchFailed, 500, "Failed to fetch data!"),
        (E::Internal, 500, "Internal error, sorry"),
        (E::NotReady, 503, "Server not ready. Please try again shortly."),
    ];
    for (error, status, text) in table {
        assert_eq!((error.to_string().as_str(), error.status()), (text, status));
        let quoted = serde_json::to_string(text).unwrap();
        assert_eq!(json(&error, ErrorStyle::Text), format!("[0,7,\"\",{quoted}]"));
        let mut body = Vec::new();
        error.write_body(&mut body);
        assert_eq!(String::from_utf8(body).unwrap(), format!("{{\"error\":{quoted}}}"));
    }
}

#[test]
fn both_styles() {
    let not_found = StreamrError::StreamNotFound { stream: "a\"b".into() };
    assert_eq!(json(&not_found, ErrorStyle::Text), r#"[0,7,"","Stream a\"b not found."]"#);
    assert_eq!(json(&not_found, ErrorStyle::Object), r#"[0,7,"",{"error":"Stream a\"b not found."}]"#);

    let request = r#"{"type":"unsubscribe","stream":"S"}"#;
    let not_subscribed = StreamrError::NotSubscribed { request: request.into() };
    assert_eq!(json(&not_subscribed, ErrorStyle::Text), r#"[0,7,"","Not subscribed"]"#);
    let expected = r#"[0,7,"",{"error":"Not subscribed","request":{"type":"unsubscribe","stream":"S"}}]"#;
    assert_eq!(json(&not_subscribed, ErrorStyle::Object), expected);

    let mut message = Vec::new();
    not_found.write_message(ErrorStyle::Text, &mut message);
    assert_eq!(message, b"\x81\x21[0,7,\"\",\"Stream a\\\"b not found.\"]");
}

#[test]
fn new_clients_show_themselves() {
    let style = |query| ErrorStyle::of_query(&Query::parse(query));
    assert_eq!(style(""), ErrorStyle::Text);
    assert_eq!(style("messageLayerVersion=28"), ErrorStyle::Text);
    assert_eq!(style("controlLayerVersion=0&messageLayerVersion=29"), ErrorStyle::Object);
    assert_eq!(ErrorStyle::Text.after_request(false), ErrorStyle::Text);
    assert_eq!(ErrorStyle::Text.after_request(true), ErrorStyle::Object);
    assert_eq!(ErrorStyle::Object.after_request(false), ErrorStyle::Object);
}

#[test]
fn texts_repeat_little_of_a_request() {
    assert_eq!(quoted("short"), "short");
    let long = "ä".repeat(80);
    assert_eq!(quoted(&long), format!("{}...", "ä".repeat(50)));
}
