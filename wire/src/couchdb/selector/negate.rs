//! `$not` and `$nor`: pushed down to the conditions, as CouchDB does.
//!
//! It matters for fields that are missing: `{"$not":{"x":1}}` means `{"x":{"$ne":1}}`, which needs an `x`. Within
//! `$elemMatch` and its kin nothing is pushed: a `$not` there is true of an element that lacks the field.

use super::condition::Condition;
use super::error::SelectorError;
use super::parse::Node;

/// The same selector, with negations at its conditions only.
pub(super) fn push_down(node: Node) -> Result<Node, SelectorError> {
    match node {
        Node::Not(node) => negate(*node),
        Node::Nor(nodes) => all(nodes, negate).map(Node::And),
        Node::And(nodes) => all(nodes, push_down).map(Node::And),
        Node::Or(nodes) => all(nodes, push_down).map(Node::Or),
        Node::Text | Node::Leaf(..) => Ok(node),
    }
}

fn negate(node: Node) -> Result<Node, SelectorError> {
    match node {
        Node::Not(node) => push_down(*node),
        Node::Nor(nodes) => all(nodes, push_down).map(Node::Or),
        Node::And(nodes) => all(nodes, negate).map(Node::Or),
        Node::Or(nodes) => all(nodes, negate).map(Node::And),
        Node::Text => Err(SelectorError::BadArgument { operator: "$not", argument: "$text".into() }),
        Node::Leaf(path, condition) => Ok(Node::Leaf(path, negate_condition(condition))),
    }
}

fn all(nodes: Vec<Node>, step: impl Fn(Node) -> Result<Node, SelectorError>) -> Result<Vec<Node>, SelectorError> {
    nodes.into_iter().map(step).collect()
}

fn negate_condition(condition: Condition<Node>) -> Condition<Node> {
    match condition {
        Condition::Compare(comparison, literal) => Condition::Compare(comparison.negated(), literal),
        Condition::In(set) => Condition::Nin(set),
        Condition::Nin(set) => Condition::In(set),
        Condition::Exists(exists) => Condition::Exists(!exists),
        other => Condition::Not(Box::new(other)),
    }
}
