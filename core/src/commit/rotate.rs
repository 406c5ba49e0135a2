//! From one segment to the next.

use super::Writer;
use super::queue::Reply;
use super::tail::{self, Sealing, SucceedError, Tail, next_capacity};
use crate::error::AppendError;
use crate::segment::Segment;
use crate::segment::format::{HEADER_BYTES, Mark, SegmentHeader};
use crate::storage::{DiskFile, Storage};
use crate::store::random_u64;
use std::io;
use std::sync::Arc;

impl<S: Storage> Writer<S> {
    /// Seals the tail and begins a segment with room for `needed` bytes. An error is the refusal of the append that needed it.
    pub(crate) async fn rotate(&mut self, needed: u64) -> Result<(), AppendError> {
        let Some(tail) = &self.tail else { return Err(self.core().ended()) };
        self.rotate_from(tail.segment.header.capacity, needed).await
    }

    /// Seals the tail early, if it holds anything, and begins a segment that is no larger.
    pub(super) async fn seal(&mut self, reply: Reply) {
        let mut result = self.core().state.final_refusal().map_or(Ok(()), Err);
        let holding = self.tail.as_ref().filter(|tail| tail.segment.count() > 0);
        if let Some(capacity) = holding.map(|tail| tail.segment.header.capacity).filter(|_| result.is_ok()) {
            result = self.rotate_from(capacity / 2, 0).await;
        }
        // Whoever no longer waits needs no answer.
        reply.send(result).ok();
    }

    /// The same as [`Writer::rotate`], as if the tail had another capacity.
    async fn rotate_from(&mut self, capacity: u64, needed: u64) -> Result<(), AppendError> {
        let Some(tail) = &self.tail else { return Err(self.core().ended()) };
        let options = self.core().options();
        let planned = next_capacity(capacity, options.segment_bytes_max, options.retention.bytes, needed);
        let store = &self.core().store;
        // A disk that is nearly full is filled with smaller segments.
        let capacity = match store.check_disk(&**self.storage.disk(), planned) {
            Ok(()) => planned,
            Err(_) => self.smallest_next(needed),
        };
        store.check_disk(&**self.storage.disk(), capacity).map_err(|reason| self.read_only(reason))?;
        let header = SegmentHeader {
            feed_uid: self.core().uid,
            base_seq: tail.segment.last_seq() + 1,
            created_ms: store.options.clock.now_ms(),
            capacity,
            salt: random_u64() as u32,
            compacted: false,
        };
        let end = tail.end;
        let file = self.replace_file(tail, header).await?;
        self.synced_to(end);
        self.enter(header, file);
        Ok(())
    }

    /// Bytes of the smallest segment that could come next and has room for `needed` bytes.
    pub(super) fn smallest_next(&self, needed: u64) -> u64 {
        next_capacity(0, self.core().options().segment_bytes_max, None, needed)
    }

    /// The storage steps of a rotation; see [`tail::succeed`].
    async fn replace_file(&self, tail: &Tail, header: SegmentHeader) -> Result<Arc<dyn DiskFile>, AppendError> {
        let sealing = Sealing {
            path: tail.segment.path.clone(),
            file: tail.file.clone(),
            salt: tail.segment.header.salt,
            mark: (tail.end > HEADER_BYTES && !tail.segment.is_sealed())
                .then(|| Mark { sealed: true, ..tail.segment.mark() }),
        };
        let unsynced = tail.synced < tail.end;
        let (disk, dir) = (Arc::clone(self.storage.disk()), self.core().dir.clone());
        let job = self.storage.run(move || {
            if let Some(file) = sealing.file.as_ref().filter(|_| unsynced) {
                file.sync().map_err(SucceedError::Seal)?;
            }
            tail::succeed(&*disk, &dir, &sealing, &header)
        });
        job.await.unwrap_or_else(|lost| Err(SucceedError::Seal(lost))).map_err(|error| self.rotation_refusal(error))
    }

    fn rotation_refusal(&self, error: SucceedError) -> AppendError {
        match error {
            SucceedError::Create(error) if is_full(&error) => self.read_only(format!(
                "no room for another segment in {}: {error}; free some disk space",
                self.core().dir.display()
            )),
            SucceedError::Create(error) | SucceedError::Seal(error) => {
                let reason = format!(
                    "beginning a new segment in {} failed: {error}; restart to recover what is on the disk",
                    self.core().dir.display()
                );
                self.fail(reason.clone());
                AppendError::Failed { reason }
            }
        }
    }

    /// The new segment becomes the tail, with the frames of all live encodings, before the old one is declared finished.
    fn enter(&mut self, header: SegmentHeader, file: Arc<dyn DiskFile>) {
        let core = Arc::clone(self.core());
        let empty = Mark {
            data_end: HEADER_BYTES,
            count: 0,
            last_seq: header.base_seq - 1,
            appended_ms: header.created_ms,
            sealed: false,
        };
        let segment = Arc::new(Segment::new(&core.dir, header, empty, core.store.frames.janitor.clone()));
        let new = Tail::begun(Arc::clone(&segment), file);
        let old = self.tail.replace(new);
        core.segments.push(Arc::clone(&segment));
        if let Some(old) = old {
            old.segment.seal();
            self.carry_over(&segment);
            // The index is a cache: nobody waits for its seal.
            drop(self.storage.run(move || old.segment.index().map(|index| index.seal(&old.segment))));
        }
    }
}

/// Whether an error says that there is no space left.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
