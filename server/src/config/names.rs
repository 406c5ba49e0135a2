//! The forms of names: feeds, stream ids (NSIDs), header texts.
//!
//! Tested here.

use tailwater_wire::couchdb::{auth::ADMIN_ROLE, security::is_system_role};

use super::mistake::Wrong;
use crate::{appliance::SYSTEM_FEED, auth::password};

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
/// Longest name of a user, in bytes.
const USER_NAME_BYTES_MAX: usize = 256;
/// Shortest secret, in bytes.
const SECRET_BYTES_MIN: usize = 16;
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

/// The feeds a key may read: the same, and the feed that nobody but the appliance writes to.
pub(super) fn read_scope(text: &str) -> Result<String, Wrong> {
    if text == SYSTEM_FEED { Ok(text.to_owned()) } else { scope(text) }
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

/// What a user logs in with. A colon would end it in `Authorization: Basic`, and in a session.
pub(super) fn user_name(text: &str) -> Result<String, Wrong> {
    let legal = |c: char| !c.is_control() && c != ':';
    if (1..=USER_NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    let remedy = format!("use 1 to {USER_NAME_BYTES_MAX} bytes without colons and control characters");
    Err(Wrong::new(format!("{text:?} is no user's name"), remedy))
}

/// A user's role. Those with an underscore in front are the server's, which has one.
pub(super) fn role(text: &str) -> Result<String, Wrong> {
    if text == ADMIN_ROLE {
        return Ok(text.to_owned());
    }
    let role = header_text(text)?;
    if role.is_empty() || is_system_role(&role) || role.contains(',') {
        let remedy =
            format!("use a name without commas that begins with another character than '_', or {ADMIN_ROLE:?}");
        return Err(Wrong::new(format!("{text:?} is no role"), remedy));
    }
    Ok(role)
}

/// The Argon2 hash of a password.
pub(super) fn password_argon2(text: &str) -> Result<String, Wrong> {
    if password::is_hash(text) {
        return Ok(text.to_owned());
    }
    // What stands there may be the password itself: it is not shown.
    Err(Wrong::new("is no Argon2 hash", "give what `tailwater user add NAME` prints"))
}

/// A secret that something is signed with.
pub(super) fn secret(text: &str) -> Result<String, Wrong> {
    if text.len() >= SECRET_BYTES_MIN {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("is too short", format!("give {SECRET_BYTES_MIN} characters or more")))
}

/// Where a page comes from, as browsers say it: `https://example.com`; or `*`.
pub(super) fn origin(text: &str) -> Result<String, Wrong> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let legal = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && !matches!(byte, b'/' | b'?' | b'#');
    if text == "*" || rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(legal)) {
        return Ok(text.to_owned());
    }
    let remedy = "give one such as \"https://app.example.com\", in lower case and without a path, or \"*\"";
    Err(Wrong::new(format!("{text:?} is no origin"), remedy))
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

/// The path of a Fauna database.
pub(super) fn database_path(text: &str) -> Result<String, Wrong> {
    if is_database_path(text) {
        return Ok(text.to_owned());
    }
    let remedy = "write \"/\" for the database of secrets that name none, or names such as \"Shop\" or \"Shop/Test\"";
    Err(Wrong::new(format!("{text:?} is no path of a database"), remedy))
}

/// Whether a Fauna database can have this path.
pub(crate) fn is_database_path(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(legal);
    text == "/" || (text.len() <= DATABASE_NAME_BYTES_MAX && text.split('/').all(is_name))
}

/// A Fauna collection's name.
pub(super) fn collection_name(text: &str) -> Result<String, Wrong> {
    if is_collection_name(text) {
        return Ok(text.to_owned());
    }
    let remedy = "begin with a letter, use letters, digits and '_', at most 128, and no word of FQL's own";
    Err(Wrong::new(format!("{text:?} is no name of a collection"), remedy))
}

/// Whether a Fauna collection can have this name, and nothing of FQL does.
pub(crate) fn is_collection_name(text: &str) -> bool {
    tailwater_wire::fauna::fql::is_collection_name(text)
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
    fn users() {
        let good = |text: &str| user_name(text).is_ok();
        assert!(good("bob") && good("Bob Ö. <x@y>") && good(&"x".repeat(USER_NAME_BYTES_MAX)));
        assert!(!good("") && !good("a:b") && !good("a\nb") && !good(&"x".repeat(USER_NAME_BYTES_MAX + 1)));
        for (text, good) in [("readers", true), ("_admin", true), ("_x", false), ("", false), ("a,b", false)] {
            assert_eq!(role(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn origins() {
        for (text, good) in [
            ("https://app.example", true),
            ("http://127.0.0.1:8080", true),
            ("*", true),
            ("app.example", false),
            ("https://", false),
            ("https://App.example", false),
            ("https://app.example/", false),
            ("ws://app.example", false),
        ] {
            assert_eq!(origin(text).is_ok(), good, "{text:?}");
        }
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
