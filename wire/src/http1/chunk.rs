//! Chunks of a chunked response body (RFC 9112, 7.1).

use crate::prefix;

/// Ends a chunked body (no trailers).
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A usize in hexadecimal and CR LF.
const SIZE_LINE_BYTES_MAX: usize = 18;

/// Appends `bytes` as one chunk. No bytes make no chunk: a chunk of length 0 would end the body.
pub fn chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    chunk_with(out, |out| out.extend_from_slice(bytes));
}

/// Appends whatever `body` writes as one chunk; nothing if it writes nothing.
pub fn chunk_with(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    // Three digits: most events have between 256 and 4,095 bytes.
    prefix::framed(out, 5, size_line, body);
    if out[start..] == *b"0\r\n" {
        out.truncate(start);
    } else {
        out.extend_from_slice(b"\r\n");
    }
}

fn size_line(len: usize) -> ([u8; SIZE_LINE_BYTES_MAX], usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1) as usize;
    let mut line = [0; SIZE_LINE_BYTES_MAX];
    for (at, digit) in line[..digits].iter_mut().enumerate() {
        *digit = HEX[(len >> (4 * (digits - 1 - at))) & 15];
    }
    line[digits] = b'\r';
    line[digits + 1] = b'\n';
    (line, digits + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_lines_have_no_leading_zeros_at_every_width() {
        for len in [1usize, 9, 10, 15, 16, 255, 256, 4095, 4096, 65_535, 65_536, 1 << 20] {
            let body = vec![b'x'; len];
            let mut out = b"before".to_vec();
            chunk(&mut out, &body);
            let expected = [b"before", format!("{len:x}\r\n").as_bytes(), &body, b"\r\n"].concat();
            assert!(out == expected, "length {len}");
        }
    }

    #[test]
    fn an_empty_chunk_is_not_written() {
        let mut out = b"0".to_vec();
        chunk(&mut out, b"");
        assert_eq!(out, b"0");
    }
}
