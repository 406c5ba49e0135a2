//! The few elements of DER that conditions and fulfillments are made of: tagged contents and unsigned integers.
//!
//! Tags are those of the context, numbered by the place of a field or by the type of a condition. The encoding itself is a
//! library's, which accepts one spelling of everything. Tested by the golden transactions in `tests/bigchaindb.rs`.

use der::asn1::{Any, AnyRef};
use der::{Decode, Encode, Reader, SliceReader, TagNumber, Tagged};

pub(super) use der::Tag;

/// The tag of a field that holds bytes.
pub(super) fn primitive(number: u32) -> Tag {
    TagNumber(number).context_specific(false)
}

/// The tag of a field that holds further elements.
pub(super) fn constructed(number: u32) -> Tag {
    TagNumber(number).context_specific(true)
}

/// One element.
pub(super) fn element(tag: Tag, contents: &[u8]) -> Vec<u8> {
    let element = AnyRef::new(tag, contents).and_then(|element| element.to_der());
    element.expect("contents are far below the largest length DER can write")
}

/// The contents of an integer.
pub(super) fn integer(number: u32) -> Vec<u8> {
    let integer = Any::encode_from(&number).expect("every integer of 32 bits has an encoding");
    integer.value().to_vec()
}

/// Reads the contents of an integer from 0 to 2^32-1.
pub(super) fn read_integer(contents: &[u8]) -> Option<u32> {
    AnyRef::new(Tag::Integer, contents).and_then(AnyRef::decode_as).ok()
}

/// Elements, one behind the other.
pub(super) struct Elements<'a>(SliceReader<'a>);

impl<'a> Elements<'a> {
    /// `None` if there are more bytes than DER can count.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        SliceReader::new(bytes).ok().map(Self)
    }

    /// The tag and the contents of the next element.
    pub(super) fn next(&mut self) -> Option<(Tag, &'a [u8])> {
        let element = AnyRef::decode(&mut self.0).ok()?;
        Some((element.tag(), element.value()))
    }

    /// The contents of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: Tag) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }

    /// Whether there are no more.
    pub(super) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_elements() {
        assert_eq!(element(primitive(0), b"ab"), b"\x80\x02ab");
        assert_eq!(element(constructed(4), &[7; 200])[..4], [0xa4, 0x81, 200, 7]);
        assert_eq!(element(Tag::Sequence, b""), b"\x30\x00");
        let table: [(u32, &[u8]); 5] =
            [(0, &[0]), (127, &[127]), (128, &[0, 128]), (131_072, &[2, 0, 0]), (u32::MAX, &[0, 255, 255, 255, 255])];
        for (number, contents) in table {
            assert_eq!(integer(number), contents);
            assert_eq!(read_integer(contents), Some(number));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for contents in [&[][..], &[255], &[0, 1], &[1, 0, 0, 0, 0], &[0, 1, 0, 0, 0, 0]] {
            assert_eq!(read_integer(contents), None, "{contents:?}");
        }
        for bytes in [&b"\x80"[..], b"\x80\x02a", b"\x80\x81\x02ab", b"\xa4\x80\x00\x00", b"\x80\x84\xff\xff\xff\xff"] {
            assert_eq!(Elements::new(bytes).unwrap().next(), None, "{}", bytes.escape_ascii());
        }
        let mut elements = Elements::new(b"\x80\x01a\x81\x00").unwrap();
        assert_eq!(elements.expect(primitive(0)), Some(&b"a"[..]));
        assert!(!elements.is_finished());
        assert_eq!(elements.expect(constructed(1)), None);
    }
}
