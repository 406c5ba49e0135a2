//! What a search asks for: its parameters, and what its text means.
//!
//! A word, or a phrase, behind a `-` at the beginning of a word is excluded; so is what follows without a space. What stands
//! between `"` is a phrase: its words are looked for like all others, and it must be there as it stands. Tests lie at the end of
//! this file.

use std::collections::BTreeSet;

use super::super::request::{ParameterError, parameter};
use super::words::{Term, Words, folded};
use crate::http1::Query;

/// Most different words that a search looks for, and phrases.
const TERMS_MAX: usize = 100;

/// The parameters of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery {
    /// What is searched, as it was written; not empty.
    pub text: String,
    /// How many documents are wanted at most; `None` for all of them.
    pub limit: Option<u64>,
}

/// Why a search is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// There is nothing to search.
    #[error("text_search cannot be empty")]
    Empty,
    /// More words and phrases than the limit.
    #[error("(OperationError): a search may have {TERMS_MAX} different words and phrases at most")]
    TooManyTerms,
    /// Without a limit, more documents than are ranked at once.
    #[error("(OperationError): more than {results_max} documents match; ask for some of them with a limit")]
    TooManyResults {
        /// The limit.
        results_max: usize,
    },
}

impl SearchQuery {
    /// `?search=&limit=`; others do not matter. A negative limit means its absolute value, and 0 none, as in the database of the
    /// reference server.
    ///
    /// # Errors
    /// `search` is missing, or `limit` is no integer.
    pub fn parse(query: &Query<'_>) -> Result<Self, ParameterError> {
        let text = query.get("search").ok_or(ParameterError::Missing("search"))?.to_owned();
        let limit = parameter(query, "limit", integer)?.filter(|limit| *limit > 0);
        Ok(Self { text, limit })
    }
}

/// The absolute value of an integer as Python reads it.
fn integer(text: &str) -> Result<u64, ParameterError> {
    let digits = text.trim();
    let digits = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let is_integer = digits.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_integer {
        return Err(ParameterError::Integer { name: "limit", given: text.to_owned() });
    }
    // What does not fit is as good as no limit.
    Ok(digits.replace('_', "").parse().unwrap_or(u64::MAX))
}

/// What a search looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// One of these has to be there.
    pub terms: BTreeSet<Term>,
    /// None of these may be there.
    pub excluded: BTreeSet<Term>,
    /// All of these have to be there; without case and diacritics.
    pub(super) phrases: Vec<String>,
    /// None of these may be there.
    pub(super) excluded_phrases: Vec<String>,
}

impl Search {
    /// Reads what was written.
    ///
    /// # Errors
    /// It is empty, or looks for too much.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        if text.is_empty() {
            return Err(SearchError::Empty);
        }
        let search = Reader::default().read(text);
        let all = search.terms.len() + search.excluded.len() + search.phrases.len() + search.excluded_phrases.len();
        if all > TERMS_MAX { Err(SearchError::TooManyTerms) } else { Ok(search) }
    }

    /// Whether the words alone do not say what matches.
    pub fn has_phrases(&self) -> bool {
        !self.phrases.is_empty() || !self.excluded_phrases.is_empty()
    }
}

/// A search that is being read.
#[derive(Default)]
struct Reader<'t> {
    words: Vec<&'t str>,
    excluded: Vec<&'t str>,
    phrases: Vec<String>,
    excluded_phrases: Vec<String>,
    is_excluding: bool,
    /// Where the phrase begins that is open.
    phrase: Option<usize>,
}

impl<'t> Reader<'t> {
    fn read(mut self, text: &'t str) -> Search {
        let mut at = 0;
        let mut is_after_space = true;
        while let Some(first) = text[at..].chars().next() {
            let length = match first {
                '-' | '"' => 1,
                first if is_space(first) => 1,
                _ => text[at..].find(|other| is_space(other) || matches!(other, '-' | '"')).unwrap_or(text.len() - at),
            };
            match first {
                '-' if self.phrase.is_none() && is_after_space => self.is_excluding = true,
                '-' => {}
                '"' => self.quote(text, at, is_after_space),
                first if is_space(first) => {}
                _ => self.word(&text[at..at + length], is_after_space),
            }
            is_after_space = is_space(first);
            at += length;
        }
        let words = Words::new();
        let terms = |texts: &[&str]| texts.iter().flat_map(|text| words.terms(text).map(|(term, _)| term)).collect();
        Search {
            terms: terms(&self.words),
            excluded: terms(&self.excluded),
            phrases: self.phrases,
            excluded_phrases: self.excluded_phrases,
        }
    }

    /// An exclusion ends with the word.
    fn look_at_space(&mut self, is_after_space: bool) {
        self.is_excluding = self.is_excluding && !is_after_space;
    }

    fn word(&mut self, word: &'t str, is_after_space: bool) {
        if self.phrase.is_some() && self.is_excluding {
            return;
        }
        self.look_at_space(is_after_space);
        if self.is_excluding { self.excluded.push(word) } else { self.words.push(word) }
    }

    fn quote(&mut self, text: &str, at: usize, is_after_space: bool) {
        let Some(start) = self.phrase.take() else {
            self.phrase = Some(at + 1);
            return self.look_at_space(is_after_space);
        };
        let phrases = if self.is_excluding { &mut self.excluded_phrases } else { &mut self.phrases };
        phrases.push(folded(&text[start..at]));
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters() {
        let some = |text: &str, limit| Ok(SearchQuery { text: text.to_owned(), limit });
        let no_integer = |given: &str| Err(ParameterError::Integer { name: "limit", given: given.to_owned() });
        let table = [
            ("search=a+b", some("a b", None)),
            ("search=&limit=5", some("", Some(5))),
            ("search=a&limit=0&x=y", some("a", None)),
            ("limit=-7&search=a&search=b", some("a", Some(7))),
            ("search=a&limit=+1_0+", some("a", Some(10))),
            ("search=a&limit=99999999999999999999", some("a", Some(u64::MAX))),
            ("limit=1", Err(ParameterError::Missing("search"))),
            ("search=a&limit=", no_integer("")),
            ("search=a&limit=1.5", no_integer("1.5")),
            ("search=a&limit=1__0", no_integer("1__0")),
            ("search=a&limit=3&limit=x", no_integer("x")),
        ];
        for (query, expected) in table {
            assert_eq!(SearchQuery::parse(&Query::parse(query)), expected, "{query}");
        }
        let told = ParameterError::Integer { name: "limit", given: "it's".to_owned() };
        assert_eq!(told.to_string(), "invalid literal for int() with base 10: \"it's\"");
    }

    /// Words, excluded words, phrases, excluded phrases.
    fn read(text: &str) -> [String; 4] {
        let Search { terms, excluded, phrases, excluded_phrases } = Search::parse(text).unwrap();
        let words = |terms: BTreeSet<Term>| {
            terms.iter().map(|term| String::from_utf8_lossy(term.as_bytes()).into_owned()).collect::<Vec<_>>().join(" ")
        };
        [words(terms), words(excluded), phrases.join("|"), excluded_phrases.join("|")]
    }

    #[test]
    fn what_texts_mean() {
        let table = [
            ("bake coffee cake", ["bake cake coffe", "", "", ""]),
            ("the", ["", "", "", ""]),
            ("coffee -shop", ["coffe", "shop", "", ""]),
            ("\"Coffee Shop\"", ["coffe shop", "", "coffee shop", ""]),
            ("cake -\"Coffee Shop\" tea", ["cake tea", "", "", "coffee shop"]),
            ("-foo-bar baz", ["baz", "bar foo", "", ""]),
            ("- foo", ["foo", "", "", ""]),
            ("pre-market", ["market pre", "", "", ""]),
            ("\"pre-market -not\"", ["market pre", "", "pre-market -not", ""]),
            ("-\"a b\"-\"c d\" x", ["x", "", "", "a b|c d"]),
            ("\"never closed", ["close never", "", "", ""]),
            ("\"é\" \"\"", ["e", "", "e|", ""]),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(Search::parse(""), Err(SearchError::Empty));
        let words = |count: usize| (0..count).map(|number| format!("w{number} ")).collect::<String>();
        assert!(Search::parse(&words(TERMS_MAX)).is_ok());
        assert_eq!(Search::parse(&words(TERMS_MAX + 1)), Err(SearchError::TooManyTerms));
        assert!(Search::parse(&"same ".repeat(1_000)).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a \"\\-é日]{0,20}|.*") {
            let _ = Search::parse(&text);
        }
    }
}
