//! From a text to its terms: split at delimiters, without stop words, stems in English, without case and diacritics.
//!
//! The order is the reference's: stop words are looked up in lower case with their diacritics, then the word is reduced to its
//! stem, then diacritics go. Very long words are not reduced: what that costs grows with the square of their length.

use std::borrow::Cow;

use icu_normalizer::{
    ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed, properties::CanonicalCombiningClassMapBorrowed,
};
use rust_stemmers::{Algorithm, Stemmer};
use xxhash_rust::xxh3::xxh3_128;

use super::delimiters::is_delimiter;
use super::stop_words::is_stop_word;

/// The longest term in bytes.
pub const TERM_BYTES_MAX: usize = 64;

/// What is kept of a longer one; its hash follows.
const START_BYTES: usize = 32;

/// A word in the form in which it is compared: at most [`TERM_BYTES_MAX`] bytes. Of a longer one the beginning and a hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(Vec<u8>);

impl Term {
    fn new(word: &str) -> Self {
        let bytes = word.as_bytes();
        if bytes.len() <= TERM_BYTES_MAX {
            return Self(bytes.to_vec());
        }
        let hash = xxh3_128(bytes).to_be_bytes();
        Self([&bytes[..START_BYTES], &hash].concat())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reduces words and takes what does not matter from texts.
pub(super) struct Words {
    stemmer: Stemmer,
}

impl Words {
    pub(super) fn new() -> Self {
        Self { stemmer: Stemmer::create(Algorithm::English) }
    }

    /// The terms of a text, in order; those that it has several times come several times. With each comes whether the text
    /// is that term alone.
    pub(super) fn terms<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (Term, bool)> + 't {
        let words = text.split(is_delimiter).filter(|word| !word.is_empty());
        words.filter_map(move |word| {
            let lower = word.to_lowercase();
            if is_stop_word(&lower) {
                return None;
            }
            let stem = self.stem(&lower);
            let folded = without_diacritics(&stem);
            let is_alone = folded.eq_ignore_ascii_case(text);
            // Of marks alone nothing is left.
            (!folded.is_empty()).then(|| (Term::new(&folded), is_alone))
        })
    }

    fn stem<'w>(&self, lower: &'w str) -> Cow<'w, str> {
        if lower.len() <= TERM_BYTES_MAX { self.stemmer.stem(lower) } else { lower.into() }
    }
}

/// A text in which phrases are looked for.
pub(super) fn folded(text: &str) -> String {
    without_diacritics(&text.to_lowercase()).into_owned()
}

fn without_diacritics(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let classes = CanonicalCombiningClassMapBorrowed::new();
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let bare: String = decomposed.chars().filter(|character| classes.get_u8(*character) == 0).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&bare).into_owned().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str) -> Vec<String> {
        Words::new().terms(text).map(|(term, _)| String::from_utf8_lossy(term.as_bytes()).into_owned()).collect()
    }

    #[test]
    fn terms_of_texts() {
        let table: [(&str, &[&str]); 12] = [
            ("", &[]),
            (" -- \u{301} ", &[]),
            ("coffee and cream", &["coffe", "cream"]),
            ("Coffee Shopping", &["coffe", "shop"]),
            ("Baking a cake", &["bake", "cake"]),
            ("Café Con Leche", &["cafe", "con", "lech"]),
            ("CAFÉS", &["cafe"]),
            ("cafes", &["cafe"]),
            ("сы́рники", &["сырники"]),
            ("pre-market, state_of_the_art; 日本。東京", &["pre", "market", "state_of_the_art", "日本", "東京"]),
            ("He isn't the owner's", &["owner"]),
            ("가나다 Å", &["가나다", "a"]),
        ];
        for (text, expected) in table {
            assert_eq!(terms(text), expected, "{text}");
        }
    }

    #[test]
    fn long_words_are_told_apart() {
        let long = |last: &str| terms(&format!("{}{last}", "7".repeat(1_000)));
        let (one, other) = (long("1"), long("2"));
        assert_ne!(one, other);
        assert_eq!(one, long("1"));
        let fits = "7".repeat(TERM_BYTES_MAX);
        assert_eq!(terms(&fits), [&*fits]);
    }

    #[test]
    fn a_text_that_is_its_term() {
        let alone = |text: &str| Words::new().terms(text).map(|(_, is_alone)| is_alone).collect::<Vec<_>>();
        assert_eq!([alone("Cake"), alone("coffee"), alone("cake!")], [[true], [false], [false]]);
        assert_eq!(alone("cake cream"), [false, false]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_text_panics(
            text in any::<String>(),
            word in "[a-y'éßżяの😀]{0,6}(y|ing|eed|ied|'s'|ational|sses|bb|li|ogi)?(ly|s|ed|ness|ize)?",
        ) {
            let words = Words::new();
            for (term, _) in words.terms(&text).chain(words.terms(&word)) {
                prop_assert!(!term.as_bytes().is_empty() && term.as_bytes().len() <= TERM_BYTES_MAX);
            }
            folded(&text);
        }
    }
}
