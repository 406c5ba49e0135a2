//! DAG-CBOR values and their canonical bytes.
//!
//! Owns the order of map keys (by length, then by bytes), so that records can be written down in any order. Tested by
//! `tests.rs`, which reads the bytes with code of its own.

use std::convert::Infallible;

use minicbor::Encoder;
use minicbor::data::Tag;
use minicbor::encode::Error;

use super::link::Link;

/// Tag of a link.
const LINK_TAG: u64 = 42;

/// A value of the IPLD data model, without floats.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Link(Link),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A link, or null.
    pub fn maybe(link: Option<Link>) -> Self {
        link.map_or(Self::Null, Self::Link)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut Encoder::new(&mut out)).expect("writing to a vector cannot fail");
        out
    }

    fn write(&self, to: &mut Encoder<&mut Vec<u8>>) -> Result<(), Error<Infallible>> {
        match self {
            Self::Null => to.null()?.ok(),
            Self::Bool(flag) => to.bool(*flag)?.ok(),
            Self::Int(number) => to.i64(*number)?.ok(),
            Self::Text(text) => to.str(text)?.ok(),
            Self::Bytes(bytes) => to.bytes(bytes)?.ok(),
            Self::Link(link) => {
                // A zero stands before the CID, the multibase prefix of binary.
                let bytes = [&[0][..], &link.to_bytes()].concat();
                to.tag(Tag::new(LINK_TAG))?.bytes(&bytes)?.ok()
            }
            Self::List(items) => {
                to.array(items.len() as u64)?;
                items.iter().try_for_each(|item| item.write(to))
            }
            Self::Map(entries) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by_key(|(key, _)| (key.len(), *key));
                to.map(sorted.len() as u64)?;
                sorted.into_iter().try_for_each(|(key, value)| value.write(to.str(key)?))
            }
        }
    }
}
