//! Documents with their attachments, as they are sent.

use crate::json::write_str;

/// An attachment that is sent as a part.
#[derive(Clone, Copy, Debug)]
pub struct OutPart<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its content type.
    pub content_type: &'a str,
    /// How its bytes are encoded, if they are: `gzip`.
    pub encoding: Option<&'a str>,
    /// Its bytes.
    pub body: &'a [u8],
}

/// The content type of a document with parts. Without any it is plain JSON.
pub fn related_content_type(boundary: &str, parts: &[OutPart<'_>]) -> String {
    match parts {
        [] => "application/json".into(),
        _ => format!("multipart/related; boundary=\"{boundary}\""),
    }
}

/// Appends a document (its JSON) and its parts.
pub fn write_related(boundary: &str, document: &[u8], parts: &[OutPart<'_>], out: &mut Vec<u8>) {
    if parts.is_empty() {
        return out.extend_from_slice(document);
    }
    pieces(out, &["--", boundary, "\r\nContent-Type: application/json\r\n\r\n"]);
    out.extend_from_slice(document);
    pieces(out, &["\r\n--", boundary]);
    for part in parts {
        let length = part.body.len().to_string();
        pieces(out, &["\r\nContent-Disposition: attachment; filename=\"", &clean(part.name), "\"\r\nContent-Type: "]);
        pieces(out, &[&clean(part.content_type), "\r\nContent-Length: ", &length]);
        if let Some(encoding) = part.encoding {
            pieces(out, &["\r\nContent-Encoding: ", &clean(encoding)]);
        }
        pieces(out, &["\r\n\r\n"]);
        out.extend_from_slice(part.body);
        pieces(out, &["\r\n--", boundary]);
    }
    pieces(out, &["--"]);
}

/// Text for a header of a part: no line end may forge another.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn pieces(out: &mut Vec<u8>, pieces: &[&str]) {
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// The answer to `open_revs` for clients that do not ask for JSON.
#[derive(Debug)]
pub struct Mixed<'b> {
    outer: &'b str,
    inner: &'b str,
}

impl<'b> Mixed<'b> {
    /// Starts an answer. Both boundaries must be different and occur nowhere else.
    pub fn start(outer: &'b str, inner: &'b str, out: &mut Vec<u8>) -> Self {
        pieces(out, &["--", outer]);
        Self { outer, inner }
    }

    /// The content type of the answer.
    pub fn content_type(&self) -> String {
        format!("multipart/mixed; boundary=\"{}\"", self.outer)
    }

    /// Appends a document.
    pub fn document(&self, document: &[u8], parts: &[OutPart<'_>], out: &mut Vec<u8>) {
        pieces(out, &["\r\nContent-Type: ", &related_content_type(self.inner, parts), "\r\n\r\n"]);
        write_related(self.inner, document, parts, out);
        pieces(out, &["\r\n--", self.outer]);
    }

    /// Appends that a revision is not there.
    pub fn missing(&self, rev: &str, out: &mut Vec<u8>) {
        pieces(out, &["\r\nContent-Type: application/json; error=\"true\"\r\n\r\n{\"missing\":"]);
        write_str(out, rev);
        pieces(out, &["}\r\n--", self.outer]);
    }

    /// Ends the answer.
    pub fn end(self, out: &mut Vec<u8>) {
        pieces(out, &["--"]);
    }
}
