//! The canonical serialisation: names sorted by their bytes, no spaces, non-ASCII characters as they are.
//!
//! Of control characters, those without a short escape are written with upper-case digits (`\u001B`): the id and the
//! signatures of a transaction are computed over these very bytes. Tested at the end of this file and by the golden
//! transactions in `tests.rs`.

use super::value::{Map, Value};

/// Appends a value.
pub(super) fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::String(text) => write_str(text, out),
        Value::List(list) => write_list(list, out, write),
        Value::Map(map) => write_map(map, out, |_, value, out| write(value, out)),
    }
}

/// Appends a transaction as its id is computed over: with the id null.
pub(super) fn write_without_id(transaction: &Map<'_>, out: &mut Vec<u8>) {
    write_map(transaction, out, |name, value, out| match name {
        "id" => write(&Value::Null, out),
        _ => write(value, out),
    });
}

/// Appends a transaction as it is signed: with the id and every fulfillment null.
pub(super) fn write_without_signatures(transaction: &Map<'_>, out: &mut Vec<u8>) {
    write_map(transaction, out, |name, value, out| match (name, value) {
        ("id", _) => write(&Value::Null, out),
        ("inputs", Value::List(inputs)) => write_list(inputs, out, write_unsigned),
        _ => write(value, out),
    });
}

fn write_unsigned(input: &Value<'_>, out: &mut Vec<u8>) {
    let Value::Map(input) = input else { return write(input, out) };
    write_map(input, out, |name, value, out| match name {
        "fulfillment" => write(&Value::Null, out),
        _ => write(value, out),
    });
}

fn write_list<'v, 'a>(list: &'v [Value<'a>], out: &mut Vec<u8>, item: impl Fn(&'v Value<'a>, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, value) in list.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        item(value, out);
    }
    out.push(b']');
}

fn write_map<'v, 'a>(map: &'v Map<'a>, out: &mut Vec<u8>, item: impl Fn(&str, &'v Value<'a>, &mut Vec<u8>)) {
    out.push(b'{');
    for (at, (name, value)) in map.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_str(name, out);
        out.push(b':');
        item(name, value, out);
    }
    out.push(b'}');
}

fn write_str(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, write: impl Fn(&Value<'_>, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&Value::parse(text, 128, 1000).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_text_of_the_reference() {
        let table = [
            (
                r#"{"b":1,"a":2,"ä":3,"\uffff":1,"😀":2,"":0,"ab":1,"B":1}"#,
                "{\"\":0,\"B\":1,\"a\":2,\"ab\":1,\"b\":1,\"ä\":3,\"\u{ffff}\":1,\"😀\":2}",
            ),
            (
                r#""\u0000\u0001\u0008\u000b\u000c\u001b\u001f\u007f\u0080\u2028ä😀\"\\\/\n\r\t""#,
                "\"\\u0000\\u0001\\b\\u000B\\f\\u001B\\u001F\u{7f}\u{80}\u{2028}ä😀\\\"\\\\/\\n\\r\\t\"",
            ),
            ("[ true , false, null , 1.50, {} , [] ]", "[true,false,null,1.5,{},[]]"),
        ];
        for (text, expected) in table {
            assert_eq!(rewritten(text, write), expected);
        }
    }

    #[test]
    fn what_is_left_out() {
        let text = r#"{"id":"x","inputs":[{"fulfillment":"y","id":1},2],"a":{"id":3,"inputs":[{"fulfillment":4}]}}"#;
        let without_id = rewritten(text, |value, out| write_without_id(value.as_map().unwrap(), out));
        let expected =
            r#"{"a":{"id":3,"inputs":[{"fulfillment":4}]},"id":null,"inputs":[{"fulfillment":"y","id":1},2]}"#;
        assert_eq!(without_id, expected);
        let unsigned = rewritten(text, |value, out| write_without_signatures(value.as_map().unwrap(), out));
        assert_eq!(unsigned, expected.replace("\"y\"", "null"));
    }
}
