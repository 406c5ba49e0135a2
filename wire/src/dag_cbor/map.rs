//! The entries of one map, as slices.

use super::error::{CborError, CborErrorKind as Kind};
use super::read::{Reader, Token};
use super::skip::{next_key, skip_value};

/// Iterates over the entries of the map at the start of a slice, checking everything on the way.
///
/// What follows the map is left alone; [`end`](Self::end) says where that is. After an error the iterator is finished.
#[derive(Clone, Debug)]
pub struct MapReader<'a> {
    reader: Reader<'a>,
    left: u64,
    last: Option<&'a str>,
}

impl<'a> MapReader<'a> {
    /// Starts reading the map at `pos`.
    ///
    /// # Errors
    /// There is something else.
    pub fn new(bytes: &'a [u8], pos: usize) -> Result<Self, CborError> {
        let mut reader = Reader::new(bytes, pos);
        match reader.token()? {
            Token::Map(left) => Ok(Self { reader, left, last: None }),
            _ => Err(CborError { offset: pos, kind: Kind::NotMap }),
        }
    }

    /// The number of entries not yet read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The position behind what has been read: behind the map, once the iterator is finished.
    pub fn end(&self) -> usize {
        self.reader.pos()
    }

    fn entry(&mut self) -> Result<(&'a str, &'a [u8]), CborError> {
        let key = next_key(&mut self.reader, self.last)?;
        let start = self.reader.pos();
        skip_value(&mut self.reader, 1)?;
        self.last = Some(key);
        Ok((key, self.reader.since(start)))
    }
}

impl<'a> Iterator for MapReader<'a> {
    /// A key and the bytes of its value.
    type Item = Result<(&'a str, &'a [u8]), CborError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.entry();
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}
