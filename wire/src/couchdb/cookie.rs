//! `AuthSession`: a login that the client carries with it.
//!
//! The cookie is base64 of `name:TIME:` and a MAC of `name:TIME`, with the server's secret and the user's salt for a
//! key. TIME is in seconds since the Unix epoch, in hexadecimal digits. So a server checks it without keeping anything, and
//! a new password ends all sessions. No clock is read here.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::errors::Problem;
use crate::http1::HttpDate;

/// The name of the cookie.
pub const NAME: &str = "AuthSession";
/// How long a session lasts, in seconds, if nobody says otherwise.
pub const TIMEOUT_S_DEFAULT: u64 = 600;

/// A cookie that was sent, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who it says it is.
    pub user: String,
    time: String,
    mac: Vec<u8>,
}

impl Session {
    /// Finds the cookie in a `Cookie` header. Without one, or with an empty one, nobody is logged in.
    ///
    /// # Errors
    /// It is none.
    pub fn from_header(header: &str) -> Result<Option<Self>, Problem> {
        let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
        let value = pairs.into_iter().find(|(name, _)| *name == NAME).map(|(_, value)| value.trim_matches('"'));
        value.filter(|value| !value.is_empty()).map(Self::parse).transpose()
    }

    fn parse(value: &str) -> Result<Self, Problem> {
        let bytes = BASE64URL_NOPAD.decode(value.trim_end_matches('=').as_bytes()).map_err(|_| Problem::Cookie)?;
        let mut parts = bytes.splitn(3, |byte| *byte == b':');
        let mut part = || parts.next().ok_or(Problem::Cookie);
        let (user, time, mac) = (part()?, part()?, part()?);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Problem::Cookie);
        Ok(Self { user: text(user)?, time: text(time)?, mac: mac.to_vec() })
    }

    /// How many seconds the session has left, if it is in order and not over.
    pub fn check(&self, secret: &[u8], salt: &str, now_s: u64, timeout_s: u64) -> Option<u64> {
        let time = u64::from_str_radix(&self.time, 16).ok()?;
        let left = time.saturating_add(timeout_s).checked_sub(now_s).filter(|left| *left > 0)?;
        let (key, message) = ([secret, salt.as_bytes()].concat(), format!("{}:{}", self.user, self.time));
        verify(&key, message.as_bytes(), &self.mac).then_some(left)
    }
}

/// Whether a session with so many seconds left should get a new cookie: when a tenth of it has passed.
pub fn is_due(left_s: u64, timeout_s: u64) -> bool {
    left_s.saturating_mul(10) < timeout_s.saturating_mul(9)
}

/// The value of a new cookie.
pub fn issue(user: &str, secret: &[u8], salt: &str, now_s: u64) -> String {
    let message = format!("{user}:{now_s:X}");
    let mac = sign(&[secret, salt.as_bytes()].concat(), message.as_bytes());
    BASE64URL_NOPAD.encode(&[message.as_bytes(), b":", &mac].concat())
}

/// The `Set-Cookie` field for a value; an empty one logs out. `secure` is for connections with TLS.
pub fn set_cookie(value: &str, now_s: u64, timeout_s: u64, secure: bool) -> String {
    let expires = HttpDate::from_unix_s(now_s.saturating_add(timeout_s));
    // The old form of the date: hyphens between day, month and year.
    let (weekday, date) = expires.as_str().split_at(5);
    let date = date.replacen(' ', "-", 2);
    let secure = if secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Version=1; Expires={weekday}{date}; Max-Age={timeout_s}; Path=/; HttpOnly{secure}")
}

/// The MAC this server writes: HMAC-SHA256.
pub(super) fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// Whether `mac` is one of the two that CouchDB takes: HMAC-SHA256 or HMAC-SHA1. Takes the same time whatever is wrong.
pub(super) fn verify(key: &[u8], message: &[u8], mac: &[u8]) -> bool {
    let is_sha256 =
        Hmac::<Sha256>::new_from_slice(key).is_ok_and(|hmac| hmac.chain_update(message).verify_slice(mac).is_ok());
    let is_sha1 =
        Hmac::<Sha1>::new_from_slice(key).is_ok_and(|hmac| hmac.chain_update(message).verify_slice(mac).is_ok());
    is_sha256 | is_sha1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"s3cr3t";
    const SALT: &str = "ff4be73d1fa27431469b81330fdb5c75";
    /// A cookie of CouchDB 3.5.0 for the user `bob`.
    const CAPTURED: &str = "Ym9iOjZCMDBGQUQxOqqkZGtBGvUeGXvRfOdj56sVUbhKy9zsmvEibgCBCqjz";
    const TIME_S: u64 = 0x6b00_fad1;

    #[test]
    fn the_captured_cookie() {
        assert_eq!(issue("bob", SECRET, SALT, TIME_S), CAPTURED);
        let session = Session::from_header(&format!("a=b; AuthSession={CAPTURED}; c=d")).unwrap().unwrap();
        assert_eq!(session.user, "bob");
        let check = |secret, salt, now| session.check(secret, salt, now, 600);
        assert_eq!(check(SECRET, SALT, TIME_S), Some(600));
        assert_eq!(check(SECRET, SALT, TIME_S + 599), Some(1));
        assert_eq!(check(SECRET, SALT, TIME_S + 600), None);
        assert_eq!(check(b"other", SALT, TIME_S), None);
        assert_eq!(check(SECRET, "other", TIME_S), None);
    }

    #[test]
    fn the_captured_field() {
        let expected = format!(
            "AuthSession={CAPTURED}; Version=1; Expires=Sat, 21-Nov-2026 02:08:41 GMT; Max-Age=600; Path=/; HttpOnly"
        );
        assert_eq!(set_cookie(CAPTURED, TIME_S, 600, false), expected);
        let out =
            "AuthSession=; Version=1; Expires=Sat, 21-Nov-2026 02:08:41 GMT; Max-Age=600; Path=/; HttpOnly; Secure";
        assert_eq!(set_cookie("", TIME_S, 600, true), out);
    }

    #[test]
    fn what_is_no_cookie() {
        for header in ["", "a=b", "AuthSession=", "AuthSession=\"\"", "authsession=x"] {
            assert_eq!(Session::from_header(header), Ok(None), "{header}");
        }
        let no_mac = BASE64URL_NOPAD.encode(b"bob:6B00FAD1");
        for value in ["garbage", "*", no_mac.as_str(), &BASE64URL_NOPAD.encode(b"\xff:1:x")] {
            assert_eq!(Session::from_header(&format!("AuthSession={value}")), Err(Problem::Cookie), "{value}");
        }
        let no_time = BASE64URL_NOPAD.encode(b"bob:xyz:mac");
        let session = Session::from_header(&format!("AuthSession={no_time}")).unwrap().unwrap();
        assert_eq!(session.check(SECRET, SALT, 1, 600), None);
    }

    #[test]
    fn a_tenth_has_to_pass() {
        assert!(!is_due(600, 600) && !is_due(540, 600) && is_due(539, 600));
    }

    #[test]
    fn both_macs_are_taken() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let sha256 = hex("51809455c8889712b25fad9e7aa24e751e1e79fb464b27b4b532663d4435cdb0");
        assert_eq!(sign(SECRET, b"bob"), sha256);
        assert!(verify(SECRET, b"bob", &sha256));
        assert!(verify(SECRET, b"bob", &hex("6e5799cd79266360463038ce34fe60d044ee5f0d")));
        assert!(
            !verify(SECRET, b"bob", &sha256[..31]) && !verify(SECRET, b"bob", b"") && !verify(b"", b"bob", &sha256)
        );
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(user in "[^:\\x00-\\x1f]{0,12}", time_s in 0_u64..1 << 40) {
            let session = Session::from_header(&format!("AuthSession={}", issue(&user, SECRET, SALT, time_s)));
            let session = session.unwrap().unwrap();
            prop_assert_eq!(&session.user, &user);
            prop_assert_eq!(session.check(SECRET, SALT, time_s, 5), Some(5));
        }

        #[test]
        fn no_header_panics(header in "(AuthSession=)?[A-Za-z0-9_=;: -]{0,40}") {
            let _ = Session::from_header(&header);
        }
    }
}
