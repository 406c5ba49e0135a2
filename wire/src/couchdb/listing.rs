//! JSON objects with one long array, row by row: what `_all_docs`, `_find` and views answer with.
//!
//! As in [`super::changes::response`], rows are gathered into chunks of up to 1,490 bytes.

use crate::http1::{LAST_CHUNK, chunk, chunk_with};
use crate::json::{write_str, write_u64};

/// CouchDB gathers rows up to this many bytes.
const CHUNK_BYTES: usize = 1_490;

/// An answer while it is written.
#[derive(Clone, Debug)]
pub struct Listing {
    gathered: Vec<u8>,
    has_rows: bool,
    /// What stands before the first row.
    first: &'static [u8],
}

impl Listing {
    /// Starts the answer of `_all_docs`. `offset` is how many rows come before; `None` shows `null`, as for `keys`.
    pub fn rows(total_rows: u64, offset: Option<u64>, update_seq: Option<&str>) -> Self {
        let mut gathered = b"{\"total_rows\":".to_vec();
        write_u64(&mut gathered, total_rows);
        gathered.extend_from_slice(b",\"offset\":");
        match offset {
            Some(offset) => write_u64(&mut gathered, offset),
            None => gathered.extend_from_slice(b"null"),
        }
        if let Some(update_seq) = update_seq {
            gathered.extend_from_slice(b",\"update_seq\":");
            write_str(&mut gathered, update_seq);
        }
        gathered.extend_from_slice(b",\"rows\":[\r\n");
        Self { gathered, has_rows: false, first: b"" }
    }

    /// Starts the answer of `_find`.
    pub fn docs(out: &mut Vec<u8>) -> Self {
        chunk(out, b"{\"docs\":[");
        Self { gathered: Vec::new(), has_rows: false, first: b"\r\n" }
    }

    /// Appends a row.
    pub fn row(&mut self, row: &[u8], out: &mut Vec<u8>) {
        let separator = if self.has_rows { &b",\r\n"[..] } else { self.first };
        if !self.gathered.is_empty() && self.gathered.len() + separator.len() + row.len() > CHUNK_BYTES {
            chunk(out, &self.gathered);
            self.gathered.clear();
        }
        self.gathered.extend_from_slice(separator);
        self.gathered.extend_from_slice(row);
        self.has_rows = true;
    }

    /// Ends the answer of `_all_docs`.
    pub fn end_rows(self, out: &mut Vec<u8>) {
        chunk(out, &[&self.gathered[..], b"\r\n]}"].concat());
        end(out);
    }

    /// Ends the answer of `_find`. `execution_stats` is JSON.
    pub fn end_docs(self, bookmark: &str, warning: Option<&str>, execution_stats: Option<&[u8]>, out: &mut Vec<u8>) {
        chunk(out, &[&self.gathered[..], b"\r\n]"].concat());
        chunk_with(out, |out| {
            out.extend_from_slice(b",\r\n\"bookmark\": ");
            write_str(out, bookmark);
            if let Some(stats) = execution_stats {
                out.extend_from_slice(b",\r\n\"execution_stats\": ");
                out.extend_from_slice(stats);
            }
            if let Some(warning) = warning {
                out.extend_from_slice(b",\r\n\"warning\": ");
                write_str(out, warning);
            }
            out.extend_from_slice(b"}\r\n");
        });
        end(out);
    }
}

fn end(out: &mut Vec<u8>) {
    chunk(out, b"\n");
    out.extend_from_slice(LAST_CHUNK);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(mut chunked: &[u8]) -> String {
        let mut out = Vec::new();
        assert!(crate::http1::ChunkedDecoder::new(1 << 20).decode(&mut chunked, &mut out).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_answers() {
        let mut out = Vec::new();
        let mut listing = Listing::rows(7, Some(0), None);
        listing.row(b"{}", &mut out);
        listing.row(b"[]", &mut out);
        listing.end_rows(&mut out);
        let text = "{\"total_rows\":7,\"offset\":0,\"rows\":[\r\n{},\r\n[]\r\n]}";
        let expected = format!("{:x}\r\n{text}\r\n1\r\n\n\r\n0\r\n\r\n", text.len());
        assert_eq!(String::from_utf8(out).unwrap(), expected);

        let mut out = Vec::new();
        Listing::rows(7, None, Some("7-x")).end_rows(&mut out);
        let start = "3f\r\n{\"total_rows\":7,\"offset\":null,\"update_seq\":\"7-x\",\"rows\":[\r\n\r\n]}\r\n";
        assert!(out.starts_with(start.as_bytes()), "{}", out.escape_ascii());

        let mut out = Vec::new();
        let mut listing = Listing::docs(&mut out);
        listing.row(b"{}", &mut out);
        listing.row(b"{}", &mut out);
        listing.end_docs("nil", Some("slow"), Some(b"{}"), &mut out);
        let expected = "9\r\n{\"docs\":[\r\nc\r\n\r\n{},\r\n{}\r\n]\r\n43\r\n,\r\n\"bookmark\": \"nil\",\r\n\"execution_stats\": {},\r\n\"warning\": \"slow\"}\r\n\r\n1\r\n\n\r\n0\r\n\r\n";
        assert_eq!(out.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string());
    }

    #[test]
    fn long_answers_leave_in_chunks() {
        let mut out = Vec::new();
        let mut listing = Listing::rows(9, Some(0), None);
        let row = vec![b'7'; 500];
        (0..9).for_each(|_| listing.row(&row, &mut out));
        assert!(out.len() > 2_000, "rows are sent on the way");
        listing.end_rows(&mut out);
        let parsed: serde_json::Value = serde_json::from_str(&body(&out).replace(&"7".repeat(500), "7")).unwrap();
        assert_eq!(parsed["rows"].as_array().unwrap().len(), 9);
    }
}
