//! A file of captured frames: each a 4-byte little-endian length and the frame, which is also the form they are posted in.

use std::path::Path;

use crate::error::Error;

/// A corpus in memory.
#[derive(Debug)]
pub(crate) struct Corpus {
    bytes: Vec<u8>,
    /// Where each frame's length prefix starts, and the end of the last frame.
    starts: Vec<usize>,
}

impl Corpus {
    /// Reads and splits the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let what = || format!("reading corpus {}", path.display());
        let bytes = std::fs::read(path).map_err(Error::io(what()))?;
        Self::split(path, bytes)
    }

    fn split(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let refuse = |offset, reason| Error::Corpus { path: path.to_owned(), offset, reason };
        let mut starts = vec![0];
        let mut at = 0;
        while at < bytes.len() {
            let prefix =
                bytes[at..].first_chunk::<4>().ok_or_else(|| refuse(at, "the file ends inside a length prefix"))?;
            let end = at + 4 + u32::from_le_bytes(*prefix) as usize;
            if end > bytes.len() {
                return Err(refuse(at, "the frame is longer than the rest of the file"));
            }
            starts.push(end);
            at = end;
        }
        if starts.len() == 1 {
            return Err(refuse(0, "the file has no frames"));
        }
        Ok(Self { bytes, starts })
    }

    /// How many frames it has.
    pub fn frames(&self) -> u64 {
        self.starts.len() as u64 - 1
    }

    /// Appends `count` frames beginning with the one of index `first`, starting over at the end.
    pub fn append(&self, out: &mut Vec<u8>, first: u64, count: u32) {
        let mut left = count as usize;
        let mut from = (first % self.frames()) as usize;
        while left > 0 {
            let to = (from + left).min(self.starts.len() - 1);
            out.extend_from_slice(&self.bytes[self.starts[from]..self.starts[to]]);
            left -= to - from;
            from = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: &[u8]) -> Result<Corpus, Error> {
        Corpus::split(Path::new("c"), bytes.to_vec())
    }

    #[test]
    fn frames_go_round() {
        let corpus = split(b"\x01\0\0\0a\x02\0\0\0bc\0\0\0\0").unwrap();
        assert_eq!(corpus.frames(), 3);
        let posted = |first, count| {
            let mut out = Vec::new();
            corpus.append(&mut out, first, count);
            out
        };
        assert_eq!(posted(0, 3), corpus.bytes);
        assert_eq!(posted(1, 1), b"\x02\0\0\0bc");
        assert_eq!(posted(5, 2), b"\0\0\0\0\x01\0\0\0a");
        assert_eq!(posted(3, 7), [&corpus.bytes[..], &corpus.bytes, b"\x01\0\0\0a"].concat());
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let table: [(&[u8], usize); 4] =
            [(b"", 0), (b"\x01\0\0", 0), (b"\x01\0\0\0a\x02\0\0\0b", 5), (b"\xff\xff\xff\xff", 0)];
        for (bytes, expected) in table {
            match split(bytes).unwrap_err() {
                Error::Corpus { offset, .. } => assert_eq!(offset, expected, "{bytes:x?}"),
                other => panic!("{other}"),
            }
        }
    }
}
