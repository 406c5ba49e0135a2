use proptest::prelude::*;

use super::*;
use crate::fauna::document::write_fields;
use crate::fauna::fql::{Lambda, Lazy, Limits, Machine, parse};
use crate::fauna::test_values::fields;
use crate::fauna::value::Moment;

fn lambda(text: &str) -> Lambda {
    let mut machine = Machine::pure(None, &Limits::of_an_event());
    match machine.eval(&parse(text).unwrap()).unwrap() {
        Value::Lazy(lazy) => match *lazy {
            Lazy::Lambda(lambda) => lambda,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn compiled(condition: &str) -> Condition {
    Condition::compile(&lambda(&format!("d => {condition}"))).unwrap_or_else(|| panic!("{condition}"))
}

/// The answer of the machine that evaluates everything.
fn evaluated(condition: &str, view: &View<'_>) -> Result<bool, FqlError> {
    let mut machine = Machine::pure(Some(Moment::from_us(0)), &Limits::of_an_event());
    let value = machine.call(&lambda(&format!("d => {condition}")), vec![view.to_value()])?;
    machine.truth(&value)
}

fn holds(condition: &str, body: &str) -> Result<bool, String> {
    let view = View::new("A", "7", 1_711_024_518_680_000, body);
    let answer = compiled(condition).holds(&view);
    let same = evaluated(condition, &view);
    assert_eq!(answer.as_ref().map_err(FqlError::to_string), same.as_ref().map_err(FqlError::to_string), "{condition}");
    answer.map_err(|error| error.message)
}

#[test]
fn what_holds() {
    let body = r#"{"n":5,"x":1.5,"s":"pizza","b":true,"z":null,"o":{"a":{"b":1}},"l":[1,{"c":2}],"t":{"@time":"2024-03-21T12:35:18Z"},"big":{"@long":"9007199254740993"},"e":"a\"b","r":{"@ref":{"id":"1","coll":{"@mod":"B"}}},"id":"own"}"#;
    let table = [
        ("d.n == 5", true),
        ("d.n == 5.0", true),
        ("5 == d.n", true),
        ("d.n != 5", false),
        ("d.n >= 5 && d.n <= 5", true),
        ("d.n > 5 || d.x < 1", false),
        ("d.x > 1 && d.x < 2", true),
        ("d.s == 'pizza'", true),
        ("d.s > 'pasta'", true),
        ("d.s == d['s']", true),
        ("d.s < 5", false),
        ("d.e == 'a\"b'", true),
        ("d.b", true),
        ("!d.b", false),
        ("d.z", false),
        ("d.z == null", true),
        ("d.missing == null", true),
        ("d.missing != null", false),
        ("d.missing >= 1", false),
        ("d.o.a.b == 1", true),
        ("d.o == { a: { b: 1 } }", true),
        ("d.l == [1, { c: 2 }]", true),
        ("d.l == [1]", false),
        ("d.missing?.a.b == null", true),
        ("d.t > Time('2024-03-21T12:35:17Z')", true),
        ("d.big == 9007199254740993", true),
        ("d.big == 9007199254740992", false),
        ("d.r == B.byId('1')", true),
        ("d.r == null", false),
        ("d.id == '7'", true),
        ("d.data.id == 'own'", true),
        ("d.coll == A", true),
        ("d.ts == Time('2024-03-21T12:35:18.680Z')", true),
        ("d == A.byId('7')", true),
        ("d == A.byId('8')", false),
        ("true", true),
        ("1 == 2", false),
        ("d.n == 4 || d.n == 5 && !(d.s == 'x')", true),
    ];
    for (condition, expected) in table {
        assert_eq!(holds(condition, body), Ok(expected), "{condition}");
    }
}

#[test]
fn what_fails() {
    let body = r#"{"n":5,"s":"x","l":[1]}"#;
    let table = [
        ("d.a.b == 1", "Cannot access `b` on null."),
        ("d.a?.b == 1 || d.a.b == 1", "Cannot access `b` on null."),
        ("d.n", "expected type: Boolean, received Int"),
        ("!d.s", "expected type: Boolean, received String"),
        ("d.n == 5 && d.l", "expected type: Boolean, received Array<Any>"),
    ];
    for (condition, message) in table {
        assert_eq!(holds(condition, body), Err(message.to_owned()), "{condition}");
    }
    assert_eq!(holds("d.n == 4 && d.a.b == 1", body), Ok(false), "the right side is not looked at");
    assert_eq!(holds("d.n == 5 || d.a.b == 1", body), Ok(true), "the right side is not looked at");
    assert!(holds("d.s.length == 1", body).unwrap_err().contains("Supported here"));
    assert!(holds("d.l.length == 1", body).unwrap_err().contains("Supported here"));
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["d.a", "d.b", "d.c", "d.a.b", "d?.a?.b", "d.c?.a.b", "d['@int']", "d.data.a", "d.id", "d.ts"])
            .prop_map(str::to_owned),
        1 => (-3_i32..3).prop_map(|n| n.to_string()),
        1 => (-3_i32..3).prop_map(|n| format!("{n}.0")),
        1 => "[abc]{0,2}".prop_map(|text| format!("'{text}'")),
        1 => prop::sample::select(vec!["null", "true", "false", "[]", "{}", "[1]", "'7'"]).prop_map(str::to_owned),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        4 => (operand(), operator, operand()).prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
        1 => operand(),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) && ({right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) || ({right})")),
            inner.prop_map(|condition| format!("!({condition})")),
        ]
    })
}

proptest! {
    /// The compiled condition on the text of a body, and the machine on its values, say the same.
    #[test]
    fn conditions_agree_with_the_machine(fields in fields(), condition in condition()) {
        let mut body = Vec::new();
        write_fields(&fields, &mut body);
        let body = String::from_utf8(body).unwrap();
        let view = View::new("A", "7", 1_711_024_518_680_000, &body);
        let without_place = |answer: Result<bool, FqlError>| answer.map_err(|error| (error.code, error.message));
        prop_assert_eq!(
            without_place(compiled(&condition).holds(&view)),
            without_place(evaluated(&condition, &view)),
            "{} {}", condition, body
        );
    }

    /// Bodies of other protocols: any JSON at all.
    #[test]
    fn no_body_panics(body in "\\{(\"[abc]\":(1|\"b\"|\\{\"b\":[0-9]{1,2}\\}|\\[1\\]|null|true|\\{\"@int\":\"1\"\\}),?){0,3}\\}?|\\PC{0,10}", condition in condition()) {
        let _ = compiled(&condition).holds(&View::new("A", "7", 0, &body));
    }
}
