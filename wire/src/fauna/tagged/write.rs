//! Values as JSON on the wire.
//!
//! Strings escape U+0085, U+2028 and U+2029 besides what JSON asks for: one driver splits the stream into lines at
//! them.

use crate::fauna::value::{Document, DocumentRef, Fields, Missing, NamedDocument, NamedRef, Value};
use crate::json;

/// The keys that make an object of one member a tagged value.
pub(crate) const TAGS: [&str; 10] =
    ["@int", "@long", "@double", "@time", "@date", "@bytes", "@mod", "@ref", "@doc", "@object"];

/// Names that stand for something of the document itself. A field of such a name is shown inside `data`.
pub(crate) const SPECIAL: [&str; 11] =
    ["id", "coll", "ts", "ttl", "data", "delete", "update", "replace", "updateData", "replaceData", "exists"];

/// Appends a string.
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    json::write_str(out, text);
    if has_line_end(&out[start..]) {
        let written = out.split_off(start);
        escape_line_ends(&written, out);
    }
}

/// Appends a string that is already written as JSON, quotes and all.
pub(crate) fn write_raw_str(raw: &[u8], out: &mut Vec<u8>) {
    if has_line_end(raw) { escape_line_ends(raw, out) } else { out.extend_from_slice(raw) }
}

fn has_line_end(bytes: &[u8]) -> bool {
    memchr::memchr2_iter(0xc2, 0xe2, bytes).any(|at| line_end(&bytes[at..]).is_some())
}

/// The escape of the line end that `bytes` begin with, and its length.
fn line_end(bytes: &[u8]) -> Option<(&'static [u8], usize)> {
    match bytes {
        [0xc2, 0x85, ..] => Some((b"\\u0085", 2)),
        [0xe2, 0x80, 0xa8, ..] => Some((b"\\u2028", 3)),
        [0xe2, 0x80, 0xa9, ..] => Some((b"\\u2029", 3)),
        _ => None,
    }
}

fn escape_line_ends(bytes: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    for at in memchr::memchr2_iter(0xc2, 0xe2, bytes) {
        if let Some((escape, len)) = line_end(&bytes[at..]) {
            out.extend_from_slice(&bytes[copied..at]);
            out.extend_from_slice(escape);
            copied = at + len;
        }
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// Appends a value in the tagged format.
pub fn write_tagged(value: &Value, out: &mut Vec<u8>) {
    Writer { tags: true }.value(value, out);
}

/// Appends a value in the simple format.
pub fn write_simple(value: &Value, out: &mut Vec<u8>) {
    Writer { tags: false }.value(value, out);
}

/// Appends the text of a float: the shortest that reads back the same, or `NaN`, `Infinity`, `-Infinity`.
pub(crate) fn write_double(number: f64, out: &mut Vec<u8>) {
    match number {
        _ if number.is_nan() => out.extend_from_slice(b"NaN"),
        f64::INFINITY => out.extend_from_slice(b"Infinity"),
        f64::NEG_INFINITY => out.extend_from_slice(b"-Infinity"),
        _ => json::write_f64(out, number),
    }
}

#[derive(Clone, Copy)]
struct Writer {
    tags: bool,
}

impl Writer {
    fn value(self, value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => self.int(*number, out),
            Value::Double(number) => self.double(*number, out),
            Value::Str(text) => write_str(text, out),
            Value::Bytes(bytes) => self.text("@bytes", &data_encoding::BASE64.encode(bytes), out),
            Value::Time(time) => self.text("@time", &time.to_string(), out),
            Value::Date(day) => self.text("@date", &day.to_string(), out),
            Value::Array(items) => self.array(items, out),
            Value::Object(fields) if fields.iter().any(|(name, _)| name.starts_with('@')) => {
                self.tag("@object", out, |out| self.object(fields, out));
            }
            Value::Object(fields) => self.object(fields, out),
            Value::Module(name) => self.text("@mod", name, out),
            Value::Ref(at) => self.tag("@ref", out, |out| self.braces(out, |out| self.reference(at, out))),
            Value::Named(at) => self.tag("@ref", out, |out| self.braces(out, |out| self.named(at, out))),
            Value::Document(document) => self.tag("@doc", out, |out| self.document(document, out)),
            Value::NamedDocument(document) => self.tag("@doc", out, |out| self.named_document(document, out)),
            Value::Missing(missing) => self.missing(missing, out),
            Value::Page(items) => self.tag("@set", out, |out| {
                self.braces(out, |out| {
                    out.extend_from_slice(b"\"data\":");
                    self.array(items, out);
                });
            }),
            Value::Token(token) => self.text("@stream", token, out),
            Value::Lazy(lazy) => write_str(&format!("[{}]", lazy.type_name()), out),
        }
    }

    fn tag(self, tag: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.tags {
            return write(out);
        }
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(tag.as_bytes());
        out.extend_from_slice(b"\":");
        write(out);
        out.push(b'}');
    }

    fn text(self, tag: &str, text: &str, out: &mut Vec<u8>) {
        self.tag(tag, out, |out| write_str(text, out));
    }

    fn int(self, number: i64, out: &mut Vec<u8>) {
        let tag = if i32::try_from(number).is_ok() { "@int" } else { "@long" };
        self.quoted(tag, out, |out| json::write_i128(out, number.into()));
    }

    fn double(self, number: f64, out: &mut Vec<u8>) {
        if !self.tags && !number.is_finite() {
            out.push(b'"');
            write_double(number, out);
            return out.push(b'"');
        }
        self.quoted("@double", out, |out| write_double(number, out));
    }

    /// A number: tagged ones are strings, simple ones are not.
    fn quoted(self, tag: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.tag(tag, out, |out| {
            if self.tags {
                out.push(b'"');
            }
            write(out);
            if self.tags {
                out.push(b'"');
            }
        });
    }

    fn array(self, items: &[Value], out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.value(item, out);
        }
        out.push(b']');
    }

    fn braces(self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.push(b'{');
        write(out);
        out.push(b'}');
    }

    fn object(self, fields: &Fields, out: &mut Vec<u8>) {
        self.braces(out, |out| {
            for (at, (name, value)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                self.member(name, value, out);
            }
        });
    }

    fn member(self, name: &str, value: &Value, out: &mut Vec<u8>) {
        write_str(name, out);
        out.push(b':');
        self.value(value, out);
    }

    fn reference(self, at: &DocumentRef, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"id\":");
        write_str(&at.id, out);
        out.extend_from_slice(b",\"coll\":");
        self.text("@mod", &at.collection, out);
    }

    fn named(self, at: &NamedRef, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"name\":");
        write_str(&at.name, out);
        out.extend_from_slice(b",\"coll\":");
        self.text("@mod", at.kind.module(), out);
    }

    fn document(self, document: &Document, out: &mut Vec<u8>) {
        self.braces(out, |out| {
            self.reference(&document.at, out);
            out.extend_from_slice(b",\"ts\":");
            self.value(&Value::Time(document.time), out);
            let (special, plain): (Vec<_>, Vec<_>) =
                document.fields.iter().partition(|(name, _)| SPECIAL.contains(name));
            for (name, value) in plain {
                out.push(b',');
                self.member(name, value, out);
            }
            if !special.is_empty() {
                let data = special.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
                out.extend_from_slice(b",\"data\":");
                self.value(&Value::Object(data), out);
            }
        });
    }

    fn named_document(self, document: &NamedDocument, out: &mut Vec<u8>) {
        self.braces(out, |out| {
            self.named(&document.at, out);
            out.extend_from_slice(b",\"ts\":");
            self.value(&Value::Time(document.time), out);
            for (name, value) in document.fields.iter() {
                out.push(b',');
                self.member(name, value, out);
            }
        });
    }

    fn missing(self, missing: &Missing, out: &mut Vec<u8>) {
        if !self.tags {
            return out.extend_from_slice(b"null");
        }
        self.tag("@ref", out, |out| {
            self.braces(out, |out| {
                match &missing.target {
                    Value::Ref(at) => self.reference(at, out),
                    Value::Named(at) => self.named(at, out),
                    _ => out.extend_from_slice(b"\"id\":\"\""),
                }
                out.extend_from_slice(b",\"exists\":false,\"cause\":");
                write_str(missing.cause, out);
            });
        });
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
