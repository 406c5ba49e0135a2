//! Several runs at once: what lies between what a cursor passes over.
//!
//! Owns the list of runs that go into one system call. It is made once and then held to, since what is passed over may change
//! while the bytes are on their way. Tested in `tests/bounds.rs`.

use super::Cursor;

/// Most runs of one list.
pub const RUNS_MAX: usize = 64;

/// See the module. Kept from one send to the next, so that it allocates once.
#[derive(Debug, Default)]
pub struct Runs {
    /// Offsets of where each begins and ends.
    spans: Vec<(u64, u64)>,
}

impl Cursor {
    /// Whether it passes over anything, so that what is ready may lie in several runs.
    pub fn has_gaps(&self) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| bounds.skip.is_some())
    }

    /// Lists the runs within the next `bytes_max` bytes of frames, of which the first is what [`Cursor::ready`] gives.
    pub fn list_runs(&self, bytes_max: usize, runs: &mut Runs) {
        runs.spans.clear();
        let Some(bounds) = &self.bounds else { return };
        let published = self.log.published();
        let limit = published.committed.min(self.offset.saturating_add(bytes_max as u64));
        let (mut offset, mut frame) = (self.offset, u64::from(self.hint.get()));
        while offset < limit && runs.spans.len() < RUNS_MAX {
            frame = self.frame_at(offset, frame, published.count);
            let end = self.run_end_at(offset, frame, bounds).min(limit);
            if end > offset {
                runs.spans.push((offset, end));
                offset = end;
                continue;
            }
            match self.passes_to(self.log.seq(frame), bounds) {
                Some(next) if next > offset => offset = next,
                // It waits here, or is done.
                _ => return,
            }
        }
    }

    /// The bytes of each run.
    pub fn run_bytes<'c>(&'c self, runs: &'c Runs) -> impl Iterator<Item = &'c [u8]> {
        runs.spans.iter().map(|(start, end)| self.log.bytes(*start, *end))
    }

    /// Moves past the first `n` bytes of these runs, which were listed from where it stands.
    ///
    /// # Panics
    /// When they have fewer: bytes that were never sent would be lost.
    pub fn advance_over(&mut self, runs: &Runs, n: usize) {
        let mut left = n as u64;
        for (start, end) in &runs.spans {
            let length = end - start;
            if left <= length {
                self.offset = start + left;
                return;
            }
            left -= length;
        }
        assert_eq!(left, 0, "a cursor advances over listed bytes only");
    }
}
