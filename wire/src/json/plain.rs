//! The inner loop of everything that reads or writes JSON strings: how far does plain text go?

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The number of bytes before the first quote, backslash or control character (below 0x20).
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let special = rest.iter().position(|b| matches!(b, 0..0x20 | b'"' | b'\\'));
    words.len() * 8 + special.unwrap_or(rest.len())
}

/// Sets the top bit of special bytes. A carry may set it in bytes above a special one too, never below: the lowest
/// set bit is exact.
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (has_zero(quote) | has_zero(backslash) | control) & TOPS
}

fn has_zero(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_the_plain_loop(bytes in prop::collection::vec(prop_oneof![8 => 0x1f_u8..=0x5d, 1 => any::<u8>()], 0..64)) {
            let slow = bytes.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\').unwrap_or(bytes.len());
            prop_assert_eq!(plain_len(&bytes), slow);
        }
    }
}
