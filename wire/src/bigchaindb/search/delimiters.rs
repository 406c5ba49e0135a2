//! What stands between words: white space, and the Unicode properties Pattern_Syntax (which is fixed for ever), Dash, Hyphen,
//! Quotation_Mark and Terminal_Punctuation; of the last four, those outside of historic scripts. In English an apostrophe is
//! part of a word, and so is an underscore.

use std::cmp::Ordering;

/// The delimiters beyond ASCII, in order.
const RANGES: &[(u32, u32)] = &[
    (0xa1, 0xa7),
    (0xa9, 0xa9),
    (0xab, 0xae),
    (0xb0, 0xb1),
    (0xb6, 0xb6),
    (0xbb, 0xbb),
    (0xbf, 0xbf),
    (0xd7, 0xd7),
    (0xf7, 0xf7),
    (0x37e, 0x37e),
    (0x387, 0x387),
    (0x589, 0x58a),
    (0x5be, 0x5be),
    (0x5c3, 0x5c3),
    (0x60c, 0x60c),
    (0x61b, 0x61b),
    (0x61f, 0x61f),
    (0x6d4, 0x6d4),
    (0x964, 0x965),
    (0xe5a, 0xe5b),
    (0x104a, 0x104b),
    (0x1361, 0x1368),
    (0x1400, 0x1400),
    (0x166e, 0x166e),
    (0x17d4, 0x17d6),
    (0x1802, 0x1806),
    (0x2010, 0x203e),
    (0x2041, 0x2053),
    (0x2055, 0x205e),
    (0x207b, 0x207b),
    (0x208b, 0x208b),
    (0x2190, 0x245f),
    (0x2500, 0x2775),
    (0x2794, 0x2bff),
    (0x2e00, 0x2e7f),
    (0x3001, 0x3003),
    (0x3008, 0x3020),
    (0x3030, 0x3030),
    (0x30a0, 0x30a0),
    (0x30fb, 0x30fb),
    (0xfd3e, 0xfd3f),
    (0xfe31, 0xfe32),
    (0xfe41, 0xfe46),
    (0xfe50, 0xfe58),
    (0xfe63, 0xfe63),
    (0xff01, 0xff02),
    (0xff07, 0xff07),
    (0xff0c, 0xff0e),
    (0xff1a, 0xff1b),
    (0xff1f, 0xff1f),
    (0xff61, 0xff65),
];

/// Whether a character stands between words.
pub(super) fn is_delimiter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_whitespace()
            || character.is_ascii_control()
            || character.is_ascii_punctuation() && !matches!(character, '\'' | '_');
    }
    let code = u32::from(character);
    let compare = |(first, last): &(u32, u32)| match () {
        () if *last < code => Ordering::Less,
        () if code < *first => Ordering::Greater,
        () => Ordering::Equal,
    };
    character.is_whitespace() || RANGES.binary_search_by(compare).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_in_order() {
        assert!(RANGES.iter().all(|(first, last)| 0x7f < *first && first <= last));
        assert!(RANGES.is_sorted_by(|before, after| before.1 < after.0));
    }

    #[test]
    fn delimiters() {
        for character in " \t\n\0-.,;:!?\"#$%&()*+/<=>@[]^`{|}~\u{a0}«»–—„“…、。・！，¿×÷\u{ad}→".chars()
        {
            assert!(is_delimiter(character), "{character:?}");
        }
        for character in "azAZ09'_äßéжя中の가\u{301}º²".chars() {
            assert!(!is_delimiter(character), "{character:?}");
        }
    }
}
