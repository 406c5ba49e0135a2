//! JSON to conditions on paths: the table of operators.

use super::SelectorLimits;
use super::condition::{Comparison, Condition, Parts};
use super::erlang;
use super::error::SelectorError;
use super::field::{self, PATH_PARTS_MAX, Path};
use super::literal::{Literal, Set};
use super::negate;
use super::pattern::Pattern;
use crate::couchdb::text::{Kind, Number, Value};

/// A parsed selector, every condition with the path of the value it is for.
#[derive(Clone, Debug)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Nor(Vec<Node>),
    /// `$text`: whatever an index would say, here it matches everything.
    Text,
    Leaf(Path, Condition<Node>),
}

/// Operators that CouchDB knows and does not have.
const RESERVED: [&str; 5] = ["$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere"];

pub(super) struct Parser<'l> {
    limits: &'l SelectorLimits,
    nodes: usize,
    patterns: usize,
}

impl<'l> Parser<'l> {
    pub(super) fn new(limits: &'l SelectorLimits) -> Self {
        Self { limits, nodes: 0, patterns: 0 }
    }

    /// Parses a whole selector. The empty one matches everything.
    pub(super) fn selector(mut self, value: Value<'_>) -> Result<Node, SelectorError> {
        if value.bytes() == b"{}" {
            return Ok(Node::And(Vec::new()));
        }
        let node = negate::push_down(self.node(value, &[])?)?;
        match node {
            Node::Leaf(path, _) if path.is_empty() => Err(SelectorError::MissingFieldName),
            node => Ok(node),
        }
    }

    fn count(&mut self) -> Result<(), SelectorError> {
        let nodes_max = self.limits.nodes_max.min(1_000);
        self.nodes += 1;
        if self.nodes > nodes_max { Err(SelectorError::TooManyNodes { nodes_max }) } else { Ok(()) }
    }

    /// A value within a selector: an object is conditions, anything else means equality, and so does the empty object.
    fn node(&mut self, value: Value<'_>, path: &[Box<str>]) -> Result<Node, SelectorError> {
        self.count()?;
        let mut members = value.members();
        match (members.next(), members.next()) {
            (None, _) => Ok(Node::Leaf(path.into(), Condition::Compare(Comparison::Eq, Literal::new(value)))),
            (Some(only), None) => self.member(&only.key.decode(), only.value, path),
            (Some(_), Some(_)) => {
                let all = value.members().map(|member| {
                    self.count()?;
                    self.member(&member.key.decode(), member.value, path)
                });
                all.collect::<Result<_, _>>().map(Node::And)
            }
        }
    }

    fn member(&mut self, name: &str, value: Value<'_>, path: &[Box<str>]) -> Result<Node, SelectorError> {
        match name {
            "$and" => self.list("$and", value, path).map(Node::And),
            "$or" => self.list("$or", value, path).map(Node::Or),
            "$nor" => self.list("$nor", value, path).map(Node::Nor),
            "$not" if value.kind() == Kind::Object => Ok(Node::Not(Box::new(self.node(value, path)?))),
            "$not" => Err(bad_argument("$not", value)),
            "$text" | "$default" => text(name, value, path),
            _ if name.starts_with('$') => Ok(Node::Leaf(path.into(), self.condition(name, value)?)),
            _ => {
                let path = [path, &field::parse(name)?].concat();
                if path.len() > PATH_PARTS_MAX {
                    return Err(SelectorError::FieldName(name.chars().take(200).collect()));
                }
                self.node(value, &path)
            }
        }
    }

    fn list(
        &mut self,
        operator: &'static str,
        value: Value<'_>,
        path: &[Box<str>],
    ) -> Result<Vec<Node>, SelectorError> {
        if value.kind() != Kind::Array {
            return Err(bad_argument(operator, value));
        }
        value.elements().map(|element| self.node(element, path)).collect()
    }

    fn condition(&mut self, name: &str, value: Value<'_>) -> Result<Condition<Node>, SelectorError> {
        if let Some(comparison) = Comparison::from_name(name) {
            return Ok(Condition::Compare(comparison, Literal::new(value)));
        }
        let (kind, string) = (value.kind(), value.string());
        match (name, string) {
            ("$in", _) if kind == Kind::Array => Ok(Condition::In(Set::new(value))),
            ("$in", _) => Err(bad_argument("$in", value)),
            ("$nin", _) if kind == Kind::Array => Ok(Condition::Nin(Set::new(value))),
            ("$nin", _) => Err(bad_argument("$nin", value)),
            ("$all", _) if kind == Kind::Array => self.all(value),
            ("$all", _) => Err(bad_argument("$all", value)),
            ("$exists", _) => value.boolean().map(Condition::Exists).ok_or_else(|| bad_argument("$exists", value)),
            ("$type", Some(name)) => Ok(Condition::Type(name.into())),
            ("$type", None) => Err(bad_argument("$type", value)),
            ("$size", _) => value.unsigned().map(Condition::Size).ok_or_else(|| bad_argument("$size", value)),
            ("$mod", _) => modulo(value),
            ("$regex", Some(pattern)) => self.pattern(&pattern, value),
            ("$beginsWith", Some(prefix)) => Ok(Condition::BeginsWith(prefix.into())),
            _ => self.parts(name, value),
        }
    }

    /// Each operand is looked for in the whole array, so each counts.
    fn all(&mut self, value: Value<'_>) -> Result<Condition<Node>, SelectorError> {
        let literals = value.elements().map(|element| {
            self.count()?;
            Ok(Literal::new(element))
        });
        literals.collect::<Result<_, _>>().map(Condition::All)
    }

    fn pattern(&mut self, pattern: &str, value: Value<'_>) -> Result<Condition<Node>, SelectorError> {
        let patterns_max = self.limits.patterns_max;
        self.patterns += 1;
        if self.patterns > patterns_max {
            return Err(SelectorError::TooManyPatterns { patterns_max });
        }
        let pattern = Pattern::new(pattern)?.ok_or_else(|| bad_argument("$regex", value))?;
        Ok(Condition::Regex(pattern))
    }

    fn parts(&mut self, name: &str, value: Value<'_>) -> Result<Condition<Node>, SelectorError> {
        let parts = [Parts::Some, Parts::All, Parts::Keys].into_iter().find(|parts| parts.name() == name);
        match parts {
            Some(parts) if value.kind() == Kind::Object => {
                Ok(Condition::Parts(parts, Box::new(self.node(value, &[])?)))
            }
            Some(parts) => Err(bad_argument(parts.name(), value)),
            None => Err(RESERVED.into_iter().find(|reserved| *reserved == name).map_or_else(
                || SelectorError::InvalidOperator(name.chars().take(200).collect()),
                SelectorError::Unsupported,
            )),
        }
    }
}

fn bad_argument(operator: &'static str, value: Value<'_>) -> SelectorError {
    SelectorError::BadArgument { operator, argument: erlang::term(value) }
}

/// `[divisor, remainder]`, both integers.
fn modulo(value: Value<'_>) -> Result<Condition<Node>, SelectorError> {
    let integer = |value: Value<'_>| match value.number() {
        Some(Number::Int(number)) => i64::try_from(number).ok(),
        _ => None,
    };
    let numbers: Option<Vec<i64>> = value.elements().map(integer).collect();
    match numbers.as_deref() {
        Some([0, _]) => Err(SelectorError::DivisionByZero),
        Some([divisor, remainder]) => Ok(Condition::Mod(*divisor, *remainder)),
        _ => Err(bad_argument("$mod", value)),
    }
}

/// `$text` is for the document as a whole, and needs an index that CouchDB alone does not have.
fn text(name: &str, value: Value<'_>, path: &[Box<str>]) -> Result<Node, SelectorError> {
    let (argument, is_text) = match name {
        "$text" => (Some(value), true),
        _ => (value.get("$text"), value.members().count() == 1),
    };
    let scalar = argument.filter(|value| matches!(value.kind(), Kind::String | Kind::Number | Kind::Bool));
    match scalar {
        None if name == "$text" => Err(bad_argument("$text", value)),
        Some(_) if is_text && path.is_empty() => Ok(Node::Text),
        _ => Err(SelectorError::BadField(default_term(name, value))),
    }
}

/// `$text` as CouchDB's messages show it.
fn default_term(name: &str, value: Value<'_>) -> String {
    let inner = String::from_utf8_lossy(value.bytes());
    let text = match name {
        "$text" => format!("{{\"$default\":{{\"$text\":{inner}}}}}"),
        _ => format!("{{\"$default\":{inner}}}"),
    };
    erlang::term(Value::new(text.as_bytes()))
}
