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

/// The operands of `$in` and `$nin`: looked up, not compared one by one, for there may be many and an array may have
/// many elements.
#[derive(Clone, Debug)]
pub(super) struct Set {
    /// In the order of JSON values.
    sorted: Vec<Literal>,
    /// Those that are plain strings, for most of what is asked.
    plain: HashSet<Box<str>>,
    has_other_strings: bool,
}

impl Set {
    pub(super) fn new(array: Value<'_>) -> Self {
        let mut operands: Vec<_> = array.elements().map(|element| (element, Literal::new(element))).collect();
        operands.sort_by(|(a, _), (_, b)| compare::compare(*a, b, Order::Collated));
        let sorted: Vec<Literal> = operands.into_iter().map(|(_, literal)| literal).collect();
        let texts =
            || sorted.iter().filter_map(|literal| if let Literal::String(text) = literal { Some(text) } else { None });
        let plain = texts().filter(|text| text.is_plain).map(|text| text.text.clone()).collect();
        let has_other_strings = texts().any(|text| !text.is_plain);
        Self { sorted, plain, has_other_strings }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Whether one of the operands equals `value`.
    pub(super) fn contains(&self, value: Value<'_>, order: Order) -> bool {
        if let Some(string) = value.string() {
            if self.plain.contains(string.as_ref()) {
                return true;
            }
            // Only a string that is not plain may equal one that is spelled differently.
            if !self.has_other_strings && collate::is_plain(&string) {
                return false;
            }
        }
        match order {
            Order::Collated => {
                let found = self.sorted.binary_search_by(|literal| compare::compare(value, literal, order).reverse());
                found.is_ok()
            }
            Order::Raw => self.sorted.iter().any(|literal| compare::equal(value, literal, order)),
        }
    }

    /// All operands.
    pub(super) fn literals(&self) -> impl Iterator<Item = &Literal> {
        self.sorted.iter()
    }
}
