//! Retention: what leaves the window, and in which order.
//!
//! Owns the two rules, by age and by bytes; whole segments are dropped, oldest first. The window moves before a file is removed,
//! and each removal is synced before the next, so that after a crash the remaining segments are contiguous. Cursors within a
//! dropped segment may finish it. Tested in `tests/retention.rs`.

use crate::commit::Writer;
use crate::feed::FeedCore;
use crate::feed::segments::window_start;
use crate::segment::{Segment, segments_dir};
use crate::storage::{Disk, Storage};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether there is something for [`Writer::retain`] to do. Cheap; asked about once a second.
pub(crate) fn is_due(core: &FeedCore, now_ms: u64) -> bool {
    core.segments.oldest().is_some_and(|oldest| is_doomed(core, &oldest, now_ms))
}

/// Whether retention wants the oldest segment gone.
fn is_doomed(core: &FeedCore, oldest: &Segment, now_ms: u64) -> bool {
    // Only compaction leaves sealed segments without events.
    if oldest.count() == 0 && !oldest.is_sealed() {
        return false;
    }
    let options = core.options();
    let retention = &options.retention;
    let too_old = retention.age_ms.is_some_and(|age_ms| oldest.appended_ms().saturating_add(age_ms) <= now_ms);
    let too_much = retention.bytes.is_some_and(|bytes| core.position.bytes() > bytes);
    too_old || (too_much && oldest.is_sealed())
}

impl<S: Storage> Writer<S> {
    /// Drops every segment that has left the window.
    pub(crate) async fn retain(&mut self) {
        let core = Arc::clone(self.core());
        let now_ms = core.store.options.clock.now_ms();
        let mut moved = false;
        while let Some(oldest) = core.segments.oldest().filter(|oldest| is_doomed(&core, oldest, now_ms)) {
            if core.state.final_refusal().is_some() {
                return;
            }
            // A quiet tail is left behind for an empty segment first, which remembers the next seq.
            if core.segments.len() == 1 && self.rotate(0).await.is_err() {
                break;
            }
            self.drop_oldest(&oldest);
            moved = true;
        }
        if let Some(listener) = core.store.options.listener.as_ref().filter(|_| moved) {
            listener.window_moved(self.feed());
        }
        self.remove_doomed().await;
    }

    fn drop_oldest(&mut self, oldest: &Segment) {
        let core = self.core();
        let Some(next) = core.segments.after(oldest.header.base_seq) else { return };
        core.position.shrink(next.header.base_seq, window_start(&next), oldest.data_bytes(), oldest.count());
        core.segments.pop();
        self.doomed.push_back(oldest.path.clone());
    }

    /// Removes the files of dropped segments. What cannot be removed now is tried again with the next removal.
    pub(crate) async fn remove_doomed(&mut self) {
        if self.doomed.is_empty() {
            return;
        }
        let (disk, dir) = (Arc::clone(self.storage.disk()), segments_dir(&self.core().dir));
        let doomed = std::mem::take(&mut self.doomed);
        if let Ok(left) = self.storage.run(move || remove_in_order(&*disk, &dir, doomed)).await {
            self.doomed = left;
        }
    }
}

/// Removes files in order, stopping at the first that cannot be removed; returns those that are left.
fn remove_in_order(disk: &dyn Disk, dir: &Path, mut paths: VecDeque<PathBuf>) -> VecDeque<PathBuf> {
    while let Some(path) = paths.front() {
        let removed = match disk.remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        };
        if removed.and_then(|()| disk.sync_dir(dir)).is_err() {
            break;
        }
        // Its index is a cache; one that is left behind is overwritten or ignored.
        std::fs::remove_file(index_beside(path)).ok();
        paths.pop_front();
    }
    paths
}

fn index_beside(segment: &Path) -> PathBuf {
    let feed_dir = segment.parent().and_then(Path::parent).unwrap_or(segment);
    let name = segment.with_extension("idx");
    feed_dir.join("index").join(name.file_name().unwrap_or_default())
}
