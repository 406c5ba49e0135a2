//! Mango selectors: parsed once, evaluated against documents as they lie in the log.
//!
//! ```
//! use tailwater_wire::couchdb::selector::Selector;
//! use tailwater_wire::couchdb::text::Value;
//!
//! let selector = Selector::parse(Value::new(br#"{"age":{"$gte":18},"name.first":"Ada"}"#)).unwrap();
//! assert!(selector.matches(Value::new(br#"{"name":{"first":"Ada"},"age":36}"#)));
//! ```
//!
//! | file | what it owns |
//! | --- | --- |
//! | `parse.rs` | JSON to conditions on paths; every operator and what is wrong with its argument |
//! | `field.rs` | paths: dots, escaped dots |
//! | `negate.rs` | `$not` and `$nor`, pushed down to the conditions |
//! | `canonical.rs` | one text for all selectors that say the same in another order |
//! | `compile.rs`, `trie.rs` | conditions to a program: one pass over a document finds all that it reads |
//! | `evaluate.rs` | running the program |
//! | `literal.rs`, `compare.rs` | operands, and the order of JSON values |
//! | `collate.rs` | the order of strings, which is ICU's |
//! | `pattern.rs` | regular expressions, and which of PCRE's are refused |
//! | `erlang.rs` | values as CouchDB's messages show them |
//! | [`project`] | `fields`: parts of a document |
//!
//! A selector never fails on a document: all that can be wrong with it is found when it is parsed. The tests are the
//! 222 cases captured from CouchDB 3.5.0 (`tests/couchdb_selector.rs`) and those beside the code.

mod canonical;
mod collate;
mod compare;
mod compile;
mod condition;
pub(super) mod erlang;
mod error;
mod evaluate;
mod field;
mod literal;
mod negate;
mod parse;
mod pattern;
pub mod project;
mod trie;

pub use error::SelectorError;
pub use project::Fields;

use compile::Program;
use parse::Parser;

use super::text::{Kind, Value};

/// What a selector may measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorLimits {
    /// Bytes of its text.
    pub bytes_max: usize,
    /// Conditions and combinations of them; at most 1,000.
    pub nodes_max: usize,
    /// Regular expressions.
    pub patterns_max: usize,
}

impl Default for SelectorLimits {
    fn default() -> Self {
        Self { bytes_max: 256 * 1024, nodes_max: 500, patterns_max: 20 }
    }
}

/// A selector, ready to be evaluated. Cheap to share, not to make.
#[derive(Clone, Debug)]
pub struct Selector {
    canonical: Box<str>,
    program: Program,
}

impl Selector {
    /// Parses a selector within the default limits. `value` must have been checked and compacted.
    ///
    /// # Errors
    /// See [`SelectorError`].
    pub fn parse(value: Value<'_>) -> Result<Self, SelectorError> {
        Self::parse_within(value, &SelectorLimits::default())
    }

    /// The same within other limits.
    ///
    /// # Errors
    /// See [`SelectorError`].
    pub fn parse_within(value: Value<'_>, limits: &SelectorLimits) -> Result<Self, SelectorError> {
        if value.kind() != Kind::Object {
            return Err(SelectorError::NotAnObject(erlang::term(value)));
        }
        if value.bytes().len() > limits.bytes_max {
            return Err(SelectorError::TooLarge { bytes_max: limits.bytes_max });
        }
        let node = Parser::new(limits).selector(value)?;
        let canonical = canonical::selector(&node).into();
        Ok(Self { canonical, program: Program::new(node) })
    }

    /// Whether a document matches. The text is read in place; nothing is built.
    pub fn matches(&self, document: Value<'_>) -> bool {
        self.program.matches(document)
    }

    /// A text that is the same for selectors that say the same in another order or spelling.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// 32 hexadecimal digits that stand for [`canonical`](Self::canonical), for names.
    pub fn digest(&self) -> String {
        use sha2::{Digest, Sha256};
        data_encoding::HEXLOWER.encode(&Sha256::digest(self.canonical.as_bytes())[..16])
    }

    /// Whether it reads a member of that name, or the document as a whole.
    pub fn reads(&self, member: &str) -> bool {
        self.program.reads(member)
    }
}

#[cfg(test)]
mod tests;
