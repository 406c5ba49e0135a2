//! A body as the fields of a document on the wire, in one pass over its text.
//!
//! It agrees with reading the body and writing its values; the test says so of arbitrary bodies. Only what looks like a
//! tag is built.

use super::stored::read_value;
use super::walk::{Walk, unquoted};
use crate::fauna::tagged::{SPECIAL, TAGS, number, write_raw_str, write_tagged};
use crate::json::DEPTH_MAX;

/// Appends a value that stands inside a body in the tagged format.
pub(crate) fn write_stored_tagged(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    if value(&mut Walk::new(text), DEPTH_MAX, out).is_none() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// Appends the fields of a document, each behind a comma, those with special names inside `data`.
pub(super) fn write_document_fields(body: &str, out: &mut Vec<u8>) {
    let start = out.len();
    let mut walk = Walk::new(body);
    if !walk.take(b'{') {
        out.extend_from_slice(b",\"value\":");
        return write_stored_tagged(body, out);
    }
    let mut special = Vec::new();
    if fields(&mut walk, &mut special, out).is_none() {
        return out.truncate(start);
    }
    if special.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"data\":{");
    out.extend_from_slice(&special[1..]);
    out.push(b'}');
}

fn fields(walk: &mut Walk<'_>, special: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
    while !walk.take(b'}') {
        walk.take(b',');
        let key = walk.key()?;
        let out = if SPECIAL.contains(&unquoted(key).as_ref()) { &mut *special } else { &mut *out };
        out.push(b',');
        write_raw_str(key.as_bytes(), out);
        out.push(b':');
        value(walk, DEPTH_MAX, out)?;
    }
    Some(())
}

fn value(walk: &mut Walk<'_>, left: usize, out: &mut Vec<u8>) -> Option<()> {
    match walk.peek()? {
        b'"' => write_raw_str(walk.string()?.as_bytes(), out),
        b'{' => return object(walk, left.checked_sub(1)?, out),
        b'[' => return array(walk, left.checked_sub(1)?, out),
        b'-' | b'0'..=b'9' => write_tagged(&number(walk.scalar()?), out),
        _ => out.extend_from_slice(walk.scalar()?.as_bytes()),
    }
    Some(())
}

fn array(walk: &mut Walk<'_>, left: usize, out: &mut Vec<u8>) -> Option<()> {
    walk.take(b'[');
    out.push(b'[');
    let mut first = true;
    while !walk.take(b']') {
        walk.take(b',');
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        value(walk, left, out)?;
    }
    out.push(b']');
    Some(())
}

/// Whether an object needs `@object` is known only at its end: it is put in front of it then, since few do.
fn object(walk: &mut Walk<'_>, left: usize, out: &mut Vec<u8>) -> Option<()> {
    if let Some(end) = tagged(walk, out) {
        *walk = end;
        return Some(());
    }
    let start = out.len();
    let mut has_at = false;
    walk.take(b'{');
    out.push(b'{');
    while !walk.take(b'}') {
        if walk.take(b',') {
            out.push(b',');
        }
        let key = walk.key()?;
        has_at |= unquoted(key).starts_with('@');
        write_raw_str(key.as_bytes(), out);
        out.push(b':');
        value(walk, left, out)?;
    }
    out.push(b'}');
    if has_at {
        out.splice(start..start, *b"{\"@object\":");
        out.push(b'}');
    }
    Some(())
}

/// Appends the object at `walk` if it has one member, whose key is a tag; returns the position behind it.
fn tagged<'a>(walk: &Walk<'a>, out: &mut Vec<u8>) -> Option<Walk<'a>> {
    let mut end = walk.clone();
    end.take(b'{');
    let key = end.key()?;
    if !TAGS.contains(&unquoted(key).as_ref()) {
        return None;
    }
    end.value()?;
    if !end.take(b'}') {
        return None;
    }
    let text = walk.clone().value()?;
    write_tagged(&read_value(text), out);
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fauna::document::{read_fields, write_fields};
    use crate::fauna::test_values::fields;
    use crate::fauna::value::{Document, DocumentRef, Fields, Moment, Value};

    fn written(body: &str) -> String {
        let mut out = Vec::new();
        write_document_fields(body, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// What the writer of values makes of the same document.
    fn built(fields: Fields) -> String {
        let at = DocumentRef { collection: "A".into(), id: "1".into() };
        let document = Value::Document(Box::new(Document { at, time: Moment::from_us(0), fields }));
        let mut out = Vec::new();
        write_tagged(&document, &mut out);
        let text = String::from_utf8(out).unwrap();
        let head = r#"{"@doc":{"id":"1","coll":{"@mod":"A"},"ts":{"@time":"1970-01-01T00:00:00Z"}"#;
        text.strip_prefix(head).unwrap().strip_suffix("}}").unwrap().into()
    }

    #[test]
    fn golden_fields() {
        let table = [
            ("{}", ""),
            (
                r#"{"n":1,"x":1.50,"big":2147483648}"#,
                r#","n":{"@int":"1"},"x":{"@double":"1.5"},"big":{"@long":"2147483648"}"#,
            ),
            (r#"{"a":[1,{"b":null}],"c":true}"#, r#","a":[{"@int":"1"},{"b":null}],"c":true"#),
            (r#"{"id":"x","a":"y","ts":1}"#, r#","a":"y","data":{"id":"x","ts":{"@int":"1"}}"#),
            (r#"{"t":{"@time":"2024-03-21T12:35:18.680Z"}}"#, r#","t":{"@time":"2024-03-21T12:35:18.680Z"}"#),
            (r#"{"t":{"@time":"x"}}"#, r#","t":{"@object":{"@time":"x"}}"#),
            (r#"{"l":{"@id":"x","n":[1]}}"#, r#","l":{"@object":{"@id":"x","n":[{"@int":"1"}]}}"#),
            (r#"{"o":{"@object":{"@int":"1"}}}"#, r#","o":{"@object":{"@int":"1"}}"#),
            ("{\"a\u{2028}\":\"b\u{85}\"}", r#","a\u2028":"b\u0085""#),
            ("[1]", r#","value":[{"@int":"1"}]"#),
            (" { \"a\" : [ ] , \"b\" : { } } ", r#","a":[],"b":{}"#),
            ("null", r#","value":null"#),
            ("", r#","value":null"#),
            ("{\"a\":", ""),
        ];
        for (body, expected) in table {
            assert_eq!(written(body), expected, "{body}");
        }
    }

    #[test]
    fn deep_bodies_are_written_in_one_pass() {
        let body = format!("{{\"a\":{}{}}}", "[".repeat(127), "]".repeat(127));
        assert_eq!(written(&body), format!(",\"a\":{}{}", "[".repeat(127), "]".repeat(127)));
        assert_eq!(written(&format!("{{\"a\":{}", "[".repeat(100_000))), "");
    }

    proptest! {
        #[test]
        fn agrees_with_the_writer_of_values(fields in fields()) {
            let mut body = Vec::new();
            write_fields(&fields, &mut body);
            let body = String::from_utf8(body).unwrap();
            prop_assert_eq!(written(&body), built(read_fields(&body)), "{}", body);
        }

        #[test]
        fn no_body_panics(text in "\\{[\\[\\]{}:,\"\\\\@a-z0-9. é]{0,40}|\\PC{0,20}") {
            written(&text);
        }
    }
}
