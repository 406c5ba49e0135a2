//! A database: a feed, its documents as they are, and its history.
//!
//! | file | owns |
//! | --- | --- |
//! | [`databases`] | which databases there are |
//! | [`table`] | what the index has of a document |
//! | [`recent`] | what it has of documents that events were about lately |
//! | [`body`] | the document itself, in the feed's log |
//! | [`follow`] | from where the index stands to the tail of the feed; the history |
//! | [`store`] | the database as queries see it |
//! | [`queue`] | what waits for the thread, and how much of it may |
//! | [`thread`] | the thread: follow, evaluate what writes, append |
//! | [`window`] | where a stream or a page begins, given what the history holds |
//!
//! Owns the side that requests see, on any shard. Never appends by itself. Tested by `server/tests/fauna/`.

mod body;
mod databases;
mod follow;
mod queue;
mod recent;
mod store;
mod table;
mod thread;
mod window;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_lite::future;
use tailwater_core::Feed;
use tailwater_wire::fauna::{
    cursor::Cursor,
    encode::Errors,
    errors::ApiError,
    fql::{Limits, Store, StoreError, evaluate},
    request::QueryRequest,
    source::Source,
    token::TokenKey,
};

use self::{
    databases::Registry,
    queue::Queue,
    store::{Pending, Reading},
    table::Table,
    thread::Worker,
};
pub(crate) use self::{
    databases::{CREATED_OPTION, Databases, SWITCHED_OFF_OPTION, child_path},
    queue::{Answered, Done},
    window::Begins,
};
use crate::{
    aside::Aside,
    clock::now_us,
    feeds::FeedEntry,
    index::{Index, IndexError, Indexes},
};

/// How long a request waits for an index that is being opened; it takes a moment unless much has to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ids are those of microseconds, and so many in each: as long as the original's, and later ones are larger.
const IDS_PER_US: u64 = 200;

/// What the thread and the requests share.
struct Shared {
    entry: Arc<FeedEntry>,
    history: Arc<FeedEntry>,
    /// The collection of what is published without one.
    own: String,
    path: String,
    registry: Weak<Registry>,
    token_key: TokenKey,
    created_us: u64,
    /// `None` while there is none that knows every event.
    index: RwLock<Option<Index<Table>>>,
    /// The index is there, and nobody found it damaged.
    is_ready: AtomicBool,
    is_stopping: AtomicBool,
    /// The last event in the index and the history, and its time.
    applied: Mutex<(u64, u64)>,
    applied_seq: AtomicU64,
    /// When a collection last came or went.
    schema_version_us: AtomicU64,
    last_time_us: AtomicU64,
    last_id: AtomicU64,
}

impl Shared {
    fn feed(&self) -> &Arc<Feed> {
        self.entry.feed()
    }

    fn history(&self) -> &Arc<Feed> {
        self.history.feed()
    }

    fn own(&self) -> &str {
        &self.own
    }

    fn uid(&self) -> u64 {
        self.feed().uid()
    }

    fn token_key(&self) -> &TokenKey {
        &self.token_key
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::SeqCst)
    }

    fn index(&self) -> RwLockReadGuard<'_, Option<Index<Table>>> {
        // It is replaced in one step, so a poisoned lock still guards a whole one.
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an index known, or none. Waits for those who read the one before.
    fn set_index(&self, index: Option<Index<Table>>) {
        let is_ready = index.is_some();
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        self.is_ready.store(is_ready, Ordering::SeqCst);
    }

    fn set_applied(&self, seq: u64, time_us: u64) {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner) = (seq, time_us);
        self.applied_seq.store(seq, Ordering::SeqCst);
        self.last_time_us.fetch_max(time_us, Ordering::Relaxed);
    }

    /// The time of the last event that is known; 0 if there never was one.
    fn applied_time_us(&self) -> u64 {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Behind the last event that is known. Its time is that of the database's creation if there never was one: no later
    /// event is earlier.
    fn position(&self) -> Cursor {
        let (seq, time_us) = *self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let time_us = if time_us == 0 { self.created_us } else { time_us };
        Cursor { uid: self.uid(), time_us, seq }
    }

    /// Whether the index knows every event there is.
    fn is_settled(&self) -> bool {
        self.is_ready() && self.applied_seq.load(Ordering::SeqCst) >= self.feed().last_seq()
    }

    /// Why nothing is said while there is no index that can be read.
    fn unready(&self) -> StoreError {
        if self.is_stopping() {
            return queue::stopping();
        }
        StoreError::Internal("The database's index cannot be read. Try again in a moment.".to_owned())
    }

    /// Has the thread open the index anew.
    fn distrust(&self, error: &IndexError) {
        tracing::error!(feed = self.feed().name(), %error, "the index of the Fauna database could not be read");
        self.is_ready.store(false, Ordering::SeqCst);
        self.entry.wake_follower();
    }

    /// The time of a transaction: later than all before.
    fn next_time_us(&self) -> u64 {
        let (last, now) = (self.last_time_us.load(Ordering::Relaxed), now_us());
        let next = now.max(last + 1);
        self.last_time_us.fetch_max(next, Ordering::Relaxed);
        next
    }

    fn new_id(&self) -> u64 {
        let now = now_us() * IDS_PER_US;
        let next = |last| Some(now.max(last + 1));
        let last = self.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_else(|last| last);
        now.max(last + 1)
    }

    fn child_created_us(&self, name: &str) -> Option<u64> {
        let child = self.registry.upgrade()?.get(&child_path(&self.path, name))?;
        Some(child.shared.created_us)
    }
}

/// One database.
pub(crate) struct Database {
    shared: Arc<Shared>,
    queue: Queue,
    thread: Aside,
    /// Errors of the sources that are followed, by the names of their encodings.
    errors: Mutex<HashMap<String, Weak<Errors>>>,
}

impl Database {
    /// The database of a feed; its thread is started when it is needed.
    fn new(entry: Arc<FeedEntry>, history: Arc<FeedEntry>, databases: &Databases, indexes: Indexes) -> Self {
        let fauna = entry.exposure().fauna.clone().unwrap_or_default();
        let created = entry.feed().options().extra.get(CREATED_OPTION).and_then(serde_json::Value::as_u64);
        let shared = Arc::new(Shared {
            created_us: created.unwrap_or(0),
            entry,
            history,
            own: fauna.collection,
            path: fauna.database,
            registry: databases.registry(),
            token_key: databases.token_key(),
            index: RwLock::default(),
            is_ready: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            applied: Mutex::default(),
            applied_seq: AtomicU64::new(0),
            schema_version_us: AtomicU64::new(0),
            last_time_us: AtomicU64::new(0),
            last_id: AtomicU64::new(0),
        });
        let (queue, jobs) = queue::new();
        let worker = Worker::new(shared.clone(), jobs, indexes);
        Self {
            shared,
            queue,
            thread: Aside::new("tailwater-fauna", move || worker.clone().run()),
            errors: Mutex::default(),
        }
    }

    /// Its feed.
    pub(crate) fn entry(&self) -> &Arc<FeedEntry> {
        &self.shared.entry
    }

    /// Its history, which streams read.
    pub(crate) fn history(&self) -> &Arc<FeedEntry> {
        &self.shared.history
    }

    /// Its path among databases.
    pub(crate) fn path(&self) -> &str {
        &self.shared.path
    }

    /// What its cursors and tokens name it by.
    pub(crate) fn uid(&self) -> u64 {
        self.shared.uid()
    }

    pub(crate) fn token_key(&self) -> &TokenKey {
        self.shared.token_key()
    }

    pub(crate) fn schema_version_us(&self) -> u64 {
        self.shared.schema_version_us.load(Ordering::Relaxed)
    }

    /// Behind the last event that streams can see.
    pub(crate) fn position(&self) -> Cursor {
        self.shared.position()
    }

    /// Ends the thread; nothing is stored after this, and the index is closed. Blocks until what is under way is done.
    pub(crate) fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.queue.close();
        if !self.thread.join() {
            tracing::error!(feed = self.shared.feed().name(), "the Fauna database's thread had failed");
        }
    }

    /// Returns once the index and the history know every event that was there when this was called.
    pub(crate) async fn settled(&self) -> Result<(), ApiError> {
        if self.shared.is_settled() {
            return Ok(());
        }
        if let Err(error) = self.thread.start() {
            tracing::error!(feed = self.shared.feed().name(), %error, "the Fauna database's thread could not be started");
            return Err(ApiError::service_time_out());
        }
        let answer = self.queue.settle().map_err(|error| turned_away(&error))?;
        self.shared.entry.wake_follower();
        let patience = async {
            glommio::timer::sleep(PATIENCE).await;
            Err(ApiError::service_time_out())
        };
        let settling = async { answer.recv().await.map_err(|_| ApiError::service_time_out()) };
        future::or(settling, patience).await
    }

    /// Evaluates a query that writes nothing; what one wants written is only told. Blocks.
    pub(crate) fn evaluate(&self, query: &QueryRequest, deadline: Instant) -> Answered {
        let index = self.shared.index();
        let index = index.as_ref().ok_or_else(|| self.shared.unready())?;
        let (start, pending) = (self.shared.position(), Pending::default());
        let txn_ts_us = self.shared.next_time_us();
        let mut reading = Reading { shared: &self.shared, index, pending: &pending, start, deadline };
        let (template, arguments) = (&query.template, query.arguments.clone());
        let outcome = evaluate(template, arguments, &mut reading, txn_ts_us, &Limits::default())?;
        Ok(Done { outcome, txn_ts_us })
    }

    /// Evaluates a query in its turn among those that write, and stores what it writes. Returns once that is durable.
    pub(crate) async fn write(&self, query: QueryRequest, bytes: usize, deadline: Instant) -> Answered {
        let answer = self.queue.post(query, bytes, deadline)?;
        self.shared.entry.wake_follower();
        answer.recv().await.unwrap_or_else(|_| Err(queue::stopping().into()))
    }

    /// Whether a collection is there. Blocks.
    pub(crate) fn has_collection(&self, name: &str) -> Result<bool, ApiError> {
        let index = self.shared.index();
        let index = index.as_ref().ok_or_else(|| turned_away(&self.shared.unready()))?;
        let deadline = Instant::now() + PATIENCE;
        let (start, pending) = (self.shared.position(), Pending::default());
        let mut reading = Reading { shared: &self.shared, index, pending: &pending, start, deadline };
        let found = reading.collection(name).map_err(|error| turned_away(&error))?;
        Ok(found.is_some())
    }

    /// The errors of a source, the same for all who follow it.
    pub(crate) fn errors(&self, source: &Source) -> Arc<Errors> {
        let mut all = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let name = source.encoding_name();
        if let Some(errors) = all.get(&name).and_then(Weak::upgrade) {
            return errors;
        }
        all.retain(|_, errors| errors.strong_count() > 0);
        let errors = Arc::default();
        all.insert(name, Arc::downgrade(&errors));
        errors
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop();
    }
}

fn turned_away(error: &StoreError) -> ApiError {
    let (status, code) = error.status_and_code();
    ApiError::new(status, code, error.to_string())
}
