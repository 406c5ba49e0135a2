//! Settings that are one of a few words, and how the words are read.
//!
//! Owns the words. Tested through `tests.rs`.

use serde::{Deserialize, Serialize};

use super::mistake::Wrong;
use super::near::suggestion;

/// A type whose values each have a word in the configuration.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// What is chosen, for a sentence: `dialect`.
    const WHAT: &'static str;
    /// Every word with its value.
    const WORDS: &'static [(&'static str, Self)];

    /// The value of `text`.
    fn choose(text: &str) -> Result<Self, Wrong> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = Self::WORDS.iter().map(|(word, _)| *word).collect();
            Wrong::new(format!("{text:?} is no {}", Self::WHAT), suggestion(text, &words))
        })
    }

    /// The word of this value.
    fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, value)| *value == self);
        found.expect("every value of a choice has a word").0
    }
}

/// A protocol a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Tailwater's own HTTP and WebSocket interface under `/v1`.
    Native,
    /// AT Protocol event streams under `/xrpc`.
    Atproto,
    /// Streamr's WebSocket protocol and the HTTP interface beside it, under `/api/v1`.
    Streamr,
    /// BigchainDB's event stream and the HTTP interface beside it, under `/api/v1`.
    Bigchaindb,
    /// CouchDB: each database under its own name.
    Couchdb,
    /// Fauna: queries, event streams and event feeds, under `/query/1`, `/stream/1` and `/feed/1`.
    Fauna,
}

impl Dialect {
    /// Every dialect of this version.
    pub const ALL: [Self; 6] =
        [Self::Native, Self::Atproto, Self::Streamr, Self::Bigchaindb, Self::Couchdb, Self::Fauna];

    /// The dialect's name in the configuration and in the interface.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl Choice for Dialect {
    const WHAT: &'static str = "dialect";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("native", Self::Native),
        ("atproto", Self::Atproto),
        ("streamr", Self::Streamr),
        ("bigchaindb", Self::Bigchaindb),
        ("couchdb", Self::Couchdb),
        ("fauna", Self::Fauna),
    ];
}

/// Where a stream resumes that is asked for with `cursor=N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CursorSemantics {
    /// At the first event with `seq >= N`, as the specification says.
    #[default]
    Inclusive,
    /// At the first event with `seq > N`, as personal data servers do.
    Exclusive,
}

impl Choice for CursorSemantics {
    const WHAT: &'static str = "cursor semantics";
    const WORDS: &'static [(&'static str, Self)] = &[("inclusive", Self::Inclusive), ("exclusive", Self::Exclusive)];
}

/// What a client gets whose cursor lies before the oldest retained event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOutdated {
    /// `#info OutdatedCursor`, then everything that is left, as the specification says.
    #[default]
    Info,
    /// An error frame and the end, for consumers that must not skip anything.
    Fail,
}

impl Choice for OnOutdated {
    const WHAT: &'static str = "answer to an outdated cursor";
    const WORDS: &'static [(&'static str, Self)] = &[("info", Self::Info), ("fail", Self::Fail)];
}

/// Whose words the server-sent events of a database's changes use, unless a request says otherwise with `sse=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SseWording {
    /// CouchDB's own.
    #[default]
    Couchdb,
    /// Those of its AsyncAPI description.
    Asyncapi,
}

impl Choice for SseWording {
    const WHAT: &'static str = "wording of server-sent events";
    const WORDS: &'static [(&'static str, Self)] = &[("couchdb", Self::Couchdb), ("asyncapi", Self::Asyncapi)];
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// Also what an operator should look at.
    Warn,
    /// Also what happens rarely: starts, stops, mirrors that connect.
    #[default]
    Info,
    /// Also what happens per connection.
    Debug,
    /// Also what happens per batch.
    Trace,
}

impl LogLevel {
    /// The level as a word that log filters understand.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl Choice for LogLevel {
    const WHAT: &'static str = "log level";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Choice for LogFormat {
    const WHAT: &'static str = "log format";
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}
