//! `multipart/related` of a `PUT`: the document first, then the attachments that it says follow.

use memchr::memmem::Finder;

use crate::couchdb::doc::attachment::{Attachment, Data};
use crate::couchdb::doc::error::DocError;

/// The longest boundary RFC 2046 allows.
const BOUNDARY_BYTES_MAX: usize = 70;
/// Bytes of all headers of a part.
const PART_HEAD_BYTES_MAX: usize = 8 * 1024;
/// Parts of a body.
const PARTS_MAX: usize = 1_001;

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// The content type has no boundary, or one that is too long.
    #[error("multipart Content-Type without a boundary")]
    Boundary,
    /// No part ends where one must, or there is none.
    #[error("malformed multipart body")]
    Malformed,
    /// A header without a colon, or too many of them.
    #[error("bad part header")]
    Header,
    /// The first part is no document.
    #[error("Content-Type must be application/json")]
    NotJson,
    /// More parts than a document has attachments.
    #[error("multipart body has more than {PARTS_MAX} parts")]
    TooManyParts,
    /// The parts are not what the document announced.
    #[error(transparent)]
    Document(#[from] DocError),
}

impl MultipartError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotJson => 415,
            Self::Document(error) => error.status(),
            _ => 400,
        }
    }

    /// The name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson => "bad_content_type",
            Self::Document(error) => error.code(),
            _ => "bad_request",
        }
    }
}

/// Headers of a part: names in lower case, and values.
pub type PartHeaders<'a> = Vec<(String, &'a str)>;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its headers.
    pub headers: PartHeaders<'a>,
    /// Its bytes.
    pub body: &'a [u8],
}

/// A document and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related<'a> {
    /// The document's JSON.
    pub document: &'a [u8],
    /// The other parts, in order.
    pub parts: Vec<Part<'a>>,
}

/// The boundary that a content type names, in quotes or not.
///
/// # Errors
/// There is none.
pub fn boundary(content_type: &str) -> Result<&str, MultipartError> {
    let parameter = |text: &&str| text.trim_start().get(..9).is_some_and(|name| name.eq_ignore_ascii_case("boundary="));
    let found = content_type.split(';').skip(1).find(parameter);
    let value = found.map(|text| text.trim()["boundary=".len()..].trim_matches('"'));
    value.filter(|value| (1..=BOUNDARY_BYTES_MAX).contains(&value.len())).ok_or(MultipartError::Boundary)
}

impl<'a> Related<'a> {
    /// Takes a body apart.
    ///
    /// # Errors
    /// See [`MultipartError`].
    pub fn parse(body: &'a [u8], boundary: &str) -> Result<Self, MultipartError> {
        let mut parts = parts(body, boundary)?.into_iter();
        let document = parts.next().ok_or(MultipartError::Malformed)?;
        let media_type = document.header("content-type").and_then(|value| value.split(';').next()).map(str::trim);
        if media_type != Some("application/json") {
            return Err(MultipartError::NotJson);
        }
        Ok(Self { document: document.body, parts: parts.collect() })
    }

    /// The bytes of every attachment that follows, in the document's order, with its index among all of them. A part
    /// with a file name is that attachment's, others come in order.
    ///
    /// # Errors
    /// A part is missing, is of another length, or is nobody's.
    pub fn followers(&self, attachments: &[Attachment]) -> Result<Vec<(usize, &'a [u8])>, MultipartError> {
        let mut parts: Vec<&Part<'a>> = self.parts.iter().collect();
        let mut followers = Vec::new();
        for (index, attachment) in attachments.iter().enumerate() {
            let Data::Follows { encoded_length, .. } = attachment.data else { continue };
            let wrong = || DocError::Follows(attachment.name.clone());
            let named = parts.iter().position(|part| part.file_name() == Some(&attachment.name));
            let at = named.or_else(|| parts.iter().position(|part| part.file_name().is_none())).ok_or_else(wrong)?;
            let body = parts.remove(at).body;
            if body.len() as u64 != encoded_length {
                return Err(wrong().into());
            }
            followers.push((index, body));
        }
        if parts.is_empty() { Ok(followers) } else { Err(MultipartError::Malformed) }
    }
}

impl<'a> Part<'a> {
    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| *value)
    }

    /// The file name in `Content-Disposition`.
    fn file_name(&self) -> Option<&'a str> {
        let (_, name) = self.header("content-disposition")?.split_once("filename=\"")?;
        name.strip_suffix('"')
    }
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, MultipartError> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = Finder::new(delimiter.as_bytes());
    // The first delimiter may stand at the start, without a line end before it.
    let first = body.strip_prefix(&delimiter.as_bytes()[2..]);
    let mut rest = match first {
        Some(rest) => rest,
        None => &body[finder.find(body).ok_or(MultipartError::Malformed)? + delimiter.len()..],
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        if parts.len() == PARTS_MAX {
            return Err(MultipartError::TooManyParts);
        }
        let part = rest.strip_prefix(b"\r\n").ok_or(MultipartError::Malformed)?;
        let (headers, content) = part_head(part)?;
        // An empty part ends where its head does.
        let end = finder.find(&part[content - 2..]).ok_or(MultipartError::Malformed)? + content - 2;
        parts.push(Part { headers, body: &part[content..end.max(content)] });
        rest = &part[end + delimiter.len()..];
    }
    Ok(parts)
}

/// The headers of a part, and where its content starts.
fn part_head(part: &[u8]) -> Result<(PartHeaders<'_>, usize), MultipartError> {
    if part.starts_with(b"\r\n") {
        return Ok((Vec::new(), 2));
    }
    let head = &part[..part.len().min(PART_HEAD_BYTES_MAX)];
    let end = Finder::new(b"\r\n\r\n").find(head).ok_or(MultipartError::Header)?;
    let text = std::str::from_utf8(&head[..end]).map_err(|_| MultipartError::Header)?;
    let headers = text.split("\r\n").map(|line| {
        let (name, value) = line.split_once(':').ok_or(MultipartError::Header)?;
        Ok((name.trim().to_ascii_lowercase(), value.trim()))
    });
    Ok((headers.collect::<Result<_, MultipartError>>()?, end + 4))
}
