//! One text for all selectors that say the same: sorted, without duplicates, in normal form.
//!
//! Two selectors with the same text match the same documents. The opposite does not hold, nor need it: the text is
//! for sharing work, not for proofs.

use super::condition::Condition;
use super::literal::{Literal, Text};
use super::parse::Node;
use crate::couchdb::text::Number;
use crate::json;

/// The text of a whole selector. It can be parsed again.
pub(super) fn selector(node: &Node) -> String {
    match only(node) {
        // By itself this would be a condition without a field.
        Node::Leaf(path, _) if path.is_empty() => format!("{{\"$and\":[{}]}}", text(node)),
        node => text(node),
    }
}

fn text(node: &Node) -> String {
    match node {
        Node::And(nodes) => combined("$and", texts(nodes, "$and")),
        Node::Or(nodes) => combined("$or", texts(nodes, "$or")),
        Node::Nor(nodes) => format!("{{\"$nor\":[{}]}}", texts(nodes, "$nor").join(",")),
        Node::Not(node) => format!("{{\"$not\":{}}}", text(node)),
        Node::Text => "{\"$text\":\"\"}".into(),
        Node::Leaf(path, condition) if path.is_empty() => condition_text(condition),
        Node::Leaf(path, condition) => format!("{{{}:{}}}", string(&field(path)), condition_text(condition)),
    }
}

/// What is always true for none, the one by itself, a list for several.
fn combined(operator: &str, texts: Vec<String>) -> String {
    match &texts[..] {
        [] => "{\"$and\":[]}".into(),
        [only] => only.clone(),
        _ => format!("{{\"{operator}\":[{}]}}", texts.join(",")),
    }
}

/// The texts of nodes, those within an equal combination taken out of it.
fn texts(nodes: &[Node], operator: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::with_capacity(nodes.len());
    for node in nodes {
        match only(node) {
            Node::And(inner) if operator == "$and" && !inner.is_empty() => texts.extend(self::texts(inner, operator)),
            Node::Or(inner) if operator == "$or" && !inner.is_empty() => texts.extend(self::texts(inner, operator)),
            node => texts.push(text(node)),
        }
    }
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// A combination of one is that one.
fn only(node: &Node) -> &Node {
    match node {
        Node::And(nodes) | Node::Or(nodes) if nodes.len() == 1 => only(&nodes[0]),
        _ => node,
    }
}

fn field(path: &[Box<str>]) -> String {
    let escaped = path.iter().map(|part| part.replace('.', "\\.").replace('$', "\\$"));
    escaped.collect::<Vec<_>>().join(".")
}

fn condition_text(condition: &Condition<Node>) -> String {
    match condition {
        Condition::Compare(comparison, operand) => operator(comparison.name(), &literal(operand)),
        Condition::In(set) => operator("$in", &sorted(set.literals())),
        Condition::Nin(set) => operator("$nin", &sorted(set.literals())),
        Condition::Exists(exists) => operator("$exists", &exists.to_string()),
        Condition::Type(name) => operator("$type", &string(name)),
        Condition::Size(size) => operator("$size", &size.to_string()),
        Condition::Mod(divisor, remainder) => operator("$mod", &format!("[{divisor},{remainder}]")),
        Condition::Regex(pattern) => operator("$regex", &string(&pattern.source)),
        Condition::BeginsWith(prefix) => operator("$beginsWith", &string(prefix)),
        // One list within the list means something else, so nothing is taken out or moved.
        Condition::All(literals) => operator("$all", &list(literals.iter().map(literal))),
        Condition::Parts(parts, selector) => operator(parts.name(), &text(selector)),
        Condition::Not(condition) => operator("$not", &condition_text(condition)),
    }
}

fn operator(name: &str, argument: &str) -> String {
    format!("{{\"{name}\":{argument}}}")
}

fn list(texts: impl Iterator<Item = String>) -> String {
    format!("[{}]", texts.collect::<Vec<_>>().join(","))
}

fn sorted<'a>(literals: impl Iterator<Item = &'a Literal>) -> String {
    let mut texts: Vec<String> = literals.map(literal).collect();
    texts.sort_unstable();
    texts.dedup();
    list(texts.into_iter())
}

fn literal(operand: &Literal) -> String {
    match operand {
        Literal::Null => "null".into(),
        Literal::Bool(boolean) => boolean.to_string(),
        Literal::Number(figure) => match figure.number() {
            Number::Int(number) => number.to_string(),
            Number::Wide(text) => text.into(),
            Number::Float(number) => format!("{number:?}"),
        },
        Literal::String(Text { text, .. }) => string(text),
        Literal::Array(literals) => list(literals.iter().map(literal)),
        Literal::Object(members) => {
            let members = members.iter().map(|(key, operand)| format!("{}:{}", string(&key.text), literal(operand)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
    }
}

fn string(text: &str) -> String {
    let mut out = Vec::new();
    json::write_str(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}
