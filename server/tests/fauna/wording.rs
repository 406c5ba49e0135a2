//! What is wrong with a request, word for word: bodies, headers, queries. The refusals that the contract lists are in `errors`.

use serde_json::json;

use crate::client::{Client, appliance, refused};

fn invalid(message: &str) -> (u16, String, String) {
    (400, "invalid_request".to_owned(), message.to_owned())
}

#[test]
fn values_that_bodies_may_not_have() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let table = [
        ("1", "Unexpected integer value 1."),
        ("1.5", "Unexpected float value 1.5."),
        ("true", "Unexpected true value."),
        ("[]", "Unexpected array value."),
        ("{}", "Unexpected object value."),
    ];
    for (value, problem) in table {
        let expected = invalid(&format!("Invalid request body: {problem}"));
        for body in [format!("{{\"token\":{value}}}"), format!("{{\"token\":\"{token}\",\"cursor\":{value}}}")] {
            assert_eq!(client.no_stream(&body), expected, "{body}");
            assert_eq!(client.no_page(&body), expected, "{body}");
        }
    }
    let no_object =
        [("[]", "Unexpected array value."), ("null", "Unexpected null value."), ("1", "Unexpected integer value 1.")];
    for path in ["/stream/1", "/feed/1", "/query/1"] {
        for (body, problem) in no_object {
            let expected = invalid(&format!("Invalid request body: {problem}"));
            assert_eq!(refused(&client.call("POST", path, body)), expected, "{path} {body}");
        }
        let no_text = refused(&client.call("POST", path, b"\xff\xfe"));
        assert_eq!(no_text, invalid("Invalid request body: it is not UTF-8"), "{path}");
    }
}

#[test]
fn bodies_that_are_no_query() {
    let (_appliance, client) = appliance();
    let table = [
        ("{}", "Invalid request body: Value for key query not found."),
        (r#"{"query":"1","arguments":[]}"#, "Invalid request body: Unexpected array value."),
        (r#"{"query":"a","arguments":{"a":1}}"#, "Invalid argument 'a': numbers must be tagged"),
        (r#"{"query":{"value":1}}"#, "Invalid request body: numbers must be tagged"),
        (r#"{"query":"\u0000"}"#, "Invalid request body: FQL strings cannot contain NUL characters"),
    ];
    for (body, message) in table {
        assert_eq!(refused(&client.call("POST", "/query/1", body)), invalid(message), "{body}");
    }
}

#[test]
fn headers() {
    let (_appliance, client) = appliance();
    let long = "a".repeat(4_097);
    let table = [
        ("x-format", "xml", "Invalid format xml"),
        ("x-query-timeout-ms", "soon", "Invalid number 'soon'."),
        ("x-query-timeout-ms", "0", "Must be greater than 0."),
        ("x-query-timeout-ms", "600001", "Must be less than or equal to 600000."),
        ("x-max-contention-retries", "x", "Invalid number 'x'."),
        ("x-max-contention-retries", "8", "Must be between 0 and 7."),
        ("x-last-txn-ts", "x", "Invalid timestamp 'x'."),
        ("x-linearized", "yes", "Must be a boolean value."),
        ("x-typecheck", "yes", "Must be a boolean value."),
        ("x-query-tags", &long, "Must have at most 4096 bytes."),
    ];
    for (name, value, problem) in table {
        let client = client.bare().with(format!("{name}: {value}"));
        let expected = invalid(&format!("Invalid header '{name}': {problem}"));
        assert_eq!(client.err("1"), expected);
        assert_eq!(client.no_page("{}"), expected);
    }
}

/// One of each code that evaluation knows, with the words of the original where it has some.
#[test]
fn queries() {
    let (_appliance, client) = appliance();
    client.ok("A.create({ id: '101', n: 1 })");
    let table = [
        ("1 +", "invalid_query", "The query failed 1 validation check"),
        ("foo", "unbound_variable", "Unbound variable `foo`"),
        ("null.a", "invalid_null_access", "Cannot access `a` on null."),
        ("null!", "null_value", "Null value"),
        ("1 / 0", "divide_by_zero", "Attempted integer division by zero."),
        ("9223372036854775807 + 1", "value_too_large", "Value too large: the result does not fit into 64 bits."),
        ("1 + 'a'", "invalid_argument", "expected value for `other` of type Number, received String"),
        ("1 && true", "type_mismatch", "expected type: Boolean, received Int"),
        ("[1][1]", "index_out_of_bounds", "index 1 out of bounds for length 1"),
        ("A.byId('999')!", "document_not_found", "Collection `A` does not contain document with id 999."),
        ("A.create({ id: '101' })", "document_id_exists", "Collection `A` already contains document with id 101."),
        ("A.create({ id: 'x' })", "invalid_id", "`x` is not a valid ID."),
        ("A.create({ ts: 1 })", "constraint_failure", "Failed to create document in collection `A`."),
        ("Time('now')", "invalid_time", "`now` is not a valid time."),
        ("Date('now')", "invalid_date", "`now` is not a valid date."),
        ("let f = g => g(g); f(f)", "stack_overflow", "number of stack frames exceeded limit of 100"),
        (
            "A.all(1)",
            "invalid_function_invocation",
            "callee function `all` expects exactly 0 arguments, but 1 was provided.",
        ),
        (
            "Set.sequence(0, 3).eventSource()",
            "invalid_receiver",
            "can't call `.eventSource()` because streaming is not supported on sets created from `Set.sequence()`.",
        ),
        ("abort(1)", "abort", "Query aborted."),
        (
            "Database.create({ name: 'X' }); A.create({})",
            "invalid_request",
            "A query that creates or deletes databases can write nothing else.",
        ),
    ];
    for (query, code, message) in table {
        assert_eq!(client.err(query), (400, code.to_owned(), message.to_owned()), "{query}");
    }
    assert_eq!(client.query("abort(1)").json()["error"]["abort"], json!({ "@int": "1" }));
    let broken = &client.query("A.create({ ts: 1 })").json()["error"]["constraint_failures"];
    assert_eq!(*broken, json!([{ "paths": [["ts"]], "message": "Is a reserved field and cannot be used" }]));
}

/// What a query costs has limits, each of which is named.
#[test]
fn limits_of_queries() {
    let (_appliance, client) = appliance();
    let text = |bytes: usize| json!({ "t": "x".repeat(bytes) });
    let table = [
        (" ".repeat(256 << 10) + "1", json!({}), "the query's text exceeds the limit of 262144 bytes."),
        ("1+".repeat(10_000) + "1", json!({}), "the query's text exceeds the limit of 20000 tokens."),
        (
            "Set.sequence(0, 10000000).count()".to_owned(),
            json!({}),
            "the evaluation exceeds the limit of 1000000 steps.",
        ),
        (
            "Set.sequence(0, 16001)".to_owned(),
            json!({}),
            "a set exceeds the limit of 16000 elements; `take` makes it smaller.",
        ),
        (
            "Set.sequence(0, 10001).forEach(n => A.create({}))".to_owned(),
            json!({}),
            "what the query writes exceeds the limit of 10000 documents.",
        ),
        ("A.create({ t: t })".to_owned(), text(5_000_001), "a document exceeds the limit of 5000000 bytes."),
        (
            "Set.sequence(0, 40).forEach(n => A.create({ t: t }))".to_owned(),
            text(1 << 20),
            "what the query writes exceeds the limit of 33554432 bytes.",
        ),
    ];
    for (query, arguments, problem) in table {
        let body = json!({ "query": { "fql": [query] }, "arguments": arguments }).to_string();
        let (status, code, message) = refused(&client.call("POST", "/query/1", body));
        let start = query.get(..40).unwrap_or(&query);
        assert_eq!((status, code.as_str()), (400, "value_too_large"), "{start}: {message}");
        assert_eq!(message, format!("Value too large: {problem}"), "{start}");
    }
}

/// What a secret does not allow to do is refused by the query that does it.
#[test]
fn privileges() {
    let (_appliance, client) = appliance();
    let denied = (403, "permission_denied".to_owned(), "Insufficient privileges to perform the action.".to_owned());
    let reading = client.bearer("s:server-readonly");
    let serving = client.bearer("s:server");
    let table: [(&Client, &str); 3] = [
        (&reading, "A.create({})"),
        (&serving, "Database.create({ name: 'X' })"),
        (&client, "Collection.byName('Event')!.delete()"),
    ];
    for (client, query) in table {
        assert_eq!(client.err(query), denied, "{query}");
    }
}
