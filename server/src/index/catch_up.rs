//! From where an index stands to the tail of its log.
//!
//! Owns the walk over the log and the size of batches; what an event means is the caller's. Building an index anew is the same
//! walk from the log's beginning. Tested in [`super`].

use tailwater_core::{Event, Feed};

use super::{Index, Tables, batch::WriteBatch, error::CatchUpError};

/// Events that are written together at most.
const BATCH_EVENTS: usize = 1_000;

/// Bytes of changes that are written together at most; one event is always taken.
const BATCH_BYTES: usize = 4 << 20;

impl<T: Tables> Index<T> {
    /// Applies every event the index has not applied and that is committed now, oldest first, and returns how many those
    /// were. What is committed meanwhile is left for the next time, so that publishers cannot keep it going. `apply` says what
    /// an event changes; it can be asked again for events whose batch was not written, never for one that was. An error of its
    /// own ends the walk; what was written before stays.
    ///
    /// Blocks, for as long as it takes: for a blocking pool or a thread of its own.
    pub fn catch_up<E>(
        &self,
        feed: &Feed,
        mut apply: impl FnMut(&Event<'_>, &mut WriteBatch<'_, T>) -> Result<(), E>,
    ) -> Result<u64, CatchUpError<E>> {
        let last_seq = feed.last_seq();
        let mut seq = self.applied_seq();
        let mut reader = feed.read(seq + 1);
        let mut applied = 0;
        loop {
            let mut batch = self.batch();
            let mut events = 0;
            while seq < last_seq && events < BATCH_EVENTS && batch.byte_len() < BATCH_BYTES {
                let Some(event) = reader.next().transpose()? else { break };
                apply(&event, &mut batch).map_err(CatchUpError::Apply)?;
                batch.applied(&event);
                seq = event.seq;
                events += 1;
            }
            if events == 0 {
                return Ok(applied);
            }
            batch.commit()?;
            applied += events as u64;
        }
    }
}
