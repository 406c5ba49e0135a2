//! Puts a rewritten segment in the place of those it was made of.
//!
//! Owns the order of storage steps in which a crash at any point leaves the old segments or the new one: what has superseded the
//! dropped events is synced; the new file is renamed over the first of the old ones; the directory is synced; only then the rest
//! of the old files is removed, whose events the new one has. Recovery removes those if that was not reached. Runs between two
//! commits of the feed's writer, so neither commits nor retention see half of it.

use super::rewrite::Rewritten;
use crate::commit::Writer;
use crate::error::CompactError;
use crate::segment::segments_dir;
use crate::storage::Storage;
use std::sync::Arc;

impl<S: Storage> Writer<S> {
    /// See the module. When it fails nothing has changed for readers.
    pub(crate) async fn replace(&mut self, rewritten: Rewritten) -> Result<(), CompactError> {
        let Rewritten { old, new, mut temporary } = rewritten;
        self.sync().await?;
        let core = Arc::clone(self.core());
        let Some(from) = temporary.path().filter(|_| core.segments.hold(&old)).map(ToOwned::to_owned) else {
            return Err(CompactError::Changed);
        };
        let (disk, to, dir) = (Arc::clone(self.storage.disk()), new.path.clone(), segments_dir(&core.dir));
        let job = self.storage.run(move || {
            let renamed = disk.rename(&from, &to);
            if renamed.is_ok() {
                temporary.keep();
            }
            renamed.and_then(|()| disk.sync_dir(&dir))
        });
        // Without the sync the old files must stay: the new name could be lost and the rest of them gone.
        job.await.flatten().map_err(|source| CompactError::Io { path: new.path.clone(), source })?;
        let bytes = old.iter().map(|segment| segment.data_bytes()).sum::<u64>() - new.data_bytes();
        let count = old.iter().map(|segment| segment.count()).sum::<u64>() - new.count();
        if core.segments.replace(&old, new) {
            core.position.thin_out(bytes, count);
        }
        self.doomed.extend(old.iter().skip(1).map(|segment| segment.path.clone()));
        self.remove_doomed().await;
        Ok(())
    }
}
