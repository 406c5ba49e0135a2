//! The head of a request: request line and header fields, parsed once into one owned [`Head`].
//!
//! It owns the limits, the mapping of a malformed head to a status, and look-ups in the result. What the headers say
//! about the body is decided in `headers.rs`, how a target is taken apart in `target.rs`.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use super::headers::{self, BodyKind};
use super::query::Query;
use super::target;

/// No request may bring more header fields than this, whatever its limits say.
const HEADERS_CEILING: usize = 256;
/// Longest method name that is waited for before the bytes are taken for something else than HTTP.
const METHOD_BYTES_MAX: usize = 32;

/// What a request head may measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head, request line and final blank line included.
    pub bytes_max: usize,
    /// Number of header fields, at most 256.
    pub headers_max: usize,
    /// Bytes of the request target.
    pub target_bytes_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes_max: 16 * 1024, headers_max: 100, target_bytes_max: 8 * 1024 }
    }
}

/// The version of HTTP a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: closes after the answer unless asked not to, knows no chunks.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Why a request head is refused. The connection must be closed after the answer: where the next request would
/// start is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The bytes are not a request head.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// The head exceeds [`HeadLimits::bytes_max`].
    #[error("the request head is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// More header fields than [`HeadLimits::headers_max`].
    #[error("the request has more than {headers_max} header fields")]
    TooManyHeaders {
        /// The limit.
        headers_max: usize,
    },
    /// The target exceeds [`HeadLimits::target_bytes_max`].
    #[error("the request target is longer than {bytes_max} bytes")]
    TargetTooLong {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("this HTTP version is not supported; use HTTP/1.1")]
    Version,
    /// A transfer coding other than a single `chunked`.
    #[error("this Transfer-Encoding is not supported; send \"chunked\" or a Content-Length")]
    TransferEncoding,
}

impl HeadError {
    /// The status to answer with: 400, 414, 431, 501 or 505.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::TargetTooLong { .. } => 414,
            Self::TooLarge { .. } | Self::TooManyHeaders { .. } => 431,
            Self::TransferEncoding => 501,
            Self::Version => 505,
        }
    }

    /// A stable name for the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "BadRequest",
            Self::TargetTooLong { .. } => "TargetTooLong",
            Self::TooLarge { .. } | Self::TooManyHeaders { .. } => "HeaderTooLarge",
            Self::TransferEncoding => "NotImplemented",
            Self::Version => "VersionNotSupported",
        }
    }
}

/// A piece of the head's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The place of `part`, which must be a slice of `whole`.
    pub(super) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr() - whole.as_ptr().addr();
        Self { start: start as u32, end: (start + part.len()) as u32 }
    }

    fn get(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    fn text(self, bytes: &[u8]) -> &str {
        std::str::from_utf8(self.get(bytes)).unwrap_or_default()
    }
}

/// A complete request head. Owns its bytes, so that it outlives the read buffer.
#[derive(Clone, Debug)]
pub struct Head {
    bytes: Box<[u8]>,
    method: Span,
    target: Span,
    path: Span,
    query: Option<Span>,
    version: Version,
    fields: Box<[(Span, Span)]>,
    body: BodyKind,
}

/// Parses the head at the start of `buf`.
///
/// `Ok(None)` means that more bytes are needed; the caller reads on and calls again with the longer buffer. On
/// success the second value is the number of bytes the head took; what follows is the body. Bytes that can no longer
/// become a request are refused at once, before the head is complete.
///
/// # Errors
/// See [`HeadError`]; every error is final.
pub fn parse_head(buf: &[u8], limits: &HeadLimits) -> Result<Option<(Head, usize)>, HeadError> {
    let blank = buf.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let request = &buf[blank..];
    let Some(end) = find_end(request) else {
        return check_partial(request, blank, limits).map(|()| None);
    };
    if blank + end > limits.bytes_max {
        return Err(HeadError::TooLarge { bytes_max: limits.bytes_max });
    }
    parse_complete(&request[..end], limits).map(|head| Some((head, blank + end)))
}

/// The length of the head including its blank line.
fn find_end(buf: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', buf).find_map(|at| match &buf[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

fn check_partial(request: &[u8], blank: usize, limits: &HeadLimits) -> Result<(), HeadError> {
    let method_len = request.iter().take_while(|b| is_token_byte(**b)).count();
    let behind = request.get(method_len);
    if method_len > METHOD_BYTES_MAX || behind.is_some_and(|b| *b != b' ' || method_len == 0) {
        return Err(HeadError::Malformed("it does not start with a method"));
    }
    let line_open = memchr::memchr(b'\n', request).is_none();
    if line_open && request.len() > limits.target_bytes_max + METHOD_BYTES_MAX + " HTTP/1.1\r\n".len() {
        return Err(HeadError::TargetTooLong { bytes_max: limits.target_bytes_max });
    }
    if blank + request.len() > limits.bytes_max {
        return Err(HeadError::TooLarge { bytes_max: limits.bytes_max });
    }
    Ok(())
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn parse_complete(bytes: &[u8], limits: &HeadLimits) -> Result<Head, HeadError> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_CEILING];
    let fields = &mut fields[..limits.headers_max.min(HEADERS_CEILING)];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, fields) {
        Ok(httparse::Status::Complete(_)) => assemble(bytes, &request, limits),
        Ok(httparse::Status::Partial) => Err(HeadError::Malformed("the request line is incomplete")),
        Err(error) => Err(explain(error, bytes, limits)),
    }
}

fn explain(error: httparse::Error, bytes: &[u8], limits: &HeadLimits) -> HeadError {
    use httparse::Error;
    match error {
        Error::TooManyHeaders => HeadError::TooManyHeaders { headers_max: limits.headers_max },
        Error::Version if memchr::memmem::find(bytes, b" HTTP/").is_some() => HeadError::Version,
        Error::Version | Error::Status | Error::Token => HeadError::Malformed("the request line is not valid"),
        Error::HeaderName => HeadError::Malformed("a header field has an invalid name"),
        Error::HeaderValue => HeadError::Malformed("a header field has an invalid value"),
        Error::NewLine => HeadError::Malformed("a line does not end in CR LF"),
    }
}

fn assemble(bytes: &[u8], request: &httparse::Request<'_, '_>, limits: &HeadLimits) -> Result<Head, HeadError> {
    let incomplete = HeadError::Malformed("the request line is incomplete");
    let (Some(method), Some(raw_target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(incomplete);
    };
    if raw_target.len() > limits.target_bytes_max {
        return Err(HeadError::TargetTooLong { bytes_max: limits.target_bytes_max });
    }
    let version = if version == 0 { Version::Http10 } else { Version::Http11 };
    let body = headers::check(request.headers, version)?;
    let parts = target::split(raw_target)?;
    let span = |part: &[u8]| Span::of(bytes, part);
    Ok(Head {
        method: span(method.as_bytes()),
        target: span(raw_target.as_bytes()),
        // An absolute target without a path ("http://host") stands for "/"; nothing of its bytes says so.
        path: parts.path.map_or(Span { start: 0, end: 0 }, |path| span(path.as_bytes())),
        query: parts.query.map(|query| span(query.as_bytes())),
        version,
        fields: request.headers.iter().map(|f| (span(f.name.as_bytes()), span(f.value))).collect(),
        body,
        bytes: bytes.into(),
    })
}

impl Head {
    /// The method, as sent (methods are case-sensitive).
    pub fn method(&self) -> &str {
        self.method.text(&self.bytes)
    }

    /// The request target, as sent.
    pub fn target(&self) -> &str {
        self.target.text(&self.bytes)
    }

    /// The path, still percent-encoded: starts with `/`, or is `*`.
    pub fn path(&self) -> &str {
        match self.path.text(&self.bytes) {
            "" => "/",
            path => path,
        }
    }

    /// The path's segments, percent-decoded one by one: `/db/a%2Fb/` gives `db`, `a/b` and an empty one.
    ///
    /// # Errors
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    pub fn segments(&self) -> Result<Vec<Cow<'_, str>>, HeadError> {
        target::segments(self.path())
    }

    /// The query string behind `?`, as sent; empty if there is none.
    pub fn query_raw(&self) -> &str {
        self.query.map_or("", |span| span.text(&self.bytes))
    }

    /// The query's decoded parameters.
    pub fn query(&self) -> Query<'_> {
        Query::parse(self.query_raw())
    }

    /// The version of HTTP.
    pub fn version(&self) -> Version {
        self.version
    }

    /// All header fields in the order sent, with the names as sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| (name.text(&self.bytes), value.get(&self.bytes)))
    }

    /// The values of every field of this name (any case) that are valid UTF-8.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The first value of this name (any case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The members of a list-valued field, over all its lines: `Connection: keep-alive, Upgrade`.
    pub fn tokens<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.header_all(name).flat_map(headers::list)
    }

    /// Whether a list-valued field has this member (any case).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.tokens(name).any(|member| member.eq_ignore_ascii_case(token))
    }

    /// Whether the connection may carry another request after this one.
    pub fn keep_alive(&self) -> bool {
        match self.version {
            Version::Http11 => !self.has_token("connection", "close"),
            Version::Http10 => self.has_token("connection", "keep-alive") && !self.has_token("connection", "close"),
        }
    }

    /// How the body behind this head is delimited.
    pub fn body_kind(&self) -> BodyKind {
        self.body
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub fn expects_continue(&self) -> bool {
        self.version == Version::Http11 && self.has_token("expect", "100-continue")
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
