//! A condition on one value, before and after it is compiled.

use super::literal::{Literal, Set};
use super::pattern::Pattern;

/// How a value must compare to an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Lt,
    Lte,
    Eq,
    Ne,
    Gte,
    Gt,
}

impl Comparison {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lt => "$lt",
            Self::Lte => "$lte",
            Self::Eq => "$eq",
            Self::Ne => "$ne",
            Self::Gte => "$gte",
            Self::Gt => "$gt",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Lt, Self::Lte, Self::Eq, Self::Ne, Self::Gte, Self::Gt].into_iter().find(|one| one.name() == name)
    }

    /// What holds exactly when this does not.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Lt => Self::Gte,
            Self::Lte => Self::Gt,
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Gte => Self::Lt,
            Self::Gt => Self::Lte,
        }
    }
}

/// Which parts of a value a selector of their own is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// `$elemMatch`: some element.
    Some,
    /// `$allMatch`: every element, of which there is at least one.
    All,
    /// `$keyMapMatch`: some key.
    Keys,
}

impl Parts {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Some => "$elemMatch",
            Self::All => "$allMatch",
            Self::Keys => "$keyMapMatch",
        }
    }
}

/// A condition on one value. `S` is what a selector of parts is: a node when parsed, a program when compiled.
#[derive(Clone, Debug)]
pub(super) enum Condition<S> {
    Compare(Comparison, Literal),
    In(Set),
    Nin(Set),
    Exists(bool),
    Type(Box<str>),
    Size(u64),
    Mod(i64, i64),
    Regex(Pattern),
    BeginsWith(Box<str>),
    All(Vec<Literal>),
    Parts(Parts, Box<S>),
    Not(Box<Self>),
}

impl<S> Condition<S> {
    /// The same condition with another kind of selector of parts.
    pub(super) fn map<T>(self, map: &mut impl FnMut(S) -> T) -> Condition<T> {
        match self {
            Self::Compare(comparison, literal) => Condition::Compare(comparison, literal),
            Self::In(set) => Condition::In(set),
            Self::Nin(set) => Condition::Nin(set),
            Self::Exists(exists) => Condition::Exists(exists),
            Self::Type(name) => Condition::Type(name),
            Self::Size(size) => Condition::Size(size),
            Self::Mod(divisor, remainder) => Condition::Mod(divisor, remainder),
            Self::Regex(pattern) => Condition::Regex(pattern),
            Self::BeginsWith(prefix) => Condition::BeginsWith(prefix),
            Self::All(literals) => Condition::All(literals),
            Self::Parts(parts, selector) => Condition::Parts(parts, Box::new(map(*selector))),
            Self::Not(condition) => Condition::Not(Box::new(condition.map(map))),
        }
    }
}
