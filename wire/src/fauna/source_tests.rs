use proptest::prelude::*;

use super::*;

fn source(text: &str) -> Source {
    Source::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn equal_sources_have_equal_names() {
    let equal = [
        ("A.where(.n == 1).eventSource()", "A.all().where(doc => doc.n == 1).toStream()"),
        (
            "A.all().where(x => x.n == 1 && x.m).eventSource()",
            "A.all().where(y => (y.n == (1)) && (y.m)).eventSource()",
        ),
        (
            "A.all().map(a => { let b = a.n; b + 1 }).eventSource()",
            "A.all().map(x => { let y = x.n\n y + 1 }).eventSource()",
        ),
        (
            "A.all().map(a => a.l.map(b => a.n + b)).eventSource()",
            "A.all().map(b => b.l.map(a => b.n + a)).eventSource()",
        ),
        ("A.all().eventsOn(.a)", "A.all().changesOn(x => x['a'])"),
        ("A.all().map(_0 => _0.n).eventSource()", "A.all().map(.n).eventSource()"),
        ("A.all().eventSource() { n }", "(A.all() { n: .n }).eventSource()"),
    ];
    for (one, other) in equal {
        assert_eq!(source(one).text(), source(other).text());
        assert_eq!(source(one).encoding_name(), source(other).encoding_name());
    }
    let different = [
        "A.all().eventSource()",
        "B.all().eventSource()",
        "A.all().eventsOn(.n)",
        "A.all().where(.n == 1).eventSource()",
        "A.all().where(.n == 1.0).eventSource()",
        "A.all().where(.n == '1').eventSource()",
        "A.all().map(.n).eventSource()",
        "A.all().map(_0 => n).eventSource()",
        "A.all().map(a => a.l.map(b => b)).eventSource()",
        "A.all().map(a => a.l.map(b => a)).eventSource()",
        "Set.single(A.byId('1')).eventSource()",
    ];
    let mut names: Vec<String> = different.iter().map(|text| source(text).encoding_name()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), different.len());
}

#[test]
fn golden_name() {
    let source = Source::of_collection("Product");
    assert_eq!(source.text(), "Product.all().eventSource()");
    assert_eq!(source.encoding_name(), "fauna-2d679727aefd1a22e542b12c");
    let is_directory = |name: &str| name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    assert!(is_directory(&source.encoding_name()));
    assert_eq!(super::Source::parse(source.text()), Ok(source));
}

#[test]
fn what_a_source_follows() {
    let table = [
        ("A.all().eventSource()", "A", None, 0),
        ("Collection('news-feed').all().eventsOn(.a, .b.c)", "news-feed", None, 2),
        ("Set.single(A.byId('any text')).eventSource()", "A", Some("any text"), 0),
    ];
    for (text, collection, document, fields) in table {
        let source = source(text);
        assert_eq!((source.collection(), source.document(), source.fields().len()), (collection, document, fields));
        assert_eq!(Source::parse(source.text()).as_ref(), Ok(&source));
    }
}

#[test]
fn what_is_compiled() {
    let table = [
        ("A.all().eventSource()", true),
        ("A.where(.a == 1).where(!(.b.c < 'x') || .d).map(.e.f).eventSource()", true),
        ("A.where(1 < .a && .t >= Time('2024-01-01T00:00:00Z')).eventSource()", true),
        ("A.where(.o == B.byId('1') || .l == [1, -2] || .a == .b || .x?.y == null).eventSource()", true),
        ("A.all().map(d => { a: d.x, b: d.y.z }).eventSource()", true),
        ("A.all().eventSource() { a, b: .c.d }", true),
        ("A.all().map(d => d).eventSource()", true),
        ("A.where(.a + 1 == 2).eventSource()", false),
        ("A.where(.t < Time.now()).eventSource()", false),
        ("A.where(_ => true).eventSource()", false),
        ("A.all().map(.n).where(n => n > 1).eventSource()", false),
        ("A.all().map(d => { a: d.x, b: 1 }).eventSource()", false),
        ("A.all().map(d => { '@a': d.x }).eventSource()", false),
        ("A.all().map(d => if (d.n == 1) abort('x') else d).eventSource()", false),
        ("A.all().eventSource() { a { b } }", false),
    ];
    for (text, compiled) in table {
        assert_eq!(source(text).plan().is_compiled(), compiled, "{text}");
    }
}

#[test]
fn what_is_no_source() {
    let long = format!("A.where(.n == '{}').eventSource()", "x".repeat(TEXT_BYTES_MAX));
    let fields = format!("A.all().eventsOn({})", [".a"; FIELDS_MAX + 1].join(","));
    for text in ["", "1", "A.all()", "A.create({})", "A.byId('1').eventSource()", "Time.now()", &long, &fields] {
        assert!(Source::parse(text).is_err(), "{text}");
    }
    assert_eq!(Source::parse("A.all()").unwrap_err().code, "type_mismatch");
}

proptest! {
    #[test]
    fn the_text_of_a_source_is_that_source(
        steps in prop::collection::vec(prop::sample::select(vec![
            ".where(.a == 1)", ".where(x => x.b.c != 'y')", ".map(.a)", ".map(x => { a: x, b: [x.c, -1.5] })",
            ".where(.a && (.b || !.c))", ".map(x => { let y = x.a; { let x = y; x } })", ".map(.a { b, c: .d + 1 })",
            ".map(x => if (x.a == null) x else x.b!)", ".map(x => x.l.map(y => x.n + y))", ".map(x => _0)",
            ".where(.t < Date('2024-02-29') ?? .f)",
        ]), 0..4),
        end in prop::sample::select(vec![".eventSource()", ".eventsOn(.a, .b['c d'])", ".toStream() { a }"]),
    ) {
        let text = format!("A.all(){}{end}", steps.concat());
        let source = Source::parse(&text).unwrap();
        let again = Source::parse(source.text());
        prop_assert_eq!(again.as_ref().map(Source::text), Ok(source.text()), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "[a-zA-Z0-9_.'\"(){}\\[\\],=<>&| -]{0,40}") {
        let _ = Source::parse(&text);
    }
}
