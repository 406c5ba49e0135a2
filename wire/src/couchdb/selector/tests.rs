use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Selector, SelectorError> {
    Selector::parse(Value::new(text.as_bytes()))
}

fn matches(selector: &str, document: &str) -> bool {
    parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}")).matches(Value::new(document.as_bytes()))
}

/// What the captured cases leave open.
#[test]
fn corners() {
    let table = [
        // A missing field fails everything but `$exists:false`; one behind a scalar fails even that.
        (r#"{"x":{"$ne":1}}"#, "{}", false),
        (r#"{"x":{"$nin":[]}}"#, "{}", false),
        (r#"{"x":{"$not":{"$regex":"a"}}}"#, "{}", false),
        (r#"{"x":{"$exists":false}}"#, "{}", true),
        (r#"{"x.y":{"$exists":false}}"#, "{}", true),
        (r#"{"x.y":{"$exists":false}}"#, r#"{"x":{}}"#, true),
        (r#"{"x.y":{"$exists":false}}"#, r#"{"x":1}"#, false),
        (r#"{"x.y":{"$exists":false}}"#, r#"{"x":[1]}"#, false),
        (r#"{"x.5":{"$exists":false}}"#, r#"{"x":[1]}"#, false),
        (r#"{"x.0.y":{"$exists":false}}"#, r#"{"x":[{}]}"#, true),
        (r#"{"x":null}"#, r#"{"x":null}"#, true),
        // Nothing to meet is met, except by `$in` and `$all`.
        (r#"{"$or":[]}"#, "{}", true),
        (r#"{"x":{"$in":[]}}"#, r#"{"x":1}"#, false),
        (r#"{"x":{"$nin":[]}}"#, r#"{"x":1}"#, true),
        (r#"{"x":{"$all":[]}}"#, r#"{"x":[]}"#, false),
        (r#"{"x":{"$allMatch":{"$gt":0}}}"#, r#"{"x":[]}"#, false),
        (r#"{"x":{"$elemMatch":{}}}"#, r#"{"x":[1]}"#, false),
        (r#"{"x":{"$allMatch":{}}}"#, r#"{"x":[1]}"#, false),
        // `$all` wants the same terms, `$in` equal ones.
        (r#"{"x":{"$all":[1]}}"#, r#"{"x":[1.0]}"#, false),
        (r#"{"x":{"$in":[1]}}"#, r#"{"x":[1.0]}"#, true),
        (r#"{"x":{"$in":["K"]}}"#, "{\"x\":\"\u{212a}\"}", true),
        (r#"{"_id":{"$in":["K"]}}"#, "{\"_id\":\"\u{212a}\"}", false),
        // Within `$elemMatch` a negation stays where it is.
        (r#"{"x":{"$elemMatch":{"$not":{"y":1}}}}"#, r#"{"x":[{}]}"#, true),
        (r#"{"x":{"$elemMatch":{"$nor":[{"y":1},{"y":2}]}}}"#, r#"{"x":[{"y":1},{"y":3}]}"#, true),
        (r#"{"x":{"$elemMatch":{"$nor":[{"y":1},{"y":3}]}}}"#, r#"{"x":[{"y":1},{"y":3}]}"#, false),
        (r#"{"x":{"$mod":[7,-4]}}"#, r#"{"x":-1000000000000000000000000000000000000000000}"#, false),
        (r#"{"x":{"$mod":[10,-7]}}"#, r#"{"x":-1000000000000000000000000000000000000000007}"#, true),
        (r#"{"x":{"$mod":[2,1]}}"#, r#"{"x":1.0}"#, false),
        (r#"{"x":{"$keyMapMatch":{"$in":["a\"b"]}}}"#, r#"{"x":{"a\"b":1}}"#, true),
        (r#"{"x":{"$gt":1,"y":2}}"#, r#"{"x":{"y":2}}"#, true),
        (r#"{"x":{"$gt":1},"y":2}"#, r#"{"x":2,"y":3}"#, false),
        (r#"{"$text":"anything"}"#, "{}", true),
        (r#"{"a.b":1}"#, r#"{"a":{"b":1},"a":{"b":2}}"#, true),
        (r#"{"\\u0061":1}"#, r#"{"u0061":1}"#, true),
        (r#"{"a":1}"#, r#"{"\u0061":1}"#, true),
    ];
    for (selector, document, expected) in table {
        assert_eq!(matches(selector, document), expected, "{selector} {document}");
    }
}

#[test]
fn one_text_for_what_says_the_same() {
    let same = [
        [r#"{"a":1,"b":{"$gt":2}}"#, r#"{"b":{"$gt":2},"a":{"$eq":1}}"#],
        [r#"{"$and":[{"a":1},{"$and":[{"b":2},{"c":3}]}]}"#, r#"{"c":3,"b":2,"a":1}"#],
        [r#"{"a":{"b":{"$in":[1,"x",1]}}}"#, r#"{"a.b":{"$in":["x",1]}}"#],
        [r#"{"$not":{"a":{"$gt":1}}}"#, r#"{"a":{"$lte":1}}"#],
        [r#"{"$nor":[{"a":1},{"b":1}]}"#, r#"{"b":{"$ne":1},"a":{"$ne":1}}"#],
        ["{}", r#"{"$and":[]}"#],
        [r#"{"a":"\u0061"}"#, r#"{"a":"a"}"#],
    ];
    for [a, b] in same {
        let (a, b) = (parse(a).unwrap(), parse(b).unwrap());
        assert_eq!(a.canonical(), b.canonical());
        assert_eq!((a.digest(), a.digest().len()), (b.digest(), 32));
    }
    let different = [
        [r#"{"a":1}"#, r#"{"a":1.0}"#],
        [r#"{"a.b":1}"#, r#"{"a\\.b":1}"#],
        [r#"{"$or":[{"a":1},{"b":1}]}"#, r#"{"a":1,"b":1}"#],
        [r#"{"a":{"$all":[[1]]}}"#, r#"{"a":{"$all":[[1],[1]]}}"#],
        [r#"{"\\$x":1}"#, r#"{"x":1}"#],
    ];
    for [a, b] in different {
        assert_ne!(parse(a).unwrap().canonical(), parse(b).unwrap().canonical());
    }
    let selector = parse(r#"{"b":2,"a":{"$in":["z",1.50]}}"#).unwrap();
    assert_eq!(selector.canonical(), r#"{"$and":[{"a":{"$in":["z",1.5]}},{"b":{"$eq":2}}]}"#);
}

#[test]
fn a_canonical_text_is_a_selector_with_the_same_text() {
    let texts = [
        r#"{"a":1,"b.c":{"$gt":2,"$lt":9},"$or":[{"d\\.e":null},{"\\$f":{"$not":{"$size":3}}}]}"#,
        r#"{"x":{"$elemMatch":{"$gte":1,"k":{"$in":[{"a":1},[2],true]}}}}"#,
        r#"{"$not":{"x":{"$allMatch":{"$not":{"k":{"$regex":"^a\\."}}}}},"y":{"$keyMapMatch":{"$beginsWith":"ä"}}}"#,
    ];
    for text in texts {
        let selector = parse(text).unwrap();
        assert_eq!(parse(selector.canonical()).unwrap().canonical(), selector.canonical());
    }
}

/// Ten thousand operands and a hundred thousand elements: compared one by one they would take minutes.
#[test]
fn many_operands_are_looked_up() {
    let numbers = |from: u32, to: u32| (from..to).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let selector = parse(&format!(r#"{{"x":{{"$in":[{}]}}}}"#, numbers(0, 10_000))).unwrap();
    for (array, expected) in [(numbers(10_000, 110_000), false), (numbers(9_999, 110_000), true)] {
        assert_eq!(selector.matches(Value::new(format!(r#"{{"x":[{array}]}}"#).as_bytes())), expected);
    }
    assert!(matches(r#"{"x":{"$in":["ä",null,{"a":1},"b",[2],1.5,true,"a"]}}"#, r#"{"x":[{"a":1}]}"#));
    for value in ["\"a\\u0308\"", "null", "1.50", "true", "[[2]]", "[\"a\"]"] {
        let document = format!(r#"{{"x":{value}}}"#);
        assert!(matches(r#"{"x":{"$in":["ä",null,{"a":1},"b",[2],1.5,true,"a"]}}"#, &document), "{value}");
    }
    for value in ["\"A\"", "false", "1", "[2]", "{\"a\":2}"] {
        let document = format!(r#"{{"x":{value}}}"#);
        assert!(!matches(r#"{"x":{"$in":["ä",null,{"a":1},"b",[2],1.5,true,"a"]}}"#, &document), "{value}");
    }
}

#[test]
fn what_is_read() {
    let selector = parse(r#"{"a.b":1,"$or":[{"_leaves":2},{"c":3}]}"#).unwrap();
    assert!(selector.reads("_leaves") && selector.reads("a") && !selector.reads("b"));
    assert!(parse(r#"{"$and":[{"$eq":{}}]}"#).unwrap().reads("anything"), "the document as a whole");
}

#[test]
fn limits() {
    let many = format!("{{\"$or\":[{}]}}", vec![r#"{"a":1}"#; 600].join(","));
    assert_eq!(parse(&many).unwrap_err(), SelectorError::TooManyNodes { nodes_max: 500 });
    let many = format!(r#"{{"a":{{"$all":[{}]}}}}"#, vec!["1"; 600].join(","));
    assert_eq!(parse(&many).unwrap_err(), SelectorError::TooManyNodes { nodes_max: 500 });
    let patterns = format!("{{\"$or\":[{}]}}", vec![r#"{"a":{"$regex":"b"}}"#; 21].join(","));
    assert_eq!(parse(&patterns).unwrap_err(), SelectorError::TooManyPatterns { patterns_max: 20 });
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(300_000));
    assert_eq!(parse(&large).unwrap_err().status(), 413);
    let deep = format!("{}1{}", r#"{"$not":"#.repeat(100), "}".repeat(100));
    assert!(matches!(parse(&deep), Err(SelectorError::BadArgument { operator: "$not", .. })));
    let path = format!(r#"{{"{}":{{"{}":1}}}}"#, vec!["a"; 100].join("."), vec!["a"; 100].join("."));
    assert!(matches!(parse(&path), Err(SelectorError::FieldName(_))));
}

#[test]
fn refusals_the_captured_cases_leave_out() {
    let table = [
        ("5", "Selector must be a JSON object, not: 5"),
        (r#"{"$allMatch":{"a":1}}"#, "One or more conditions is missing a field name."),
        (r#"{"$not":{}}"#, "One or more conditions is missing a field name."),
        (r#"{"a":{"$near":1}}"#, "Unsupported operator: $near"),
        (r#"{"a":{"$size":-1}}"#, "Bad argument for operator $size: -1"),
        (r#"{"a":{"$size":1.0}}"#, "Bad argument for operator $size: 1.0"),
        (r#"{"a":{"$all":1}}"#, "Bad argument for operator $all: 1"),
        (
            r#"{"a":{"$text":"b"}}"#,
            "Invalid field normalization on selector: {[{<<36,100,101,102,97,117,108,116>>,{[{<<36,116,101,120,116>>,<<98>>}]}}]}",
        ),
        (r#"{"$text":{}}"#, "Bad argument for operator $text: {[]}"),
        (r#"{"a":{"$regex":"(?=b)"}}"#, "Unsupported regular expression for operator $regex: look-around"),
    ];
    for (text, reason) in table {
        assert_eq!(parse(text).unwrap_err().to_string(), reason, "{text}");
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-3_i64..3).prop_map(Into::into),
        Just(1.0.into()),
        "[abA\u{e9}]{0,2}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::vec(("[ab0]", inner), 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn condition() -> impl Strategy<Value = serde_json::Value> {
    let field = prop_oneof!["[ab]", "[ab]\\.[ab0]"];
    let leaf = (field, "\\$(eq|ne|lt|lte|gt|gte|in|nin|all|exists|type|size|elemMatch|keyMapMatch)", json()).prop_map(
        |(field, operator, operand)| {
            let operand = match operator.as_str() {
                "$in" | "$nin" | "$all" if !operand.is_array() => serde_json::json!([operand]),
                "$exists" => true.into(),
                "$type" => "number".into(),
                "$size" => 1.into(),
                "$elemMatch" | "$keyMapMatch" => serde_json::json!({"$eq": operand}),
                _ => operand,
            };
            serde_json::json!({field: {operator: operand}})
        },
    );
    leaf.prop_recursive(3, 12, 3, |inner| {
        ("\\$(and|or|nor)", prop::collection::vec(inner, 1..3))
            .prop_map(|(operator, conditions)| serde_json::json!({operator: conditions}))
    })
}

proptest! {
    /// The canonical text is a selector of its own, and must decide as the one it stands for.
    #[test]
    fn the_canonical_selector_decides_the_same(selector in condition(), document in json()) {
        let selector = parse(&selector.to_string()).unwrap();
        let canonical = parse(selector.canonical()).unwrap();
        let document = document.to_string();
        let document = Value::new(document.as_bytes());
        prop_assert_eq!(selector.matches(document), canonical.matches(document), "{}", selector.canonical());
        prop_assert_eq!(canonical.canonical(), selector.canonical());
    }

    #[test]
    fn a_negation_is_its_own_opposite(selector in condition(), document in json()) {
        let twice = serde_json::json!({"$not": {"$not": selector}}).to_string();
        let document = document.to_string();
        let document = Value::new(document.as_bytes());
        let once = parse(&selector.to_string()).unwrap();
        prop_assert_eq!(parse(&twice).unwrap().matches(document), once.matches(document));
    }

    #[test]
    fn no_text_panics(text in "[{}\\[\\]:,\"$abcdeilmnorstxz.\\\\0-9]{0,32}", document in json()) {
        if let Ok(text) = crate::couchdb::text::parse_body(text.as_bytes())
            && let Ok(selector) = parse(&text)
        {
            selector.matches(Value::new(document.to_string().as_bytes()));
        }
    }
}
