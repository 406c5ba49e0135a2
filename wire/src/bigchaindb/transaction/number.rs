//! The canonical spelling of a number: what the protocol's servers make of it when they read a text and write it again.
//!
//! Integers stay as they are, of any length; only `-0` becomes `0`. Everything written with a fraction or an exponent
//! is a 64-bit float in its shortest form that reads back the same, as Python's `repr` has it. So `1E2` becomes
//! `100.0` and `0.0000001` becomes `1e-07`. Tested at the end of this file, against that `repr`.

use std::borrow::Cow;

/// The canonical spelling of a JSON number that is finite as a 64-bit float.
pub(super) fn canonical(number: &str) -> Cow<'_, str> {
    if number == "-0" {
        return "0".into();
    }
    let is_integer = !number.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'));
    match number.parse() {
        Ok(float) if !is_integer => float_text(float).into(),
        _ => number.into(),
    }
}

/// Rust changes to an exponent at the same sizes as Python, but writes it with no sign and no leading zero.
fn float_text(float: f64) -> String {
    let text = format!("{float:?}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_the_reference_writes_them() {
        let table = [
            ("0", "0"),
            ("-0", "0"),
            ("-17", "-17"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1.0", "1.0"),
            ("-0.0", "-0.0"),
            ("1.50", "1.5"),
            ("1E2", "100.0"),
            ("1e5", "100000.0"),
            ("123456.789e3", "123456789.0"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1e-6", "1e-06"),
            ("1e-10", "1e-10"),
            ("9999999999999998.0", "9999999999999998.0"),
            ("1e16", "1e+16"),
            ("1e21", "1e+21"),
            ("1.5e300", "1.5e+300"),
            ("123456789012345680000.0", "1.2345678901234568e+20"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5e-324"),
            ("0.1", "0.1"),
            ("1234567.1234567", "1234567.1234567"),
            ("0.30000000000000004", "0.30000000000000004"),
        ];
        for (text, expected) in table {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }
}
