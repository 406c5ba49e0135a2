//! A parsed selector as a program: slots for all values it reads, and tests on them.

use super::compare::Order;
use super::condition::Condition;
use super::parse::Node;
use super::trie::Trie;

/// A selector ready to run.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) trie: Trie,
    pub(super) slots: usize,
    pub(super) expression: Expression,
}

#[derive(Clone, Debug)]
pub(super) enum Expression {
    True,
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Test { slot: usize, condition: Condition<Program>, order: Order },
}

impl Program {
    /// Compiles a selector.
    pub(super) fn new(node: Node) -> Self {
        let mut program = Self { trie: Trie::default(), slots: 0, expression: Expression::True };
        program.expression = program.expression(node);
        program
    }

    /// Whether it reads that member of the document, or all of the document.
    pub(super) fn reads(&self, member: &str) -> bool {
        self.trie.reads(member)
    }

    fn expression(&mut self, node: Node) -> Expression {
        match node {
            Node::And(nodes) => self.combined(nodes, Expression::And),
            Node::Or(nodes) => self.combined(nodes, Expression::Or),
            Node::Not(node) => Expression::Not(Box::new(self.expression(*node))),
            Node::Nor(nodes) => Expression::Not(Box::new(Expression::Or(self.all(nodes)))),
            Node::Text => Expression::True,
            Node::Leaf(path, condition) => {
                let slot = self.trie.slot(&path, self.slots);
                self.slots = self.slots.max(slot + 1);
                let is_id = matches!(&path[..], [only] if &**only == "_id");
                let order = if is_id { Order::Raw } else { Order::Collated };
                Expression::Test { slot, condition: condition.map(&mut Program::new), order }
            }
        }
    }

    /// No conditions at all are met, whichever way they are combined.
    fn combined(&mut self, nodes: Vec<Node>, combine: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
        if nodes.is_empty() { Expression::True } else { combine(self.all(nodes)) }
    }

    fn all(&mut self, nodes: Vec<Node>) -> Vec<Expression> {
        nodes.into_iter().map(|node| self.expression(node)).collect()
    }
}
