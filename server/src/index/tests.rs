//! Tests of the index, on a real log and real files.
//!
//! What they share: a log with its writer, an index of the kind CouchDB needs, and an oracle that reads the log.

mod crash;
mod damage;
mod fits;
mod life;
mod oracle;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use futures_lite::future::block_on;
use tailwater_core::{
    Batch, BodyFormat, Draft, Event, Feed, FeedOptions, SeqMode, Store, StoreOptions, storage::InlineStorage,
};
use tempfile::TempDir;

use super::*;

/// The uid the tests give their feed.
const UID: u64 = 0xfeed;

/// Small enough that tests write files and merge them.
const SMALL: IndexOptions = IndexOptions { cache_bytes: 1 << 20, write_buffer_bytes: 16 << 10 };

/// Documents by id and by the seq of their latest event.
#[derive(Clone, Copy)]
enum Documents {
    ById,
    BySeq,
}

impl Tables for Documents {
    const NAME: &str = "documents";
    const LAYOUT: u32 = 3;

    fn number(self) -> u8 {
        self as u8
    }
}

/// Puts and deletes. The second document is gone when its value is `None`.
type Change<'a> = (&'a str, Option<&'a [u8]>);

/// A data directory with one feed and its writer.
struct Log {
    store: Option<Store>,
    feed: Arc<Feed>,
    writer: Option<JoinHandle<()>>,
}

impl Log {
    /// Opens the log below `dir`, or creates it.
    fn open(dir: &Path) -> Self {
        Self::with(dir, FeedOptions::default())
    }

    fn with(dir: &Path, options: FeedOptions) -> Self {
        let store = Store::open(dir, StoreOptions { disk_low_water_bytes: 0, ..StoreOptions::default() }).unwrap();
        let feed = store.feed("docs").unwrap_or_else(|| store.create_feed("docs", options).unwrap());
        let seed = store.take_writer(&feed).unwrap();
        let writer = thread::spawn(move || block_on(seed.attach(InlineStorage::default()).run()));
        Self { store: Some(store), feed, writer: Some(writer) }
    }

    /// Appends the changes as one batch.
    fn append(&self, changes: &[Change<'_>]) {
        let mut batch = Batch::new();
        for (key, value) in changes {
            let (kind, body) = value.map_or(("delete", &b""[..]), |value| ("put", value));
            batch.push(&Draft { seq: None, time_us: 1, kind, key, format: BodyFormat::Json, body }).unwrap();
        }
        block_on(self.feed.append(batch, SeqMode::Assign)).unwrap();
    }

    /// Appends `count` puts, one batch each, of documents that nothing else touches.
    fn append_many(&self, name: &str, count: usize) {
        let keys: Vec<String> = (0..count).map(|n| format!("{name}-{n}")).collect();
        let changes: Vec<Change<'_>> = keys.iter().map(|key| (key.as_str(), Some(key.as_bytes()))).collect();
        self.append(&changes);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        block_on(self.feed.close()).unwrap();
        self.writer.take().map(JoinHandle::join).unwrap().unwrap();
        self.store.take();
    }
}

/// A directory in memory where there is such a place: opening an index syncs files.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open(dir: &Path, log: &Log) -> Index<Documents> {
    Indexes::new(dir).open(&log.feed, UID, SMALL).unwrap()
}

/// What an event changes.
fn apply(event: &Event<'_>, batch: &mut WriteBatch<'_, Documents>) -> Result<(), IndexError> {
    let key = event.key.as_bytes();
    if let Some(before) = batch.get(Documents::ById, key)? {
        batch.remove(Documents::BySeq, &before[..8])?;
    }
    if event.kind == "delete" {
        return batch.remove(Documents::ById, key);
    }
    let seq = event.seq.to_be_bytes();
    batch.put(Documents::BySeq, &seq, key)?;
    batch.put(Documents::ById, key, &[&seq, event.body].concat())
}

fn catch_up(index: &Index<Documents>, log: &Log) -> u64 {
    index.catch_up(&log.feed, apply).unwrap()
}

/// Everything in a table.
fn rows(index: &Index<Documents>, table: Documents) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = index.range(table, ..).unwrap();
    rows.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
}

/// The index contains what the log says, and no more.
fn assert_true(index: &Index<Documents>, log: &Log) {
    let mut by_id = BTreeMap::new();
    let mut reader = log.feed.read(1);
    while let Some(event) = reader.next() {
        let event = event.unwrap();
        match event.kind {
            "delete" => by_id.remove(event.key.as_bytes()),
            _ => by_id.insert(event.key.as_bytes().to_vec(), [&event.seq.to_be_bytes(), event.body].concat()),
        };
    }
    let by_seq: BTreeMap<Vec<u8>, Vec<u8>> =
        by_id.iter().map(|(key, value)| (value[..8].to_vec(), key.clone())).collect();
    assert_eq!(index.applied_seq(), log.feed.last_seq());
    assert!(rows(index, Documents::ById) == Vec::from_iter(by_id), "by id");
    assert!(rows(index, Documents::BySeq) == Vec::from_iter(by_seq), "by seq");
}

/// Copies a directory as it is at one moment, which is how a kill would leave it.
fn copy(from: &Path, to: &Path) {
    let state = || -> Vec<_> {
        let told = |path: PathBuf| fs::metadata(&path).ok().map(|found| (path, found.len(), found.modified().unwrap()));
        walk(from).into_iter().filter_map(told).collect()
    };
    loop {
        let before = state();
        for (path, ..) in &before {
            let target = to.join(path.strip_prefix(from).unwrap());
            if path.is_dir() {
                fs::create_dir_all(target).unwrap();
            } else {
                // One that has gone meanwhile is noticed below.
                copy_file(path, &target).ok();
            }
        }
        if before == state() {
            return;
        }
        fs::remove_dir_all(to).unwrap();
    }
}

/// Copies a file without the zeros at its end, of which a journal has 64 MiB.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = fs::read(from)?;
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut copy = File::create(to)?;
    copy.write_all(&bytes[..used])?;
    copy.set_len(bytes.len() as u64)
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    walk(dir).into_iter().filter(|path| path.is_file()).collect()
}

/// A directory and everything below it, from above.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let Ok(path) = entry.map(|entry| entry.path()) else { continue };
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
