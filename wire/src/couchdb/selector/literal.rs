//! Operands of a selector, parsed once.

use std::collections::HashSet;

use super::collate;
use super::compare::{self, Order};
use crate::couchdb::text::{Kind, Number, Value};

/// A JSON value that documents are compared to.
#[derive(Clone, Debug)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(Figure),
    String(Text),
    Array(Vec<Literal>),
    Object(Vec<(Text, Literal)>),
}

/// A string, and whether the quick comparison is right for it.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: Box<str>,
    pub(super) is_plain: bool,
}

/// A number that outlives the text it was read from.
#[derive(Clone, Debug)]
pub(super) enum Figure {
    Int(i128),
    Wide(Box<str>),
    Float(f64),
}

impl Figure {
    pub(super) fn number(&self) -> Number<'_> {
        match self {
            Self::Int(number) => Number::Int(*number),
            Self::Wide(text) => Number::Wide(text),
            Self::Float(number) => Number::Float(*number),
        }
    }
}

impl Text {
    fn new(text: &str) -> Self {
        Self { is_plain: collate::is_plain(text), text: text.into() }
    }
}

impl Literal {
    pub(super) fn new(value: Value<'_>) -> Self {
        match value.kind() {
            Kind::Null => Self::Null,
            Kind::Bool => Self::Bool(value.boolean() == Some(true)),
            Kind::Number => Self::Number(match value.number() {
                Some(Number::Float(number)) => Figure::Float(number),
                Some(Number::Wide(text)) => Figure::Wide(text.into()),
                Some(Number::Int(number)) => Figure::Int(number),
                None => Figure::Int(0),
            }),
            Kind::String => Self::String(Text::new(&value.string().unwrap_or_default())),
            Kind::Array => Self::Array(value.elements().map(Self::new).collect()),
            Kind::Object => {
                let members = value.members().map(|member| (Text::new(&member.key.decode()), Self::new(member.value)));
                Self::Object(members.collect())
            }
        }
    }
}

/// The operands of `$in` and `$nin`. Plain strings are looked up, everything else is compared one by one.
#[derive(Clone, Debug)]
pub(super) struct Set {
    plain: HashSet<Box<str>>,
    others: Vec<Literal>,
}

impl Set {
    pub(super) fn new(array: Value<'_>) -> Self {
        let mut set = Self { plain: HashSet::new(), others: Vec::new() };
        for literal in array.elements().map(Literal::new) {
            match literal {
                Literal::String(Text { text, is_plain: true }) => drop(set.plain.insert(text)),
                other => set.others.push(other),
            }
        }
        set
    }

    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.others.is_empty()
    }

    /// Whether one of the operands equals `value`.
    pub(super) fn contains(&self, value: Value<'_>, order: Order) -> bool {
        let others = |set: &Self| set.others.iter().any(|literal| compare::equal(value, literal, order));
        let Some(string) = value.string() else { return others(self) };
        if self.plain.contains(string.as_ref()) {
            return true;
        }
        // A string that is not plain may equal a plain one that is spelled differently.
        let unusual = order == Order::Collated && !collate::is_plain(&string);
        others(self) || (unusual && self.plain.iter().any(|plain| collate::compare(&string, plain).is_eq()))
    }

    /// All operands, in no particular order.
    pub(super) fn literals(&self) -> impl Iterator<Item = Literal> {
        let plain = self.plain.iter().map(|text| Literal::String(Text { text: text.clone(), is_plain: true }));
        plain.chain(self.others.iter().cloned())
    }
}
