//! Equality and order of values, as FQL's operators have them.

use std::cmp::Ordering;

use super::{DocumentRef, Value};

/// `left == right`: numbers by what they are worth, documents by their reference, objects without regard to order.
/// Values of different types are never equal.
pub fn equal(left: &Value, right: &Value) -> bool {
    use Value::{Array, Object};
    match (left, right) {
        (Array(left), Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Object(left), Object(right)) => left.same_as(right, equal),
        _ => match (reference(left), reference(right)) {
            (Some(left), Some(right)) => left == right,
            (None, None) => compare(left, right) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

/// Whether an update left the value as it was: as [`equal`], but an integer is no longer the same once it is a float.
pub fn same(left: &Value, right: &Value) -> bool {
    use Value::{Array, Double, Int, Object};
    match (left, right) {
        (Int(_), Double(_)) | (Double(_), Int(_)) => false,
        (Double(left), Double(right)) => left.to_bits() == right.to_bits(),
        (Array(left), Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Object(left), Object(right)) => left.same_as(right, same),
        _ => equal(left, right),
    }
}

/// The order of two values of one type that has an order; `None` for any others.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    use Value::{Bool, Bytes, Date, Double, Int, Module, Named, Null, Str, Time, Token};
    match (left, right) {
        (Null, Null) => Some(Ordering::Equal),
        (Bool(left), Bool(right)) => Some(left.cmp(right)),
        (Int(left), Int(right)) => Some(left.cmp(right)),
        (Double(left), Double(right)) => left.partial_cmp(right),
        (Int(left), Double(right)) => int_to_double(*left, *right),
        (Double(left), Int(right)) => int_to_double(*right, *left).map(Ordering::reverse),
        (Str(left), Str(right)) | (Module(left), Module(right)) | (Token(left), Token(right)) => Some(left.cmp(right)),
        (Bytes(left), Bytes(right)) => Some(left.cmp(right)),
        (Time(left), Time(right)) => Some(left.cmp(right)),
        (Date(left), Date(right)) => Some(left.cmp(right)),
        (Named(left), Named(right)) if left == right => Some(Ordering::Equal),
        _ => None,
    }
}

fn reference(value: &Value) -> Option<&DocumentRef> {
    match value {
        Value::Ref(at) => Some(at),
        Value::Document(document) => Some(&document.at),
        _ => None,
    }
}

/// Exact: a large integer and a float are never the same because one of them was rounded.
fn int_to_double(int: i64, double: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= LIMIT {
        return Some(Ordering::Less);
    }
    if double < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    Some(int.cmp(&(whole as i64)).then(0.0_f64.partial_cmp(&(double - whole)).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fauna::value::{Day, Document, Fields, Moment};

    #[test]
    fn numbers_are_compared_by_what_they_are_worth() {
        use Ordering::{Equal, Greater, Less};
        let table = [
            (Value::Int(1), Value::Double(1.0), Some(Equal)),
            (Value::Int(1), Value::Double(1.5), Some(Less)),
            (Value::Int(-1), Value::Double(-1.5), Some(Greater)),
            (Value::Int(i64::MAX), Value::Double(9_223_372_036_854_775_808.0), Some(Less)),
            (Value::Int(i64::MIN), Value::Double(-9_223_372_036_854_775_808.0), Some(Equal)),
            (Value::Int(i64::MIN), Value::Double(f64::NEG_INFINITY), Some(Greater)),
            (Value::Int((1 << 53) + 1), Value::Double(9007199254740992.0), Some(Greater)),
            (Value::Int(1), Value::Double(f64::NAN), None),
            (Value::Double(f64::NAN), Value::Double(f64::NAN), None),
            (Value::Double(0.0), Value::Double(-0.0), Some(Equal)),
        ];
        for (left, right, expected) in table {
            assert_eq!(compare(&left, &right), expected, "{left:?} {right:?}");
            assert_eq!(compare(&right, &left), expected.map(Ordering::reverse), "{right:?} {left:?}");
        }
    }

    #[test]
    fn values_of_different_types_have_no_order() {
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Int(1),
            Value::from("1"),
            Value::Bytes(b"1".to_vec()),
            Value::Time(Moment::from_us(1)),
            Value::Date(Day::parse("1970-01-01").unwrap()),
            Value::Array(vec![]),
            Value::Object(Fields::new()),
        ];
        for (at, left) in values.iter().enumerate() {
            for (other, right) in values.iter().enumerate() {
                assert_eq!(equal(left, right), at == other, "{left:?} {right:?}");
                assert!(at == other || compare(left, right).is_none(), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn a_document_equals_its_reference() {
        let at = DocumentRef { collection: "A".into(), id: "1".into() };
        let other = DocumentRef { collection: "A".into(), id: "2".into() };
        let document = Document { at: at.clone(), time: Moment::from_us(1), fields: Fields::new() };
        let document = Value::Document(Box::new(document));
        assert!(equal(&document, &Value::Ref(at.clone())) && equal(&Value::Ref(at.clone()), &Value::Ref(at)));
        assert!(!equal(&document, &Value::Ref(other)) && !equal(&document, &Value::Null));
    }

    #[test]
    fn an_update_from_1_to_1_0_is_one() {
        assert!(equal(&Value::Int(1), &Value::Double(1.0)) && !same(&Value::Int(1), &Value::Double(1.0)));
        let object = |value| Value::Object([("a".to_owned(), Value::Array(vec![value]))].into_iter().collect());
        assert!(same(&object(Value::Int(1)), &object(Value::Int(1))));
        assert!(!same(&object(Value::Int(1)), &object(Value::Double(1.0))));
    }

    proptest! {
        #[test]
        fn integers_that_floats_can_hold_agree_with_floats(int in -(1_i64 << 53)..=1 << 53, double in -1e17_f64..1e17) {
            let near = int as f64 + double.fract();
            for double in [double, near] {
                prop_assert_eq!(compare(&Value::Int(int), &Value::Double(double)), (int as f64).partial_cmp(&double));
            }
        }
    }
}
