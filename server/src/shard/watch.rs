//! Tasks that wait for news of a feed: answers that are rendered for one request and follow the tail.
//!
//! Owns who waits on this shard. A commit wakes each of them once; whoever reads on does so at its own pace. Never looks at
//! an event. Tested by `server/tests/couchdb/`.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_lite::future;
use tailwater_core::FeedId;

use super::Shard;
use crate::{dialects::couchdb::Database, feeds::FeedEntry};

/// Who is to be woken by news of which feed.
#[derive(Default)]
pub(super) struct Watchers {
    /// By the number of the watch, so that one that waits again and again is there once.
    waiting: RefCell<HashMap<FeedId, HashMap<u64, Waker>>>,
    last: Cell<u64>,
}

impl Watchers {
    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    fn wait(&self, feed: FeedId, watch: u64, cx: &Context<'_>) {
        self.waiting.borrow_mut().entry(feed).or_default().insert(watch, cx.waker().clone());
    }

    fn forget(&self, feed: FeedId, watch: u64) {
        if let Some(waiting) = self.waiting.borrow_mut().get_mut(&feed) {
            waiting.remove(&watch);
        }
    }

    /// Wakes those who wait for the feed.
    pub(super) fn wake(&self, feed: FeedId) {
        let waiting = self.waiting.borrow_mut().remove(&feed);
        waiting.into_iter().flatten().for_each(|(_, waker)| waker.wake());
    }

    /// Wakes everybody.
    pub(super) fn wake_all(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_values().flatten().for_each(|(_, waker)| waker.wake());
    }
}

/// Why waiting has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// There are events behind those that were known.
    Events,
    /// Nothing came for as long as was to be waited.
    Silence,
    /// The feed is gone, or not the database any more that it was; or the appliance stops.
    End,
}

/// One task's interest in one feed.
pub(crate) struct Watch {
    shard: Rc<Shard>,
    feed: Arc<FeedEntry>,
    /// What it is as a database, if it is one.
    database: Option<Arc<Database>>,
    number: u64,
}

impl Watch {
    /// From now on commits are noticed.
    pub(crate) fn new(shard: Rc<Shard>, feed: Arc<FeedEntry>) -> Self {
        feed.join(shard.index);
        let number = shard.watchers.number();
        Self { shard, database: feed.database(), feed, number }
    }

    /// Waits until something holds that commits or views of the feed bring about, at most so long.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool, patience: Duration) -> News {
        let news = poll_fn(|cx| self.poll_until(&holds, cx));
        let silence = async {
            glommio::timer::sleep(patience).await;
            News::Silence
        };
        future::or(news, silence).await
    }

    fn poll_until(&self, holds: impl Fn() -> bool, cx: &Context<'_>) -> Poll<News> {
        if self.shard.draining() || self.is_over() {
            return Poll::Ready(News::End);
        }
        if holds() {
            return Poll::Ready(News::Events);
        }
        self.shard.watchers.wait(self.feed.id(), self.number, cx);
        Poll::Pending
    }

    fn is_over(&self) -> bool {
        let database = |database: &Option<Arc<Database>>| database.as_ref().map(Arc::as_ptr);
        self.feed.is_deleted() || database(&self.feed.database()) != database(&self.database)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shard.watchers.forget(self.feed.id(), self.number);
        self.feed.leave(self.shard.index);
    }
}
