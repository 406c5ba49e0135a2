//! What is wrong with a query, each text at least once: what is no FQL, what is not supported, arguments, values, limits. The
//! codes that evaluation knows are in `wording`.

use serde_json::{Value, json};

use crate::client::{Client, appliance, refused};

/// What follows whatever is not supported, up to its first words.
const SUPPORTED: &str = "Supported here: Collection.create, ";

/// The code and the first line of the summary, up to the list of what is supported.
fn failure(client: &Client, query: &Value) -> (String, String) {
    let answer = client.call("POST", "/query/1", query.to_string());
    let (status, code, message) = refused(&answer);
    assert_eq!(status, 400, "{query}: {code}: {message}");
    let summary = answer.json()["summary"].as_str().unwrap().to_owned();
    let error = summary.lines().next().unwrap().strip_prefix("error: ").unwrap();
    assert!(code == "invalid_query" || message == error, "{message}");
    (code, error.split(SUPPORTED).next().unwrap().to_owned())
}

#[track_caller]
fn assert_fails(client: &Client, table: &[(&str, &str, &str)]) {
    for (query, code, error) in table {
        let found = failure(client, &json!({ "query": query }));
        assert_eq!(found, ((*code).to_owned(), (*error).to_owned()), "{query}");
    }
}

#[test]
fn what_is_no_fql() {
    let (_appliance, client) = appliance();
    let table = [
        ("", "Expected expression"),
        ("ä", "Expected expression"),
        ("1 +", "Expected expression"),
        ("else", "Expected expression"),
        ("/* a", "Expected `*/`"),
        ("'a", "Expected `'`"),
        ("\"a", "Expected `\"`"),
        ("'\\x'", "Invalid escape code"),
        ("1a", "Expected a decimal number"),
        ("1e999", "The number is too large"),
        ("-1e999", "The number is too large"),
        (".a", "Short form lambdas are not allowed here"),
        ("(a, a) => 1", "Duplicate parameter"),
        ("A.all() { }", "Expected identifier"),
        ("{ a: 1, 2: 3 }", "Expected identifier"),
        ("{ a: 1, a: 2 }", "Duplicate object key `a`"),
        ("A.", "Expected identifier"),
        ("let if = 1; 1", "Invalid identifier `if`"),
        ("let FQL = 1; 1", "Invalid identifier `FQL`"),
        ("let a = 1", "A query or block must end with an expression, not with `let`"),
        ("let a 1", "Expected `=`"),
        ("[1 2]", "Expected `,` or `]`"),
        ("(1", "Expected `)`"),
        ("1 2", "Expected end of statement"),
    ];
    for (query, error) in table {
        let found = failure(&client, &json!({ "query": query }));
        assert_eq!(found, ("invalid_query".to_owned(), error.to_owned()), "{query}");
    }
    let deep = format!("{}1{}", "[".repeat(41), "]".repeat(41));
    let found = failure(&client, &json!({ "query": deep }));
    assert_eq!(found.1, "The query is nested deeper than 40 levels");
    let inside = json!({ "query": { "fql": ["\"", { "value": "x" }, "\""] } });
    assert_eq!(failure(&client, &inside).1, "Expected `\"`");
}

#[test]
fn what_is_fql_and_not_supported() {
    let (_appliance, client) = appliance();
    let table = [
        ("<<-END", "A heredoc string"),
        ("1 | 2", "`|`"),
        ("1 ** 2", "`**`"),
        ("1 isa Int", "`isa`"),
        ("0x1F", "A number that is not decimal"),
        ("\"#{1}\"", "Interpolation in a string"),
        ("match (1) {}", "`match`"),
        ("A.all() { * }", "`*` in a projection"),
        ("(1, 2)", "A tuple"),
        ("let a: Int = 1; a", "The type of a variable"),
    ];
    for (query, what) in table {
        let found = failure(&client, &json!({ "query": query }));
        assert_eq!(found, ("invalid_query".to_owned(), format!("{what} is not supported. ")), "{query}");
    }
    let table = [
        ("'a'.length", "length", "String"),
        ("Math.max(1, 2)", "max", "MathModule"),
        ("Math.pi", "pi", "MathModule"),
        ("Time.epoch(1, 's')", "epoch", "TimeModule"),
        ("Math(1)", "Math", "Module"),
        ("A.createData({})", "createData", "ACollection"),
        ("A.byId('1').updateData({})", "updateData", "A"),
        ("Collection.byName('A').update()", "update", "Collection"),
        ("A.all().order()", "order", "Set<Any>"),
        ("A.all().eventSource().take(x => x)", "take", "EventSource<Any>"),
        ("[1].take(1)", "take", "Array<Any>"),
        ("(x => x).call()", "call", "Function"),
        ("1.abs()", "abs", "Int"),
        ("1[0]", "[]", "Int"),
        ("[1] + [2]", "+", "Array<Any>"),
    ];
    for (query, function, receiver) in table {
        let found = failure(&client, &json!({ "query": query }));
        let error = format!("The function `{function}` does not exist on `{receiver}`. ");
        assert_eq!(found, ("invalid_function_invocation".to_owned(), error), "{query}");
    }
}

/// The summary shows the place that an error is about, and what breaks which constraint.
#[test]
fn summaries() {
    let (_appliance, client) = appliance();
    let supported = "Supported here: Collection.create, Collection.byName, Database.create, Database.byName; of a collection: \
                     create, byId, all, where, firstWhere; of a document: update, replace, delete, exists; of a set: where, \
                     map, first, take, count, isEmpty, toArray, forEach, eventSource, eventsOn (toStream, changesOn); \
                     Set.sequence, Set.single, Time, Date, Bytes, newId, abort; literals, operators, let, if, functions and \
                     projections";
    let table = [
        ("1 +\n  foo", "error: Unbound variable `foo`\nat *query*:2:3\n  |\n2 |   foo\n  |   ^^^\n  |".to_owned()),
        ("1 | 2", format!("error: `|` is not supported. {supported}\nat *query*:1:3\n  |\n1 | 1 | 2\n  |   ^\n  |")),
        (
            "A.create({ ts: 1 })",
            "error: Failed to create document in collection `A`.\nconstraint failures:\n  ts: Is a reserved field and cannot be \
             used\nat *query*:1:9\n  |\n1 | A.create({ ts: 1 })\n  |         ^^^^^^^^^^^\n  |"
                .to_owned(),
        ),
    ];
    for (query, summary) in table {
        assert_eq!(client.query(query).json()["summary"], json!(summary), "{query}");
    }
}

#[test]
fn arguments_and_values() {
    let (_appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 1 })");
    let table = [
        ("A.create(1)", "invalid_argument", "expected value for `data` of type { *: Any }, received Int"),
        (
            "A.byId('1').update('x')",
            "invalid_argument",
            "expected value for `data` of type { *: Any }, received String",
        ),
        ("A.create({ id: true })", "invalid_argument", "expected value for `id` of type ID, received Boolean"),
        ("A.byId(true)", "invalid_argument", "expected value for `id` of type ID, received Boolean"),
        ("Collection.byName(1)", "invalid_argument", "expected value for `name` of type String, received Int"),
        ("Time(1)", "invalid_argument", "expected value for `time` of type String, received Int"),
        ("Date(1)", "invalid_argument", "expected value for `date` of type String, received Int"),
        ("Bytes(1)", "invalid_argument", "expected value for `encoded` of type String, received Int"),
        ("Collection(1)", "invalid_argument", "expected value for `collection` of type String, received Int"),
        ("Bytes('?')", "invalid_argument", "invalid argument `encoded`: it is not valid base64"),
        ("Set.sequence('a', 1)", "invalid_argument", "expected value for `from` of type Int, received String"),
        ("Set.sequence(1, 'a')", "invalid_argument", "expected value for `until` of type Int, received String"),
        ("A.all().take(-1)", "invalid_argument", "expected value for `limit` of type Int, received Int"),
        ("A.all().where(1)", "invalid_argument", "expected value for `predicate` of type function, received Int"),
        ("A.all().map(1)", "invalid_argument", "expected value for `mapper` of type function, received Int"),
        ("A.all().forEach(1)", "invalid_argument", "expected value for `callback` of type function, received Int"),
        ("A.all().eventsOn(1)", "invalid_argument", "expected value for `0` of type function, received Int"),
        ("A.all().eventsOn(.a + 1)", "invalid_argument", "invalid argument `0`: invalid field path given"),
        (
            "A.all().where((a, b) => true)",
            "invalid_argument",
            "`predicate` should accept 1 parameter, provided function requires exactly 2 parameters.",
        ),
        ("1 + null", "invalid_argument", "expected value for `other` of type Number, received Null"),
        ("null + 1", "invalid_null_access", "Cannot access `+` on null."),
        ("null[0]", "invalid_null_access", "Cannot access `[]` on null."),
        ("-'a'", "type_mismatch", "expected type: Number, received String"),
        ("1(2)", "type_mismatch", "expected type: Function, received Int"),
        ("A.all()(1)", "type_mismatch", "expected type: Function, received Set<Any>"),
        (
            "(() => 1)(2)",
            "invalid_function_invocation",
            "callee function expects exactly 0 arguments, but 1 were provided.",
        ),
        (
            "Set.single()",
            "invalid_function_invocation",
            "callee function `single` expects exactly 1 argument, but 0 were provided.",
        ),
        ("A.byId('9')!", "document_not_found", "Collection `A` does not contain document with id 9."),
        ("A.byId('9').n", "document_not_found", "Collection `A` does not contain document with id 9."),
        ("A.byId('9').delete()", "document_not_found", "Collection `A` does not contain document with id 9."),
        ("A.byId('9').update({})", "document_not_found", "Collection `A` does not contain document with id 9."),
        ("Collection.byName('X')!", "document_not_found", "Collection `X` not found."),
        ("Database.byName('X').delete()", "document_not_found", "Database `X` not found."),
        ("Collection('X')", "unbound_variable", "Unbound variable `X`"),
        (
            "Set.single(1).eventSource()",
            "invalid_receiver",
            "can't call `.eventSource()` because streaming is not supported on array sets; `Set.single()` is supported if \
             its element is a document.",
        ),
        (
            "A.all().take(1).toStream()",
            "invalid_receiver",
            "can't call `.toStream()` because streaming is not supported on sets returned from `.take()`.",
        ),
    ];
    assert_fails(&client, &table);
}

#[test]
fn what_cannot_be_stored() {
    let (_appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 1 })");
    let document = "Failed to create document in collection `A`.";
    let collection = "Failed to create Collection.";
    let table = [
        ("A.create({ ts: 1 })", document, "ts", "Is a reserved field and cannot be used"),
        ("A.create({ ttl: 1 })", document, "ttl", "Is not supported: documents do not expire"),
        ("A.create({ f: x => x })", document, "f", "A value of type function <lambda> cannot be stored"),
        (
            "A.byId('1').update({ coll: 1 })",
            "Failed to update document with id 1 in collection `A`.",
            "coll",
            "Is a reserved field and cannot be used",
        ),
        (
            "Collection.create({ name: 'X', history_days: -1 })",
            collection,
            "history_days",
            "Must be between 0 and 4294967295",
        ),
        (
            "Collection.create({ name: 'X', indexes: {} })",
            collection,
            "indexes",
            "Is not supported: a collection has `name` and `history_days`",
        ),
        ("Collection.create({})", collection, "name", "Missing required field"),
        ("Collection.create({ name: 'a b' })", collection, "name", "Invalid identifier"),
        ("Collection.create({ name: 'A' })", collection, "name", "A Collection already exists with the name `A`"),
        (
            "Database.create({ name: 'X', typechecked: true })",
            "Failed to create Database.",
            "typechecked",
            "Is not supported: a database has a `name`",
        ),
    ];
    for (query, message, field, problem) in table {
        let answer = client.query(query);
        assert_eq!(refused(&answer), (400, "constraint_failure".to_owned(), message.to_owned()), "{query}");
        let expected = json!([{ "paths": [[field]], "message": problem }]);
        assert_eq!(answer.json()["error"]["constraint_failures"], expected, "{query}");
    }
}

/// Limits that are not in `wording`.
#[test]
fn more_limits() {
    let (_appliance, client) = appliance();
    let watched: Vec<String> = (0..65).map(|at| format!(".f{at}")).collect();
    let long = "x".repeat(9_000);
    let nested = (0..70).fold(json!(null), |inner, _| json!([inner]));
    let table = [
        (
            format!("A.all().eventsOn({})", watched.join(", ")),
            json!({}),
            "an event source exceeds the limit of 64 watched fields.",
        ),
        (
            format!("A.all().where(.t == '{long}').eventSource()"),
            json!({}),
            "an event source exceeds the limit of 8192 bytes of text.",
        ),
        ("t + t".to_owned(), json!({ "t": "x".repeat(600_000) }), "a string exceeds the limit of 1048576 bytes."),
        (
            "A.create({ t: t })".to_owned(),
            json!({ "t": nested }),
            "a document's nesting exceeds the limit of 50 levels.",
        ),
        (
            "Set.sequence(0, 100001).forEach(n => A.byId('x').exists())".to_owned(),
            json!({}),
            "what the query reads exceeds the limit of 100000 documents.",
        ),
    ];
    for (query, arguments, problem) in table {
        let found = failure(&client, &json!({ "query": query, "arguments": arguments }));
        assert_eq!(found, ("value_too_large".to_owned(), format!("Value too large: {problem}")));
    }
    let body = json!({ "query": "A.create({ id: '1', t: t })", "arguments": { "t": "x".repeat(4_000_000) } });
    assert_eq!(client.call("POST", "/query/1", body.to_string()).status, 200);
    let found = failure(&client, &json!({ "query": "Set.sequence(0, 17).forEach(n => A.byId('1').t)" }));
    assert_eq!(found.1, "Value too large: what the query reads exceeds the limit of 67108864 bytes.");
}

/// Values that stand in a query's body.
#[test]
fn values_of_a_query() {
    let (_appliance, client) = appliance();
    let coll = json!({ "@mod": "A" });
    let table = [
        (json!({ "@int": "1", "x": 1 }), "too many keys in tagged value"),
        (json!(1), "numbers must be tagged"),
        (json!({ "@object": 1 }), "@object requires an object value"),
        (json!({ "@int": 1 }), "@int requires a string value"),
        (json!({ "@x": "1" }), "invalid tag '@x'"),
        (json!({ "@int": "x" }), "invalid integer"),
        (json!({ "@long": "x" }), "invalid long"),
        (json!({ "@double": "x" }), "invalid double"),
        (json!({ "@time": "x" }), "invalid time"),
        (json!({ "@date": "x" }), "invalid date"),
        (json!({ "@bytes": "?" }), "invalid bytes"),
        (json!({ "@mod": "" }), "invalid module"),
        (json!({ "@stream": "" }), "invalid event source"),
        (json!({ "@ref": 1 }), "@ref requires an object value"),
        (json!({ "@ref": {} }), "@ref field 'coll' is required"),
        (json!({ "@doc": { "coll": "A" } }), "@doc field 'coll' requires a module value"),
        (json!({ "@ref": { "coll": coll } }), "@ref field 'id' is required"),
        (json!({ "@ref": { "coll": coll, "id": 1 } }), "@ref field 'id' requires a string value"),
        (json!({ "@ref": { "coll": { "@mod": "Collection" }, "id": "1" } }), "@ref field 'name' is required"),
    ];
    for (value, problem) in table {
        let body = json!({ "query": { "fql": ["", { "value": value }] } });
        let expected = (400, "invalid_request".to_owned(), format!("Invalid request body: {problem}"));
        assert_eq!(refused(&client.call("POST", "/query/1", body.to_string())), expected, "{value}");
        let body = json!({ "query": "a", "arguments": { "a": value } });
        let expected = (400, "invalid_request".to_owned(), format!("Invalid argument 'a': {problem}"));
        assert_eq!(refused(&client.call("POST", "/query/1", body.to_string())), expected, "{value}");
    }
    let piece =
        "Unexpected value. Expected a string or an object with a single key 'fql', 'value', 'array', or 'object'";
    let table = [
        ("{\"query\":1}", piece),
        (r#"{"query":{"object":{"a":{"value":"x"},"a":{"value":"y"}}}}"#, "Duplicate object field `a`"),
    ];
    for (body, problem) in table {
        let expected = (400, "invalid_request".to_owned(), format!("Invalid request body: {problem}"));
        assert_eq!(refused(&client.call("POST", "/query/1", body)), expected, "{body}");
    }
}

/// Bodies that are no JSON.
#[test]
fn bodies_that_are_no_json() {
    let (_appliance, client) = appliance();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let table = [
        ("{", "the JSON ends too early at byte 1"),
        ("x", "unexpected \"x\" at byte 0"),
        ("{} {}", "something follows the JSON value at byte 3"),
        (r#"{"a":01}"#, "malformed number at byte 5"),
        (r#"{"a":1e999}"#, "number too large for a 64-bit float at byte 5"),
        (r#"{"a":"\x"}"#, "invalid escape at byte 6"),
        (r#"{"a":"\ud800"}"#, "escaped surrogate without its other half at byte 6"),
        ("{\"a\":\"\u{1}\"}", "control character in a string at byte 6"),
        (&deep, "nested deeper than 100 levels at byte 104"),
    ];
    for path in ["/query/1", "/stream/1", "/feed/1"] {
        for (body, problem) in table {
            let (status, code, message) = refused(&client.call("POST", path, body));
            assert_eq!((status, code.as_str()), (400, "invalid_request"), "{path} {body}");
            assert_eq!(message, format!("Invalid request body: {problem}"), "{path}");
        }
    }
}
