//! Tokens of event sources: signed, and with everything inside that a stream or feed needs to begin.
//!
//! ```text
//! version, uid (8), time (8), seq (8), text of the source, signature (16)      as base64, URL-safe, without padding
//! ```
//!
//! The signature is HMAC-SHA-256, shortened to 128 bits, with a key of the caller. Nothing of a token is looked at
//! before its signature is found right.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::cursor::Cursor;
use super::source::{Source, TEXT_BYTES_MAX};

const VERSION: u8 = 1;
const SIGNATURE_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + 3 * 8;

/// The longest token.
pub const TOKEN_BYTES_MAX: usize = (HEAD_BYTES + TEXT_BYTES_MAX + SIGNATURE_BYTES).div_ceil(3) * 4;

/// The key that tokens are signed with. It is never printed.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        // Tokens of other kinds under the same key could not be taken for these.
        mac.update(b"fauna event source\0");
        mac.update(message);
        mac
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it follows.
    pub source: Source,
    /// Where it begins: when it was made.
    pub start: Cursor,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token, or not one that was signed with this key.
    #[error("invalid event source provided")]
    Invalid,
    /// A token of another database.
    #[error("the event source belongs to another database")]
    Foreign,
}

impl Token {
    /// The text clients see.
    pub fn sign(&self, key: &TokenKey) -> String {
        let Cursor { uid, time_us, seq } = self.start;
        let mut bytes = vec![VERSION];
        for number in [uid, time_us, seq] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(self.source.text().as_bytes());
        let signature = key.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
        data_encoding::BASE64URL_NOPAD.encode(&bytes)
    }

    /// Reads a token that was signed with `key` for the database `uid`.
    ///
    /// # Errors
    /// Any other text.
    pub fn verify(text: &str, key: &TokenKey, uid: u64) -> Result<Self, TokenError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid);
        }
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenError::Invalid)?;
        let (message, signature) = bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(TokenError::Invalid)?;
        key.mac(message).verify_truncated_left(signature).map_err(|_| TokenError::Invalid)?;
        let token = Self::from_signed(message).ok_or(TokenError::Invalid)?;
        if token.start.uid == uid { Ok(token) } else { Err(TokenError::Foreign) }
    }

    fn from_signed(message: &[u8]) -> Option<Self> {
        let (uid, rest) = message.strip_prefix(&[VERSION])?.split_first_chunk()?;
        let (time_us, rest) = rest.split_first_chunk()?;
        let (seq, text) = rest.split_first_chunk()?;
        let [uid, time_us, seq] = [uid, time_us, seq].map(|bytes| u64::from_be_bytes(*bytes));
        let source = Source::parse(std::str::from_utf8(text).ok()?).ok()?;
        Some(Self { source, start: Cursor { uid, time_us, seq } })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UID: u64 = 7;

    fn key() -> TokenKey {
        TokenKey::new([3; 32])
    }

    fn token() -> Token {
        let source = Source::parse("Product.all().where(.n >= 1).map(.name).eventsOn(.n, .name)").unwrap();
        Token { source, start: Cursor { uid: UID, time_us: 1_718_340_750_415_639, seq: 12 } }
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let text = token().sign(&key());
        let read = Token::verify(&text, &key(), UID).unwrap();
        assert_eq!(read, token());
        assert_eq!(read.source.fields().len(), 2);
        assert_eq!(read.source.collection(), "Product");
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
    }

    #[test]
    fn tokens_of_others_are_refused() {
        let text = token().sign(&key());
        assert_eq!(Token::verify(&text, &TokenKey::new([4; 32]), UID), Err(TokenError::Invalid));
        assert_eq!(Token::verify(&text, &key(), 8), Err(TokenError::Foreign));
        for text in ["", "2", "abc1234==", "INVALID!", "tok", &"A".repeat(100), &"A".repeat(1 << 20)] {
            assert_eq!(Token::verify(text, &key(), UID), Err(TokenError::Invalid), "{}", text.len());
        }
    }

    /// Truncated, extended or changed anywhere: the signature tells.
    #[test]
    fn every_changed_token_is_refused() {
        let text = token().sign(&key());
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let refused = |bytes: &[u8]| {
            Token::verify(&data_encoding::BASE64URL_NOPAD.encode(bytes), &key(), UID) == Err(TokenError::Invalid)
        };
        for at in 0..bytes.len() {
            assert!(refused(&bytes[..at]) && refused(&bytes[at + 1..]), "{at}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(refused(&changed), "{at} {bit}");
            }
        }
        assert!(refused(&[&bytes[..], &[0]].concat()));
        assert_eq!(Token::verify(&format!("{text}="), &key(), UID), Err(TokenError::Invalid));
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", key()), "TokenKey(..)");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[A-Za-z0-9_=-]{0,80}|\\PC{0,20}") {
            prop_assert_eq!(Token::verify(&text, &key(), UID), Err(TokenError::Invalid));
        }
    }
}
