//! Server-sent events (the HTML standard, "Server-sent events"): blocks and comments, bare or as one HTTP chunk.
//!
//! It owns the line format only. A block of one event is always one chunk: some clients lose what shares a chunk with
//! something else.

use crate::http1::chunk_with;

/// Appends one event. `id` and `event` must be free of line ends (they are cut at the first one); `data` may have
/// several lines, ended by LF, CR LF or CR.
pub fn block(out: &mut Vec<u8>, id: Option<&str>, event: Option<&str>, data: &[u8]) {
    field(out, "id", id);
    field(out, "event", event);
    let mut rest = data;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
        line(out, b"data: ", &rest[..at]);
        let end = if rest[at..].starts_with(b"\r\n") { at + 2 } else { at + 1 };
        rest = &rest[end..];
    }
    line(out, b"data: ", rest);
    out.push(b'\n');
}

/// Appends one event as one HTTP chunk.
pub fn block_chunk(out: &mut Vec<u8>, id: Option<&str>, event: Option<&str>, data: &[u8]) {
    chunk_with(out, |out| block(out, id, event, data));
}

/// Appends a comment, which clients ignore: a heartbeat. The text is cut at its first line end.
pub fn comment(out: &mut Vec<u8>, text: &str) {
    line(out, b": ", first_line(text).as_bytes());
    out.push(b'\n');
}

/// Appends a comment as one HTTP chunk.
pub fn comment_chunk(out: &mut Vec<u8>, text: &str) {
    chunk_with(out, |out| comment(out, text));
}

fn field(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.extend_from_slice(name.as_bytes());
        line(out, b": ", first_line(value).as_bytes());
    }
}

fn first_line(text: &str) -> &str {
    text.split(['\n', '\r']).next().unwrap_or_default()
}

fn line(out: &mut Vec<u8>, start: &[u8], rest: &[u8]) {
    out.extend_from_slice(start);
    out.extend_from_slice(rest);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_blocks() {
        type Case = (Option<&'static str>, Option<&'static str>, &'static [u8], &'static [u8]);
        let table: [Case; 5] = [
            (Some("7"), Some("put"), b"{}", b"id: 7\nevent: put\ndata: {}\n\n"),
            (None, None, b"", b"data: \n\n"),
            (None, Some("e"), b"a\nb", b"event: e\ndata: a\ndata: b\n\n"),
            (None, None, b"a\r\nb\rc\n", b"data: a\ndata: b\ndata: c\ndata: \n\n"),
            (Some("1\ndata: x"), Some("a\rb"), b"d", b"id: 1\nevent: a\ndata: d\n\n"),
        ];
        for (id, event, data, expected) in table {
            let mut out = Vec::new();
            block(&mut out, id, event, data);
            assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }

    #[test]
    fn golden_chunks() {
        let mut out = Vec::new();
        block_chunk(&mut out, None, None, b"x");
        comment_chunk(&mut out, "beat");
        assert_eq!(out, b"9\r\ndata: x\n\n\r\n8\r\n: beat\n\n\r\n");
    }
}
