//! Values as Python shows them: the reference server quotes what it refuses in that form.
//!
//! Names come in canonical order, not in the order posted. What is long is cut, so that no refusal is larger than a
//! fraction of what it refuses. Tested at the end of this file.

use super::value::Value;

/// Most bytes of a value that a message quotes.
pub(super) const BYTES_MAX: usize = 1_000;

/// The value in Python's notation; `...` stands for what exceeds [`BYTES_MAX`].
pub(super) fn repr(value: &Value<'_>) -> String {
    let mut out = String::new();
    write(value, &mut out);
    cut(out)
}

/// A string in Python's notation, quoted.
pub(in crate::bigchaindb) fn repr_str(text: &str) -> String {
    let mut out = String::new();
    write_str(text, &mut out);
    cut(out)
}

/// What Python's `str` makes of a value: the same, but for a string, which is shown as it is.
pub(super) fn display(value: &Value<'_>) -> String {
    value.as_str().map_or_else(|| repr(value), |text| cut(text.to_owned()))
}

fn cut(mut text: String) -> String {
    if text.len() > BYTES_MAX {
        text.truncate(text.floor_char_boundary(BYTES_MAX));
        text.push_str("...");
    }
    text
}

fn write(value: &Value<'_>, out: &mut String) {
    if out.len() > BYTES_MAX {
        return;
    }
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(digits) => out.push_str(digits),
        Value::String(text) => write_str(text, out),
        Value::List(list) => {
            out.push('[');
            separated(list, out, write);
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            separated(map, out, |(name, value), out| {
                write_str(name, out);
                out.push_str(": ");
                write(value, out);
            });
            out.push('}');
        }
    }
}

fn separated<T>(items: impl IntoIterator<Item = T>, out: &mut String, write: impl Fn(T, &mut String)) {
    for (at, item) in items.into_iter().enumerate() {
        if out.len() > BYTES_MAX {
            return;
        }
        if at > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
}

fn write_str(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        if out.len() > BYTES_MAX {
            return;
        }
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => out.extend(['\\', quote]),
            _ if character.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_python_shows_them() {
        let table = [
            (r#"{"b":[1,true,false,null],"a":1.50}"#, "{'a': 1.5, 'b': [1, True, False, None]}"),
            (r#""it's""#, r#""it's""#),
            (r#""it's \"so\"""#, r#"'it\'s "so"'"#),
            (r#""\\ \n\r\t\u0001\u007f\u0085ä""#, r"'\\ \n\r\t\x01\x7f\x85ä'"),
            ("[]", "[]"),
            ("{}", "{}"),
        ];
        for (text, expected) in table {
            assert_eq!(repr(&Value::parse(text, 9, 99).unwrap()), expected);
        }
        assert_eq!(display(&Value::String("it's".into())), "it's");
        assert_eq!(display(&Value::Null), "None");
        assert_eq!(repr_str("a"), "'a'");
    }

    #[test]
    fn long_values_are_cut() {
        let long = "ä".repeat(BYTES_MAX);
        for value in [Value::String(long.clone().into()), Value::List(vec![Value::String(long.clone().into()); 9])] {
            for shown in [repr(&value), display(&value)] {
                assert!(shown.ends_with("...") && shown.len() <= BYTES_MAX + 3, "{}", shown.len());
            }
        }
        let numbers = Value::List(vec![Value::Number("1".into()); 10_000]);
        assert_eq!(repr(&numbers).len(), BYTES_MAX + 3);
    }
}
