//! The tasks of a shard beside its sweep, and their end.
//!
//! Owns the count of those that run. An executor that ends forgets its waiting tasks without dropping them, and with them
//! would stay the appliance and the lock of the data directory; so every task is raced with the end of its shard. Never
//! knows what a task does. Tested by `server/tests/shutdown.rs`.

use std::{cell::Cell, convert::Infallible, rc::Rc};

use async_channel::{Receiver, Sender};
use futures_lite::future;
use glommio::TaskQueueHandle;

/// The tasks of one shard.
pub(super) struct Tasks {
    queue: TaskQueueHandle,
    running: Rc<Cell<usize>>,
    /// Carries nothing; closed when the shard ends.
    end: Sender<Infallible>,
    ended: Receiver<Infallible>,
}

impl Tasks {
    /// Tasks that run in `queue` of this thread's executor; none yet.
    pub(super) fn new(queue: TaskQueueHandle) -> Self {
        let (end, ended) = async_channel::bounded(1);
        Self { queue, running: Rc::default(), end, ended }
    }

    /// Runs a task until it is done or the shard ends.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let (running, ended) = (self.running.clone(), self.ended.clone());
        running.set(running.get() + 1);
        let raced = async move {
            let end = async {
                // An error is the news: the channel was closed.
                let _closed = ended.recv().await;
            };
            future::or(task, end).await;
            running.set(running.get() - 1);
        };
        glommio::spawn_local_into(raced, self.queue)
            .expect("the queue was made on this executor and is never removed")
            .detach();
    }

    /// Drops every task where it waits, and returns when all are gone.
    pub(super) async fn end(&self) {
        self.end.close();
        while self.running.get() > 0 {
            glommio::executor().yield_task_queue_now().await;
        }
    }
}
