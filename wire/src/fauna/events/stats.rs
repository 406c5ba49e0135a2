//! What an event cost.

use crate::json::write_u64;

/// The cost of an event or page, in the protocol's units. They are part of frames, and so must depend on nothing but
/// the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Documents read.
    pub read_ops: u64,
    /// Bytes of documents read.
    pub storage_bytes_read: u64,
    /// Units of evaluation.
    pub compute_ops: u64,
    /// How long it took.
    pub processing_time_ms: u64,
}

impl Stats {
    /// What showing one document costs.
    pub(crate) fn of_document(body_bytes: usize) -> Self {
        Self { read_ops: 1, storage_bytes_read: body_bytes as u64, compute_ops: 1, processing_time_ms: 0 }
    }

    /// Appends the object.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (key, number) in [
            (&b"{\"read_ops\":"[..], self.read_ops),
            (b",\"storage_bytes_read\":", self.storage_bytes_read),
            (b",\"compute_ops\":", self.compute_ops),
            (b",\"processing_time_ms\":", self.processing_time_ms),
        ] {
            out.extend_from_slice(key);
            write_u64(out, number);
        }
        out.extend_from_slice(b",\"rate_limits_hit\":[]}");
    }
}
