//! One page of events: `{"events":[...],"cursor":N}`.

use tailwater_core::Event;

use super::json::write_event;
use crate::json::write_u64;

/// Writes a page event by event.
#[derive(Debug)]
pub struct PageWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> PageWriter<'o> {
    /// Starts a page.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"events\":[");
        Self { out, is_empty: true }
    }

    /// Appends an event.
    pub fn push(&mut self, event: &Event<'_>) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        write_event(event, self.out);
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Ends the page. `next` is the cursor of the page behind it: the seq after the last event, or the cursor asked for if
    /// there was none.
    pub fn finish(self, next: u64) {
        self.out.extend_from_slice(b"],\"cursor\":");
        write_u64(self.out, next);
        self.out.push(b'}');
    }
}
