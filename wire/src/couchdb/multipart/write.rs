//! Documents with their attachments, as they are sent.

use crate::json::write_str;

/// What is said of an attachment that is sent as a part.
#[derive(Clone, Copy, Debug)]
pub struct PartHead<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its content type.
    pub content_type: &'a str,
    /// How its bytes are encoded, if they are: `gzip`.
    pub encoding: Option<&'a str>,
    /// Bytes as sent.
    pub length: u64,
}

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

/// The content type of a document with so many parts. Without any it is plain JSON.
pub fn related_content_type(boundary: &str, parts: usize) -> String {
    match parts {
        0 => "application/json".into(),
        _ => format!("multipart/related; boundary=\"{boundary}\""),
    }
}

/// Appends a document (its JSON) and its parts.
pub fn write_related(boundary: &str, document: &[u8], parts: &[OutPart<'_>], out: &mut Vec<u8>) {
    if parts.is_empty() {
        return out.extend_from_slice(document);
    }
    let related = RelatedWriter::start(boundary, document, out);
    for part in parts {
        let OutPart { name, content_type, encoding, body } = *part;
        related.part(&PartHead { name, content_type, encoding, length: body.len() as u64 }, out);
        out.extend_from_slice(body);
        related.end_part(out);
    }
    related.end(out);
}

/// A document with at least one part while it is written. The bytes of parts are the caller's to append.
#[derive(Clone, Copy, Debug)]
pub struct RelatedWriter<'b> {
    boundary: &'b str,
}

impl<'b> RelatedWriter<'b> {
    /// Starts with the document's JSON.
    pub fn start(boundary: &'b str, document: &[u8], out: &mut Vec<u8>) -> Self {
        pieces(out, &["--", boundary, "\r\nContent-Type: application/json\r\n\r\n"]);
        out.extend_from_slice(document);
        pieces(out, &["\r\n--", boundary]);
        Self { boundary }
    }

    /// Starts a part, whose bytes come next.
    pub fn part(&self, head: &PartHead<'_>, out: &mut Vec<u8>) {
        let length = head.length.to_string();
        pieces(out, &["\r\nContent-Disposition: attachment; filename=\"", &clean(head.name), "\"\r\nContent-Type: "]);
        pieces(out, &[&clean(head.content_type), "\r\nContent-Length: ", &length]);
        if let Some(encoding) = head.encoding {
            pieces(out, &["\r\nContent-Encoding: ", &clean(encoding)]);
        }
        pieces(out, &["\r\n\r\n"]);
    }

    /// Ends a part.
    pub fn end_part(&self, out: &mut Vec<u8>) {
        pieces(out, &["\r\n--", self.boundary]);
    }

    /// Ends the whole.
    pub fn end(self, out: &mut Vec<u8>) {
        pieces(out, &["--"]);
    }
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
        self.start_document(parts.len(), out);
        write_related(self.inner, document, parts, out);
        self.end_document(out);
    }

    /// Starts a document with so many parts, which comes next as [`write_related`] or a [`RelatedWriter`] with the inner
    /// boundary writes it.
    pub fn start_document(&self, parts: usize, out: &mut Vec<u8>) {
        pieces(out, &["\r\nContent-Type: ", &related_content_type(self.inner, parts), "\r\n\r\n"]);
    }

    /// Ends a document.
    pub fn end_document(&self, out: &mut Vec<u8>) {
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
