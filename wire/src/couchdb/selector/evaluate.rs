//! Running a compiled selector.

use super::compare::{self, Order};
use super::compile::{Expression, Program};
use super::condition::{Comparison, Condition, Parts};
use super::literal::Literal;
use super::trie::Slot;
use crate::couchdb::text::{Kind, Number, Value};

/// So many values are kept on the stack.
const FEW: usize = 8;

impl Program {
    /// Whether a value matches.
    pub(super) fn matches(&self, value: Value<'_>) -> bool {
        let mut few = [Slot::Missing; FEW];
        let mut many = Vec::new();
        let slots = match few.get_mut(..self.slots) {
            Some(few) => few,
            None => {
                many.resize(self.slots, Slot::Missing);
                &mut many[..]
            }
        };
        self.trie.fill(value, slots);
        evaluate(&self.expression, slots)
    }
}

fn evaluate(expression: &Expression, slots: &[Slot<'_>]) -> bool {
    match expression {
        Expression::True => true,
        Expression::And(all) => all.iter().all(|one| evaluate(one, slots)),
        Expression::Or(all) => all.iter().any(|one| evaluate(one, slots)),
        Expression::Not(one) => !evaluate(one, slots),
        Expression::Test { slot, condition, order } => match slots[*slot] {
            Slot::Found(value) => holds(condition, value, *order),
            Slot::Missing => matches!(condition, Condition::Exists(false)),
            Slot::BadPath => false,
        },
    }
}

/// Whether a condition holds for a value that is there.
fn holds(condition: &Condition<Program>, value: Value<'_>, order: Order) -> bool {
    match condition {
        Condition::Compare(comparison, literal) => compares(*comparison, value, literal, order),
        Condition::In(set) => !set.is_empty() && any_or_itself(value, |value| set.contains(value, order)),
        Condition::Nin(set) => set.is_empty() || !any_or_itself(value, |value| set.contains(value, order)),
        Condition::Exists(exists) => *exists,
        Condition::Type(name) => **name == *type_name(value.kind()),
        Condition::Size(size) => value.kind() == Kind::Array && value.elements().count() as u64 == *size,
        Condition::Mod(divisor, remainder) => has_remainder(value, *divisor, *remainder),
        Condition::Regex(pattern) => value.string().is_some_and(|text| pattern.is_match(&text)),
        Condition::BeginsWith(prefix) => value.string().is_some_and(|text| text.starts_with(&**prefix)),
        Condition::All(literals) => has_all(value, literals),
        Condition::Parts(parts, program) => parts_match(*parts, value, program),
        Condition::Not(condition) => !holds(condition, value, order),
    }
}

fn compares(comparison: Comparison, value: Value<'_>, literal: &Literal, order: Order) -> bool {
    match comparison {
        Comparison::Eq => compare::equal(value, literal, order),
        Comparison::Ne => !compare::equal(value, literal, order),
        Comparison::Lt => compare::compare(value, literal, order).is_lt(),
        Comparison::Lte => compare::compare(value, literal, order).is_le(),
        Comparison::Gte => compare::compare(value, literal, order).is_ge(),
        Comparison::Gt => compare::compare(value, literal, order).is_gt(),
    }
}

/// Of an array, some element; of anything else, the value itself.
fn any_or_itself(value: Value<'_>, holds: impl Fn(Value<'_>) -> bool) -> bool {
    if value.kind() == Kind::Array { value.elements().any(holds) } else { holds(value) }
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "boolean",
        Kind::Number => "number",
        Kind::String => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

/// Integers only; the remainder has the sign of the number, as division truncates.
fn has_remainder(value: Value<'_>, divisor: i64, remainder: i64) -> bool {
    let (divisor, remainder) = (i128::from(divisor), i128::from(remainder));
    match value.number() {
        Some(Number::Int(number)) => number % divisor == remainder,
        Some(Number::Wide(text)) => {
            let digits = text.bytes().filter(u8::is_ascii_digit);
            let rest = digits.fold(0, |rest, digit| (rest * 10 + i128::from(digit - b'0')) % divisor);
            (if text.starts_with('-') { -rest } else { rest }) == remainder
        }
        _ => false,
    }
}

/// Whether an array has every operand as an element, or is the only one.
fn has_all(value: Value<'_>, literals: &[Literal]) -> bool {
    if value.kind() != Kind::Array || literals.is_empty() {
        return false;
    }
    let is_element = |literal: &Literal| value.elements().any(|element| compare::same(element, literal));
    let is_itself = matches!(literals, [only @ Literal::Array(_)] if compare::same(value, only));
    is_itself || literals.iter().all(is_element)
}

fn parts_match(parts: Parts, value: Value<'_>, program: &Program) -> bool {
    match parts {
        Parts::Some => value.elements().any(|element| program.matches(element)),
        Parts::All => value.elements().next().is_some() && value.elements().all(|element| program.matches(element)),
        Parts::Keys => value.members().any(|member| program.matches(member.quoted_key(value))),
    }
}
