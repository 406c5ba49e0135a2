//! Numbers as Erlang has them: integers of any size, and 64-bit floats.

use std::cmp::Ordering;

/// A JSON number.
#[derive(Clone, Copy, Debug)]
pub enum Number<'a> {
    /// An integer.
    Int(i128),
    /// An integer beyond 128 bits, as written: an optional minus and digits.
    Wide(&'a str),
    /// Written with a fraction or an exponent.
    Float(f64),
}

impl<'a> Number<'a> {
    /// Reads a number that is known to be one. Written as an integer it is an integer, `1.0` and `1e2` are floats.
    pub fn parse(text: &'a str) -> Self {
        if text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E')) {
            return Self::Float(text.parse().unwrap_or_default());
        }
        text.parse().map_or(Self::Wide(text), Self::Int)
    }

    /// Whether it was written as an integer.
    pub fn is_integer(self) -> bool {
        !matches!(self, Self::Float(_))
    }

    /// Compares by value, exactly: 1 equals 1.0, and 2^53+1 is not 2^53 as a float.
    pub fn compare(self, other: Number<'_>) -> Ordering {
        match (self, other) {
            (Self::Int(a), Number::Int(b)) => a.cmp(&b),
            (Self::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Float(a), b) => float_to_integer(a, b),
            (a, Number::Float(b)) => float_to_integer(b, a).reverse(),
            (Self::Wide(a), Number::Wide(b)) => wide(a, b),
            (Self::Wide(a), Number::Int(_)) => sign(a),
            (Self::Int(_), Number::Wide(b)) => sign(b).reverse(),
        }
    }

    /// Whether both are the same term: of the same type and equal.
    pub fn same(self, other: Number<'_>) -> bool {
        self.is_integer() == other.is_integer() && self.compare(other).is_eq()
    }
}

/// Beyond this, every float is an integer.
const EXACT_MAX: f64 = (1_u64 << 53) as f64;
/// Floats whose magnitude is below 2^127 are cast to 128 bits without loss.
const CAST_MAX: f64 = (1_u128 << 127) as f64;

fn float_to_integer(float: f64, integer: Number<'_>) -> Ordering {
    match integer {
        Number::Int(integer) if float.abs() < CAST_MAX => {
            let whole = float.trunc();
            (whole as i128).cmp(&integer).then(float.partial_cmp(&whole).unwrap_or(Ordering::Equal))
        }
        Number::Int(_) => float.partial_cmp(&0.0).unwrap_or(Ordering::Equal),
        Number::Wide(text) if float.abs() < EXACT_MAX => sign(text).reverse(),
        Number::Wide(text) => wide(&format!("{float:.0}"), text),
        Number::Float(_) => Ordering::Equal,
    }
}

/// How an integer of that many digits compares to small ones.
fn sign(text: &str) -> Ordering {
    if text.starts_with('-') { Ordering::Less } else { Ordering::Greater }
}

fn wide(a: &str, b: &str) -> Ordering {
    let magnitude = |a: &str, b: &str| a.len().cmp(&b.len()).then_with(|| a.cmp(b));
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (Some(a), Some(b)) => magnitude(b, a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => magnitude(a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_exactly() {
        let wide = "1".to_owned() + &"0".repeat(60);
        let negative = format!("-{wide}");
        let ascending = [
            negative.as_str(),
            "-1e60",
            "-170141183460469231731687303715884105728",
            "-1.5",
            "-1",
            "0",
            "0.5",
            "1",
            "9007199254740992.0",
            "9007199254740993",
            "12345678901234567890",
            "170141183460469231731687303715884105727",
            "1e50",
            wide.as_str(),
            "1e300",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                // 1e60 as a float lies a little off the integer.
                let expected = at.cmp(&other);
                assert_eq!(Number::parse(a).compare(Number::parse(b)), expected, "{a} {b}");
            }
        }
        for (a, b) in [("1", "1.0"), ("0", "-0.0"), ("100", "1e2"), ("9007199254740992", "9007199254740992.0")] {
            assert!(Number::parse(a).compare(Number::parse(b)).is_eq(), "{a} {b}");
            assert!(!Number::parse(a).same(Number::parse(b)), "{a} {b}");
        }
        assert!(Number::parse("1e2").same(Number::parse("100.0")));
    }
}
