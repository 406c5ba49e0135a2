use proptest::prelude::*;

use super::*;
use crate::fauna::fql::ast::{BinaryOp, Link, LinkKind, Statement, UnaryOp};
use crate::fauna::fql::display::expression;
use crate::fauna::fql::summary::summary;
use crate::fauna::test_values::value;

fn shown(text: &str) -> String {
    match parse(text) {
        Ok(tree) => expression(&tree),
        Err(error) => panic!("{}", summary(&error, text)),
    }
}

#[test]
fn golden_trees() {
    let table = [
        ("1", "1"),
        ("-1", "-1"),
        ("- 1.50", "-1.5"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9.223372036854776e+18"),
        ("null", "null"),
        ("[1, 'a', true,]", r#"[1, "a", true]"#),
        ("{}", "{}"),
        ("{ a: 1, 'b c': 2, }", r#"{a: 1, "b c": 2}"#),
        ("1 + 2 * 3", "1 + 2 * 3"),
        ("(1 + 2) * 3", "(1 + 2) * 3"),
        ("1 - 2 - 3", "1 - 2 - 3"),
        ("1 - (2 - 3)", "1 - (2 - 3)"),
        ("1 - -1", "1 - -1"),
        ("a && b || c && d", "a && b || c && d"),
        ("a && (b || c)", "a && (b || c)"),
        ("!a && -b == c", "!a && -b == c"),
        ("!(a && b)", "!(a && b)"),
        ("-1.foo", "-1.foo"),
        ("a ?? b", "a ?? b"),
        ("A.byId(\"1\")!.delete()", r#"A.byId("1")!.delete()"#),
        ("A.byId('1')?.delete()", r#"A.byId("1")?.delete()"#),
        ("a.b[0]['c d'].if", r#"a.b[0]["c d"].if"#),
        ("a?.[0]?.(1)", "a?.[0]?.(1)"),
        ("A\n  .all()\n  .where(.n >= 1)\n  ?.first()", "A.all().where(.n >= 1)?.first()"),
        ("A.where(.a.b == 1 && !.c)", "A.where(.a.b == 1 && !.c)"),
        ("A.where(.['a b'] == 1)", r#"A.where(.["a b"] == 1)"#),
        ("A.where(x => x.a == 1)", "A.where(x => x.a == 1)"),
        ("A.all().map((doc) => { time: Time.now(), doc: doc, })", "A.all().map(doc => {time: Time.now(), doc: doc})"),
        ("A.forEach((_, b) => b)", "A.forEach((_, b) => b)"),
        ("f(() => 1)", "f(() => 1)"),
        ("A.all() { a, b: .c.d, e { f } }", "A.all() {a: .a, b: .c.d, e: .e {f: .f}}"),
        ("(A.where(.n >= 1) { n }).eventSource()", "(A.where(.n >= 1) {n: .n}).eventSource()"),
        ("A.map(.a { b })", "A.map(.a {b: .b})"),
        ("if (a == 1) b else c", "if (a == 1) b else c"),
        ("if (a) b else if (c) d", "if (a) b else (if (c) d)"),
        ("if (a == null) {\n  A.create({ n: 1 })\n}", "if (a == null) A.create({n: 1})"),
        ("d => if (d.n == 1) abort('x') else d", r#"d => if (d.n == 1) abort("x") else d"#),
        ("let a = 1\nlet b = a + 1;\nb", "{ let a = 1; let b = a + 1; b; }"),
        ("a;", "a"),
        ("a\nb", "{ a; b; }"),
        ("a\n(b)", "{ a; b; }"),
        ("a\n[b]", "{ a; [b]; }"),
        ("a\n-b", "{ a; -b; }"),
        ("a\n{ b }", "{ a; b; }"),
        ("a\n&& b\n  || c\n ?? d", "a && b || c ?? d"),
        ("a +\n b", "a + b"),
        ("x => {\n let y = x\n y + 1 }", "x => { let y = x; y + 1; }"),
        ("{ 'a' }", r#""a""#),
        ("a // comment\n/* another */ .b", "a.b"),
    ];
    for (text, expected) in table {
        assert_eq!(shown(text), expected, "{text}");
        assert_eq!(shown(expected), expected);
    }
}

#[test]
fn values_stand_where_their_places_are() {
    let template =
        Template { text: "\0.create({ n: \0 })".into(), values: vec![Value::Module("A".into()), Value::Int(1)] };
    let tree = parse_with(&template, &Limits::default()).unwrap();
    assert_eq!(expression(&tree), "A.create({n: 1})");
    let missing = Template { text: "\0".into(), values: vec![] };
    assert!(parse_with(&missing, &Limits::default()).is_err());
}

#[test]
fn mistakes_and_where_they_are() {
    let table = [
        ("", 0, "Expected expression"),
        ("}", 0, "Expected expression"),
        ("a b", 2, "Expected end of statement"),
        ("a.", 2, "Expected identifier"),
        ("a(1", 3, "Expected `,` or `)`"),
        ("a(1 2)", 4, "Expected `,` or `)`"),
        ("[1", 2, "Expected `,` or `]`"),
        ("{ a: 1", 6, "Expected `,` or `}`"),
        ("{ a: 1, a: 2 }", 8, "Duplicate object key `a`"),
        ("{ a", 3, "Expected `}`"),
        ("let a = 1", 9, "A query or block must end with an expression, not with `let`"),
        ("let if = 1", 4, "Invalid identifier `if`"),
        ("let _ = 1", 4, "Invalid identifier `_`"),
        ("let a 1", 6, "Expected `=`"),
        ("(x, x) => x", 4, "Duplicate parameter"),
        (".foo", 0, "Short form lambdas are not allowed here"),
        ("a + .foo", 4, "Short form lambdas are not allowed here"),
        ("f({ a: .b })", 7, "Short form lambdas are not allowed here"),
        ("f([.b])", 3, "Short form lambdas are not allowed here"),
        ("if a b", 3, "Expected `(`"),
        ("if (a", 5, "Expected `)`"),
        ("1 +", 3, "Expected expression"),
        ("else", 0, "Expected expression"),
        ("a {}", 3, "Expected identifier"),
        ("a { 1 }", 4, "Expected identifier"),
        ("1e999", 0, "The number is too large"),
    ];
    for (text, start, message) in table {
        let error = parse(text).unwrap_err();
        assert_eq!((error.message.as_str(), error.span.unwrap().start), (message, start), "{text}");
        assert!(error.is_check() && error.status == 400);
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let texts = ["at (t) a", "match a { }", "a isa A", "a ** b", "a =~ b", "(1, 2)", "a { * }", "let a: Int = 1\na"];
    for text in texts {
        let error = parse(text).unwrap_err();
        assert!(error.message.contains("is not supported. Supported here: Collection.create"), "{text}: {error}");
        assert_eq!(error.failure_message(), "The query failed 1 validation check");
    }
}

#[test]
fn depth_ends_where_it_should() {
    let limit = Limits::default().depth_max;
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(limit - 1)).is_ok());
    let deep = |text: &str| parse(text).unwrap_err().message.starts_with("The query is nested deeper than 40 levels");
    assert!(deep(&nested(limit)));
    assert!(deep(&format!("1{}", " + 1".repeat(limit))));
    assert!(deep(&format!("1{}", " && 1".repeat(5000))));
    for open in ["(", "[", "{a:", "{", "f(", "!", "-", "x => ", "if (", "a {b: .c ", "1 + ", "f(.a(", "x ?? "] {
        assert!(parse(&open.repeat(6000)).is_err(), "{open}");
    }
    assert!(parse(&format!("a{}", ".b".repeat(5000))).is_ok(), "a chain is flat");
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "x", "A", "_0", "_1"]).prop_map(str::to_owned)
}

fn operator() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::{Add, And, Coalesce, Divide, Equal, Greater, Less, Multiply, NotEqual, Or, Remainder, Subtract};
    prop::sample::select(vec![
        Add, And, Coalesce, Divide, Equal, Greater, Less, Multiply, NotEqual, Or, Remainder, Subtract,
    ])
}

fn node(kind: Kind) -> Expr {
    Expr::new(kind, Span::default())
}

/// Trees that a parser can come to, or that functions close over.
fn tree() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![name().prop_map(Kind::Name), value().prop_map(Kind::Value)].prop_map(node);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let arguments = || prop::collection::vec(inner.clone(), 0..3);
        let key = prop_oneof![name(), Just("a b".to_owned()), Just("if".to_owned()), Just(String::new())];
        let link = prop_oneof![
            key.clone().prop_map(LinkKind::Field),
            (name(), arguments()).prop_map(|(name, arguments)| LinkKind::Call(name, arguments)),
            arguments().prop_map(LinkKind::Apply),
            boxed().prop_map(LinkKind::Index),
            Just(LinkKind::Bang),
        ];
        let link = (link, any::<bool>()).prop_map(|(kind, optional)| Link {
            optional: optional && kind != LinkKind::Bang,
            kind,
            span: Span::default(),
        });
        let short = Just(node(Kind::This)).prop_flat_map(move |this| {
            name().prop_map(move |name| {
                let link = Link { kind: LinkKind::Field(name), optional: false, span: Span::default() };
                node(Kind::Short(Box::new(node(Kind::Chain(Box::new(this.clone()), vec![link])))))
            })
        });
        prop_oneof![
            arguments().prop_map(Kind::Array),
            prop::collection::btree_map(key, inner.clone(), 0..3)
                .prop_map(|members| Kind::Object(members.into_iter().collect())),
            (name(), boxed(), boxed()).prop_map(|(name, value, last)| {
                Kind::Block(vec![Statement::Let(name, *value), Statement::Expr(*last)])
            }),
            (boxed(), boxed(), prop::option::of(boxed())).prop_map(|(a, b, c)| Kind::If(a, b, c)),
            (prop::option::of(name()), boxed()).prop_map(|(parameter, body)| Kind::Lambda(vec![parameter], body)),
            boxed().prop_map(|operand| Kind::Unary(UnaryOp::Not, operand)),
            boxed().prop_map(|operand| Kind::Unary(UnaryOp::Minus, operand)),
            (operator(), boxed(), boxed()).prop_map(|(operator, left, right)| Kind::Binary(operator, left, right)),
            (boxed(), prop::collection::vec(link, 1..4)).prop_map(|(base, links)| Kind::Chain(base, links)),
            (boxed(), name(), short).prop_map(|(base, name, member)| Kind::Project(base, vec![(name, member)])),
        ]
        .prop_map(node)
    })
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(tree in tree()) {
        let text = expression(&tree);
        let again = parse(&text);
        prop_assert!(again.is_ok(), "{}\n{}", text, again.unwrap_err());
        prop_assert_eq!(expression(&again.unwrap()), text);
    }

    #[test]
    fn no_text_panics(text in "[a-z0-9_.'\"(){}\\[\\],;:!?=<>&|+*/%\n -]{0,40}|\\PC{0,20}") {
        if let Err(error) = parse(&text) {
            summary(&error, &text);
        }
    }

    #[test]
    fn no_words_panic(words in prop::collection::vec(prop::sample::select(vec![
        "a", ".b", "(", ")", "{", "}", "[", "]", ",", "=>", "let", "=", "if", "else", "1", "'s'", "!", "?.", "==", "&&",
        "-", "\n", ";", ":", "x", "null", "??",
    ]), 0..20)) {
        let text = words.join(" ");
        if let Ok(tree) = parse(&text) {
            let shown = expression(&tree);
            prop_assert_eq!(parse(&shown).map(|tree| expression(&tree)).ok(), Some(shown), "{}", text);
        }
    }
}
