//! Splits a body into lines (NDJSON; the lines below SSE).

use crate::decode::DecodeError;

/// The splitter of one body.
#[derive(Debug)]
pub struct LineDecoder {
    line_bytes_max: usize,
    carry: Vec<u8>,
}

impl LineDecoder {
    /// A splitter that refuses lines over `line_bytes_max` bytes.
    pub fn new(line_bytes_max: usize) -> Self {
        Self { line_bytes_max, carry: Vec::new() }
    }

    /// Takes the next bytes and gives every line completed by them to `sink`, without its LF or CR LF.
    pub fn feed(
        &mut self,
        mut input: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        while let Some(at) = memchr::memchr(b'\n', input) {
            let (head, rest) = (&input[..at], &input[at + 1..]);
            input = rest;
            self.check(self.carry.len() + head.len())?;
            if self.carry.is_empty() {
                sink(without_cr(head))?;
            } else {
                self.carry.extend_from_slice(head);
                sink(without_cr(&self.carry))?;
                self.carry.clear();
            }
        }
        self.check(self.carry.len() + input.len())?;
        self.carry.extend_from_slice(input);
        Ok(())
    }

    fn check(&self, line_bytes: usize) -> Result<(), DecodeError> {
        if line_bytes <= self.line_bytes_max {
            return Ok(());
        }
        let reason = format!("a line of over {} bytes", self.line_bytes_max);
        Err(DecodeError::new("lines", reason))
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
