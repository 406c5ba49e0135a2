//! The forms of names: feeds, stream ids (NSIDs), header texts.
//!
//! Tested here.

use super::mistake::Wrong;

/// Longest feed name, in bytes.
pub const FEED_NAME_BYTES_MAX: usize = 128;

/// Longest NSID, in bytes (AT Protocol, NSID syntax).
const NSID_BYTES_MAX: usize = 317;
/// Longest part of an NSID between two dots, in bytes.
const NSID_PART_BYTES_MAX: usize = 63;
/// Longest id of a Streamr stream, in bytes.
const STREAM_ID_BYTES_MAX: usize = 255;
/// Longest name of a CouchDB database, in bytes: CouchDB's own limit.
const DATABASE_NAME_BYTES_MAX: usize = 238;
/// Longest text taken into a header, in bytes.
const HEADER_BYTES_MAX: usize = 256;

/// A feed's name: letters, digits, `.`, `_` and `-`, a letter or digit first.
pub(super) fn feed_name(text: &str) -> Result<String, Wrong> {
    if is_feed_name(text) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("{text:?} is no feed name"),
        format!("use 1 to {FEED_NAME_BYTES_MAX} letters, digits, '.', '_' and '-', a letter or digit first"),
    ))
}

/// Whether a feed can have this name.
pub(crate) fn is_feed_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first_legal = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first_legal && text.bytes().all(legal) && text.len() <= FEED_NAME_BYTES_MAX
}

/// An AT Protocol stream id such as `com.atproto.sync.subscribeRepos`.
pub(super) fn nsid(text: &str) -> Result<String, Wrong> {
    let parts: Vec<&str> = text.split('.').collect();
    let (name, authority) = parts.split_last().map_or(("", &[][..]), |(name, authority)| (*name, authority));
    let legal = authority.len() >= 2
        && authority.iter().all(|part| is_domain_part(part))
        && authority[0].starts_with(|c: char| c.is_ascii_alphabetic())
        && is_stream_name(name)
        && text.len() <= NSID_BYTES_MAX;
    if legal {
        return Ok(text.to_owned());
    }
    let remedy = "give a reversed domain and a name, such as com.atproto.sync.subscribeRepos";
    Err(Wrong::new(format!("{text:?} is no NSID"), remedy))
}

/// One part of the reversed domain.
fn is_domain_part(part: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=NSID_PART_BYTES_MAX).contains(&part.len())
        && part.bytes().all(legal)
        && !part.starts_with('-')
        && !part.ends_with('-')
}

/// The last part: letters and digits, a letter first.
fn is_stream_name(name: &str) -> bool {
    (1..=NSID_PART_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// A Streamr stream's id: any text without control characters.
pub(super) fn stream_id(text: &str) -> Result<String, Wrong> {
    if is_stream_id(text) {
        return Ok(text.to_owned());
    }
    let remedy = format!("use 1 to {STREAM_ID_BYTES_MAX} bytes without control characters");
    Err(Wrong::new(format!("{text:?} is no stream id"), remedy))
}

/// Whether a Streamr stream can have this id.
pub(crate) fn is_stream_id(text: &str) -> bool {
    (1..=STREAM_ID_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The feeds a key is good for: a feed's name, or `*`.
pub(super) fn scope(text: &str) -> Result<String, Wrong> {
    if text == "*" { Ok(text.to_owned()) } else { feed_name(text) }
}

/// SHA-256 of a secret, in hexadecimal.
pub(super) fn secret_sha256(text: &str) -> Result<[u8; 32], Wrong> {
    let digest = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    digest.and_then(|digest| digest.try_into().ok()).ok_or_else(|| {
        // What stands there may be the secret itself: it is not shown.
        let remedy = "give the 64 hexadecimal digits that `printf %s SECRET | sha256sum` prints";
        Wrong::new("is no SHA-256", remedy)
    })
}

/// Where event streams are reached: `ws://` or `wss://`, a host, perhaps a port, and nothing behind.
pub(super) fn stream_url(text: &str) -> Result<String, Wrong> {
    let rest = text.strip_prefix("ws://").or_else(|| text.strip_prefix("wss://"));
    let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\\');
    if rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(legal)) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("{text:?} is no address of a stream"),
        "give one such as ws://example.com:9985, without a path",
    ))
}

/// A CouchDB database's name.
pub(super) fn database_name(text: &str) -> Result<String, Wrong> {
    if is_database_name(text) {
        return Ok(text.to_owned());
    }
    let remedy = "begin with a letter and use lower-case letters, digits and _$()+-/, at most 238 characters";
    Err(Wrong::new(format!("{text:?} is no name of a database"), remedy))
}

/// Whether a CouchDB database can have this name, and no other dialect has the path.
pub(crate) fn is_database_name(text: &str) -> bool {
    let taken = ["v1", "xrpc", "api"];
    tailwater_wire::couchdb::doc::id::is_database_name(text)
        && text.len() <= DATABASE_NAME_BYTES_MAX
        && !taken.contains(&text.split('/').next().unwrap_or_default())
}

/// A text that can stand in a header: printable ASCII, no space at its ends.
pub(super) fn header_text(text: &str) -> Result<String, Wrong> {
    let legal = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim() == text;
    if legal && text.len() <= HEADER_BYTES_MAX {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("{text:?} cannot stand in a header"),
        format!("use at most {HEADER_BYTES_MAX} printable ASCII characters without space at the ends"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_names() {
        for (text, good) in [
            ("repos", true),
            ("7", true),
            ("a.b_c-D", true),
            ("", false),
            (".hidden", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(feed_name(text).is_ok(), good, "{text:?}");
        }
        assert!(feed_name(&"x".repeat(FEED_NAME_BYTES_MAX)).is_ok());
        assert!(feed_name(&"x".repeat(FEED_NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn nsids() {
        for (text, good) in [
            ("com.atproto.sync.subscribeRepos", true),
            ("com.example.fooBar", true),
            ("a-0.b-1.c", true),
            ("com.example", false),
            ("example", false),
            ("", false),
            ("com..example.foo", false),
            ("com.example.foo-bar", false),
            ("com.example.3foo", false),
            ("1com.example.foo", false),
            ("-com.example.foo", false),
            ("com.example.foo/x", false),
        ] {
            assert_eq!(nsid(text).is_ok(), good, "{text:?}");
        }
        assert!(nsid(&format!("com.{}.foo", "x".repeat(64))).is_err());
    }

    #[test]
    fn database_names() {
        for (text, good) in [
            ("events", true),
            ("a/b_$()+-0", true),
            ("Events", false),
            ("_users", false),
            ("", false),
            ("v1", false),
            ("xrpc", false),
            ("api/v1", false),
            ("apis", true),
        ] {
            assert_eq!(database_name(text).is_ok(), good, "{text:?}");
        }
        assert!(database_name(&"x".repeat(DATABASE_NAME_BYTES_MAX)).is_ok());
        assert!(database_name(&"x".repeat(DATABASE_NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn header_texts() {
        for (text, good) in [
            ("(atproto-relay)", true),
            ("", true),
            ("a\r\nX: y", false),
            (" a", false),
            ("ü", false),
            ("a\u{7f}", false),
        ] {
            assert_eq!(header_text(text).is_ok(), good, "{text:?}");
        }
    }
}
