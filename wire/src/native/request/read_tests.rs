use super::*;
use crate::http1::{HeadLimits, parse_head};

fn read(query: &str, fields: &str, websocket: bool) -> Result<ReadRequest, RequestError> {
    let text = format!("GET /v1/feeds/a/events?{query} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    parse_read(&parse_head(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0, websocket)
}

fn request(format: Format, start: ReadStart) -> Result<ReadRequest, RequestError> {
    Ok(ReadRequest { format, start, limit: LIMIT_DEFAULT })
}

#[test]
fn formats_and_starts() {
    use Format::{Cbor, Json, Ndjson, Sse};
    use ReadStart::{From, Live};
    let sse = "Accept: text/html, Text/Event-Stream;q=0.9\r\n";
    let table = [
        ("", "", false, request(Ndjson, Live)),
        ("", "Accept: */*\r\n", false, request(Ndjson, Live)),
        ("", sse, false, request(Sse, Live)),
        ("format=ndjson&cursor=5", sse, false, request(Ndjson, From(5))),
        ("format=sse&cursor=0", "", false, request(Sse, From(0))),
        ("format=sse&cursor=5", "Last-Event-ID: 7\r\n", false, request(Sse, From(8))),
        ("format=sse&cursor=5", "Last-Event-ID: \r\n", false, request(Sse, From(5))),
        ("format=ndjson", "Last-Event-ID: 7\r\n", false, request(Ndjson, Live)),
        ("format=json", "", false, request(Json, From(0))),
        ("format=json&cursor=9&unknown=1", "", false, request(Json, From(9))),
        ("", sse, true, request(Json, Live)),
        ("format=json&cursor=1", "", true, request(Json, From(1))),
        ("format=cbor", "", true, request(Cbor, Live)),
    ];
    for (query, fields, websocket, expected) in table {
        assert_eq!(read(query, fields, websocket), expected, "{query} {fields} {websocket}");
    }
    assert_eq!(read("format=json&limit=10000", "", false).unwrap().limit, 10_000);
}

#[test]
fn refusals() {
    let table = [
        ("format=xml", "", false, "InvalidRequest"),
        ("format=cbor", "", false, "InvalidRequest"),
        ("format=", "", false, "InvalidRequest"),
        ("format=sse", "", true, "InvalidRequest"),
        ("format=sse&format=sse", "", false, "InvalidRequest"),
        ("cursor=1&cursor=1", "", false, "InvalidRequest"),
        ("cursor=", "", false, "InvalidCursor"),
        ("cursor=-1", "", false, "InvalidCursor"),
        ("format=sse", "Last-Event-ID: x\r\n", false, "InvalidCursor"),
        ("format=json&limit=0", "", false, "InvalidRequest"),
        ("format=json&limit=10001", "", false, "InvalidRequest"),
        ("format=json&limit=+5", "", false, "InvalidRequest"),
        ("format=json&limit=", "", false, "InvalidRequest"),
        ("limit=5", "", false, "InvalidRequest"),
        ("limit=5", "", true, "InvalidRequest"),
    ];
    for (query, fields, websocket, code) in table {
        let error = read(query, fields, websocket).unwrap_err();
        assert_eq!((error.code(), error.status()), (code, 400), "{query} {fields} {error}");
    }
}
