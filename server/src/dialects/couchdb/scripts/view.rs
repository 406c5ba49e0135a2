//! What of a database passes a function, as far as that is known.
//!
//! Owns the bits, which one worker writes and any thread reads. Readers hold a [`Seat`], which keeps the view going. Never
//! runs a function. Tested by `server/tests/couchdb/changes_functions.rs`.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
};

use tailwater_wire::couchdb::changes::Style;

use super::{
    engine::Script,
    error::ScriptError,
    progress::{Progress, Task},
    workers::Workers,
};
use crate::{
    dialects::couchdb::changes::{bits::SeqSet, book::Book, judge::Verdict, kept::Kept},
    feeds::FeedEntry,
    shard::views::{ViewId, Waking},
};

/// See the module.
pub(crate) struct View {
    pub(super) script: Script,
    pub(super) style: Style,
    pub(super) entry: Weak<FeedEntry>,
    /// Knows the documents.
    pub(super) book: Arc<dyn Book>,
    pub(super) waking: Arc<Waking>,
    workers: Weak<Workers>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    progress: Progress,
    passing: SeqSet,
    /// Of events not all of whose leaves pass: which do.
    leaves: BTreeMap<u64, Vec<usize>>,
    /// Whether the function is one; `None` until that was tried.
    compiled: Option<Result<(), ScriptError>>,
}

/// What was found out about a range.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) passing: Vec<u64>,
    pub(super) leaves: Vec<(u64, Vec<usize>)>,
    /// Up to here, if that is anything.
    pub(super) to: Option<u64>,
    /// The event behind it could not be judged.
    pub(super) failure: Option<(u64, ScriptError)>,
}

impl View {
    pub(super) fn new(
        script: Script,
        style: Style,
        (entry, book): (&Arc<FeedEntry>, Arc<dyn Book>),
        workers: &Arc<Workers>,
        shards: usize,
    ) -> Self {
        entry.join_view();
        Self {
            script,
            style,
            entry: Arc::downgrade(entry),
            book,
            waking: Arc::new(Waking::new(shards)),
            workers: Arc::downgrade(workers),
            state: RwLock::default(),
        }
    }

    /// A reader starts at `start`, and passes over what is superseded up to `kept_to`.
    pub(crate) fn join(self: &Arc<Self>, start: u64, kept_to: u64, kept: &Kept) -> Seat {
        use tailwater_core::Skip;
        let mut state = self.write();
        state.progress.clear(start, kept_to, |seq| kept.next_kept(seq) != seq);
        state.progress.join(start, kept_to);
        drop(state);
        if let Some(workers) = self.workers.upgrade() {
            workers.wake();
        }
        Seat { view: self.clone(), start }
    }

    pub(crate) fn id(&self) -> ViewId {
        self.waking.id()
    }

    /// The first seq from `from` on of which it is not known whether it passes.
    pub(crate) fn next_open(&self, from: u64) -> u64 {
        self.read().progress.next_open(from)
    }

    /// The first seq from `from` on that passes, of those that are known.
    pub(crate) fn next_passing(&self, from: u64) -> Option<u64> {
        self.read().passing.next(from)
    }

    /// The first seq from `from` on that does not pass, as far as is known.
    pub(crate) fn next_failing(&self, from: u64) -> u64 {
        self.read().passing.next_missing(from)
    }

    /// Whether an event that is known passes.
    pub(crate) fn verdict(&self, seq: u64) -> Verdict {
        let state = self.read();
        match state.leaves.get(&seq) {
            Some(leaves) => Verdict::Leaves(leaves.clone()),
            None if state.passing.contains(seq) => Verdict::Yes,
            None => Verdict::No,
        }
    }

    /// Why it will never be known whether this seq passes.
    pub(crate) fn failure(&self, seq: u64) -> Option<ScriptError> {
        self.read().progress.failure(seq).cloned()
    }

    /// Whether the function is one; `None` until that was tried.
    pub(super) fn compiled(&self) -> Option<Result<(), ScriptError>> {
        self.read().compiled.clone()
    }

    pub(super) fn set_compiled(&self, compiled: Result<(), ScriptError>) {
        self.write().compiled = Some(compiled);
    }

    /// What has to be found out next.
    pub(super) fn task(&self, last_seq: u64) -> Option<Task> {
        self.read().progress.task(last_seq)
    }

    /// Whether there are readers.
    pub(super) fn is_read(&self) -> bool {
        self.read().progress.is_read()
    }

    /// Shows what was found out about a task.
    pub(super) fn show(&self, task: Task, findings: Findings) {
        let mut state = self.write();
        findings.passing.into_iter().for_each(|seq| state.passing.set(seq, true));
        state.leaves.extend(findings.leaves);
        if let Some(to) = findings.to.filter(|to| *to >= task.from) {
            state.progress.learn(task.from, to);
        }
        if let Some((seq, error)) = findings.failure {
            state.progress.wall(seq, error);
        }
    }

    // Whoever panics while changing it leaves bits that are right, and a progress that is behind them.

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.upgrade() {
            entry.leave_view();
        }
    }
}

/// A reader of a view; given back when dropped.
pub(crate) struct Seat {
    view: Arc<View>,
    start: u64,
}

impl Seat {
    pub(crate) fn view(&self) -> &Arc<View> {
        &self.view
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.view.write().progress.leave(self.start);
    }
}
