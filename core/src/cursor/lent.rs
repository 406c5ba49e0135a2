//! Frames that go on being there while somebody else sends them.
//!
//! Owns a range of one frame log, which it keeps mapped and so out of eviction's reach. Never copies. Tested in
//! `tests/cursors.rs`.

use super::Cursor;
use crate::frames::frame_log::FrameLog;
use std::sync::Arc;

/// A range of frames; its bytes never change and stay where they are for as long as it lives.
#[derive(Debug)]
pub struct Lent {
    log: Arc<FrameLog>,
    start: u64,
    end: u64,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.log.bytes(self.start, self.end)
    }
}

impl Cursor {
    /// The next frames that are whole within `bytes_max` bytes, or else the next one; none where [`Cursor::ready`] is empty.
    /// `ends` is told where each ends, counted from the first byte. In the middle of a frame, its rest counts as one.
    pub fn lend(&self, bytes_max: usize, ends: &mut Vec<usize>) -> Lent {
        ends.clear();
        let (start, published) = (self.offset, self.log.published());
        let limit = self.ready_end(usize::MAX);
        let mut end = start;
        if start < limit {
            let first = self.frame_at_offset(published.count);
            let frame_ends = (first..published.count).map(|frame| self.log.end(frame)).take_while(|end| *end <= limit);
            for frame_end in frame_ends {
                if frame_end - start > bytes_max as u64 && !ends.is_empty() {
                    break;
                }
                end = frame_end;
                ends.push((end - start) as usize);
            }
        }
        Lent { log: Arc::clone(&self.log), start, end }
    }
}
