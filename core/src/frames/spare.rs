//! Buffers that frames have been written from, for the next frames.
//!
//! Owns a few of them, for all feeds of a store: memory that is used again need not be asked of the kernel and filled with zeros, and
//! a feed that once had a large group keeps nothing. Used by [`super::writer`] and by whoever has written; the lock is held
//! for an instant, a few times a group. Tests are below.

use std::sync::{Mutex, PoisonError};

/// Buffers that are kept.
const COUNT_MAX: usize = 16;

/// Room of one that is kept, in bytes.
const BYTES_MAX: usize = 4 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Spare {
    /// An empty buffer, with room if one is left.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Gives a buffer back; what it holds is forgotten.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if (1..=BYTES_MAX).contains(&buffer.capacity()) {
            let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
            if buffers.len() < COUNT_MAX {
                buffers.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_only_so_many_and_so_large() {
        let spare = Spare::default();
        assert_eq!(spare.take().capacity(), 0);
        spare.give(b"some frames".repeat(100));
        let again = spare.take();
        assert!(again.is_empty() && again.capacity() >= 1100, "{}", again.capacity());
        for refused in [Vec::new(), Vec::with_capacity(BYTES_MAX + 1)] {
            spare.give(refused);
            assert_eq!(spare.take().capacity(), 0);
        }
        (0..COUNT_MAX + 3).for_each(|_| spare.give(Vec::with_capacity(10)));
        assert_eq!((0..COUNT_MAX + 3).filter(|_| spare.take().capacity() > 0).count(), COUNT_MAX);
    }
}
