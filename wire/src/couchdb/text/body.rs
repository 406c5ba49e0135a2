//! Bodies of requests: checked, compacted, and freed of duplicate keys.

use std::collections::HashMap;

use super::value::{Kind, Value};
use crate::json::{self, DEPTH_MAX, JsonErrorKind};

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Neither UTF-8 nor JSON, or one of both not.
    #[error("invalid UTF-8 JSON")]
    Json,
    /// Nested deeper than this server holds.
    #[error("JSON is nested deeper than {DEPTH_MAX} levels")]
    Depth,
    /// Some other JSON value.
    #[error("Request body must be a JSON object")]
    NotAnObject,
}

/// Checks that `body` is one JSON value and gives it back compact, the last of equal keys kept in its place.
///
/// # Errors
/// [`BodyError::Json`], [`BodyError::Depth`].
pub fn parse_body(body: &[u8]) -> Result<String, BodyError> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| BodyError::Json)?;
    let mut compact = Vec::with_capacity(text.len());
    json::compact(text, DEPTH_MAX, &mut compact).map_err(|error| match error.kind {
        JsonErrorKind::Depth(_) => BodyError::Depth,
        _ => BodyError::Json,
    })?;
    let compact = String::from_utf8(compact).map_err(|_| BodyError::Json)?;
    let value = Value::new(compact.as_bytes());
    if !has_duplicates(value) {
        return Ok(compact);
    }
    let mut out = Vec::with_capacity(compact.len());
    write_last_of_each(value, &mut out);
    String::from_utf8(out).map_err(|_| BodyError::Json)
}

/// The same for a body that must be an object.
///
/// # Errors
/// See [`BodyError`].
pub fn parse_object(body: &[u8]) -> Result<String, BodyError> {
    let text = parse_body(body)?;
    if text.starts_with('{') { Ok(text) } else { Err(BodyError::NotAnObject) }
}

/// Below this many members, every pair is compared.
const FEW: usize = 16;

fn has_duplicates(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Object => object_has_duplicates(value),
        Kind::Array => value.elements().any(has_duplicates),
        _ => false,
    }
}

fn object_has_duplicates(object: Value<'_>) -> bool {
    let mut keys = Vec::new();
    for member in object.members() {
        if has_duplicates(member.value) {
            return true;
        }
        keys.push(member.key.decode());
    }
    if keys.len() <= FEW {
        return keys.iter().enumerate().any(|(at, key)| keys[..at].contains(key));
    }
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

fn write_last_of_each(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Object => write_object(value, out),
        Kind::Array => {
            out.push(b'[');
            for (at, element) in value.elements().enumerate() {
                out.extend_from_slice(if at > 0 { b"," } else { b"" });
                write_last_of_each(element, out);
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(value.bytes()),
    }
}

fn write_object(object: Value<'_>, out: &mut Vec<u8>) {
    let last: HashMap<_, _> = object.members().enumerate().map(|(at, member)| (member.key.decode(), at)).collect();
    out.push(b'{');
    let mut is_first = true;
    for (at, member) in object.members().enumerate() {
        if last.get(&member.key.decode()) != Some(&at) {
            continue;
        }
        out.extend_from_slice(if is_first { b"" } else { b"," });
        is_first = false;
        let key_bytes = member.span.len() - member.value.bytes().len();
        out.extend_from_slice(&object.bytes()[member.span.start..][..key_bytes]);
        write_last_of_each(member.value, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_keys_stays_where_it_is() {
        let table = [
            (r#" {"a" : 1 } "#, r#"{"a":1}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"b":2,"a":3}"#),
            (r#"[{"x":{"a":1,"\u0061":[{"b":1,"b":2}]}}]"#, r#"[{"x":{"\u0061":[{"b":2}]}}]"#),
            ("[1,[],{}]", "[1,[],{}]"),
        ];
        for (text, expected) in table {
            assert_eq!(parse_body(text.as_bytes()).unwrap(), expected);
        }
        let many: Vec<_> = (0..40).map(|n| format!("\"k{}\":{n}", n % 39)).collect();
        let text = format!("{{{}}}", many.join(","));
        assert_eq!(parse_body(text.as_bytes()).unwrap(), format!("{{{}}}", many[1..].join(",")));
    }

    #[test]
    fn refusals() {
        for body in [&b""[..], b"{bad", b"\xff", b"{} {}", b"\"\xc3\""] {
            assert_eq!(parse_body(body), Err(BodyError::Json), "{}", body.escape_ascii());
        }
        assert_eq!(parse_object(b"[]"), Err(BodyError::NotAnObject));
        for depth in [DEPTH_MAX + 1, 1_000, 5_000_000] {
            assert_eq!(parse_body("[".repeat(depth).as_bytes()), Err(BodyError::Depth), "{depth}");
        }
        let deepest = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
        assert_eq!(parse_body(deepest.as_bytes()).as_deref(), Ok(deepest.as_str()));
    }
}
