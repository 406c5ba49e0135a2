//! Seqs as clients see them: `N-<opaque>`.
//!
//! The opaque part says which database it is of and which seq, and has a checksum, so that a token of another database
//! or one that was made up is refused instead of misunderstood. The number in front of it is for people and for
//! clients that show progress; it is not looked at when a token comes back, nor are quotes around it.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use md5::{Digest, Md5};
use tailwater_core::{FeedOptions, SEQ_MAX};

use super::error::ChangesError;
use crate::json::write_u64;
use crate::time;

/// Bytes of an opaque part before it is base64: 8 of the database, 7 of the seq, 3 of checksum.
const OPAQUE_BYTES: usize = 18;
/// Characters of an opaque part.
const OPAQUE_CHARS: usize = OPAQUE_BYTES / 3 * 4;
/// The option of a feed that holds its database's identity: 16 hexadecimal digits.
pub const UID_OPTION: &str = "couchdb_uid";

/// The identity of a database, which all of its tokens carry. A database that is deleted and created again is another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DbUid(pub u64);

/// Where a feed of changes starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// With the oldest change there is.
    Beginning,
    /// With the next change.
    Now,
    /// Behind this seq.
    Seq(u64),
    /// With changes from this time on, in microseconds since the Unix epoch.
    TimeUs(u64),
}

impl DbUid {
    /// The identity of a feed's database: the option [`UID_OPTION`], or else one that follows from the feed's name.
    pub fn of_feed(name: &str, options: &FeedOptions) -> Self {
        let option = options.extra.get(UID_OPTION).and_then(|uid| uid.as_str());
        let bytes = option.and_then(|uid| HEXLOWER_PERMISSIVE.decode(uid.as_bytes()).ok());
        let uid: [u8; 8] = bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or_else(|| {
            let hash: [u8; 16] = Md5::digest(name.as_bytes()).into();
            std::array::from_fn(|at| hash[at])
        });
        Self(u64::from_be_bytes(uid))
    }

    /// Appends the token of a seq, without quotes; 0 stands for the beginning.
    pub fn write(self, seq: u64, out: &mut Vec<u8>) {
        write_u64(out, seq);
        out.push(b'-');
        let start = out.len();
        out.resize(start + OPAQUE_CHARS, 0);
        BASE64URL_NOPAD.encode_mut(&self.opaque(seq), &mut out[start..]);
    }

    /// The token of a seq.
    pub fn token(self, seq: u64) -> String {
        let mut out = Vec::with_capacity(OPAQUE_CHARS + 8);
        self.write(seq, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    fn opaque(self, seq: u64) -> [u8; OPAQUE_BYTES] {
        let mut bytes = [0; OPAQUE_BYTES];
        bytes[..8].copy_from_slice(&self.0.to_be_bytes());
        bytes[8..15].copy_from_slice(&seq.to_be_bytes()[1..]);
        bytes[15..].copy_from_slice(&mix(self.0, seq));
        bytes
    }

    /// Reads a token, in quotes or not, with a number in front of it or not.
    ///
    /// # Errors
    /// It is none, or of another database.
    pub fn parse(self, text: &str) -> Result<u64, ChangesError> {
        let text = text.strip_prefix('"').unwrap_or(text);
        let text = text.strip_suffix('"').unwrap_or(text);
        let opaque = if text.len() == OPAQUE_CHARS { text } else { without_number(text) };
        self.parse_opaque(opaque).ok_or(ChangesError::Since)
    }

    fn parse_opaque(self, opaque: &str) -> Option<u64> {
        let bytes: [u8; OPAQUE_BYTES] = BASE64URL_NOPAD.decode(opaque.as_bytes()).ok()?.try_into().ok()?;
        let seq = bytes[8..15].iter().fold(0, |seq, byte| seq << 8 | u64::from(*byte));
        (seq <= SEQ_MAX && bytes == self.opaque(seq)).then_some(seq)
    }

    /// Reads `since`.
    ///
    /// # Errors
    /// It is neither a token of this database nor one of the words, nor a time.
    pub fn parse_since(self, text: &str) -> Result<Since, ChangesError> {
        match text {
            "0" => Ok(Since::Beginning),
            "now" => Ok(Since::Now),
            _ if is_like_a_time(text) => time::parse_us(text).map(Since::TimeUs).ok_or(ChangesError::SinceTime),
            _ => self.parse(text).map(|seq| if seq == 0 { Since::Beginning } else { Since::Seq(seq) }),
        }
    }
}

/// What follows `N-`.
fn without_number(text: &str) -> &str {
    match text.split_once('-') {
        Some((number, opaque)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => opaque,
        _ => text,
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`, whatever stands for the digits.
fn is_like_a_time(text: &str) -> bool {
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    text.len() == 20 && marks.into_iter().all(|(at, mark)| text.as_bytes()[at] == mark)
}

/// Three bytes that depend on every bit of both.
fn mix(uid: u64, seq: u64) -> [u8; 3] {
    let mut mixed = uid ^ seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^= mixed >> 32;
    let bytes = mixed.to_be_bytes();
    [bytes[5], bytes[6], bytes[7]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UID: DbUid = DbUid(0x0123_4567_89ab_cdef);

    #[test]
    fn golden_tokens() {
        assert_eq!(UID.token(0), "0-ASNFZ4mrze8AAAAAAAAAitXn");
        assert_eq!(UID.token(14).split_once('-').unwrap().0, "14");
        assert_eq!(UID.token(SEQ_MAX).len(), 16 + 1 + 24);
    }

    #[test]
    fn what_since_may_be() {
        let token = UID.token(14);
        let opaque = token.split_once('-').unwrap().1;
        let texts =
            [token.clone(), format!("\"{token}\""), opaque.to_owned(), format!("99-{opaque}"), format!("\"{opaque}")];
        for text in texts {
            assert_eq!(UID.parse_since(&text), Ok(Since::Seq(14)), "{text}");
        }
        assert_eq!(UID.parse_since("0"), Ok(Since::Beginning));
        assert_eq!(UID.parse_since(&UID.token(0)), Ok(Since::Beginning));
        assert_eq!(UID.parse_since("now"), Ok(Since::Now));
        assert_eq!(UID.parse_since("2026-01-09T19:01:02Z"), Ok(Since::TimeUs(1_767_985_262_000_000)));
        assert_eq!(UID.parse_since("2026-13-09T19:01:02Z"), Err(ChangesError::SinceTime));
    }

    #[test]
    fn what_it_may_not_be() {
        let token = UID.token(14);
        let foreign = DbUid(1).token(14);
        let captured = "1-g1AAAABLeJzLYWBgYMxgTmHgz8tPSTV0MDQy1zMAQsMcoARTIkMeC8N_IMjKYE5kzAUKsVuYmiVapqRhasgCAKZ0ErA";
        let texts = [
            "abc",
            "5",
            "-1",
            "",
            "5-",
            "4-xxxx",
            "null",
            "\"now\"",
            "\"0\"",
            "00",
            &foreign,
            captured,
            &token[4..],
            &token[..token.len() - 1],
        ];
        for text in texts {
            assert_eq!(UID.parse_since(text), Err(ChangesError::Since), "{text}");
        }
    }

    #[test]
    fn identities() {
        let mut options = FeedOptions::default();
        let by_name = DbUid::of_feed("a", &options);
        assert_ne!(by_name, DbUid::of_feed("b", &options));
        options.extra.insert(UID_OPTION.into(), "0123456789ABCDEF".into());
        assert_eq!(DbUid::of_feed("a", &options), UID);
        options.extra.insert(UID_OPTION.into(), "x".into());
        assert_eq!(DbUid::of_feed("a", &options), by_name);
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(uid in any::<u64>(), seq in 0..=SEQ_MAX) {
            prop_assert_eq!(DbUid(uid).parse(&DbUid(uid).token(seq)), Ok(seq));
        }

        #[test]
        fn a_changed_token_is_none(seq in 0..=SEQ_MAX, at in 0_usize..24, c in "[A-Za-z0-9_-]") {
            let mut token = UID.token(seq);
            let start = token.len() - 24 + at;
            if token[start..=start] != c {
                token.replace_range(start..=start, &c);
                prop_assert!(UID.parse(&token).is_err());
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let _ = UID.parse_since(&text);
        }
    }
}
