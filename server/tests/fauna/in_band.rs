//! How streams end with an `error` event, over both versions of HTTP, and what a page says in its place.
//!
//! `stream_overflow` and `stream_replay_volume_exceeded` are in `slow`, `internal_error` is in `broken`.

use serde_json::{Value, json};

use crate::{
    client::{Client, appliance},
    frames::{DATA, END_STREAM, GO, Http2, body},
};

/// Streams over both versions, each past its status.
pub struct Both {
    over_http1: crate::client::Stream,
    http2: Http2,
    stream: u32,
}

impl Both {
    pub fn open(client: &Client, request: &Value) -> Self {
        let over_http1 = client.stream_with(request.clone());
        let mut http2 = Http2::open(client.address);
        let stream = http2.request("POST", "/stream/1", GO, &body(request.clone()));
        assert!(http2.is_ok(stream));
        assert_eq!(http2.event(stream)["type"], "status");
        Self { over_http1, http2, stream }
    }

    /// The error with which both end, which is the same, after events that are the same; both end behind it.
    pub fn error(mut self) -> Value {
        let error = loop {
            let event = self.over_http1.next();
            assert_eq!(self.http2.event(self.stream), event);
            if event["type"] == "error" {
                break event;
            }
        };
        let keys: Vec<_> = error.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["type", "error", "stats"], "neither time nor cursor");
        assert!(self.over_http1.has_ended());
        let end = self.http2.of_stream(self.stream);
        assert_eq!((end.kind, end.flags & END_STREAM, end.payload.len()), (DATA, END_STREAM, 0));
        error["error"].clone()
    }
}

#[test]
fn functions_that_fail() {
    let (_appliance, client) = appliance();
    let write = "`update` performs a write, which is not allowed in stream subscriptions.";
    let read = "`all` performs a read, which is not allowed in stream subscriptions.";
    let exists = "`exists` performs a read, which is not allowed in stream subscriptions.";
    let field = "Reading a field performs a read, which is not allowed in stream subscriptions.";
    let observation = "`newId` performs an observation, which is not allowed in stream subscriptions.";
    let table = [
        ("d => abort(d.n)", "abort", "Query aborted."),
        (".a.b", "invalid_null_access", "Cannot access `b` on null."),
        ("d => d.update({})", "invalid_effect", write),
        ("d => A.all().count()", "invalid_effect", read),
        ("d => d.coll.byId('1').exists()", "invalid_effect", exists),
        ("d => A.byId('1').n", "invalid_effect", field),
        ("d => newId()", "invalid_effect", observation),
        ("d => d.x!", "null_value", "Null value"),
        ("d => d.n / 0", "divide_by_zero", "Attempted integer division by zero."),
        ("d => d.n + 9223372036854775807", "value_too_large", "Value too large: the result does not fit into 64 bits."),
        ("d => d.n + 'a'", "invalid_argument", "expected value for `other` of type Number, received String"),
        ("d => if (d.n) 1", "type_mismatch", "expected type: Boolean, received Int"),
        ("d => [d][1]", "index_out_of_bounds", "index 1 out of bounds for length 1"),
        ("d => Time('now')", "invalid_time", "`now` is not a valid time."),
        ("d => Date('now')", "invalid_date", "`now` is not a valid date."),
        (
            "d => Set.sequence(0, 20000).count()",
            "value_too_large",
            "Value too large: the evaluation exceeds the limit of 10000 steps.",
        ),
    ];
    for (function, code, message) in table {
        let request = json!({ "token": client.token(&format!("A.all().map({function}).eventSource()")) });
        let both = Both::open(&client, &request);
        client.ok("A.create({ n: 1 }); A.create({ n: 2 })");
        let error = both.error();
        assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!(message)), "{function}");
        assert_eq!(error.get("abort"), (code == "abort").then(|| json!({ "@int": "1" })).as_ref(), "{function}");
        let page = client.page(request);
        assert_eq!((page["events"].as_array().unwrap().len(), &page["has_next"]), (1, &json!(true)), "{function}");
        assert_eq!(page["events"][0]["error"], error, "{function}");
    }
}

#[test]
fn a_deleted_database() {
    let (_appliance, client) = appliance();
    client.ok("Database.create({ name: 'Child' })");
    let token = client.bearer("s:Child:admin").token("Event.all().eventSource()");
    let child = client.bearer("s:Child:admin");
    let mut http2 = Http2::open(client.address);
    let headers = [("x-driver", "go"), ("authorization", "Bearer s:Child:admin")];
    let stream = http2.request("POST", "/stream/1", &headers, &body(json!({ "token": token })));
    assert!(http2.is_ok(stream));
    assert_eq!(http2.event(stream)["type"], "status");
    let mut over_http1 = child.stream(&token);
    client.ok("Database.byName('Child')!.delete()");
    let expected = json!({ "code": "permission_loss", "message": "Stream authentication is no longer valid." });
    assert_eq!(over_http1.next()["error"], expected);
    assert!(over_http1.has_ended());
    assert_eq!(http2.event(stream)["error"], expected);
    let end = http2.of_stream(stream);
    assert_eq!((end.kind, end.flags & END_STREAM, end.payload.len()), (DATA, END_STREAM, 0));
}
