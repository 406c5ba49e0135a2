//! `feed.json`: what a feed is called, and its options.
//!
//! Owns the file's form and the naming of a feed's directory. Written before the feed's directory gets its final name, and put in
//! the place of the one before when options change ([`crate::store`]); never changed otherwise. Tested at the end of this file.

use super::options::FeedOptions;
use crate::error::FeedError;
use serde::{Deserialize, Serialize};

/// The longest feed name, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// The longest directory name that is spelt out; file systems allow 255 bytes.
const DIR_NAME_BYTES_MAX: usize = 200;

/// The name of the file.
pub(crate) const META_FILE: &str = "feed.json";

/// The only version of `feed.json` there is.
pub(crate) const META_VERSION: u32 = 1;

/// The content of `feed.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedMeta {
    pub(crate) version: u32,
    pub(crate) name: String,
    /// Identity of the feed in its segments, 16 hexadecimal digits.
    pub(crate) uid: String,
    pub(crate) options: FeedOptions,
}

impl FeedMeta {
    pub(crate) fn new(name: &str, uid: u64, options: &FeedOptions) -> FeedMeta {
        FeedMeta { version: META_VERSION, name: name.to_owned(), uid: format!("{uid:016x}"), options: options.clone() }
    }

    /// The identity as a number.
    pub(crate) fn uid(&self) -> Option<u64> {
        u64::from_str_radix(&self.uid, 16).ok()
    }

    /// The bytes of the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("strings, numbers and maps with string keys are always JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the file and checks it; the error says what is wrong.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<FeedMeta, String> {
        let meta: FeedMeta = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if meta.version != META_VERSION {
            return Err(format!("version {} is not supported, only {META_VERSION} is", meta.version));
        }
        meta.uid().ok_or_else(|| format!("uid {:?} is no hexadecimal number", meta.uid))?;
        check_name(&meta.name).map_err(|error| error.to_string())?;
        meta.options.check().map_err(|error| error.to_string())?;
        Ok(meta)
    }
}

/// Refuses names that no feed can have.
pub(crate) fn check_name(name: &str) -> Result<(), FeedError> {
    let refuse = |reason| Err(FeedError::Name { name: name.to_owned(), reason });
    match name.len() {
        0 => refuse("it is empty"),
        bytes if bytes > NAME_BYTES_MAX => refuse("it is longer than 200 bytes"),
        _ if name.chars().any(char::is_control) => refuse("it contains a control character"),
        _ => Ok(()),
    }
}

/// The name of a feed's directory: everything but `[a-z0-9._-]`, and a leading dot, is percent-encoded. A name that gets too
/// long ends in `~` and a hash instead of its rest.
pub(crate) fn dir_name(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for (position, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => encoded.push(char::from(byte)),
            b'.' if position > 0 => encoded.push('.'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    if encoded.len() > DIR_NAME_BYTES_MAX {
        encoded.truncate(DIR_NAME_BYTES_MAX - 17);
        encoded.push_str(&format!("~{:016x}", fnv1a(name.as_bytes())));
    }
    encoded
}

/// A hash that stays the same in all versions of this program.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn directory_names_are_safe_and_distinct() {
        let cases = [
            ("news", "news"),
            ("com.atproto.sync.subscribeRepos", "com.atproto.sync.subscribe%52epos"),
            (".", "%2E"),
            ("..", "%2E."),
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252%46b"),
            ("é~", "%C3%A9%7E"),
        ];
        for (name, expected) in cases {
            assert_eq!(dir_name(name), expected);
        }
        let long: HashSet<_> = ["é", "è"].iter().map(|end| dir_name(&format!("{}{end}", "é".repeat(99)))).collect();
        assert!(long.len() == 2 && long.iter().all(|name| name.len() == DIR_NAME_BYTES_MAX));
    }

    #[test]
    fn names_are_checked() {
        assert!(check_name("Ä feed, with / everything").is_ok());
        assert!(check_name(&"x".repeat(200)).is_ok());
        for (name, message) in [
            ("", "feed name \"\" is not allowed: it is empty"),
            ("a\nb", "feed name \"a\\nb\" is not allowed: it contains a control character"),
        ] {
            assert_eq!(check_name(name).unwrap_err().to_string(), message);
        }
        assert!(check_name(&"x".repeat(201)).is_err());
    }

    #[test]
    fn the_file_survives_a_round_trip_and_says_what_is_wrong() {
        let mut options = FeedOptions::default();
        options.extra.insert("dialects".into(), serde_json::json!(["atproto"]));
        let meta = FeedMeta::new("a/b", 0xabc, &options);
        assert_eq!(FeedMeta::from_bytes(&meta.to_bytes()), Ok(meta.clone()));
        let newer = FeedMeta { version: 2, ..meta.clone() };
        assert_eq!(FeedMeta::from_bytes(&newer.to_bytes()).unwrap_err(), "version 2 is not supported, only 1 is");
        let nameless = FeedMeta { uid: "x".into(), ..meta };
        assert_eq!(FeedMeta::from_bytes(&nameless.to_bytes()).unwrap_err(), "uid \"x\" is no hexadecimal number");
        assert!(FeedMeta::from_bytes(b"{").unwrap_err().contains("EOF"));
    }
}
