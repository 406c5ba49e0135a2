//! The order of strings: that of ICU's root collation, which CouchDB uses.
//!
//! Most strings are plain ASCII. For those the order follows from a table: first the letters regardless of case, then
//! lower case before upper case. The tests hold the table to ICU's answers. Everything else is asked of ICU itself.

use std::cmp::Ordering;
use std::sync::LazyLock;

use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed};

static COLLATOR: LazyLock<Option<CollatorBorrowed<'static>>> =
    LazyLock::new(|| Collator::try_new(Default::default(), CollatorOptions::default()).ok());

/// Compares two strings.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    // The data of the root collation is compiled in, so there always is a collator.
    COLLATOR.as_ref().map_or_else(|| a.cmp(b), |collator| collator.compare(a, b))
}

/// The plain characters in ascending order, without the letters of the alphabet.
const ORDER: &[u8] = b"\t\n\x0b\x0c\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";

/// What comes first of a character; 0 if it is not plain.
const WEIGHTS: [u8; 128] = {
    let mut weights = [0; 128];
    let mut at = 0;
    while at < ORDER.len() {
        weights[ORDER[at] as usize] = at as u8 + 1;
        at += 1;
    }
    let mut letter = 0;
    while letter < 26 {
        let weight = (ORDER.len() + letter) as u8 + 1;
        weights[b'a' as usize + letter] = weight;
        weights[b'A' as usize + letter] = weight;
        letter += 1;
    }
    weights
};

fn weight(byte: u8) -> u8 {
    WEIGHTS.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Whether the table is right for a string: ASCII without the control characters that ICU passes over.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| weight(byte) != 0)
}

/// Compares two plain strings.
pub(super) fn compare_plain(a: &str, b: &str) -> Ordering {
    let mut case = Ordering::Equal;
    for (a, b) in a.bytes().zip(b.bytes()) {
        match weight(a).cmp(&weight(b)) {
            // Letters that differ in their case only: the first such pair decides if nothing else does.
            Ordering::Equal => case = case.then(a.is_ascii_uppercase().cmp(&b.is_ascii_uppercase())),
            other => return other,
        }
    }
    a.len().cmp(&b.len()).then(case)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_is_icus_order() {
        let plain: Vec<String> = (0..128_u8).filter(|b| weight(*b) != 0).map(|b| (b as char).to_string()).collect();
        assert_eq!(plain.len(), 100);
        for a in &plain {
            for b in &plain {
                assert_eq!(compare_plain(a, b), compare(a, b), "{a:?} {b:?}");
                let (a, b) = (format!("x{a}y"), format!("x{b}Y"));
                assert_eq!(compare_plain(&a, &b), compare(&a, &b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn what_is_not_plain() {
        for text in ["ä", "a\0", "\x7f", "K", "a\u{1}b"] {
            assert_eq!(is_plain(text), text == "K", "{text:?}");
        }
        assert!(compare("\u{212a}", "K").is_eq(), "the Kelvin sign is the letter");
        assert!(compare("a\u{1}b", "ab").is_eq(), "ICU passes over control characters");
        assert!(is_plain("") && compare("", "a").is_lt());
    }

    proptest! {
        #[test]
        fn plain_strings_compare_as_icu_says(a in "[ -~\t\n]{0,8}", b in "[ -~\t\n]{0,8}") {
            prop_assert_eq!(compare_plain(&a, &b), compare(&a, &b));
        }

        #[test]
        fn similar_strings_compare_as_icu_says(a in "[aAbB_ 1]{0,5}", b in "[aAbB_ 1]{0,5}") {
            prop_assert_eq!(compare_plain(&a, &b), compare(&a, &b));
        }
    }
}
