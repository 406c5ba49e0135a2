//! Names and sentences out of everyday words. Nobody is meant. Tested by `tests.rs`.

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::Rng;

const ADJECTIVES: [&str; 32] = [
    "amber", "brisk", "calm", "clear", "cool", "crisp", "deep", "dry", "early", "faint", "fresh", "gentle", "golden",
    "green", "grey", "high", "late", "light", "long", "low", "mild", "narrow", "old", "open", "pale", "quiet", "round",
    "slow", "small", "soft", "warm", "wide",
];

const NOUNS: [&str; 40] = [
    "alder", "basalt", "bay", "birch", "bridge", "brook", "cedar", "cloud", "copper", "creek", "delta", "dune", "fern",
    "field", "fog", "garden", "harbour", "heron", "hill", "island", "kettle", "lake", "lantern", "maple", "marsh",
    "meadow", "mill", "moss", "orchard", "otter", "pebble", "pine", "reed", "ridge", "river", "shore", "spring",
    "stone", "tide", "willow",
];

const VERBS: [&str; 20] = [
    "carries", "crosses", "faces", "feeds", "fills", "follows", "guards", "hides", "holds", "joins", "keeps", "lifts",
    "marks", "meets", "passes", "reaches", "shades", "shelters", "touches", "warms",
];

const CLOSINGS: [&str; 16] = [
    "again",
    "after the rain",
    "all morning",
    "as usual",
    "at last",
    "before noon",
    "by itself",
    "every spring",
    "for a while",
    "in the evening",
    "near the water",
    "once more",
    "this week",
    "today",
    "under the trees",
    "without a sound",
];

/// One word of a list.
fn word<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words.choose(rng).expect("no list of words is empty")
}

/// `quiet-heron-417`
pub(super) fn slug(rng: &mut Rng) -> String {
    let (adjective, noun) = (word(rng, &ADJECTIVES), word(rng, &NOUNS));
    format!("{adjective}-{noun}-{}", rng.random_range(1..1_000))
}

/// Two words with capitals: `Quiet Heron`
pub(super) fn title(rng: &mut Rng) -> String {
    format!("{} {}", capital(word(rng, &ADJECTIVES)), capital(word(rng, &NOUNS)))
}

/// `The calm river meets the old mill in the evening.`
pub(super) fn sentence(rng: &mut Rng) -> String {
    let noun = |rng: &mut Rng| format!("{} {}", word(rng, &ADJECTIVES), word(rng, &NOUNS));
    let (subject, object) = (noun(rng), noun(rng));
    format!("The {subject} {} the {object} {}.", word(rng, &VERBS), word(rng, &CLOSINGS))
}

/// So many sentences.
pub(super) fn sentences(rng: &mut Rng, count: usize) -> String {
    (0..count).map(|_| sentence(rng)).collect::<Vec<_>>().join(" ")
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
