//! Erlang's external term format, as far as the hash of a revision needs it.
//!
//! The terms are those of `term_to_binary(T, [{minor_version, 1}])`: atoms in the old form, floats in 64 bits, and
//! lists of bytes as strings. JSON goes through in one pass without a tree: the length of a container is put in when
//! its end is found. Tested through [`super::hash`], whose vectors were captured.

use crate::couchdb::text::{Number, Value};

const NEW_FLOAT: u8 = b'F';
const SMALL_INTEGER: u8 = b'a';
const INTEGER: u8 = b'b';
const ATOM: u8 = b'd';
const SMALL_TUPLE: u8 = b'h';
const NIL: u8 = b'j';
const STRING: u8 = b'k';
const LIST: u8 = b'l';
const BINARY: u8 = b'm';
const SMALL_BIG: u8 = b'n';
const LARGE_BIG: u8 = b'o';
/// What every external term begins with.
const VERSION: u8 = 131;
/// A longer list of bytes is no string.
const STRING_MAX: usize = 65_535;

/// Begins a term.
pub(super) fn start(out: &mut Vec<u8>) {
    out.push(VERSION);
}

/// Begins a list of `len` elements, which [`nil`] ends.
pub(super) fn list(out: &mut Vec<u8>, len: usize) {
    out.push(LIST);
    out.extend_from_slice(&(len as u32).to_be_bytes());
}

pub(super) fn nil(out: &mut Vec<u8>) {
    out.push(NIL);
}

/// Begins a tuple.
pub(super) fn tuple(out: &mut Vec<u8>, arity: u8) {
    out.extend_from_slice(&[SMALL_TUPLE, arity]);
}

pub(super) fn atom(out: &mut Vec<u8>, name: &str) {
    out.push(ATOM);
    out.extend_from_slice(&(name.len() as u16).to_be_bytes());
    out.extend_from_slice(name.as_bytes());
}

pub(super) fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(BINARY);
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

pub(super) fn integer(out: &mut Vec<u8>, number: i128) {
    if let Ok(byte) = u8::try_from(number) {
        out.extend_from_slice(&[SMALL_INTEGER, byte]);
    } else if let Ok(number) = i32::try_from(number) {
        out.push(INTEGER);
        out.extend_from_slice(&number.to_be_bytes());
    } else {
        let bytes = number.unsigned_abs().to_le_bytes();
        big(out, number < 0, &bytes);
    }
}

fn float(out: &mut Vec<u8>, number: f64) {
    out.push(NEW_FLOAT);
    out.extend_from_slice(&number.to_be_bytes());
}

/// An integer of any size, from its magnitude in little-endian bytes.
fn big(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    let len = magnitude.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    match u8::try_from(len) {
        Ok(len) => out.extend_from_slice(&[SMALL_BIG, len]),
        Err(_) => {
            out.push(LARGE_BIG);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
    out.push(negative.into());
    out.extend_from_slice(&magnitude[..len]);
}

/// An integer beyond 128 bits, as written.
fn wide(out: &mut Vec<u8>, text: &str) {
    let mut magnitude: Vec<u8> = Vec::with_capacity(text.len() / 2);
    for digit in text.bytes().filter(u8::is_ascii_digit) {
        let mut carry = u16::from(digit - b'0');
        for byte in &mut magnitude {
            carry += u16::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            magnitude.push(carry as u8);
        }
    }
    big(out, text.starts_with('-'), &magnitude);
}

fn number(out: &mut Vec<u8>, number: Number<'_>) {
    match number {
        Number::Int(number) => integer(out, number),
        Number::Wide(text) => wide(out, text),
        Number::Float(number) => float(out, number),
    }
}

/// Appends a JSON value as CouchDB holds it: an object is a tuple around a list of pairs.
pub(super) fn json(out: &mut Vec<u8>, value: Value<'_>) {
    use crate::couchdb::text::Kind;
    match value.kind() {
        Kind::Null => atom(out, "null"),
        Kind::Bool => atom(out, if value.boolean() == Some(true) { "true" } else { "false" }),
        Kind::Number => number(out, value.number().unwrap_or(Number::Int(0))),
        Kind::String => binary(out, value.string().unwrap_or_default().as_bytes()),
        Kind::Array => array(out, value),
        Kind::Object => {
            tuple(out, 1);
            counted(out, |out| {
                let pairs = value.members().map(|member| {
                    tuple(out, 2);
                    binary(out, member.key.decode().as_bytes());
                    json(out, member.value);
                });
                pairs.count()
            });
        }
    }
}

fn array(out: &mut Vec<u8>, value: Value<'_>) {
    let start = out.len();
    let mut all_bytes = true;
    let count = counted(out, |out| {
        let elements = value.elements().map(|element| {
            let at = out.len();
            json(out, element);
            all_bytes &= out[at] == SMALL_INTEGER;
        });
        elements.count()
    });
    if all_bytes && (1..=STRING_MAX).contains(&count) {
        let bytes: Vec<u8> = out[start + 5..].chunks_exact(2).map(|pair| pair[1]).collect();
        out.truncate(start);
        out.push(STRING);
        out.extend_from_slice(&(count as u16).to_be_bytes());
        out.extend_from_slice(&bytes);
    }
}

/// Appends a list of what `elements` appends and counts.
fn counted(out: &mut Vec<u8>, elements: impl FnOnce(&mut Vec<u8>) -> usize) -> usize {
    let start = out.len();
    list(out, 0);
    let count = elements(out);
    if count == 0 {
        out.truncate(start);
    } else {
        out[start + 1..start + 5].copy_from_slice(&(count as u32).to_be_bytes());
    }
    nil(out);
    count
}
