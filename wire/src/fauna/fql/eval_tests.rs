use proptest::prelude::*;

use super::test_memory::Memory;
use super::*;
use crate::fauna::document::{read_fields, write_fields};
use crate::fauna::fql::Detail;
use crate::fauna::test_values::fields;

#[test]
fn values_and_operators() {
    let mut memory = Memory::new();
    let table = [
        ("1 + 1", r#"{"@int":"2"}"#),
        ("42", r#"{"@int":"42"}"#),
        ("922337036854775808", r#"{"@long":"922337036854775808"}"#),
        ("7 / 2", r#"{"@int":"3"}"#),
        ("7 / 2.0", r#"{"@double":"3.5"}"#),
        ("-7 % 4", r#"{"@int":"-3"}"#),
        ("2 * 3.5 - 1", r#"{"@double":"6.0"}"#),
        ("'a' + 'b'", r#""ab""#),
        ("1 == 1.0", "true"),
        ("1 < 'a'", "false"),
        ("1 != 'a'", "true"),
        ("null == null", "true"),
        ("[1, { a: 2 }] == [1.0, { a: 2 }]", "true"),
        ("'a' < 'b' && !(2 <= 1) || false", "true"),
        ("null ?? 1", r#"{"@int":"1"}"#),
        ("false ?? 1", "false"),
        ("null && abort('not reached')", "false"),
        ("if (1 == 2) 3", "null"),
        ("if (null) 3 else 4", r#"{"@int":"4"}"#),
        ("let a = 1\nlet a = a + 1\na", r#"{"@int":"2"}"#),
        ("let f = x => x + 1; f(2)", r#"{"@int":"3"}"#),
        ("let n = 1; let f = x => { let y = x + n; y * 2 }; f(2)", r#"{"@int":"6"}"#),
        ("let o = { a: { b: [1, 2] } }; o.a.b[1]", r#"{"@int":"2"}"#),
        ("let o = { a: 1 }; o.b", "null"),
        ("let o = { a: 1 }; o.b?.c.d", "null"),
        ("let o = { 'a b': 1 }; o['a b']", r#"{"@int":"1"}"#),
        (
            "{ a: 1, b: { c: 2, d: 3 } } { a, x: .b.c, b { d } }",
            r#"{"a":{"@int":"1"},"x":{"@int":"2"},"b":{"d":{"@int":"3"}}}"#,
        ),
        ("[1, 2].map(x => x * 2)", r#"[{"@int":"2"},{"@int":"4"}]"#),
        ("[{ a: 1 }, { a: 2 }] { a }", r#"[{"a":{"@int":"1"}},{"a":{"@int":"2"}}]"#),
        ("Time.now()", r#"{"@time":"2024-03-21T12:35:18.680005Z"}"#),
        ("Date.today()", r#"{"@date":"2024-03-21"}"#),
        ("Time('2024-03-21T14:35:18+02:00') < Time.now()", "true"),
        ("Date('2024-03-21') == Date.today()", "true"),
        ("Bytes('AQ==')", r#"{"@bytes":"AQ=="}"#),
        ("Math.NaN", r#"{"@double":"NaN"}"#),
        ("A", r#"{"@mod":"A"}"#),
        ("x => x", r#""[function <lambda>]""#),
        ("'#{x}'", r##""#{x}""##),
    ];
    for (text, expected) in table {
        assert_eq!(memory.ok(text), expected, "{text}");
    }
}

#[test]
fn errors_of_evaluation() {
    let mut memory = Memory::new();
    let table = [
        ("foo", "unbound_variable", "Unbound variable `foo`"),
        ("notARealFn(1)", "unbound_variable", "Unbound variable `notARealFn`"),
        ("Role.all()", "unbound_variable", "Unbound variable `Role`"),
        ("null.a", "invalid_null_access", "Cannot access `a` on null."),
        ("let o = {}; o.a.b", "invalid_null_access", "Cannot access `b` on null."),
        ("let o = {}; o.a.b()", "invalid_null_access", "Cannot access `b` on null."),
        ("null!", "null_value", "Null value"),
        ("1 / 0", "divide_by_zero", "Attempted integer division by zero."),
        ("9223372036854775807 + 1", "value_too_large", "Value too large: the result does not fit into 64 bits."),
        ("1 + 'a'", "invalid_argument", "expected value for `other` of type Number, received String"),
        ("'a' + 1", "invalid_argument", "expected value for `other` of type String, received Int"),
        ("1 && true", "type_mismatch", "expected type: Boolean, received Int"),
        ("if ('a') 1", "type_mismatch", "expected type: Boolean, received String"),
        ("[1][1]", "index_out_of_bounds", "index 1 out of bounds for length 1"),
        ("1(2)", "type_mismatch", "expected type: Function, received Int"),
        ("A.byId('999')!", "document_not_found", "Collection `A` does not contain document with id 999."),
        ("A.byId('999').n", "document_not_found", "Collection `A` does not contain document with id 999."),
        ("A.byId('999')!.delete()", "document_not_found", "Collection `A` does not contain document with id 999."),
        ("A.byId('999').update({})", "document_not_found", "Collection `A` does not contain document with id 999."),
        ("A.byId(true)", "invalid_argument", "expected value for `id` of type ID, received Boolean"),
        ("A.create({ id: '101' })", "document_id_exists", "Collection `A` already contains document with id 101."),
        ("A.create({ id: 'x' })", "invalid_id", "`x` is not a valid ID."),
        ("A.create({ id: '007' })", "invalid_id", "`007` is not a valid ID."),
        ("A.create(1)", "invalid_argument", "expected value for `data` of type { *: Any }, received Int"),
        ("Collection.byName('X')!.delete()", "document_not_found", "Collection `X` not found."),
        ("Time('now')", "invalid_time", "`now` is not a valid time."),
        ("Date('now')", "invalid_date", "`now` is not a valid date."),
        ("A.all().where(.n)", "type_mismatch", "expected type: Boolean, received Int"),
        (
            "A.all().map(() => 1)",
            "invalid_argument",
            "`mapper` should accept 1 parameter, provided function requires exactly 0 parameters.",
        ),
        ("A.all().map(1)", "invalid_argument", "expected value for `mapper` of type function, received Int"),
        (
            "let f = (a, b) => a; f(1)",
            "invalid_function_invocation",
            "callee function expects exactly 2 arguments, but 1 were provided.",
        ),
        (
            "A.all(1)",
            "invalid_function_invocation",
            "callee function `all` expects exactly 0 arguments, but 1 was provided.",
        ),
    ];
    for (text, code, message) in table {
        assert_eq!(memory.err(text), (code, message.to_owned()), "{text}");
    }
    for text in [
        "A.all().order(.n)",
        "A.foo()",
        "'a'.length",
        "'abc'.slice(1)",
        "Time.epoch(1, 'second')",
        "Set.foo()",
        "[1].foo()",
        "Collection.all()",
    ] {
        let (code, message) = memory.err(text);
        assert_eq!(code, "invalid_function_invocation", "{text}");
        assert!(message.contains("does not exist on") && message.contains("Supported here:"), "{text}: {message}");
    }
}

#[test]
fn abort_gives_back_what_it_was_given() {
    let error = Memory::new().run("abort({ id: A.byId('101')!.id })").unwrap_err();
    assert_eq!((error.code, error.message.as_str()), ("abort", "Query aborted."));
    let expected = Value::Object([("id".to_owned(), Value::from("101"))].into_iter().collect());
    assert_eq!(error.detail, Detail::Abort(Box::new(expected)));
}

#[test]
fn documents_are_created_changed_and_deleted() {
    let mut memory = Memory::new();
    let created = memory.ok("B.create({ name: 'pizza', n: 1, none: null, t: Time('2024-01-01T00:00:00Z') })");
    assert_eq!(
        created,
        r#"{"@doc":{"id":"104","coll":{"@mod":"B"},"ts":{"@time":"2024-03-21T12:35:18.680005Z"},"name":"pizza","n":{"@int":"1"},"t":{"@time":"2024-01-01T00:00:00Z"}}}"#
    );
    assert_eq!(memory.bodies("B"), [("104", r#"{"name":"pizza","n":1,"t":{"@time":"2024-01-01T00:00:00Z"}}"#)]);
    memory.ok("B.byId('104')!.update({ n: 2, name: null, o: { a: 1 } })");
    memory.ok("B.byId(104)!.update({ t: null, o: { b: 2 } })");
    assert_eq!(memory.bodies("B"), [("104", r#"{"n":2,"o":{"a":1,"b":2}}"#)]);
    memory.ok("B(\"104\").replace({ m: [null, 1.5], big: 9007199254740992 })");
    assert_eq!(memory.bodies("B"), [("104", r#"{"m":[null,1.5],"big":{"@long":"9007199254740992"}}"#)]);
    assert_eq!(memory.ok("B.byId('104')!.exists()"), "true");
    let deleted = memory.ok("B.byId('104')!.delete()");
    assert_eq!(deleted, r#"{"@ref":{"id":"104","coll":{"@mod":"B"},"exists":false,"cause":"deleted"}}"#);
    assert!(memory.bodies("B").is_empty());
    assert_eq!(
        memory.ok("B.byId('104')"),
        r#"{"@ref":{"id":"104","coll":{"@mod":"B"},"exists":false,"cause":"not found"}}"#
    );
    assert_eq!(memory.ok("B.byId('104') == null"), "true");
    assert_eq!(memory.ok("B.byId('104')?.n"), "null");
    assert_eq!(memory.ok("B.create({ id: '5' }).id"), "\"5\"");
    assert_eq!(memory.ok("B.create({}).id"), "\"105\"");
    assert_eq!(memory.ok("newId()"), "\"106\"");
}

#[test]
fn a_query_sees_what_it_has_written() {
    let mut memory = Memory::new();
    let text = "let d = B.create({ n: 1 })\nd.update({ n: d.n + 1 })\n[d.n, B.all().count(), B.all().first()!.n]";
    assert_eq!(memory.ok(text), r#"[{"@int":"2"},{"@int":"1"},{"@int":"2"}]"#);
    assert_eq!(memory.bodies("B"), [("104", r#"{"n":2}"#)]);
    assert_eq!(memory.ok("let d = B.create({ n: 1 })\nd.delete()\nd.exists()"), "false");
}

/// One transaction shows one event for a document, as it is in the end.
#[test]
fn a_document_is_written_once_however_often_it_changes() {
    let mut memory = Memory::new();
    let limits = Limits::default();
    let mut writes = |text: &str| memory.run_with(text, vec![], &limits).unwrap().effects.writes;
    let seen = |seq| Some(seq);
    let put = |id: &str, body: &str, seen_seq| Write::Put {
        collection: "A".into(),
        id: id.into(),
        body: body.into(),
        seen_seq,
    };
    let updated = writes(
        "let d = A.byId('102')!\nA.byId('101')!.update({ m: 1 })\nd.update({ m: 1 })\nA.byId('101')!.update({ m: 2 })\n0",
    );
    assert_eq!(updated, [put("101", r#"{"n":1,"m":2}"#, seen(3)), put("102", r#"{"n":2,"m":1}"#, seen(4))]);
    let deleted = writes("let d = A.byId('103')!\nd.update({ m: 1 })\nd.delete()\n0");
    assert_eq!(deleted, [Write::Delete { collection: "A".into(), id: "103".into(), seen_seq: seen(5) }]);
    assert_eq!(writes("A.create({}).delete()"), []);
    let again = writes("A.byId('101')!.delete()\nA.create({ id: '101', k: 1 })");
    assert_eq!(again, [put("101", r#"{"k":1}"#, seen(6))]);
}

#[test]
fn nothing_is_written_if_anything_fails() {
    let mut memory = Memory::new();
    memory.err("A.create({ n: 9 })\nabort('no')");
    assert_eq!(memory.bodies("A").len(), 3);
}

#[test]
fn fields_that_a_document_may_not_have() {
    let mut memory = Memory::new();
    let failures = |result: Result<Value, FqlError>| match result.unwrap_err() {
        FqlError { code: "constraint_failure", message, detail: Detail::Constraints(failures), .. } => {
            (message, failures.into_iter().map(|failure| (failure.field, failure.message)).collect::<Vec<_>>())
        }
        error => panic!("{error:?}"),
    };
    for field in ["ts", "coll", "data", "delete", "update", "replace"] {
        let problem = (field.to_owned(), "Is a reserved field and cannot be used".to_owned());
        let (message, found) = failures(memory.run(&format!("A.create({{ {field}: 1 }})")));
        assert_eq!(
            (message.as_str(), &found[..]),
            ("Failed to create document in collection `A`.", &[problem.clone()][..])
        );
        let (message, found) = failures(memory.run(&format!("A.byId('101')!.update({{ {field}: 1 }})")));
        let expected = "Failed to update document with id 101 in collection `A`.";
        assert_eq!((message.as_str(), &found[..]), (expected, &[problem][..]));
    }
    let (_, found) =
        failures(memory.run("A.byId('101')!.replace({ id: '1', s: A.all(), f: x => x, ttl: Time.now() })"));
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "ttl", "s", "f"]);
}

#[test]
fn references_to_documents_are_stored() {
    let mut memory = Memory::new();
    memory.ok("B.create({ owner: A.byId('101')!, first: A.all().first() })");
    let reference = r#"{"@ref":{"id":"101","coll":{"@mod":"A"}}}"#;
    let body = format!(r#"{{"owner":{reference},"first":{reference}}}"#);
    assert_eq!(memory.bodies("B")[0].1, body);
    assert_eq!(memory.ok("B.all().first()!.owner.n"), r#"{"@int":"1"}"#);
    assert!(memory.ok("B.all().first()!").contains(r#""owner":{"@ref":"#), "inside of documents references stay");
    assert!(memory.ok("B.all().first()!.owner").starts_with(r#"{"@doc":{"id":"101""#));
    assert_eq!(memory.ok("B.where(.owner == A.byId('101')).count()"), r#"{"@int":"1"}"#);
}

#[test]
fn collections_and_databases() {
    let mut memory = Memory::new();
    let created = memory.ok("Collection.create({ name: 'C', history_days: 3 })");
    assert_eq!(
        created,
        r#"{"@doc":{"name":"C","coll":{"@mod":"Collection"},"ts":{"@time":"2024-03-21T12:35:18.680005Z"},"history_days":{"@int":"3"}}}"#
    );
    assert_eq!(memory.ok("Collection.byName('C') != null"), "true");
    assert_eq!(memory.ok("Collection.byName('D') == null"), "true");
    assert_eq!(memory.ok("Collection.byName('C').name"), "\"C\"");
    // As the drivers' own tests begin.
    memory.ok("if (Database.byName('FeedTestDB') == null) {\n  Database.create({ name: 'FeedTestDB' })\n}");
    memory.ok("if (Database.byName('FeedTestDB') == null) {\n  Database.create({ name: 'FeedTestDB' })\n}");
    memory.ok("if (Collection.byName(\"A\") != null) {\n  Collection.byName(\"A\")!.delete()\n}\n");
    memory.ok("Collection.create({ name: \"A\" });\n");
    memory.ok("Collection.byName('A')?.delete()\nCollection.create({ name: 'A' })\nA.create({})\nA.all().count()");
    assert_eq!(memory.bodies("A").len(), 1);
    memory.ok("Collection.byName('A')?.delete()");
    assert_eq!(memory.ok("Collection.byName('A')?.delete()"), "null");
    memory.ok("Database.byName('FeedTestDB')!.delete()");
    assert_eq!(memory.err("A.all()").0, "unbound_variable");
}

#[test]
fn collections_that_cannot_be() {
    let mut memory = Memory::new();
    let table = [
        ("Collection.create({ name: 'A' })", "A Collection already exists with the name `A`"),
        ("Collection.create({ name: 'Time' })", "Invalid identifier"),
        ("Collection.create({ name: 'Role' })", "Invalid identifier"),
        ("Collection.create({ name: 'a b' })", "Invalid identifier"),
        ("Collection.create({ name: '' })", "Invalid identifier"),
        ("Collection.create({})", "Missing required field"),
        ("Collection.create({ name: 'C', history_days: -1 })", "Must be between 0 and 4294967295"),
        (
            "Collection.create({ name: 'C', indexes: {} })",
            "Is not supported: a collection has `name` and `history_days`",
        ),
        ("Database.create({ name: 'D', typechecked: true })", "Is not supported: a database has a `name`"),
    ];
    for (text, problem) in table {
        match memory.run(text).unwrap_err() {
            FqlError { code: "constraint_failure", detail: Detail::Constraints(failures), .. } => {
                assert_eq!(failures[0].message, problem, "{text}");
            }
            error => panic!("{text}: {error:?}"),
        }
    }
}

#[test]
fn sets() {
    let mut memory = Memory::new();
    let table = [
        ("A.all().map(.n)", r#"{"@set":{"data":[{"@int":"1"},{"@int":"2"},{"@int":"3"}]}}"#),
        ("A.where(.n > 1).map(.n).toArray()", r#"[{"@int":"2"},{"@int":"3"}]"#),
        ("A.all().where(d => d.n > 1 && d.n < 3) { n }", r#"{"@set":{"data":[{"n":{"@int":"2"}}]}}"#),
        ("A.all().take(2).count()", r#"{"@int":"2"}"#),
        ("A.all().take(0).count()", r#"{"@int":"0"}"#),
        ("A.all().where(.n > 1).take(1).map(.n).first()", r#"{"@int":"2"}"#),
        ("A.firstWhere(.n == 3)!.n", r#"{"@int":"3"}"#),
        ("A.firstWhere(.n == 4)", "null"),
        ("B.all().first()", "null"),
        ("B.all().isEmpty()", "true"),
        ("Set.sequence(0, 3)", r#"{"@set":{"data":[{"@int":"0"},{"@int":"1"},{"@int":"2"}]}}"#),
        ("Set.sequence(3, 0).count()", r#"{"@int":"0"}"#),
        ("Set.single(A.byId('101')!).map(.n)", r#"{"@set":{"data":[{"@int":"1"}]}}"#),
        ("[1, 2].toSet().map(x => x + 1).toArray()", r#"[{"@int":"2"},{"@int":"3"}]"#),
        ("let min = 2; A.where(.n >= min).count()", r#"{"@int":"2"}"#),
        ("A.all().forEach(.update({ n: 0 }))", "null"),
        ("A.where(.n == 0).count()", r#"{"@int":"3"}"#),
        ("A.all().forEach(d => A.create({ n: 5 }))", "null"),
        ("A.all().count()", r#"{"@int":"6"}"#),
        ("A.all().forEach(.delete())", "null"),
        ("A.all().count()", r#"{"@int":"0"}"#),
    ];
    for (text, expected) in table {
        assert_eq!(memory.ok(text), expected, "{text}");
    }
}

#[test]
fn sets_are_read_page_by_page() {
    let mut memory = Memory::new();
    memory.ok("Set.sequence(0, 1000).forEach(n => B.create({ n: n }))");
    assert_eq!(memory.ok("B.all().count()"), r#"{"@int":"1000"}"#);
    let limits = Limits { reads_max: 300, ..Limits::default() };
    let template = |memory: &mut Memory, text: &str| memory.run_with(text, vec![], &limits);
    assert!(template(&mut memory, "B.all().take(200).count()").is_ok());
    assert_eq!(template(&mut memory, "B.all().count()").unwrap_err().code, "value_too_large");
}

#[test]
fn event_sources() {
    let mut memory = Memory::new();
    let stream = |text: &str| format!(r#"{{"@stream":"token of {}"}}"#, text.replace('"', "\\\""));
    let table = [
        ("A.all().eventSource()", "A.all().eventSource()"),
        ("A.all().toStream()", "A.all().eventSource()"),
        (
            "A.where(.n >= 1).where(.n <= 3).eventSource()",
            "A.all().where(_0 => _0.n >= 1).where(_0 => _0.n <= 3).eventSource()",
        ),
        (
            "let x = 'a'; A.where(d => d.name == x).map(d => { n: d.n }).toStream()",
            "A.all().where(_0 => _0.name == \"a\").map(_0 => {n: _0.n}).eventSource()",
        ),
        ("A.all().eventsOn(.a, .b.c)", "A.all().eventsOn(.a, .b.c)"),
        ("A.all().changesOn(.a)", "A.all().eventsOn(.a)"),
        ("A.all().eventSource() { first }", "A.all().map(_0 => _0 {first: .first}).eventSource()"),
        ("A.all().eventSource().where(.n == 1)", "A.all().where(_0 => _0.n == 1).eventSource()"),
        ("Set.single(A.byId('101')!).eventSource()", "Set.single(A.byId(\"101\")).eventSource()"),
        ("A.all().map((doc) => abort(\"oops\")).toStream()", "A.all().map(_0 => abort(\"oops\")).eventSource()"),
    ];
    for (text, expected) in table {
        assert_eq!(memory.ok(text), stream(expected), "{text}");
    }
    assert_eq!(
        memory.ok("{ a: A.all(), token: A.all().map(.n).eventSource() }.token"),
        stream("A.all().map(_0 => _0.n).eventSource()")
    );
    let deep = (0..45).fold(Value::Null, |value, _| Value::Array(vec![value]));
    let deep = memory.run_with("A.where(.a == v).eventSource()", vec![("v".into(), deep)], &Limits::default());
    assert_eq!(deep.unwrap_err().code, "invalid_query", "a token that could not be read back is not made");
    let refused = [
        (
            "Set.sequence(0, 3).eventSource()",
            "invalid_receiver",
            "can't call `.eventSource()` because streaming is not supported on sets created from `Set.sequence()`.",
        ),
        (
            "Set.sequence(0, 3).eventsOn(.a)",
            "invalid_receiver",
            "can't call `.eventsOn()` because streaming is not supported on sets created from `Set.sequence()`.",
        ),
        (
            "A.all().take(1).toStream()",
            "invalid_receiver",
            "can't call `.toStream()` because streaming is not supported on sets returned from `.take()`.",
        ),
        ("A.all().eventsOn(x => 1)", "invalid_argument", "invalid argument `0`: invalid field path given"),
        ("A.all().eventsOn(.a, .b?.c)", "invalid_argument", "invalid argument `1`: invalid field path given"),
        ("A.all().map(doc => notARealFn(doc)).toStream()", "unbound_variable", "Unbound variable `notARealFn`"),
    ];
    for (text, code, message) in refused {
        assert_eq!(memory.err(text), (code, message.to_owned()), "{text}");
    }
}

#[test]
fn arguments_are_variables() {
    let mut memory = Memory::new();
    let arguments = vec![("col".to_owned(), Value::Module("A".into())), ("n".to_owned(), Value::Int(2))];
    let outcome = memory.run_with("col.where(.n == n).count()", arguments, &Limits::default()).unwrap();
    assert_eq!(outcome.value, Value::Int(1));
    let missing = vec![("col".to_owned(), Value::Module("Nope".into()))];
    let error = memory.run_with("col.all()", missing, &Limits::default()).unwrap_err();
    assert_eq!(error.code, "unbound_variable");
}

#[test]
fn limits_end_every_evaluation() {
    let mut memory = Memory::new();
    let table = [
        ("Set.sequence(0, 100000000).forEach(n => n)", Limits::default()),
        ("Set.sequence(0, 20000).toArray()", Limits::default()),
        ("Set.sequence(0, 100).forEach(n => A.create({}))", Limits { writes_max: 99, ..Limits::default() }),
        ("A.create({ a: 'aaaaaaaaaaaaaaaaaaaaaa' })", Limits { write_bytes_max: 20, ..Limits::default() }),
        ("A.all().count()", Limits { reads_max: 2, ..Limits::default() }),
        ("A.all().count()", Limits { read_bytes_max: 2, ..Limits::default() }),
        ("1 + 1 + 1", Limits { steps_max: 4, ..Limits::default() }),
        (
            "let f = x => x; let g = y => f(f(y)); let h = z => g(g(g(z))); Set.sequence(0, 200000).map(h).count()",
            Limits::default(),
        ),
    ];
    for (text, limits) in table {
        let error = memory.run_with(text, vec![], &limits).unwrap_err();
        assert_eq!(error.code, "value_too_large", "{text}: {error}");
    }
    let endless = [
        "let f = g => g(g); f(f)",
        "let f = g => [g(g)]; f(f)",
        "let f = g => { a: g(g) }.a; f(f)",
        "let f = g => Set.sequence(0, 1).map(x => g(g)).toArray(); f(f)",
        "let f = g => [1].map(x => A.all().where(y => g(g)).count()); f(f)",
        "let f = g => Set.sequence(0, 1).forEach(x => if (g(g)) 1 else 2); f(f)",
    ];
    for text in endless {
        assert_eq!(memory.err(text).0, "stack_overflow", "{text}");
    }
}

/// What is deepest without being refused must fit on the stack.
#[test]
fn deep_queries_are_evaluated_or_refused() {
    let mut memory = Memory::new();
    for depth in 1..40 {
        let nested = format!("{}1{}", "Set.sequence(0, 1).map(x => ".repeat(depth), ").count()".repeat(depth));
        let lists = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let sets = format!("{}1{}", "Set.sequence(0, 1).map(x => ".repeat(depth), ")".repeat(depth));
        for text in [nested, lists, sets] {
            match memory.run(&text) {
                Ok(_) => {}
                Err(error) => assert!(matches!(error.code, "stack_overflow" | "invalid_query"), "{text}: {error}"),
            }
        }
    }
}

#[test]
fn documents_that_are_too_deep_or_too_large() {
    let mut memory = Memory::new();
    let object = |depth: usize| {
        (0..depth).fold(Value::Null, |value, _| Value::Object([("@a".to_owned(), value)].into_iter().collect()))
    };
    let mut create = |value: Value| {
        memory.run_with("A.create({ v: v })", vec![("v".into(), value)], &Limits::default()).map_err(|error| error.code)
    };
    assert!(create(object(50)).is_ok());
    assert_eq!(create(object(51)), Err("value_too_large"));
    assert_eq!(create(Value::Str("x".repeat(5_000_001))), Err("value_too_large"));
    memory.ok("A.create({ deep: A.all().first()!.v })");
    let deepest = memory.bodies("A").into_iter().map(|(_, body)| body.to_owned()).max_by_key(String::len).unwrap();
    assert!(crate::json::check(&deepest, crate::json::DEPTH_MAX).is_ok());
    assert!(!read_fields(&deepest).is_empty());
}

#[test]
fn errors_of_the_store() {
    let table = [
        (StoreError::TimeOut, 440, "time_out"),
        (StoreError::Contended, 409, "contended_transaction"),
        (StoreError::Denied, 403, "permission_denied"),
        (StoreError::Overloaded("later".into()), 429, "limit_exceeded"),
        (StoreError::Internal("broken".into()), 500, "internal_error"),
    ];
    for (fails, status, code) in table {
        let mut memory = Memory::new();
        memory.fails = Some(fails);
        let error = memory.run("A.all()").unwrap_err();
        assert_eq!((error.status, error.code), (status, code));
    }
}

#[test]
fn errors_point_at_what_is_wrong() {
    let mut memory = Memory::new();
    let table = [
        ("A.create({})\n  foo + 1", "foo"),
        ("let a = A.byId('9')!.n\na", "!"),
        ("A.all().order(.n)", "(.n)"),
        ("abort('x')", "('x')"),
        ("1 + null.a", ".a".trim_start_matches('.')),
    ];
    for (text, marked) in table {
        let span = memory.run(text).unwrap_err().span.unwrap();
        assert_eq!(&text[span.start..span.end], marked, "{text}");
    }
}

proptest! {
    #[test]
    fn documents_read_back_as_they_were_written(fields in fields()) {
        let mut memory = Memory::new();
        let kept: crate::fauna::value::Fields =
            fields.into_iter().filter(|(name, _)| !crate::fauna::tagged::SPECIAL.contains(&name.as_str())).collect();
        let arguments = vec![("fields".to_owned(), Value::Object(kept.clone()))];
        memory.run_with("B.create(fields)", arguments, &Limits::default()).unwrap();
        let stored = read_fields(memory.bodies("B")[0].1);
        prop_assert_eq!(&stored, &kept.without_nulls());
        let mut body = Vec::new();
        write_fields(&stored, &mut body);
        prop_assert_eq!(std::str::from_utf8(&body).unwrap(), memory.bodies("B")[0].1);
    }

    #[test]
    fn no_query_panics(words in prop::collection::vec(prop::sample::select(vec![
        "A", "B", ".all()", ".n", "(", ")", "{", "}", "[", "]", ",", "=>", "let x = ", "if (x) ", "else ", "1", "'s'", "!",
        "?.", "==", "&&", "-", "\n", ".create({ n: 1 })", ".first()", ".where(.n == 1)", ".map(", "x", ".delete()",
        ".eventSource()", "Set.sequence(0, 3)", ".forEach(", ".update({ a: x })", "null", "Collection", ".byId('101')",
    ]), 0..16)) {
        let text = words.join("");
        let mut memory = Memory::new();
        if let Err(error) = memory.run(&text) {
            crate::fauna::fql::summary::summary(&error, &text);
        }
    }
}
