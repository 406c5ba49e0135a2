//! One account: its repository, and the commits it makes.
//!
//! Owns the repository's state (tree, revision, what can be deleted) and the `#commit` payload. Tested by `tests.rs`.

use std::collections::VecDeque;

use rand::RngExt;

use super::Rng;
use super::car::{Block, car};
use super::cbor::Value;
use super::link::Link;
use super::mst::Tree;
use super::record::{Collection, PROFILE, YEAR_US, did, profile};
use super::text::slug;
use super::time::{TidClock, rfc3339, tid};

/// Records of an account before its first commit: few have many.
const RECORDS: std::ops::Range<f64> = 6_000.0..24_000.0;
/// Records that are remembered so that they can be deleted.
const DELETABLE_MAX: usize = 16;
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// An account.
#[derive(Debug)]
pub(super) struct Account {
    pub did: String,
    pub handle: String,
    pub active: bool,
    tree: Tree,
    data: Link,
    revision: String,
    revisions: TidClock,
    keys: TidClock,
    deletable: VecDeque<String>,
}

/// One change of a commit: its operation, and the new record's block.
struct Change {
    path: String,
    operation: Value,
    record: Option<Block>,
}

impl Account {
    /// An account with the records of its past year.
    pub fn new(rng: &mut Rng, time_us: u64) -> Self {
        let mut tree = Tree::default();
        tree.put(PROFILE, Link::anywhere(rng));
        // Evenly spread over the orders of magnitude.
        let records = rng.random_range(RECORDS.start.ln()..RECORDS.end.ln()).exp() as usize;
        for _ in 0..records {
            let key = tid(time_us.saturating_sub(rng.random_range(1..YEAR_US)), rng.random());
            tree.put(&format!("{}/{key}", Collection::pick(rng).nsid()), Link::anywhere(rng));
        }
        let mut revisions = TidClock::new(rng.random());
        Self {
            did: did(rng),
            handle: format!("{}.example", slug(rng)),
            active: true,
            data: tree.link(),
            tree,
            revision: revisions.tid(time_us.saturating_sub(1)),
            revisions,
            keys: TidClock::new(rng.random()),
            deletable: VecDeque::new(),
        }
    }

    /// The payload of a `#commit` of so many changes.
    pub fn commit(&mut self, rng: &mut Rng, time_us: u64, seq: i64, change_count: usize) -> Value {
        let (since, before) = (self.revision.clone(), self.data);
        let changes: Vec<_> = (0..change_count).map(|_| self.change(rng, time_us)).collect();
        self.revision = self.revisions.tid(time_us);
        self.data = self.tree.link();
        let (root, blocks) = self.blocks(rng, &changes);
        Value::Map(vec![
            ("ops", Value::List(changes.into_iter().map(|change| change.operation).collect())),
            ("rev", Value::text(&self.revision)),
            ("seq", Value::Int(seq)),
            ("repo", Value::text(&self.did)),
            ("time", Value::text(rfc3339(time_us))),
            ("blobs", Value::List(Vec::new())),
            ("since", Value::text(since)),
            ("blocks", Value::Bytes(blocks)),
            ("commit", Value::Link(root)),
            ("rebase", Value::Bool(false)),
            ("tooBig", Value::Bool(false)),
            ("prevData", Value::Link(before)),
        ])
    }

    /// The commit's link, and the archive of its blocks: the commit, the proof of each change, the new records.
    fn blocks(&mut self, rng: &mut Rng, changes: &[Change]) -> (Link, Vec<u8>) {
        let signature: [u8; SIGNATURE_BYTES] = rng.random();
        let commit = block(&Value::Map(vec![
            ("did", Value::text(&self.did)),
            ("rev", Value::text(&self.revision)),
            ("sig", Value::Bytes(signature.to_vec())),
            ("data", Value::Link(self.data)),
            ("prev", Value::Null),
            ("version", Value::Int(3)),
        ]));
        let root = commit.0;
        let mut blocks = vec![commit];
        for change in changes {
            self.tree.cover(&change.path, &mut blocks);
        }
        blocks.extend(changes.iter().filter_map(|change| change.record.clone()));
        (root, car(root, &blocks))
    }

    /// Something an account does: mostly it creates a record.
    fn change(&mut self, rng: &mut Rng, time_us: u64) -> Change {
        match rng.random_range(0..1_000) {
            0..27 => match self.deletable.pop_front() {
                Some(path) => self.delete(path),
                None => self.create(rng, time_us),
            },
            27..40 => {
                let record = profile(rng, time_us);
                self.write(PROFILE.to_owned(), &record)
            }
            _ => self.create(rng, time_us),
        }
    }

    fn create(&mut self, rng: &mut Rng, time_us: u64) -> Change {
        let collection = Collection::pick(rng);
        let path = format!("{}/{}", collection.nsid(), self.keys.tid(time_us));
        if self.deletable.len() == DELETABLE_MAX {
            self.deletable.pop_front();
        }
        self.deletable.push_back(path.clone());
        let record = collection.record(rng, time_us);
        self.write(path, &record)
    }

    /// Creates or updates the record at `path`.
    fn write(&mut self, path: String, record: &Value) -> Change {
        let record = block(record);
        let previous = self.tree.put(&path, record.0);
        let action = if previous.is_some() { "update" } else { "create" };
        Change { operation: operation(action, &path, Some(record.0), previous), path, record: Some(record) }
    }

    fn delete(&mut self, path: String) -> Change {
        let previous = self.tree.remove(&path);
        Change { operation: operation("delete", &path, None, previous), path, record: None }
    }
}

fn operation(action: &str, path: &str, link: Option<Link>, previous: Option<Link>) -> Value {
    let mut fields = vec![("cid", Value::maybe(link)), ("path", Value::text(path)), ("action", Value::text(action))];
    fields.extend(previous.map(|previous| ("prev", Value::Link(previous))));
    Value::Map(fields)
}

fn block(value: &Value) -> Block {
    let bytes = value.to_bytes();
    (Link::to(&bytes), bytes)
}
