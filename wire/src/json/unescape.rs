//! Escapes in JSON strings.

use super::error::JsonErrorKind;

/// The length of the `\uXXXX` (or surrogate pair) whose text behind the backslash is `rest`, backslash included.
pub(super) fn unicode_len(rest: &[u8]) -> Result<usize, JsonErrorKind> {
    match unit(rest).ok_or(JsonErrorKind::Escape)? {
        0xd800..=0xdbff => match rest.get(5..).and_then(|next| next.strip_prefix(b"\\")).and_then(unit) {
            Some(0xdc00..=0xdfff) => Ok(12),
            _ => Err(JsonErrorKind::Surrogate),
        },
        0xdc00..=0xdfff => Err(JsonErrorKind::Surrogate),
        _ => Ok(6),
    }
}

/// The code unit of `uXXXX`.
fn unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | (*digit as char).to_digit(16)? as u16))
}

/// The string that checked raw text stands for.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (character, len) = character(escape.as_bytes());
        out.push(character);
        rest = &escape[len..];
    }
    out.push_str(rest);
    out
}

/// The character of an escape, and the length of its text behind the backslash.
fn character(escape: &[u8]) -> (char, usize) {
    match escape.first() {
        Some(b'b') => ('\u{8}', 1),
        Some(b'f') => ('\u{c}', 1),
        Some(b'n') => ('\n', 1),
        Some(b'r') => ('\r', 1),
        Some(b't') => ('\t', 1),
        Some(b'u') => unicode(escape),
        Some(other) => (*other as char, 1),
        None => (char::REPLACEMENT_CHARACTER, 0),
    }
}

fn unicode(escape: &[u8]) -> (char, usize) {
    let pair = [unit(escape), escape.get(6..).and_then(unit)];
    match char::decode_utf16(pair.into_iter().map_while(|unit| unit)).next() {
        Some(Ok(character)) if character.len_utf16() == 2 => (character, 11),
        Some(Ok(character)) => (character, 5),
        _ => (char::REPLACEMENT_CHARACTER, 5.min(escape.len())),
    }
}
