//! Where the writers of a shard's feeds run what blocks, and how they pause.
//!
//! Owns nothing but the pool's handle: the threads are [`PoolStorage`]'s, the pause is [`breathe`]. Tested by `server/tests/`.

use std::{io, sync::Arc};

use tailwater_core::storage::{Disk, PoolStorage, Storage};

use super::breathe;

/// See the module.
pub(super) struct ShardStorage(pub(super) PoolStorage);

impl Storage for ShardStorage {
    fn disk(&self) -> &Arc<dyn Disk> {
        self.0.disk()
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = io::Result<T>> {
        self.0.run(job)
    }

    async fn breathe(&self) {
        breathe().await;
    }
}
