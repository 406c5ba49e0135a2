//! The request target: its forms, its path and query, its decoded segments (RFC 9112, 3.2).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::head::HeadError;

/// A target taken apart. Both parts are slices of the target.
pub(super) struct Target<'a> {
    /// Starts with `/` or is `*`; `None` for an absolute target that ends after its authority.
    pub(super) path: Option<&'a str>,
    /// What follows the first `?`.
    pub(super) query: Option<&'a str>,
}

/// Splits a target in origin form (`/a?b`), absolute form (`http://host/a?b`) or asterisk form (`*`).
pub(super) fn split(target: &str) -> Result<Target<'_>, HeadError> {
    let local = strip_authority(target).unwrap_or(target);
    let (path, query) = match local.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (local, None),
    };
    match path {
        "" if local.len() != target.len() => Ok(Target { path: None, query }),
        "*" => Ok(Target { path: Some(path), query }),
        _ if path.starts_with('/') => Ok(Target { path: Some(path), query }),
        _ => Err(HeadError::Malformed("the request target does not start with \"/\"")),
    }
}

/// What follows the authority of an absolute target.
fn strip_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let known = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    known.then(|| &rest[rest.find(['/', '?']).unwrap_or(rest.len())..])
}

/// Splits a path at `/` and decodes each segment.
pub(super) fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, HeadError> {
    path.strip_prefix('/').unwrap_or(path).split('/').map(decode).collect()
}

fn decode(segment: &str) -> Result<Cow<'_, str>, HeadError> {
    if !escapes_are_complete(segment) {
        return Err(HeadError::Malformed("the path has a \"%\" without two hexadecimal digits"));
    }
    percent_decode_str(segment).decode_utf8().map_err(|_| HeadError::Malformed("the path is not UTF-8"))
}

fn escapes_are_complete(segment: &str) -> bool {
    segment.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit)
    })
}
