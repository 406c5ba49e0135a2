//! Values as CouchDB's messages show them: as Erlang terms.

use std::fmt::Write;

use crate::couchdb::text::{Kind, Number, Value};

/// A longer term is cut off.
const TERM_BYTES_MAX: usize = 1_000;

/// How strings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strings {
    /// As bytes, `<<97>>` (`~w`).
    Bytes,
    /// As text where it is ASCII, `<<"a">>` (`~p`).
    Text,
}

/// A value as an Erlang term, the way `~w` shows it.
pub(crate) fn term(value: Value<'_>) -> String {
    shown(value, Strings::Bytes)
}

/// The same as `~p` shows it.
pub(crate) fn readable_term(value: Value<'_>) -> String {
    shown(value, Strings::Text)
}

fn shown(value: Value<'_>, strings: Strings) -> String {
    let mut out = String::new();
    write_term(value, strings, &mut out);
    if out.len() > TERM_BYTES_MAX {
        out.truncate(TERM_BYTES_MAX);
        out.push_str("...");
    }
    out
}

fn write_term(value: Value<'_>, strings: Strings, out: &mut String) {
    // What is longer will be cut off anyway.
    if out.len() > TERM_BYTES_MAX {
        return;
    }
    match value.kind() {
        Kind::String => write_binary(&value.string().unwrap_or_default(), strings, out),
        Kind::Number => write_number(value, out),
        Kind::Array => {
            out.push('[');
            separated(value.elements(), out, |element, out| write_term(element, strings, out));
            out.push(']');
        }
        Kind::Object => {
            out.push_str("{[");
            separated(value.members(), out, |member, out| {
                out.push('{');
                write_binary(&member.key.decode(), strings, out);
                out.push(',');
                write_term(member.value, strings, out);
                out.push('}');
            });
            out.push_str("]}");
        }
        Kind::Null | Kind::Bool => out.push_str(&String::from_utf8_lossy(value.bytes())),
    }
}

fn separated<T>(items: impl Iterator<Item = T>, out: &mut String, mut write: impl FnMut(T, &mut String)) {
    for (at, item) in items.take(TERM_BYTES_MAX).enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        write(item, out);
    }
}

/// A string as a binary.
fn write_binary(text: &str, strings: Strings, out: &mut String) {
    let is_text = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if strings == Strings::Text && is_text {
        let text: String = text.chars().take(TERM_BYTES_MAX).collect();
        return out.push_str(&format!("<<{text:?}>>"));
    }
    out.push_str("<<");
    separated(text.bytes(), out, |byte, out| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte}");
    });
    out.push_str(">>");
}

fn write_number(value: Value<'_>, out: &mut String) {
    match value.number() {
        Some(Number::Float(number)) => {
            let shown = format!("{number:?}");
            let whole = shown.split_once('e').filter(|(mantissa, _)| !mantissa.contains('.'));
            out.push_str(&whole.map_or(shown.clone(), |(mantissa, exponent)| format!("{mantissa}.0e{exponent}")));
        }
        _ => out.push_str(&String::from_utf8_lossy(value.bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms() {
        let table = [
            ("1", "1"),
            ("[1.5,1]", "[1.5,1]"),
            ("1e22", "1.0e22"),
            ("\"a\\u00e4\"", "<<97,195,164>>"),
            ("\"\"", "<<>>"),
            ("{}", "{[]}"),
            (r#"{"k":[null,true,{}],"l":1}"#, "{[{<<107>>,[null,true,{[]}]},{<<108>>,1}]}"),
        ];
        for (text, expected) in table {
            assert_eq!(term(Value::new(text.as_bytes())), expected);
        }
        let shown = readable_term(Value::new(br#"{"k":["a\"b","\u00e4",""]}"#));
        assert_eq!(shown, r#"{[{<<"k">>,[<<"a\"b">>,<<195,164>>,<<>>]}]}"#);
    }

    #[test]
    fn long_terms_are_cut_off() {
        let text = format!("[{}]", vec!["[\"aaaa\"]"; 100_000].join(","));
        let shown = term(Value::new(text.as_bytes()));
        assert!(shown.ends_with("...") && shown.len() == TERM_BYTES_MAX + 3);
    }
}
