//! The order of JSON values: null, false, true, numbers, strings, arrays, objects.

use std::cmp::Ordering;

use super::collate;
use super::literal::{Literal, Text};
use crate::couchdb::text::{Kind, Number, Value};

/// How strings compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As ICU orders them, which is the rule.
    Collated,
    /// Byte by byte, and values of other types as Erlang orders terms: for `_id`.
    Raw,
}

/// Compares a document's value to an operand.
pub(super) fn compare(value: Value<'_>, literal: &Literal, order: Order) -> Ordering {
    match (value.kind(), literal) {
        (Kind::Number, Literal::Number(figure)) => number(value).compare(figure.number()),
        (Kind::String, Literal::String(text)) => strings(&value.string().unwrap_or_default(), text, order),
        (Kind::Array, Literal::Array(literals)) => arrays(value, literals, order),
        (Kind::Object, Literal::Object(members)) => objects(value, members, order),
        (kind, _) => rank(kind, value.boolean(), order).cmp(&literal_rank(literal, order)),
    }
}

/// Whether they compare as equal; quicker where bytes can tell.
pub(super) fn equal(value: Value<'_>, literal: &Literal, order: Order) -> bool {
    match (value.kind(), literal) {
        (Kind::String, Literal::String(text)) => equal_strings(&value.string().unwrap_or_default(), text, order),
        _ => compare(value, literal, order).is_eq(),
    }
}

/// Whether they are the same term (`$all`): 1 and 1.0 are not, nor are two spellings of `é`.
pub(super) fn same(value: Value<'_>, literal: &Literal) -> bool {
    match (value.kind(), literal) {
        (Kind::Number, Literal::Number(figure)) => number(value).same(figure.number()),
        (Kind::String, Literal::String(text)) => value.string().is_some_and(|string| *string == *text.text),
        (Kind::Array, Literal::Array(literals)) => {
            value.elements().count() == literals.len() && value.elements().zip(literals).all(|(v, l)| same(v, l))
        }
        (Kind::Object, Literal::Object(members)) => {
            let pairs = value.members().zip(members);
            let all = |(member, (key, literal)): (crate::couchdb::text::Member<'_>, &(Text, Literal))| {
                member.key.is(&key.text) && same(member.value, literal)
            };
            value.members().count() == members.len() && pairs.into_iter().all(all)
        }
        (Kind::Null, Literal::Null) => true,
        (Kind::Bool, Literal::Bool(other)) => value.boolean() == Some(*other),
        _ => false,
    }
}

fn number(value: Value<'_>) -> Number<'_> {
    value.number().unwrap_or(Number::Int(0))
}

fn strings(string: &str, text: &Text, order: Order) -> Ordering {
    match order {
        Order::Raw => string.cmp(&text.text),
        Order::Collated if text.is_plain && collate::is_plain(string) => collate::compare_plain(string, &text.text),
        Order::Collated => collate::compare(string, &text.text),
    }
}

fn equal_strings(string: &str, text: &Text, order: Order) -> bool {
    string == &*text.text
        || (order == Order::Collated
            && !(text.is_plain && collate::is_plain(string))
            && collate::compare(string, &text.text).is_eq())
}

fn arrays(value: Value<'_>, literals: &[Literal], order: Order) -> Ordering {
    let (mut elements, mut literals) = (value.elements(), literals.iter());
    loop {
        let ordering = match (elements.next(), literals.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(element), Some(literal)) => compare(element, literal, order),
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Member by member in the order written: the order of members counts.
fn objects(value: Value<'_>, literals: &[(Text, Literal)], order: Order) -> Ordering {
    let (mut members, mut literals) = (value.members(), literals.iter());
    loop {
        let ordering = match (members.next(), literals.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(member), Some((key, literal))) => {
                let keys = strings(&member.key.decode(), key, order);
                keys.then_with(|| compare(member.value, literal, order))
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

fn rank(kind: Kind, boolean: Option<bool>, order: Order) -> u8 {
    let collated = match (kind, boolean) {
        (Kind::Null, _) => 0,
        (Kind::Bool, Some(true)) => 2,
        (Kind::Bool, _) => 1,
        (Kind::Number, _) => 3,
        (Kind::String, _) => 4,
        (Kind::Array, _) => 5,
        (Kind::Object, _) => 6,
    };
    match order {
        Order::Collated => collated,
        // Numbers, atoms by name (false, null, true), tuples (which objects are), lists, binaries (strings).
        Order::Raw => [2, 1, 3, 0, 6, 5, 4][usize::from(collated)],
    }
}

fn literal_rank(literal: &Literal, order: Order) -> u8 {
    let (kind, boolean) = match literal {
        Literal::Null => (Kind::Null, None),
        Literal::Bool(boolean) => (Kind::Bool, Some(*boolean)),
        Literal::Number(_) => (Kind::Number, None),
        Literal::String(_) => (Kind::String, None),
        Literal::Array(_) => (Kind::Array, None),
        Literal::Object(_) => (Kind::Object, None),
    };
    rank(kind, boolean, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(a: &str, b: &str) -> Ordering {
        compare(Value::new(a.as_bytes()), &Literal::new(Value::new(b.as_bytes())), Order::Collated)
    }

    #[test]
    fn ascending() {
        let ascending = [
            "null",
            "false",
            "true",
            "-1",
            "0",
            "1.5",
            "10",
            "12345678901234567890",
            "\"\"",
            "\"_a\"",
            "\"-a\"",
            "\"😀\"",
            "\"10\"",
            "\"2\"",
            "\"a\"",
            "\"A\"",
            "\"ä\"",
            "\"a b\"",
            "\"az\"",
            "\"b\"",
            "\"B\"",
            "\"é\"",
            "\"日本\"",
            "[]",
            "[null]",
            "[1]",
            "[1,2]",
            "[2,1]",
            "[\"a\"]",
            "[[1,2],3]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,\"b\":2}",
            "{\"b\":2,\"a\":1}",
            "{\"foo\":1}",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(order(a, b), at.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(order("\"e\u{301}\"", "\"é\""), Ordering::Equal);
        assert_eq!(order("1", "1.0"), Ordering::Equal);
    }

    #[test]
    fn raw_order() {
        let ascending = ["1", "false", "null", "true", "{}", "[]", "\"B\"", "\"a\"", "\"b\""];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                let literal = Literal::new(Value::new(b.as_bytes()));
                assert_eq!(compare(Value::new(a.as_bytes()), &literal, Order::Raw), at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn the_same_term() {
        let same = |a: &str, b: &str| same(Value::new(a.as_bytes()), &Literal::new(Value::new(b.as_bytes())));
        for (a, b) in [("1", "1"), ("\"\\u0061\"", "\"a\""), ("[1,{\"a\":null}]", "[1,{\"a\":null}]"), ("true", "true")]
        {
            assert!(same(a, b), "{a} {b}");
        }
        let different = [
            ("1", "1.0"),
            ("\"e\u{301}\"", "\"é\""),
            ("[1]", "[1,2]"),
            ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"),
            ("{\"a\":1}", "{\"a\":1,\"b\":2}"),
            ("true", "false"),
            ("null", "false"),
        ];
        for (a, b) in different {
            assert!(!same(a, b), "{a} {b}");
        }
    }
}
