//! The feeds as the shards see them: who owns each, who on which shard wants to hear of its commits, where it is exposed.
//!
//! Owns the wake-up from a commit to the shards: one message per interested shard, and only if the last one has been
//! read. Never reads an event. Tested by `server/tests/`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    },
    thread::{self, Thread},
};

use tailwater_core::{CommitListener, Feed, FeedId, FeedOptions, FeedState};

use crate::{
    config::Dialect,
    dialects::couchdb::{Database, scripts::Workers},
    exposure::Exposure,
    shard::{Message, ShardHandle, views::Waking},
    streams::Streams,
};

/// What one shard has to do with one feed.
#[derive(Default)]
struct Interest {
    readers: AtomicUsize,
    /// A commit message is on its way and has not been read.
    notified: AtomicBool,
}

/// One feed with everything the server keeps beside the log.
pub(crate) struct FeedEntry {
    feed: Arc<Feed>,
    /// Where the feed can be read besides the native API, now.
    exposure: RwLock<Arc<Exposure>>,
    /// The name that keys open it by: of several partitions, that of the first.
    scope: String,
    interest: Box<[Interest]>,
    subscribers: AtomicUsize,
    /// Subscriptions of Streamr's, which are among them.
    pub(crate) streamr_followers: AtomicUsize,
    /// Views of it that want to hear of commits.
    views: AtomicUsize,
    deleted: AtomicBool,
    /// The thread that reads what is committed, once there is one.
    follower: OnceLock<Thread>,
    /// What it is as a CouchDB database, now.
    database: RwLock<Option<Arc<Database>>>,
    /// Somebody changes or deletes it.
    busy: AtomicBool,
}

impl FeedEntry {
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    pub(crate) fn id(&self) -> FeedId {
        self.feed.id()
    }

    /// Where it can be read besides the native API. What belongs together is to be read from one answer.
    pub(crate) fn exposure(&self) -> Arc<Exposure> {
        read(&self.exposure).clone()
    }

    /// Whether it is bound to this dialect now; `None` is what needs no binding.
    pub(crate) fn is_bound(&self, dialect: Option<Dialect>) -> bool {
        dialect.is_none_or(|dialect| self.exposure().has(dialect))
    }

    /// Whether it can be read without a key.
    pub(crate) fn is_public(&self) -> bool {
        self.exposure().public
    }

    /// The right to change or delete it, which one has at a time; `None` while somebody else has it.
    pub(crate) fn claim(self: &Arc<Self>) -> Option<Claim> {
        let is_free = !self.busy.swap(true, Ordering::AcqRel);
        is_free.then(|| Claim { entry: self.clone() })
    }

    /// The name that keys open it by.
    pub(crate) fn scope(&self) -> &str {
        &self.scope
    }

    /// Whether these are the options and bindings the feed has.
    pub(crate) fn has(&self, options: &FeedOptions, exposure: &Exposure) -> bool {
        let stored = self.feed.options();
        stored.retention == options.retention
            && stored.durability == options.durability
            && stored.segment_bytes_max == options.segment_bytes_max
            && stored.first_seq == options.first_seq
            && *self.exposure() == *exposure
    }

    /// The database it is bound to now.
    pub(crate) fn database(&self) -> Option<Arc<Database>> {
        read(&self.database).clone()
    }

    /// Readers that stream this feed now, over all shards.
    pub(crate) fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }

    /// Whether the feed was removed from those that are served. Set before the shards are told.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::SeqCst)
    }

    /// A subscriber on this shard began to read: it sees what is committed now, or a message comes.
    pub(crate) fn join(&self, shard: usize) {
        self.subscribers.fetch_add(1, Ordering::Relaxed);
        self.interest[shard].readers.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The reverse of [`FeedEntry::join`].
    pub(crate) fn leave(&self, shard: usize) {
        self.subscribers.fetch_sub(1, Ordering::Relaxed);
        self.interest[shard].readers.fetch_sub(1, Ordering::SeqCst);
    }

    /// From now on the threads of views are woken by commits: a view sees what is committed now, or its thread is woken.
    pub(crate) fn join_view(&self) {
        self.views.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The reverse of [`FeedEntry::join_view`].
    pub(crate) fn leave_view(&self) {
        self.views.fetch_sub(1, Ordering::SeqCst);
    }

    /// From now on the calling thread is unparked by commits: it sees what is committed now, or is unparked.
    pub(crate) fn follow(&self) {
        self.follower.get_or_init(thread::current);
        fence(Ordering::SeqCst);
    }

    /// Unparks the thread that follows, if there is one.
    pub(crate) fn wake_follower(&self) {
        if let Some(follower) = self.follower.get() {
            follower.unpark();
        }
    }

    /// The shard reads its message now: it sees every commit that found the message under way; a later one sends another.
    pub(crate) fn heard(&self, shard: usize) {
        self.interest[shard].notified.swap(false, Ordering::SeqCst);
    }
}

/// See [`FeedEntry::claim`].
pub(crate) struct Claim {
    entry: Arc<FeedEntry>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.entry.busy.store(false, Ordering::Release);
    }
}

/// All feeds, by name and by number; carries their news to the shards.
pub(crate) struct Feeds {
    shards: Arc<[ShardHandle]>,
    by_name: RwLock<BTreeMap<String, Arc<FeedEntry>>>,
    by_id: RwLock<HashMap<FeedId, Arc<FeedEntry>>>,
    streams: RwLock<Streams>,
    databases: RwLock<BTreeMap<String, Arc<FeedEntry>>>,
    workers: Arc<Workers>,
}

/// What the log reports to. It does not keep the feeds, for they keep the log, and with it the lock of its directory.
pub(crate) struct News {
    feeds: Weak<Feeds>,
}

impl CommitListener for News {
    fn committed(&self, feed: &Feed) {
        if let Some(feeds) = self.feeds.upgrade() {
            feeds.tell_committed(feed);
        }
    }

    fn state_changed(&self, feed: &Feed) {
        let name = feed.name();
        match feed.state() {
            FeedState::Open => tracing::info!(feed = name, "the feed takes events again"),
            FeedState::ReadOnly { reason } => tracing::warn!(feed = name, %reason, "the feed takes no events for now"),
            FeedState::Failed { reason } => tracing::error!(feed = name, %reason, "the feed has failed"),
            FeedState::Closed => tracing::debug!(feed = name, "the feed is closed"),
        }
    }

    fn window_moved(&self, feed: &Feed) {
        if let Some(feeds) = self.feeds.upgrade() {
            feeds.tell_window_moved(feed);
        }
    }

    fn journal_given_up(&self, reason: &str) {
        tracing::warn!(reason, "the journal is not used any more: every feed syncs for itself until the next start");
    }
}

impl Feeds {
    pub(crate) fn new(shards: Arc<[ShardHandle]>, workers: Arc<Workers>) -> Self {
        Self {
            shards,
            by_name: RwLock::default(),
            by_id: RwLock::default(),
            streams: RwLock::default(),
            databases: RwLock::default(),
            workers,
        }
    }

    /// What carries the log's news here for as long as these feeds are served.
    pub(crate) fn news(self: &Arc<Self>) -> News {
        News { feeds: Arc::downgrade(self) }
    }

    fn tell_committed(&self, feed: &Feed) {
        let Some(entry) = self.by_id(feed.id()) else {
            return;
        };
        // The commit is visible before its readers are counted; see `join`.
        fence(Ordering::SeqCst);
        for (shard, interest) in self.shards.iter().zip(&entry.interest) {
            let wanted = interest.readers.load(Ordering::SeqCst) > 0;
            if wanted && !interest.notified.swap(true, Ordering::SeqCst) {
                shard.send(Message::Committed(entry.clone()));
            }
        }
        if entry.views.load(Ordering::SeqCst) > 0 {
            self.workers.wake();
        }
        entry.wake_follower();
    }

    /// Tells the shards with readers of the feed that more of a view of it is known. It has been shown before.
    pub(crate) fn tell_view_moved(&self, entry: &Arc<FeedEntry>, view: &Arc<Waking>) {
        fence(Ordering::SeqCst);
        for (index, (shard, interest)) in self.shards.iter().zip(&entry.interest).enumerate() {
            if interest.readers.load(Ordering::SeqCst) > 0 && view.needs_telling(index) {
                shard.send(Message::ViewMoved(entry.clone(), view.clone()));
            }
        }
    }

    fn tell_window_moved(&self, feed: &Feed) {
        let Some(entry) = self.by_id(feed.id()) else {
            return;
        };
        for (shard, interest) in self.shards.iter().zip(&entry.interest) {
            if interest.readers.load(Ordering::SeqCst) > 0 {
                shard.send(Message::WindowMoved(entry.clone()));
            }
        }
    }

    /// Adds a feed.
    pub(crate) fn add(&self, feed: Arc<Feed>, exposure: Exposure) -> Arc<FeedEntry> {
        let entry = self.entry(feed, exposure);
        self.route(&entry, &entry.exposure());
        write(&self.by_id).insert(entry.id(), entry.clone());
        write(&self.by_name).insert(entry.feed().name().to_owned(), entry.clone());
        entry
    }

    fn entry(&self, feed: Arc<Feed>, exposure: Exposure) -> Arc<FeedEntry> {
        Arc::new(FeedEntry {
            scope: scope(feed.name(), &exposure).to_owned(),
            interest: self.shards.iter().map(|_| Interest::default()).collect(),
            subscribers: AtomicUsize::new(0),
            streamr_followers: AtomicUsize::new(0),
            views: AtomicUsize::new(0),
            deleted: AtomicBool::new(false),
            follower: OnceLock::new(),
            database: RwLock::new(database_of(&feed, &exposure)),
            exposure: RwLock::new(Arc::new(exposure)),
            busy: AtomicBool::new(false),
            feed,
        })
    }

    /// Adds a feed that has readers, but no name that anybody could ask for.
    pub(crate) fn add_derived(&self, feed: Arc<Feed>) -> Arc<FeedEntry> {
        let entry = self.entry(feed, Exposure::default());
        write(&self.by_id).insert(entry.id(), entry.clone());
        entry
    }

    /// Removes such a feed; its readers are told that it is deleted.
    pub(crate) fn remove_derived(&self, entry: &Arc<FeedEntry>) {
        entry.deleted.store(true, Ordering::SeqCst);
        write(&self.by_id).remove(&entry.id());
        for shard in &*self.shards {
            shard.send(Message::Deleted(entry.clone()));
        }
    }

    pub(crate) fn remove(&self, name: &str) -> Option<Arc<FeedEntry>> {
        let entry = write(&self.by_name).remove(name)?;
        entry.deleted.store(true, Ordering::SeqCst);
        write(&self.by_id).remove(&entry.id());
        self.unroute(&entry.exposure());
        if entry.views.load(Ordering::SeqCst) > 0 {
            self.workers.wake();
        }
        Some(entry)
    }

    /// Gives a feed other bindings, for which the caller has its [claim](FeedEntry::claim): from now on requests find it there,
    /// and its streams in dialects that have lost it end.
    pub(crate) fn rebind(&self, entry: &Arc<FeedEntry>, exposure: Exposure) {
        let old = entry.exposure();
        let lost: Arc<[Dialect]> = old.lost(&exposure).into();
        self.unroute(&Exposure {
            couchdb: old.couchdb.clone().filter(|_| lost.contains(&Dialect::Couchdb)),
            streamr: old.streamr.clone().filter(|_| lost.contains(&Dialect::Streamr)),
            ..Exposure::default()
        });
        if lost.contains(&Dialect::Couchdb) || !old.has(Dialect::Couchdb) {
            *write(&entry.database) = database_of(entry.feed(), &exposure);
        }
        let new = Arc::new(exposure);
        *write(&entry.exposure) = new.clone();
        self.route(entry, &new);
        if lost.is_empty() {
            return;
        }
        for shard in &*self.shards {
            shard.send(Message::Unbound(entry.clone(), lost.clone()));
        }
        if entry.views.load(Ordering::SeqCst) > 0 {
            self.workers.wake();
        }
    }

    /// Lets requests find a feed where it is bound.
    fn route(&self, entry: &Arc<FeedEntry>, exposure: &Exposure) {
        if let Some(couchdb) = &exposure.couchdb {
            write(&self.databases).insert(couchdb.db.clone(), entry.clone());
        }
        if let Some(streamr) = &exposure.streamr {
            write(&self.streams).add(streamr, entry);
        }
    }

    /// The reverse of [`Feeds::route`].
    fn unroute(&self, exposure: &Exposure) {
        if let Some(couchdb) = &exposure.couchdb {
            write(&self.databases).remove(&couchdb.db);
        }
        if let Some(streamr) = &exposure.streamr {
            write(&self.streams).remove(streamr);
        }
    }

    /// The threads on which functions are run.
    pub(crate) fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// The feed that is the CouchDB database of this name.
    pub(crate) fn database(&self, db: &str) -> Option<Arc<FeedEntry>> {
        read(&self.databases).get(db).cloned()
    }

    /// The partitions of a Streamr stream, in order; `None` unless all of them are there.
    pub(crate) fn stream(&self, stream: &str) -> Option<Arc<[Arc<FeedEntry>]>> {
        read(&self.streams).get(stream)
    }

    /// The ids of all Streamr streams.
    pub(crate) fn stream_ids(&self) -> Vec<String> {
        read(&self.streams).ids()
    }

    /// Every CouchDB database's feed, in the order of their names.
    pub(crate) fn databases(&self) -> Vec<Arc<FeedEntry>> {
        read(&self.databases).values().cloned().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<FeedEntry>> {
        read(&self.by_name).get(name).cloned()
    }

    /// Every feed, in the order of names.
    pub(crate) fn all(&self) -> Vec<Arc<FeedEntry>> {
        read(&self.by_name).values().cloned().collect()
    }

    /// The feed a condition on its exposure picks.
    pub(crate) fn find(&self, matches: impl Fn(&Exposure) -> bool) -> Option<Arc<FeedEntry>> {
        read(&self.by_name).values().find(|entry| matches(&entry.exposure())).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        read(&self.by_name).len()
    }

    fn by_id(&self, id: FeedId) -> Option<Arc<FeedEntry>> {
        read(&self.by_id).get(&id).cloned()
    }
}

/// What a feed with these bindings is as a CouchDB database.
fn database_of(feed: &Feed, exposure: &Exposure) -> Option<Arc<Database>> {
    exposure.couchdb.as_ref().map(|couchdb| Arc::new(Database::new(feed, &couchdb.db)))
}

/// The feed's name without the number of its partition.
pub(crate) fn scope<'a>(name: &'a str, exposure: &Exposure) -> &'a str {
    match &exposure.streamr {
        Some(streamr) if streamr.partition > 0 => name.strip_suffix(&format!(".{}", streamr.partition)).unwrap_or(name),
        _ => name,
    }
}

// Each change of what these guard is one step, so a poisoned lock still guards a whole one.

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
