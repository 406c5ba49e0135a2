use super::*;

fn body(refusal: impl Into<Refusal>) -> (u16, String) {
    let (refusal, mut out) = (refusal.into(), Vec::new());
    refusal.write_body(&mut out);
    (refusal.status, String::from_utf8(out).unwrap())
}

/// Bodies of CouchDB 3.5.0, byte for byte.
#[test]
fn captured_bodies() {
    let table = [
        (body(Problem::DatabaseMissing), 404, r#"{"error":"not_found","reason":"Database does not exist."}"#),
        (
            body(Problem::DatabaseExists),
            412,
            r#"{"error":"file_exists","reason":"The database could not be created, the file already exists."}"#,
        ),
        (
            body(Problem::DatabaseName("BadName".into())),
            400,
            r#"{"error":"illegal_database_name","reason":"Name: 'BadName'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, ), +, -, and / are allowed. Must begin with a letter."}"#,
        ),
        (body(Problem::Missing), 404, r#"{"error":"not_found","reason":"missing"}"#),
        (body(Problem::Deleted), 404, r#"{"error":"not_found","reason":"deleted"}"#),
        (
            body(Problem::MissingKey("nosuch".into())),
            404,
            r#"{"error":"not_found","reason":"missing json key: nosuch"}"#,
        ),
        (
            body(Problem::Method("GET,POST,HEAD")),
            405,
            r#"{"error":"method_not_allowed","reason":"Only GET,POST,HEAD allowed"}"#,
        ),
        (
            body(Problem::ContentType("application/json")),
            415,
            r#"{"error":"bad_content_type","reason":"Content-Type must be application/json"}"#,
        ),
        (
            body(Problem::ContentType(SESSION_CONTENT_TYPES)),
            415,
            r#"{"error":"bad_content_type","reason":"Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'"}"#,
        ),
        (
            body(Problem::Unauthorized),
            401,
            r#"{"error":"unauthorized","reason":"You are not authorized to access this db."}"#,
        ),
        (body(Problem::Login), 401, r#"{"error":"unauthorized","reason":"Name or password is incorrect."}"#),
        (body(Problem::Forbidden), 403, r#"{"error":"forbidden","reason":"You are not allowed to access this db."}"#),
        (body(Problem::NotAdmin), 403, r#"{"error":"forbidden","reason":"You are not a db or server admin."}"#),
        (
            body(Problem::Cookie),
            400,
            r#"{"error":"bad_request","reason":"Malformed AuthSession cookie. Please clear your cookies."}"#,
        ),
        (body(Conflict), 409, r#"{"error":"conflict","reason":"Document update conflict."}"#),
        (body(BodyError::Json), 400, r#"{"error":"bad_request","reason":"invalid UTF-8 JSON"}"#),
        (body(BodyError::NotAnObject), 400, r#"{"error":"bad_request","reason":"Request body must be a JSON object"}"#),
        (
            body(IdError::Reserved),
            400,
            r#"{"error":"illegal_docid","reason":"Only reserved document ids may start with underscore."}"#,
        ),
    ];
    for ((status, body), expected_status, expected) in table {
        assert_eq!((status, body), (expected_status, format!("{expected}\n")));
    }
}

#[test]
fn a_whole_response() {
    let mut out = Vec::new();
    Refusal::from(Problem::Method("POST")).write(&mut out, &HttpDate::from_unix_s(0), &[("Connection", "close")]);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{text}");
    assert!(text.contains("\r\nCache-Control: must-revalidate\r\nAllow: POST\r\nConnection: close\r\n"), "{text}");
    assert!(text.contains("\r\nContent-Type: application/json\r\nContent-Length: 60\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n{\"error\":\"method_not_allowed\",\"reason\":\"Only POST allowed\"}\n"), "{text}");
}

#[test]
fn what_is_not_there_is_an_object() {
    let mut out = Vec::new();
    Refusal::from(Problem::Missing).write(&mut out, &HttpDate::from_unix_s(0), &[]);
    assert!(out.starts_with(b"HTTP/1.1 404 Object Not Found\r\n"), "{}", out.escape_ascii());
}

#[test]
fn within_a_stream() {
    let mut out = Vec::new();
    Refusal::new(500, "timeout", "a \"b\"").write_chunk(&mut out);
    assert_eq!(out, b"33\r\n\n{\"code\":500,\"error\":\"timeout\",\"reason\":\"a \\\"b\\\"\"}\n\r\n");
}
