//! Checks a value against rules, and says what is wrong in the words of the reference server's validator.
//!
//! That validator collects every mistake and reports the one that is most worth reporting: the least deep, a rule with
//! alternatives only if there is no other, the first of equals; of a rule with alternatives, the deepest mistake within
//! them. The choice is made here on the way, without keeping more than one mistake per level. Tested in `tests.rs` next
//! to the rules.

use super::super::repr::{repr, repr_str};
use super::super::value::Value;

/// A list of rules that a value must keep, in the order in which they are checked.
#[derive(Debug)]
pub(super) struct Schema(pub(super) &'static [Rule]);

/// One rule. Rules about a kind of value hold for every value of another kind.
#[derive(Debug)]
pub(super) enum Rule {
    /// The value is of this kind.
    Is(Kind),
    /// An object has no other names.
    Closed(&'static [&'static str]),
    /// An object has these names.
    Required(&'static [&'static str]),
    /// An object's values keep these rules, where the names are there.
    Fields(&'static [(&'static str, &'static Schema)]),
    /// An object has at least so many names.
    FieldsAtLeast(usize),
    /// A list's items keep these rules.
    Items(&'static Schema),
    /// A list has at least so many items.
    ItemsAtLeast(usize),
    /// A list has at most so many items.
    ItemsAtMost(usize),
    /// A string matches a pattern.
    Matches(&'static Pattern),
    /// The value is one of these strings.
    OneOf(&'static [&'static str]),
    /// A number is at least this.
    AtLeast(u32),
    /// A number is at most this.
    AtMost(u32),
    /// The value keeps one of these lists of rules.
    AnyOf(&'static [&'static Schema]),
}

/// The kinds of values that rules name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Null,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Null => "null",
        }
    }

    fn has(self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Object, Value::Map(_)) | (Self::Array, Value::List(_)) => true,
            (Self::String, Value::String(_)) | (Self::Null, Value::Null) => true,
            (Self::Integer, Value::Number(digits)) => !digits.contains(['.', 'e']),
            _ => false,
        }
    }
}

/// A pattern: how it is written in messages, and what it matches.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: &'static str,
    pub(super) matches: fn(&str) -> bool,
}

/// One mistake.
struct Mistake<'v, 'a> {
    rule: &'static Rule,
    value: &'v Value<'a>,
    /// Steps from where the check began, or from the alternatives it belongs to.
    depth: usize,
    /// Of [`Rule::Required`]: which name is missing.
    missing: &'static str,
    /// Of [`Rule::AnyOf`]: the mistake within the alternatives that says most.
    within: Option<Box<Self>>,
}

/// The most telling mistake, in words. `None`: the value keeps the rules.
pub(super) fn check(schema: &'static Schema, value: &Value<'_>) -> Option<String> {
    let mut best: Option<Mistake<'_, '_>> = None;
    visit(schema, value, 0, &mut |mistake| {
        let weight = |mistake: &Mistake<'_, '_>| (std::cmp::Reverse(mistake.depth), mistake.within.is_none());
        if best.as_ref().is_none_or(|best| weight(&mistake) > weight(best)) {
            best = Some(mistake);
        }
    });
    let mut mistake = best?;
    while let Some(within) = mistake.within {
        mistake = *within;
    }
    Some(mistake.message())
}

fn visit<'v, 'a>(schema: &'static Schema, value: &'v Value<'a>, depth: usize, report: &mut dyn FnMut(Mistake<'v, 'a>)) {
    for rule in schema.0 {
        let mistake = Mistake { rule, value, depth, missing: "", within: None };
        match (rule, value) {
            (Rule::Required(names), Value::Map(map)) => {
                for missing in names.iter().copied().filter(|name| !map.contains_key(*name)) {
                    report(Mistake { missing, within: None, ..mistake });
                }
            }
            (Rule::Fields(fields), Value::Map(map)) => {
                for (name, schema) in *fields {
                    if let Some(value) = map.get(*name) {
                        visit(schema, value, depth + 1, report);
                    }
                }
            }
            (Rule::Items(schema), Value::List(list)) => {
                list.iter().for_each(|value| visit(schema, value, depth + 1, report));
            }
            (Rule::AnyOf(schemas), value) => {
                if let Some(within) = alternatives(schemas, value) {
                    report(Mistake { within: Some(Box::new(within)), ..mistake });
                }
            }
            _ if !holds(rule, value) => report(mistake),
            _ => {}
        }
    }
}

/// `None` if one of the alternatives holds, else the most telling mistake: the deepest, the first of equals.
fn alternatives<'v, 'a>(schemas: &'static [&'static Schema], value: &'v Value<'a>) -> Option<Mistake<'v, 'a>> {
    let mut best: Option<Mistake<'v, 'a>> = None;
    for schema in schemas {
        let mut kept = true;
        visit(schema, value, 0, &mut |mistake| {
            kept = false;
            let weight = |mistake: &Mistake<'_, '_>| (mistake.depth, mistake.within.is_some());
            if best.as_ref().is_none_or(|best| weight(&mistake) > weight(best)) {
                best = Some(mistake);
            }
        });
        if kept {
            return None;
        }
    }
    best
}

/// Whether a rule that concerns this value alone holds.
fn holds(rule: &Rule, value: &Value<'_>) -> bool {
    match (rule, value) {
        (Rule::Is(kind), value) => kind.has(value),
        (Rule::Closed(names), Value::Map(map)) => map.keys().all(|name| names.contains(&name.as_ref())),
        (Rule::FieldsAtLeast(count), Value::Map(map)) => map.len() >= *count,
        (Rule::ItemsAtLeast(count), Value::List(list)) => list.len() >= *count,
        (Rule::ItemsAtMost(count), Value::List(list)) => list.len() <= *count,
        (Rule::Matches(pattern), Value::String(text)) => (pattern.matches)(text),
        (Rule::OneOf(texts), value) => value.as_str().is_some_and(|text| texts.contains(&text)),
        (Rule::AtLeast(limit), Value::Number(digits)) => number(digits) >= f64::from(*limit),
        (Rule::AtMost(limit), Value::Number(digits)) => number(digits) <= f64::from(*limit),
        _ => true,
    }
}

/// Precise enough to compare with the small limits there are.
fn number(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::INFINITY)
}

impl Mistake<'_, '_> {
    fn message(&self) -> String {
        let value = || repr(self.value);
        match self.rule {
            Rule::Is(kind) => format!("{} is not of type '{}'", value(), kind.name()),
            Rule::Closed(names) => self.extras(names),
            Rule::Required(_) => format!("'{}' is a required property", self.missing),
            Rule::FieldsAtLeast(_) => format!("{} does not have enough properties", value()),
            Rule::ItemsAtLeast(_) => format!("{} is too short", value()),
            Rule::ItemsAtMost(_) => format!("{} is too long", value()),
            Rule::Matches(pattern) => format!("{} does not match {}", value(), repr_str(pattern.text)),
            Rule::OneOf(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| repr_str(text)).collect();
                format!("{} is not one of [{}]", value(), texts.join(", "))
            }
            Rule::AtLeast(limit) => format!("{} is less than the minimum of {limit}", value()),
            Rule::AtMost(limit) => format!("{} is greater than the maximum of {limit}", value()),
            Rule::AnyOf(_) | Rule::Fields(_) | Rule::Items(_) => {
                format!("{} is not valid under any of the given schemas", value())
            }
        }
    }

    fn extras(&self, names: &[&str]) -> String {
        let keys = self.value.as_map().into_iter().flat_map(|map| map.keys());
        let extras: Vec<String> = keys.filter(|key| !names.contains(&key.as_ref())).map(|key| repr_str(key)).collect();
        let verb = if extras.len() == 1 { "was" } else { "were" };
        let mut extras = extras.join(", ");
        extras.truncate(extras.floor_char_boundary(super::super::repr::BYTES_MAX));
        format!("Additional properties are not allowed ({extras} {verb} unexpected)")
    }
}
