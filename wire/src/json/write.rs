//! Writing JSON: strings, numbers, and the one error object every native answer uses.

use super::plain::plain_len;

/// Appends `text` as a JSON string, escaping what JSON requires and no more.
pub fn write_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        escape(out, *byte);
        rest = after;
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends an unsigned integer.
pub fn write_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends an integer of any size that DAG-CBOR knows.
pub fn write_i128(out: &mut Vec<u8>, number: i128) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a float in its shortest form that reads back the same, always with a fraction or exponent. JSON has no
/// word for infinities and NaN: they become `null`.
pub fn write_f64(out: &mut Vec<u8>, number: f64) {
    serde_json::to_writer(out, &number).expect("writing a number to memory cannot fail");
}

/// Appends `{"error":<error>,"message":<message>}`, the error object of the native API and of XRPC.
pub fn write_error(out: &mut Vec<u8>, error: &str, message: &str) {
    out.extend_from_slice(b"{\"error\":");
    write_str(out, error);
    out.extend_from_slice(b",\"message\":");
    write_str(out, message);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_str(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_what_json_requires_and_no_more() {
        assert_eq!(written("a\"b\\c/\u{7f}ä\u{2028}"), "\"a\\\"b\\\\c/\u{7f}ä\u{2028}\"");
        assert_eq!(written("\0\u{8}\t\n\u{b}\u{c}\r\u{1f}"), r#""\u0000\b\t\n\u000b\f\r\u001f""#);
    }

    #[test]
    fn floats_read_back_the_same() {
        let mut out = Vec::new();
        for number in [1.0, -0.0, 1e300, 0.1, f64::NAN] {
            write_f64(&mut out, number);
            out.push(b' ');
        }
        assert_eq!(out, b"1.0 -0.0 1e+300 0.1 null ");
    }

    proptest! {
        #[test]
        fn a_reader_of_another_make_reads_it_back(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&written(&text)).unwrap(), text);
        }
    }
}
