//! DAG-CBOR to JSON, straight from the bytes.
//!
//! The mapping is that of the AT Protocol's data model: a link becomes `{"$link": "<cid>"}`, bytes become
//! `{"$bytes": "<base64 without padding>"}`, everything else its namesake. Integers are written digit for digit, also
//! beyond 2^53; floats always with a fraction or an exponent, so that they come back as floats.

use data_encoding::BASE64_NOPAD;

use super::error::{CborError, CborErrorKind as Kind};
use super::read::{Reader, Token};
use super::skip::next_key;
use super::{DEPTH_MAX, cid};
use crate::json;

/// Appends the value in `bytes` as JSON.
///
/// # Errors
/// `bytes` are not exactly one DAG-CBOR value; `out` may have grown.
pub fn to_json(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
    let mut reader = Reader::new(bytes, 0);
    write_value(&mut reader, out, 0)?;
    if reader.pos() < bytes.len() {
        return Err(CborError { offset: reader.pos(), kind: Kind::Trailing });
    }
    Ok(())
}

fn write_value(reader: &mut Reader<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), CborError> {
    let start = reader.pos();
    match reader.token()? {
        Token::List(_) | Token::Map(_) if depth == DEPTH_MAX => {
            return Err(CborError { offset: start, kind: Kind::Depth });
        }
        Token::Null => out.extend_from_slice(b"null"),
        Token::Bool(true) => out.extend_from_slice(b"true"),
        Token::Bool(false) => out.extend_from_slice(b"false"),
        Token::Int(number) => write_int(out, number),
        Token::Float(number) => json::write_f64(out, number),
        Token::Text(text) => json::write_str(out, text),
        Token::Bytes(bytes) => write_bytes(out, bytes),
        Token::Link(bytes) => write_link(out, bytes),
        Token::List(len) => return write_list(reader, out, len, depth + 1),
        Token::Map(len) => return write_map(reader, out, len, depth + 1),
    }
    Ok(())
}

fn write_int(out: &mut Vec<u8>, number: i128) {
    match u64::try_from(number) {
        Ok(number) => json::write_u64(out, number),
        Err(_) => json::write_i128(out, number),
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"{\"$bytes\":\"");
    let start = out.len();
    out.resize(start + BASE64_NOPAD.encode_len(bytes.len()), 0);
    BASE64_NOPAD.encode_mut(bytes, &mut out[start..]);
    out.extend_from_slice(b"\"}");
}

fn write_link(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"{\"$link\":\"");
    cid::write_text(out, bytes);
    out.extend_from_slice(b"\"}");
}

fn write_list(reader: &mut Reader<'_>, out: &mut Vec<u8>, len: u64, depth: usize) -> Result<(), CborError> {
    out.push(b'[');
    for at in 0..len {
        if at > 0 {
            out.push(b',');
        }
        write_value(reader, out, depth)?;
    }
    out.push(b']');
    Ok(())
}

fn write_map(reader: &mut Reader<'_>, out: &mut Vec<u8>, len: u64, depth: usize) -> Result<(), CborError> {
    let mut last = None;
    out.push(b'{');
    for _ in 0..len {
        if last.is_some() {
            out.push(b',');
        }
        let key = next_key(reader, last)?;
        json::write_str(out, key);
        out.push(b':');
        write_value(reader, out, depth)?;
        last = Some(key);
    }
    out.push(b'}');
    Ok(())
}
