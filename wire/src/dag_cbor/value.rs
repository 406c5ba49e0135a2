//! A DAG-CBOR value as a tree.

use minicbor::data::Int;

use super::error::{CborError, CborErrorKind as Kind};
use super::read::{Reader, Token};
use super::skip::next_key;
use super::{DEPTH_MAX, cid, key_order, write};

/// Any DAG-CBOR value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer from -2^64 to 2^64-1.
    Int(i128),
    /// A finite float.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A link: the binary CID, without the 0 that precedes it on the wire.
    Link(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map; encoded in canonical order whatever the order here.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The value of `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one that fits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

/// Why a tree has no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// An integer outside -2^64..2^64.
    #[error("integer outside -2^64..2^64")]
    IntRange,
    /// NaN or an infinity.
    #[error("float that is not finite")]
    NotFinite,
    /// A link whose bytes are no CID.
    #[error("link without a valid CID")]
    Link,
    /// A map with the same key twice.
    #[error("duplicate map key")]
    DuplicateKey,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels")]
    Depth,
}

/// Decodes exactly one value.
///
/// # Errors
/// The first deviation from DAG-CBOR.
pub fn decode(bytes: &[u8]) -> Result<Value, CborError> {
    let mut reader = Reader::new(bytes, 0);
    let value = decode_value(&mut reader, 0)?;
    if reader.pos() < bytes.len() {
        return Err(CborError { offset: reader.pos(), kind: Kind::Trailing });
    }
    Ok(value)
}

fn decode_value(reader: &mut Reader<'_>, depth: usize) -> Result<Value, CborError> {
    let start = reader.pos();
    Ok(match reader.token()? {
        Token::List(_) | Token::Map(_) if depth == DEPTH_MAX => {
            return Err(CborError { offset: start, kind: Kind::Depth });
        }
        Token::Null => Value::Null,
        Token::Bool(value) => Value::Bool(value),
        Token::Int(number) => Value::Int(number),
        Token::Float(number) => Value::Float(number),
        Token::Text(text) => Value::Text(text.to_owned()),
        Token::Bytes(bytes) => Value::Bytes(bytes.to_owned()),
        Token::Link(cid) => Value::Link(cid.to_owned()),
        Token::List(len) => Value::List((0..len).map(|_| decode_value(reader, depth + 1)).collect::<Result<_, _>>()?),
        Token::Map(len) => Value::Map(decode_entries(reader, len, depth + 1)?),
    })
}

fn decode_entries(reader: &mut Reader<'_>, len: u64, depth: usize) -> Result<Vec<(String, Value)>, CborError> {
    let mut entries: Vec<(String, Value)> = Vec::new();
    for _ in 0..len {
        let key = next_key(reader, entries.last().map(|(key, _)| key.as_str()))?;
        entries.push((key.to_owned(), decode_value(reader, depth)?));
    }
    Ok(entries)
}

/// Appends the one encoding of `value`.
///
/// # Errors
/// The tree holds something DAG-CBOR has no words for; `out` may have grown.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode_value(value, out, 0)
}

fn encode_value(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), EncodeError> {
    match value {
        Value::List(_) | Value::Map(_) if depth == DEPTH_MAX => return Err(EncodeError::Depth),
        Value::Null => write::null(out),
        Value::Bool(value) => write::bool(out, *value),
        Value::Int(number) => write::int(out, Int::try_from(*number).map_err(|_| EncodeError::IntRange)?),
        Value::Float(number) if number.is_finite() => write::float(out, *number),
        Value::Float(_) => return Err(EncodeError::NotFinite),
        Value::Text(text) => write::text(out, text),
        Value::Bytes(bytes) => write::bytes(out, bytes),
        Value::Link(bytes) if cid::is_valid(bytes) => write::link(out, bytes),
        Value::Link(_) => return Err(EncodeError::Link),
        Value::List(values) => {
            write::list(out, values.len() as u64);
            return values.iter().try_for_each(|value| encode_value(value, out, depth + 1));
        }
        Value::Map(entries) => return encode_entries(entries, out, depth + 1),
    }
    Ok(())
}

fn encode_entries(entries: &[(String, Value)], out: &mut Vec<u8>, depth: usize) -> Result<(), EncodeError> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|a, b| key_order(&a.0, &b.0));
    if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(EncodeError::DuplicateKey);
    }
    write::map(out, sorted.len() as u64);
    sorted.into_iter().try_for_each(|(key, value)| {
        write::text(out, key);
        encode_value(value, out, depth)
    })
}
