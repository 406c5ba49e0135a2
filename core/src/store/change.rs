//! Changing the options of a feed, so that a crash leaves the old ones or the new ones.
//!
//! Owns the order of storage steps: the description is written beside the one that counts, synced, renamed over it, and the
//! directory is synced. What a crash leaves beside it is passed over and written over. Tested with simulated power cuts in
//! `tests/crash.rs`.

use super::Store;
use super::create::write_meta;
use crate::commit::queue::{Command, Reply};
use crate::error::FeedError;
use crate::feed::meta::{FeedMeta, META_FILE};
use crate::feed::options::{Durability, FeedOptions};
use crate::frames::EncodingId;
use crate::storage::Disk;
use futures_channel::oneshot;
use std::io;
use std::path::Path;

impl Store {
    /// Gives a feed other options, durably and at once: retention has them with its next round, durability with the next
    /// group, the size of segments with the next one. With `durability` now [`Durability::Sync`] what was stored before is
    /// synced soon. Frames that say something of the feed that was true of the old options are to be named by their
    /// encodings, and are built anew for whoever asks. `first_seq` cannot be changed. Blocks on the disk: call it from a
    /// blocking pool. When an error of the disk is returned, the next opening finds the old options or the new ones.
    pub fn change_feed(&self, name: &str, options: FeedOptions, stale: &[EncodingId]) -> Result<(), FeedError> {
        options.check()?;
        let feeds = self.inner.feeds();
        let feed = feeds.get(name).ok_or_else(|| FeedError::Unknown { name: name.to_owned() })?;
        let core = &feed.core;
        let old = core.options();
        if options.first_seq != old.first_seq {
            let reason = format!("it is {} since the feed was created, and stays so", old.first_seq);
            return Err(FeedError::Option { option: "first_seq", reason });
        }
        let meta = FeedMeta::new(name, core.uid, &options);
        replace_meta(&*self.inner.shared.options.disk, &core.dir, &meta)
            .map_err(|source| FeedError::Io { path: core.dir.join(META_FILE), source })?;
        let syncs_now = options.durability == Durability::Sync && old.durability != Durability::Sync;
        core.options.set(options);
        if syncs_now {
            let nobody: Reply = oneshot::channel().0;
            core.queue.push(Command::Flush(nobody));
        }
        stale.iter().for_each(|encoding| core.note_stale(*encoding));
        if core.has_stale() {
            core.queue.push(Command::ForgetStale);
        }
        Ok(())
    }
}

fn replace_meta(disk: &dyn Disk, dir: &Path, meta: &FeedMeta) -> io::Result<()> {
    let beside = dir.join("feed.json.tmp");
    write_meta(disk, &beside, meta)?;
    disk.rename(&beside, &dir.join(META_FILE))?;
    disk.sync_dir(dir)
}
