//! Newline-delimited JSON: one value per line, bare or as one HTTP chunk.

use crate::http1::chunk_with;

/// Appends one line; `json` must have no line end of its own (compact JSON has none).
pub fn line(out: &mut Vec<u8>, json: &[u8]) {
    out.extend_from_slice(json);
    out.push(b'\n');
}

/// Appends one line as one HTTP chunk.
pub fn line_chunk(out: &mut Vec<u8>, json: &[u8]) {
    chunk_with(out, |out| line(out, json));
}

/// Appends an empty line as one HTTP chunk: a heartbeat.
pub fn blank_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"1\r\n\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_lines() {
        let mut out = Vec::new();
        line(&mut out, b"{}");
        line_chunk(&mut out, b"{\"a\":1}");
        blank_chunk(&mut out);
        assert_eq!(out, b"{}\n8\r\n{\"a\":1}\n\r\n1\r\n\n\r\n");
    }
}
