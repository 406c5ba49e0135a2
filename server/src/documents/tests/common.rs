//! A database on a feed whose writer has a thread of its own, and short ways to write and read.

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_lite::future::block_on;
use tailwater_core::{
    Batch, BodyFormat, Draft, Durability, Feed, FeedOptions, Retention, SeqMode, Store, StoreOptions,
    storage::InlineStorage,
};
use tailwater_wire::couchdb::rev::{History, Rev, RevHash};

use crate::{
    documents::{
        Asked, Database, Doc, DocumentsOptions, Edit, EditError, Found, Home, Missing, Mode, Order, Update, Workers,
        WriteLimits,
    },
    index::IndexOptions,
};

/// An open database, and what it needs.
pub(super) struct Running {
    pub(super) database: Arc<Database>,
    pub(super) home: Home,
    pub(super) feed: Arc<Feed>,
    store: Store,
    writer: JoinHandle<()>,
}

/// Limits for tests: little memory, so that all of what is in memory and on the disk is met.
pub(super) fn options() -> DocumentsOptions {
    let index = IndexOptions { cache_bytes: 1 << 20, write_buffer_bytes: 1 << 20 };
    DocumentsOptions {
        index,
        write: WriteLimits { unwritten_bytes_max: 1_000, ..WriteLimits::default() },
        ..DocumentsOptions::default()
    }
}

impl Running {
    /// Opens what is in a directory, or begins there.
    pub(super) fn open(dir: &Path) -> Self {
        Self::open_with(dir, options())
    }

    pub(super) fn open_with(dir: &Path, options: DocumentsOptions) -> Self {
        Self::open_keeping(dir, options, Retention::default())
    }

    /// The same, of a feed that does not keep everything.
    pub(super) fn open_keeping(dir: &Path, options: DocumentsOptions, retention: Retention) -> Self {
        let store = Store::open(dir, StoreOptions::default()).unwrap();
        let feed_options = FeedOptions { durability: Durability::Os, retention, ..FeedOptions::default() };
        let feed = store.feed("db").unwrap_or_else(|| store.create_feed("db", feed_options).unwrap());
        let seed = store.take_writer(&feed).unwrap();
        let writer = thread::spawn(move || block_on(seed.attach(InlineStorage::default()).run()));
        let [workers, compactors] = ["write", "compact"].map(|name| Workers::start(name, 1).unwrap());
        let home = Home { data: dir.to_owned(), workers, compactors, options };
        let database = home.open(feed.clone()).unwrap();
        Self { database, home, feed, store, writer }
    }

    /// Closes everything in order.
    pub(super) fn close(self) {
        let Self { database, home, feed, store, writer } = self;
        database.close();
        drop(home);
        wait_for_last(database);
        block_on(feed.close()).unwrap();
        writer.join().unwrap();
        drop((feed, store));
    }

    /// Publishes an event as another protocol would.
    pub(super) fn publish(&self, kind: &str, key: &str, body: &str) -> u64 {
        let mut batch = Batch::new();
        let body = body.as_bytes();
        batch.push(&Draft { seq: None, time_us: 1, kind, key, format: BodyFormat::Json, body }).unwrap();
        block_on(self.feed.append(batch, SeqMode::Assign)).unwrap().last_seq
    }

    pub(super) fn update(&self, edits: Vec<Edit>, mode: Mode) -> Vec<Result<Rev, EditError>> {
        let outcomes = block_on(self.database.update(Update { edits, mode })).unwrap();
        outcomes.into_iter().map(|outcome| outcome.result).collect()
    }

    /// An interactive edit of a live document.
    pub(super) fn put(&self, id: &str, rev: Option<&str>, body: &str) -> Result<String, EditError> {
        self.one(edit(id, rev, false, body), Mode::NewEdits)
    }

    pub(super) fn delete(&self, id: &str, rev: &str) -> Result<String, EditError> {
        self.one(edit(id, Some(rev), true, "{}"), Mode::NewEdits)
    }

    /// A replicated revision with its history, newest first.
    pub(super) fn replicate(&self, id: &str, pos: u64, ids: &str, deleted: bool, body: &str) {
        let edit = Edit { history: Some(history(pos, ids)), ..edit(id, None, deleted, body) };
        self.one(edit, Mode::KeepRevs).unwrap();
    }

    pub(super) fn one(&self, edit: Edit, mode: Mode) -> Result<String, EditError> {
        self.update(vec![edit], mode).remove(0).map(|rev| rev.to_string())
    }

    pub(super) fn purge(&self, id: &str, revs: &[&str]) -> Vec<String> {
        let revs = revs.iter().map(|rev| rev.parse().unwrap()).collect();
        let purged = block_on(self.database.purge(vec![(id.to_owned(), revs)])).unwrap().remove(0);
        assert_eq!(purged.id, id);
        purged.revs.iter().map(Rev::to_string).collect()
    }

    /// Compacts, and waits for the end.
    pub(super) fn compact(&self) {
        assert!(self.database.compact());
        while self.database.compacting().is_some() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn get(&self, id: &str) -> Result<Doc, Missing> {
        self.database.get(id, None, Asked::default()).unwrap()
    }

    pub(super) fn get_rev(&self, id: &str, rev: &str) -> Result<Doc, Missing> {
        self.database.get(id, Some(&rev.parse().unwrap()), Asked::default()).unwrap()
    }

    /// Revision and text of the winner.
    pub(super) fn shown(&self, id: &str) -> Result<(String, String), Missing> {
        self.get(id).map(|doc| (doc.rev.to_string(), doc.body))
    }

    /// All leaves, the winner first.
    pub(super) fn leaves(&self, id: &str) -> Vec<String> {
        let found = self.database.open_revs(id, None, Asked::default()).unwrap().unwrap_or_default();
        let found = found.into_iter().map(|found| match found {
            Found::Doc(doc) => format!("{}{}", doc.rev, if doc.deleted { " deleted" } else { "" }),
            Found::Missing(rev) => format!("{rev} missing"),
        });
        found.collect()
    }

    /// Seq and key of every change.
    pub(super) fn changes(&self, since: u64, order: Order) -> Vec<(u64, String)> {
        let mut changes = self.database.changes(since, order).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = changes.next(|event| (event.seq, event.key.to_owned())).unwrap() {
            rows.push(row);
        }
        rows
    }

    /// The body of the event of every change.
    pub(super) fn bodies(&self) -> Vec<String> {
        let mut changes = self.database.changes(0, Order::Ascending).unwrap();
        let next = || changes.next(|event| String::from_utf8(event.body.to_vec()).unwrap()).unwrap();
        std::iter::from_fn(next).collect()
    }

    /// Ids and winners of all documents.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        let docs = self.database.all_docs(&Default::default()).unwrap();
        docs.map(|doc| doc.unwrap()).map(|doc| (doc.id, doc.rev.to_string())).collect()
    }
}

/// A worker may still hold it for an instant.
fn wait_for_last(database: Arc<Database>) {
    let mut shared = database;
    for _ in 0..10_000 {
        match Arc::try_unwrap(shared) {
            Ok(_last) => return,
            Err(held) => shared = held,
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("the test still holds the database");
}

pub(super) fn edit(id: &str, rev: Option<&str>, deleted: bool, body: &str) -> Edit {
    let history = rev.map(|rev| History::of(rev.parse().unwrap()));
    Edit { id: id.to_owned(), history, deleted, body: body.to_owned(), attachments: Vec::new() }
}

/// A history of these hashes, newest first.
pub(super) fn history(pos: u64, ids: &str) -> History {
    History::new(pos, ids.split(' ').map(|id| RevHash::parse(id).unwrap()).collect()).unwrap()
}

/// Throws the index away that a closed database leaves behind.
pub(super) fn lose_index(dir: &Path) {
    fs::remove_dir_all(dir.join("index")).unwrap();
}

/// Copies a directory, in place of what was there.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).ok();
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
