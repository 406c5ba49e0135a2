//! "Did you mean": the known word nearest to an unknown one. Tested here.

use strsim::damerau_levenshtein;

/// The candidate nearest to `word`, when it is near enough to be a slip of the keyboard: at most one edit in three
/// characters (and one in a word of two), case ignored. Of equally near ones the first.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let chars = word.chars().count();
    let edits_max = (chars / 3).max(usize::from(chars >= 2));
    candidates
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// What to say about an unknown word: the nearest known one, or all of them.
pub(super) fn suggestion(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", enumerate(candidates)),
    }
}

/// `a, b and c`.
pub(super) fn enumerate(words: &[&str]) -> String {
    match words {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["connections_max", "header_bytes_max", "data", "ok"];
        for (word, expected) in [
            ("conections_max", Some("connections_max")),
            ("max_connections", None),
            ("Data", Some("data")),
            ("dtaa", Some("data")),
            ("banana", None),
            ("kk", Some("ok")),
            ("k", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn all_are_named_when_none_is_near() {
        assert_eq!(suggestion("zebra", &["a", "bb", "cc"]), "known are a, bb and cc");
        assert_eq!(suggestion("zebra", &["zebro", "bb"]), "did you mean zebro?");
    }
}
