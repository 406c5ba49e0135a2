//! Revision ids: `N-hash`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::json::write_u64;

/// The longest hash, in bytes. CouchDB's own have 32 digits; replication may bring others.
pub const HASH_BYTES_MAX: usize = 128;
/// The largest generation.
pub const POS_MAX: u64 = tailwater_core::SEQ_MAX;

/// The part of a revision id behind the hyphen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RevHash {
    /// Written as 32 hexadecimal digits: the MD5 of an edit, the XXH3 of an event of another dialect, whatever else has 16 bytes.
    Hex([u8; 16]),
    /// Anything else, such as `abc`: what tests and foreign replicators make up.
    Text(Box<str>),
}

impl RevHash {
    /// Reads a hash.
    ///
    /// # Errors
    /// See [`RevSyntaxError`].
    pub fn parse(text: &str) -> Result<Self, RevSyntaxError> {
        if text.len() == 32 {
            let digits = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
            return digits.and_then(|bytes| bytes.try_into().ok()).map(Self::Hex).ok_or(RevSyntaxError::Hex);
        }
        let is_plain = text.chars().all(|c| !c.is_control() && c != '"' && c != '\\');
        if text.is_empty() || text.len() > HASH_BYTES_MAX || !is_plain {
            return Err(RevSyntaxError::Format);
        }
        Ok(Self::Text(text.into()))
    }

    /// Appends it. No hash has a character that JSON would have escaped.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hex(bytes) => {
                let start = out.len();
                out.resize(start + 2 * bytes.len(), 0);
                HEXLOWER.encode_mut(bytes, &mut out[start..]);
            }
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    /// What the order of revisions compares.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Hex(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }
}

impl Ord for RevHash {
    /// By bytes, those that digits stand for: the order that decides which of two revisions wins.
    fn cmp(&self, other: &Self) -> Ordering {
        let is_text = |hash: &Self| matches!(hash, Self::Text(_));
        self.as_bytes().cmp(other.as_bytes()).then_with(|| is_text(self).cmp(&is_text(other)))
    }
}

impl PartialOrd for RevHash {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RevHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hex(bytes) => f.write_str(&HEXLOWER.encode(bytes)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A revision id. The order is that of `(pos, hash)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rev {
    /// The generation: 1 for a document's first revision.
    pub pos: u64,
    /// What tells revisions of one generation apart.
    pub hash: RevHash,
}

impl Rev {
    /// Appends it as a JSON string.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        write_u64(out, self.pos);
        out.push(b'-');
        self.hash.write(out);
        out.push(b'"');
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pos, self.hash)
    }
}

/// Why text is no revision id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevSyntaxError {
    /// Not of the form `N-hash`, or a hash that is too long or has control characters or quotes.
    #[error("Invalid rev format")]
    Format,
    /// 32 characters that are not hexadecimal digits.
    #[error("RevId isn't a valid hexadecimal")]
    Hex,
}

impl FromStr for Rev {
    type Err = RevSyntaxError;

    /// Reads `N-hash`, N at least 1. Whatever is wrong with it, the error is [`RevSyntaxError::Format`].
    fn from_str(text: &str) -> Result<Self, RevSyntaxError> {
        let (pos, hash) = text.split_once('-').ok_or(RevSyntaxError::Format)?;
        let digits = !pos.is_empty() && pos.bytes().all(|b| b.is_ascii_digit());
        let pos = digits.then(|| pos.parse().ok()).flatten().filter(|pos| (1..=POS_MAX).contains(pos));
        let hash = RevHash::parse(hash).map_err(|_| RevSyntaxError::Format)?;
        Ok(Self { pos: pos.ok_or(RevSyntaxError::Format)?, hash })
    }
}

/// Reads the counter of a `_local` document's revision, `0-N`.
///
/// # Errors
/// [`RevSyntaxError::Format`].
pub fn parse_local(text: &str) -> Result<u64, RevSyntaxError> {
    let digits = text.strip_prefix("0-").filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).filter(|count| *count <= POS_MAX).ok_or(RevSyntaxError::Format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["1-731bef401491606a3b246ed178e697c1", "2-ccc2", "9007199254740991-x", "3-a-b", "1-ä"] {
            let rev: Rev = text.parse().unwrap();
            assert_eq!(rev.to_string(), text);
            let mut json = Vec::new();
            rev.write_json(&mut json);
            assert_eq!(json, serde_json::to_vec(text).unwrap());
        }
        let upper: Rev = "1-731BEF401491606A3B246ED178E697C1".parse().unwrap();
        assert_eq!(upper.to_string(), "1-731bef401491606a3b246ed178e697c1");
        assert_eq!("007-x".parse::<Rev>().unwrap().pos, 7);
    }

    #[test]
    fn refusals() {
        let long = format!("1-{}", "x".repeat(HASH_BYTES_MAX + 1));
        let not_hex = format!("1-{}", "x".repeat(32));
        let texts = ["", "bogus", "1", "1-", "-1-x", "0-x", "x-1", "+1-x", "9007199254740992-x", "1-a\"b", "1-a\nb"];
        for text in texts.into_iter().chain([long.as_str(), not_hex.as_str()]) {
            assert_eq!(text.parse::<Rev>(), Err(RevSyntaxError::Format), "{text}");
        }
        assert_eq!(RevHash::parse(&not_hex[2..]), Err(RevSyntaxError::Hex));
    }

    #[test]
    fn the_order_is_that_of_bytes() {
        let ascending = [
            "1-zz",
            "2-61000000000000000000000000000000",
            "2-aaa",
            "2-bbb1",
            "2-ccc2",
            "2-ff000000000000000000000000000000",
            "10-a",
        ];
        let revs: Vec<Rev> = ascending.iter().map(|text| text.parse().unwrap()).collect();
        assert!(revs.is_sorted(), "{revs:?}");
    }

    #[test]
    fn local_counters() {
        assert_eq!(parse_local("0-12"), Ok(12));
        for text in ["1-1", "0-", "0-x", "0--1", "12"] {
            assert_eq!(parse_local(text), Err(RevSyntaxError::Format), "{text}");
        }
    }
}
