//! Server-sent events: lines in, the data of each dispatched event out (WHATWG HTML, section 9.2.6).
//!
//! Lines end with LF or CR LF; the lone CR the standard also allows is not understood (no server here sends it).

use crate::decode::DecodeError;

/// The decoder of one stream.
#[derive(Debug)]
pub struct SseDecoder {
    data_bytes_max: usize,
    data: Vec<u8>,
    has_data: bool,
}

impl SseDecoder {
    /// A decoder that refuses events with over `data_bytes_max` bytes of data.
    pub fn new(data_bytes_max: usize) -> Self {
        Self { data_bytes_max, data: Vec::new(), has_data: false }
    }

    /// Takes one line; at the end of an event that has data, gives the data to `sink`.
    pub fn line(
        &mut self,
        line: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if line.is_empty() {
            return self.dispatch(sink);
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        if field == b"data" {
            self.append(value.strip_prefix(b" ").unwrap_or(value))?;
        }
        Ok(())
    }

    fn append(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        if self.data.len() + value.len() > self.data_bytes_max {
            let reason = format!("an event of over {} bytes", self.data_bytes_max);
            return Err(DecodeError::new("SSE", reason));
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
        Ok(())
    }

    fn dispatch(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
        if !self.has_data {
            return Ok(());
        }
        let dispatched = sink(&self.data);
        self.data.clear();
        self.has_data = false;
        dispatched
    }
}
