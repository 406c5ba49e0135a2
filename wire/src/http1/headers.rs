//! What the header fields say about the message as a whole: host, length, transfer coding.
//!
//! It owns the defences against request smuggling (RFC 9112, 6.3 and 11.2): wherever two parsers could see two
//! different bodies, the request is refused.

use super::head::{HeadError, Version};

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// There is none.
    None,
    /// This many bytes (`Content-Length`), possibly 0.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// The members of a comma-separated field value, trimmed, empty ones left out.
pub(super) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|member| !member.is_empty())
}

/// Checks the fields that decide where the message ends, and who it is for.
pub(super) fn check(fields: &[httparse::Header<'_>], version: Version) -> Result<BodyKind, HeadError> {
    check_host(fields, version)?;
    let length = content_length(fields)?;
    let chunked = transfer_encoding(fields, version)?;
    match (length, chunked) {
        (Some(_), true) => Err(HeadError::Malformed("it has both Content-Length and Transfer-Encoding")),
        (None, true) => Ok(BodyKind::Chunked),
        (Some(length), false) => Ok(BodyKind::Length(length)),
        (None, false) => Ok(BodyKind::None),
    }
}

fn named<'a>(fields: &'a [httparse::Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value)
}

fn check_host(fields: &[httparse::Header<'_>], version: Version) -> Result<(), HeadError> {
    match (named(fields, "host").count(), version) {
        (1, _) | (0, Version::Http10) => Ok(()),
        (0, Version::Http11) => Err(HeadError::Malformed("the Host header is missing")),
        _ => Err(HeadError::Malformed("it has several Host headers")),
    }
}

fn content_length(fields: &[httparse::Header<'_>]) -> Result<Option<u64>, HeadError> {
    let mut found = None;
    for value in named(fields, "content-length") {
        let text = std::str::from_utf8(value).unwrap_or_default();
        for member in text.split(',').map(str::trim) {
            let length = decimal(member).ok_or(HeadError::Malformed("Content-Length is not a number"))?;
            if found.is_some_and(|other| other != length) {
                return Err(HeadError::Malformed("it has several different Content-Length values"));
            }
            found = Some(length);
        }
    }
    Ok(found)
}

/// Digits only: `str::parse` alone would accept a leading `+`.
fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn transfer_encoding(fields: &[httparse::Header<'_>], version: Version) -> Result<bool, HeadError> {
    let mut codings = named(fields, "transfer-encoding");
    let Some(coding) = codings.next() else { return Ok(false) };
    if version == Version::Http10 {
        return Err(HeadError::Malformed("HTTP/1.0 has no Transfer-Encoding"));
    }
    if codings.next().is_some() || !coding.eq_ignore_ascii_case(b"chunked") {
        return Err(HeadError::TransferEncoding);
    }
    Ok(true)
}
