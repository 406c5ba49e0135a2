use super::*;
use crate::http1::{HeadLimits, parse_head};
use crate::websocket::handshake::check;

#[test]
fn golden_refusals_of_the_web_api() {
    let table = [
        (Refusal::web_not_found(), 404, "{\"message\":\"Not found\",\"status\":404}\n"),
        (
            Refusal::web_method(&[("Allow", "GET")]),
            405,
            "{\"message\":\"The method is not allowed for the requested URL.\",\"status\":405}\n",
        ),
        (
            Refusal::from(&TransactionError::Signature),
            400,
            "{\"message\":\"Invalid transaction (InvalidSignature): Transaction signature is invalid.\",\"status\":400}\n",
        ),
        (
            Refusal::from(&TransactionError::TooLarge { bytes: 9, bytes_max: 8 }),
            413,
            "{\"message\":\"The transaction has 9 bytes; at most 8 are allowed\",\"status\":413}\n",
        ),
        (
            Refusal::web_parameter(&ParameterError::Mode),
            400,
            "{\"message\": {\"mode\": \"Mode must be \\\"async\\\", \\\"sync\\\" or \\\"commit\\\"\"}}\n",
        ),
        (
            Refusal::web_parameter(&ParameterError::Missing("transaction_id")),
            400,
            "{\"message\": {\"transaction_id\": \"Missing required parameter in the JSON body or the post body or the \
             query string\"}}\n",
        ),
        (
            Refusal::web_parameter(&ParameterError::Unknown("a, \"b".to_owned())),
            400,
            "{\"message\": \"Unknown arguments: a, \\\"b\"}\n",
        ),
    ];
    for (refusal, status, body) in table {
        assert_eq!((refusal.status, refusal.content_type, refusal.body.as_str()), (status, JSON, body));
        serde_json::from_str::<serde_json::Value>(&refusal.body).unwrap();
    }
}

fn handshake(request: &str) -> Refusal {
    let head = parse_head(request.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0;
    Refusal::stream_handshake(check(&head).unwrap_err(), &head)
}

#[test]
fn golden_refusals_in_front_of_a_stream() {
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n";
    let open = format!("{upgrade}Connection: Upgrade\r\n");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let only = "\n Can \"Upgrade\" only to \"WebSocket\".";
    let table = [
        ("GET / HTTP/1.1\r\nHost: a\r\n".to_owned(), 400, format!("No WebSocket UPGRADE hdr: None{only}")),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n".to_owned(),
            400,
            format!("No WebSocket UPGRADE hdr: h2c{only}"),
        ),
        (upgrade.to_owned(), 400, "No CONNECTION upgrade hdr: None".to_owned()),
        (format!("{upgrade}Connection: close\r\n"), 400, "No CONNECTION upgrade hdr: close".to_owned()),
        (open.clone(), 400, "Unsupported version: ".to_owned()),
        (format!("{open}Sec-WebSocket-Version: 5\r\n"), 400, "Unsupported version: 5".to_owned()),
        (format!("{open}Sec-WebSocket-Version: 13\r\n"), 400, "Handshake error: None".to_owned()),
        (
            format!("{open}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"),
            400,
            "Handshake error: 'x'".to_owned(),
        ),
        (
            format!("{open}Sec-WebSocket-Version: 13\r\n{key}Content-Length: 1\r\n"),
            400,
            "400: a request that opens a WebSocket has no body".to_owned(),
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\n".to_owned(), 405, "405: Method Not Allowed".to_owned()),
        ("GET / HTTP/1.0\r\n".to_owned(), 505, "505: HTTP Version Not Supported".to_owned()),
    ];
    for (request, status, body) in table {
        let refusal = handshake(&format!("{request}\r\n"));
        assert_eq!((refusal.status, refusal.content_type, refusal.body), (status, TEXT, body), "{request}");
    }
    assert_eq!(Refusal::stream(404).body, "404: Not Found");
}

#[test]
fn streams_that_cannot_start() {
    let parameter = Refusal::stream_parameter(&ParameterError::AssetId);
    assert_eq!((parameter.status, parameter.body.as_str()), (400, "400: asset_id: Invalid hash"));
    let old = Refusal::stream_start(Decision::TooOld { since_height: 3, first_height: 9 }).unwrap();
    let words = "410: since_height: Blocks after 3 are gone, the oldest one held is 9; 0 asks for all that are held";
    assert_eq!((old.status, old.body.as_str()), (410, words));
    let future = Refusal::stream_start(Decision::Future { since_height: 12, last_height: 9 }).unwrap();
    assert_eq!(future.body, "400: since_height: 12 is in the future, the newest block is 9");
    assert_eq!(future.status, 400);
    assert_eq!([Decision::Live, Decision::From(3)].map(Refusal::stream_start), [None, None]);
}

#[test]
fn golden_response() {
    let mut out = Vec::new();
    let refusal = handshake("POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    refusal.write(&mut out, &HttpDate::from_unix_s(0), &[("Connection", "close")]);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{text}");
    let rest = "\r\nAllow: GET,HEAD\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
                Content-Length: 23\r\n\r\n405: Method Not Allowed";
    assert!(text.ends_with(rest), "{text}");
}

#[test]
fn each_voice_has_its_own_words_behind_the_status() {
    let table = [
        (Refusal::web(400, "x"), "BAD REQUEST"),
        (Refusal::web_not_found(), "NOT FOUND"),
        (Refusal::web_method(&[]), "METHOD NOT ALLOWED"),
        (Refusal::web(408, "x"), "Request Timeout"),
        (Refusal::stream(404), "Not Found"),
    ];
    for (refusal, words) in table {
        let mut out = Vec::new();
        refusal.write(&mut out, &HttpDate::from_unix_s(0), &[]);
        let expected = format!("HTTP/1.1 {} {words}\r\n", refusal.status);
        assert!(out.starts_with(expected.as_bytes()), "{expected}");
    }
    assert_eq!([web_reason(200), web_reason(202)], ["OK", "ACCEPTED"]);
}
