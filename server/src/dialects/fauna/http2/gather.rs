//! What the library writes in its turn, until all of it goes to the socket in one system call.
//!
//! Owns the order of the bytes. The library hands out slices that it wants back: most of them lie in frame logs, and are
//! known by their address to be part of what a stream has [lent](Gather::lend), so they are not copied but kept by reference.
//! Whatever else it writes, which is heads of frames and small frames, is copied. Never looks at what the bytes say. Tests are below.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes, BytesMut};

/// Slices that go into one system call.
const SLICES_MAX: usize = 128;
/// Ranges of one stream that are known: the one that it is writing, and the one before, of which the library may still have a part.
const LENT_MAX: usize = 2;
/// What is not worth finding.
const COPIED_BYTES_MAX: usize = 1 << 10;

/// See the module.
#[derive(Default)]
pub(super) struct Gather {
    lent: Vec<(u32, Bytes)>,
    parts: VecDeque<Bytes>,
    /// The end of what is gathered, as far as it was copied.
    copied: BytesMut,
    len: usize,
}

impl Gather {
    /// A range that a stream is about to write.
    pub(super) fn lend(&mut self, stream: u32, range: Bytes) {
        let of_stream = |(owner, _): &&(u32, Bytes)| *owner == stream;
        if self.lent.iter().filter(of_stream).count() >= LENT_MAX
            && let Some(oldest) = self.lent.iter().position(|(owner, _)| *owner == stream)
        {
            self.lent.remove(oldest);
        }
        self.lent.push((stream, range));
    }

    /// The stream writes none of its ranges any more. What is gathered of them stays.
    pub(super) fn give_back(&mut self, stream: u32) {
        self.lent.retain(|(owner, _)| *owner != stream);
    }

    /// Whether streams are sending events.
    pub(super) fn is_lent(&self) -> bool {
        !self.lent.is_empty()
    }

    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        match self.known(bytes) {
            Some(part) => {
                self.close_copied();
                self.parts.push_back(part);
            }
            None => self.copied.extend_from_slice(bytes),
        }
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Does something with as many slices as go into one system call, the first first.
    pub(super) fn with_slices<T>(&mut self, act: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        self.close_copied();
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        act(&slices[..count])
    }

    /// The first so many bytes have gone.
    pub(super) fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while let Some(part) = self.parts.front_mut() {
            if part.len() > count {
                return part.advance(count);
            }
            count -= part.len();
            self.parts.pop_front();
        }
    }

    /// The same bytes as part of a range that was lent.
    fn known(&self, bytes: &[u8]) -> Option<Bytes> {
        if bytes.len() < COPIED_BYTES_MAX {
            return None;
        }
        let within = bytes.as_ptr_range();
        let holds = |range: &Bytes| {
            let all = range.as_ptr_range();
            all.start <= within.start && within.end <= all.end
        };
        self.lent.iter().rev().find(|(_, range)| holds(range)).map(|(_, range)| range.slice_ref(bytes))
    }

    fn close_copied(&mut self) {
        if !self.copied.is_empty() {
            self.parts.push_back(self.copied.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(gather: &mut Gather) -> Vec<Vec<u8>> {
        gather.with_slices(|slices| slices.iter().map(|slice| slice.to_vec()).collect())
    }

    #[test]
    fn order_is_kept_and_what_was_lent_is_not_copied() {
        let range = Bytes::from((0..10_000u32).map(|n| n as u8).collect::<Vec<_>>());
        let mut gather = Gather::default();
        gather.lend(1, range.clone());
        gather.push(b"head");
        gather.push(&range[..5_000]);
        gather.push(b"next ");
        gather.push(b"head");
        gather.push(&range[5_000..]);
        let addresses = gather.with_slices(|slices| slices.iter().map(|slice| slice.as_ptr()).collect::<Vec<_>>());
        assert_eq!((addresses[1], addresses[3]), (range.as_ptr(), range[5_000..].as_ptr()));
        let parts = gathered(&mut gather);
        assert_eq!(parts, [&b"head"[..], &range[..5_000], b"next head", &range[5_000..]]);
        assert_eq!(gather.len(), 10_013);
    }

    #[test]
    fn what_nobody_lent_is_copied_and_so_is_what_is_small() {
        let (range, other) = (Bytes::from(vec![1; 5_000]), vec![2; 5_000]);
        let mut gather = Gather::default();
        gather.lend(1, range.clone());
        gather.push(&other);
        gather.push(&range[..1_000]);
        gather.lend(3, range.clone());
        gather.give_back(1);
        gather.push(&range[..2_000]);
        gather.give_back(3);
        gather.push(&range[..2_000]);
        let is_lent = |slice: &IoSlice<'_>| slice.as_ptr() == range.as_ptr();
        assert_eq!(gather.with_slices(|slices| slices.iter().map(is_lent).collect::<Vec<_>>()), [false, true, false]);
        assert_eq!(gathered(&mut gather).concat().len(), gather.len());
    }

    #[test]
    fn a_stream_has_its_last_two_ranges() {
        let ranges: Vec<_> = (0..3).map(|n| Bytes::from(vec![n; 2_000])).collect();
        let mut gather = Gather::default();
        ranges.iter().for_each(|range| gather.lend(1, range.clone()));
        let known: Vec<_> = ranges.iter().map(|range| gather.known(range).is_some()).collect();
        assert_eq!(known, [false, true, true]);
    }

    #[test]
    fn what_has_gone_is_gone() {
        let mut gather = Gather::default();
        let range = Bytes::from(vec![7; 3_000]);
        gather.lend(1, range.clone());
        let all = [b"ab".as_slice(), &range, b"cd"].concat();
        for part in [&all[..2], &range, b"cd"] {
            gather.push(part);
        }
        let mut left = all.as_slice();
        for count in [1, 1, 2_999, 2, 0, 1] {
            gather.advance(count);
            left = &left[count..];
            assert_eq!((gathered(&mut gather).concat().as_slice(), gather.len()), (left, left.len()));
        }
    }
}
