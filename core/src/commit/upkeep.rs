//! What a writer does besides appending: syncs, the clean close.

use super::Writer;
use super::queue::Reply;
use super::tail;
use crate::error::AppendError;
use crate::feed::FeedState;
use crate::feed::options::Durability;
use crate::segment::format::HEADER_BYTES;
use crate::storage::{DiskFile, Storage};
use std::io;
use std::sync::Arc;
use std::time::Duration;

impl<S: Storage> Writer<S> {
    pub(super) async fn flush(&mut self, reply: Reply) {
        let result = self.sync().await;
        reply.send(result).ok();
    }

    /// Plans the sync that [`Durability::Interval`] promises.
    pub(super) fn schedule_sync(&mut self) {
        let Durability::Interval { ms } = self.core().options().durability else { return };
        if !self.sync_scheduled {
            self.sync_scheduled = true;
            self.core().store.ticker.sync_after(Duration::from_millis(ms), self.core());
        }
    }

    pub(super) async fn sync_due(&mut self) {
        self.sync_scheduled = false;
        // A failure is the feed's state from here on.
        self.sync().await.ok();
    }

    /// Brings everything written to the disk.
    pub(crate) async fn sync(&mut self) -> Result<(), AppendError> {
        if let Some(refusal) = self.core().state.final_refusal() {
            return Err(refusal);
        }
        let Some(tail) = self.tail.as_mut().filter(|tail| tail.synced < tail.end) else { return Ok(()) };
        let Some(file) = tail.file.clone() else { return Ok(()) };
        let end = tail.end;
        match self.storage.run(move || file.sync()).await.flatten() {
            Ok(()) => {
                self.synced_to(end);
                Ok(())
            }
            Err(error) => Err(self.sync_failed(&error)),
        }
    }

    /// The tail is synced up to here: the journal need not keep what it has of this feed.
    pub(super) fn synced_to(&mut self, end: u64) {
        let Some(tail) = &mut self.tail else { return };
        let was_journaled = tail.synced < tail.durable;
        (tail.synced, tail.durable) = (end, end);
        if was_journaled {
            self.core().store.journal.settle(self.core().id);
        }
    }

    fn sync_failed(&self, error: &io::Error) -> AppendError {
        let path = self.tail.as_ref().map(|tail| tail.segment.path.display().to_string()).unwrap_or_default();
        let reason = format!("syncing {path} failed: {error}; restart to recover what is on the disk");
        self.fail(reason.clone());
        AppendError::Failed { reason }
    }

    /// Ends the feed: what is stored is synced and marked, so that the loss of any of it would be noticed.
    pub(super) async fn close(mut self, reply: Reply) {
        let mut result = self.sync().await;
        if result.is_ok() {
            result = self.mark_closed().await;
        }
        self.set_state(FeedState::Closed);
        drop(self);
        reply.send(result).ok();
    }

    async fn mark_closed(&mut self) -> Result<(), AppendError> {
        let Some(tail) = &self.tail else { return Ok(()) };
        let segment = Arc::clone(&tail.segment);
        if segment.is_sealed() || tail.end == HEADER_BYTES || segment.marked_end() == tail.end {
            return Ok(());
        }
        let (disk, file) = (Arc::clone(self.storage.disk()), tail.file.clone());
        let job = self.storage.run(move || {
            let file: Arc<dyn DiskFile> = tail::open(&*disk, file, &segment.path)?;
            tail::write_mark(&*file, segment.header.salt, &segment.mark())
        });
        job.await.flatten().map_err(|error| self.sync_failed(&error))
    }
}
