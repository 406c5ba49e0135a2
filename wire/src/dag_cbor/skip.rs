//! Walking over values without keeping anything.

use super::error::{CborError, CborErrorKind as Kind};
use super::read::{Reader, Token};
use super::{DEPTH_MAX, key_order};

/// Checks that `bytes` are exactly one value.
///
/// # Errors
/// The first deviation from DAG-CBOR.
pub fn validate(bytes: &[u8]) -> Result<(), CborError> {
    match skip(bytes, 0)? {
        end if end == bytes.len() => Ok(()),
        end => Err(CborError { offset: end, kind: Kind::Trailing }),
    }
}

/// Checks the value that starts at `pos` and returns the position behind it.
///
/// # Errors
/// The first deviation from DAG-CBOR.
pub fn skip(bytes: &[u8], pos: usize) -> Result<usize, CborError> {
    let mut reader = Reader::new(bytes, pos);
    skip_value(&mut reader, 0)?;
    Ok(reader.pos())
}

/// Whether `bytes` start with a value that is nested at most `depth_max` levels deep.
pub fn is_within(bytes: &[u8], depth_max: usize) -> bool {
    skip_value(&mut Reader::new(bytes, 0), DEPTH_MAX.saturating_sub(depth_max)).is_ok()
}

/// Skips a value that stands inside `depth` containers.
pub(super) fn skip_value(reader: &mut Reader<'_>, depth: usize) -> Result<(), CborError> {
    let start = reader.pos();
    match reader.token()? {
        Token::List(_) | Token::Map(_) if depth == DEPTH_MAX => Err(CborError { offset: start, kind: Kind::Depth }),
        Token::List(len) => (0..len).try_for_each(|_| skip_value(reader, depth + 1)),
        Token::Map(len) => skip_entries(reader, len, depth + 1),
        _ => Ok(()),
    }
}

fn skip_entries(reader: &mut Reader<'_>, len: u64, depth: usize) -> Result<(), CborError> {
    let mut last = None;
    for _ in 0..len {
        last = Some(next_key(reader, last)?);
        skip_value(reader, depth)?;
    }
    Ok(())
}

/// Takes a key that must come behind `last`.
pub(super) fn next_key<'a>(reader: &mut Reader<'a>, last: Option<&str>) -> Result<&'a str, CborError> {
    let start = reader.pos();
    let key = reader.key()?;
    let kind = match last.map(|last| key_order(last, key)) {
        None | Some(std::cmp::Ordering::Less) => return Ok(key),
        Some(std::cmp::Ordering::Equal) => Kind::DuplicateKey,
        Some(std::cmp::Ordering::Greater) => Kind::KeyOrder,
    };
    Err(CborError { offset: start, kind })
}
