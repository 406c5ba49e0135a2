//! The inner loop of everything that reads or writes JSON strings: how far does plain text go?

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Bytes looked at together where text is plain for long: a few vector registers, whatever the processor calls them.
const BLOCK_BYTES: usize = 64;
/// Text that is plain so far is taken to stay so.
const SHORT_BYTES: usize = 16;

/// The number of bytes before the first quote, backslash or control character (below 0x20).
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let (short, rest) = bytes.split_at(bytes.len().min(SHORT_BYTES));
    let len = plain_len_by_words(short);
    if len < short.len() || rest.is_empty() {
        return len;
    }
    // Without a branch for each byte, which is what lets the compiler use vectors.
    let specials = |block: &[u8; BLOCK_BYTES]| block.iter().fold(0, |found, byte| found | u8::from(is_special(*byte)));
    let (blocks, _) = rest.as_chunks::<BLOCK_BYTES>();
    let plain = BLOCK_BYTES * blocks.iter().take_while(|block| specials(block) == 0).count();
    len + plain + plain_len_by_words(&rest[plain..])
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn plain_len_by_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let special = rest.iter().position(|byte| is_special(*byte));
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
        fn equals_the_plain_loop(bytes in prop::collection::vec(prop_oneof![40 => 0x23_u8..=0x5b, 1 => 0x1f_u8..=0x5d, 1 => any::<u8>()], 0..200)) {
            let slow = bytes.iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\').unwrap_or(bytes.len());
            prop_assert_eq!(plain_len(&bytes), slow);
        }
    }
}
