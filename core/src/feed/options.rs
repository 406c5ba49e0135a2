//! What a feed's owner decides about it, as stored in `feed.json`.
//!
//! Owns the options, their defaults and their checks; never acts on them. Tested at the end of this file.

use crate::FeedError;
use crate::event::SEQ_MAX;
use serde::{Deserialize, Serialize};

/// The smallest segment, and the size of a feed's first one, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// The largest segment that can be asked for, in bytes: offsets within a segment are 32 bits wide.
pub const SEGMENT_BYTES_LIMIT: u64 = 1 << 30;

/// The options of a feed. Unknown fields are refused, so that a misspelt option is never silently ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedOptions {
    /// What remains replayable.
    pub retention: Retention,
    /// When an append is acknowledged and shown.
    pub durability: Durability,
    /// Segments double from 1 MiB up to this many bytes; default 64 MiB.
    pub segment_bytes_max: u64,
    /// The first seq the feed assigns; default 1.
    pub first_seq: u64,
    /// Opaque to this crate: the server keeps the exposed dialects here.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Default for FeedOptions {
    fn default() -> Self {
        FeedOptions {
            retention: Retention::default(),
            durability: Durability::Sync,
            segment_bytes_max: 64 << 20,
            first_seq: 1,
            extra: serde_json::Map::new(),
        }
    }
}

impl FeedOptions {
    /// Refuses options out of range, naming the option.
    pub fn check(&self) -> Result<(), FeedError> {
        check_range("first_seq", self.first_seq, 1, SEQ_MAX)?;
        check_range("segment_bytes_max", self.segment_bytes_max, SEGMENT_BYTES_MIN, SEGMENT_BYTES_LIMIT)?;
        if let Durability::Interval { ms } = self.durability {
            check_range("durability.interval_ms", ms, 1, 3_600_000)?;
        }
        if let Some(age_ms) = self.retention.age_ms {
            check_range("retention.age_ms", age_ms, 1, u64::MAX)?;
        }
        if let Some(bytes) = self.retention.bytes {
            check_range("retention.bytes", bytes, SEGMENT_BYTES_MIN, u64::MAX)?;
        }
        Ok(())
    }
}

fn check_range(option: &'static str, value: u64, min: u64, max: u64) -> Result<(), FeedError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    let reason = format!("{value} is outside {min}..={max}");
    Err(FeedError::Option { option, reason })
}

/// What remains replayable; both limits apply when both are given, none means everything is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Events appended longer ago than this many milliseconds are dropped, a whole segment at a time.
    pub age_ms: Option<u64>,
    /// The oldest segments are dropped while the feed holds more bytes than this.
    pub bytes: Option<u64>,
}

/// When an append is acknowledged and shown to readers. In JSON: `"sync"`, `{"interval_ms": 100}` or `"os"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DurabilityText", into = "DurabilityText")]
pub enum Durability {
    /// After `fdatasync`: what was acknowledged or shown survives a power cut.
    #[default]
    Sync,
    /// After the write, which survives the process but not a power cut; synced at least this often.
    Interval {
        /// Milliseconds between two syncs while events arrive.
        ms: u64,
    },
    /// After the write; the operating system syncs when it likes.
    Os,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DurabilityText {
    Word(String),
    Interval { interval_ms: u64 },
}

impl From<Durability> for DurabilityText {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Sync => DurabilityText::Word("sync".into()),
            Durability::Interval { ms } => DurabilityText::Interval { interval_ms: ms },
            Durability::Os => DurabilityText::Word("os".into()),
        }
    }
}

impl TryFrom<DurabilityText> for Durability {
    type Error = String;

    fn try_from(text: DurabilityText) -> Result<Self, String> {
        match text {
            DurabilityText::Word(word) if word == "sync" => Ok(Durability::Sync),
            DurabilityText::Word(word) if word == "os" => Ok(Durability::Os),
            DurabilityText::Interval { interval_ms } => Ok(Durability::Interval { ms: interval_ms }),
            DurabilityText::Word(word) => {
                Err(format!("durability {word:?} is unknown; use \"sync\", \"os\" or {{\"interval_ms\": N}}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_read_as_they_are_written() {
        let cases = [
            (json!({}), FeedOptions::default()),
            (json!({"durability": "os"}), FeedOptions { durability: Durability::Os, ..FeedOptions::default() }),
            (
                json!({"durability": {"interval_ms": 50}, "retention": {"age_ms": 1, "bytes": null}, "extra": {"a": [1]}}),
                FeedOptions {
                    durability: Durability::Interval { ms: 50 },
                    retention: Retention { age_ms: Some(1), bytes: None },
                    extra: json!({"a": [1]}).as_object().unwrap().clone(),
                    ..FeedOptions::default()
                },
            ),
        ];
        for (text, options) in cases {
            assert_eq!(serde_json::from_value::<FeedOptions>(text).unwrap(), options);
            assert_eq!(
                serde_json::from_value::<FeedOptions>(serde_json::to_value(&options).unwrap()).unwrap(),
                options
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let texts = [
            (json!({"durability": "fast"}), "durability \"fast\" is unknown"),
            (json!({"retension": {}}), "unknown field `retension`"),
            (json!({"retention": {"days": 1}}), "unknown field `days`"),
        ];
        for (text, message) in texts {
            let error = serde_json::from_value::<FeedOptions>(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let ranges = [
            (
                FeedOptions { first_seq: 0, ..FeedOptions::default() },
                "feed option `first_seq`: 0 is outside 1..=9007199254740991",
            ),
            (
                FeedOptions { segment_bytes_max: 5, ..FeedOptions::default() },
                "feed option `segment_bytes_max`: 5 is outside 1048576..=1073741824",
            ),
            (
                FeedOptions { durability: Durability::Interval { ms: 0 }, ..FeedOptions::default() },
                "feed option `durability.interval_ms`: 0 is outside 1..=3600000",
            ),
            (
                FeedOptions { retention: Retention { age_ms: Some(0), bytes: None }, ..FeedOptions::default() },
                "feed option `retention.age_ms`: 0 is outside 1..=18446744073709551615",
            ),
            (
                FeedOptions { retention: Retention { age_ms: None, bytes: Some(9) }, ..FeedOptions::default() },
                "feed option `retention.bytes`: 9 is outside 1048576..=18446744073709551615",
            ),
        ];
        for (options, message) in ranges {
            assert_eq!(options.check().unwrap_err().to_string(), message);
        }
    }
}
