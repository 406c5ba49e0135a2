//! The threads on which functions are run.
//!
//! Owns who runs which view, and taking turns: each view in turn for a few milliseconds. A thread whose function does not come
//! back, because the engine is in a loop of its own, is left to itself, and another takes its place. Tested by
//! `server/tests/couchdb/changes_functions.rs`.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::Thread,
    time::{Duration, Instant},
};

use tailwater_core::{Event, FeedId};
use tailwater_wire::couchdb::{
    changes::Style,
    event::{Change, json_body},
};

use super::{
    engine::{Engine, Script, ScriptLimits},
    error::ScriptError,
    view::{Findings, View},
    views::Views,
};
use crate::{
    config::Couchdb,
    dialects::couchdb::changes::{
        book::{Book, BookError},
        judge::{Verdict, leaf_documents},
        scan::Events,
    },
    documents::PURGE,
    feeds::{FeedEntry, Feeds},
};

/// How long a view has its turn.
const TURN: Duration = Duration::from_millis(5);
/// How long a thread sleeps that nobody wakes.
const SLEEP: Duration = Duration::from_secs(10);
/// Threads that may be left to themselves before no more functions are taken.
const STUCK_MAX: usize = 4;
/// How long beyond twice its time a function may take to come back.
const GRACE_MS: u64 = 1_000;
/// Seqs that are asked of the book at once.
const BATCH: usize = 256;

/// See the module.
pub(crate) struct Workers {
    limits: ScriptLimits,
    threads: usize,
    views_max: usize,
    shards: usize,
    feeds: OnceLock<Weak<Feeds>>,
    views: Mutex<Views>,
    workers: RwLock<Vec<Arc<Worker>>>,
    stuck: AtomicUsize,
    started: Instant,
}

/// One thread.
struct Worker {
    /// Known once it runs.
    thread: OnceLock<Thread>,
    views: Mutex<Vec<Weak<View>>>,
    /// Since when it has been in a function, in milliseconds since the start, and 1 more; 0 when it is not.
    busy_since: AtomicU64,
    /// The view it is in.
    current: Mutex<Weak<View>>,
    is_over: AtomicBool,
}

impl Workers {
    /// None yet: they begin with the first view.
    pub(crate) fn new(config: &Couchdb, shards: usize) -> Arc<Self> {
        let limits =
            ScriptLimits { time_ms_max: config.filter_time_ms_max, memory_bytes_max: config.filter_memory_bytes_max };
        Arc::new(Self {
            limits,
            threads: config.filter_threads as usize,
            views_max: config.filters_max as usize,
            shards,
            feeds: OnceLock::new(),
            views: Mutex::default(),
            workers: RwLock::default(),
            stuck: AtomicUsize::new(0),
            started: Instant::now(),
        })
    }

    /// From now on shards are told what was found out.
    pub(crate) fn attach(&self, feeds: &Arc<Feeds>) {
        // There is one appliance.
        let _attached = self.feeds.set(Arc::downgrade(feeds));
    }

    /// There may be something to do.
    pub(crate) fn wake(&self) {
        for worker in self.workers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(thread) = worker.thread.get() {
                thread.unpark();
            }
        }
    }

    /// The view of a function over a database.
    pub(super) fn view(
        self: &Arc<Self>,
        (entry, book): (&Arc<FeedEntry>, Arc<dyn Book>),
        style: Style,
        script: Script,
    ) -> Result<Option<Arc<View>>, ScriptError> {
        if self.stuck.load(Ordering::Relaxed) >= STUCK_MAX {
            return Err(ScriptError::Stuck);
        }
        let mut is_new = false;
        let make = |script| {
            is_new = true;
            Arc::new(View::new(script, style, (entry, book), self, self.shards))
        };
        let key: (FeedId, Style, Script) = (entry.id(), style, script);
        let view = self.views().get(key, self.views_max, make);
        if let Some(view) = view.as_ref().filter(|_| is_new) {
            self.assign(view).map_err(|error| {
                tracing::error!(%error, "no thread for functions");
                ScriptError::Stuck
            })?;
        }
        Ok(view)
    }

    /// Forgets a view that is of no more use.
    pub(super) fn forget(&self, view: &Arc<View>) {
        self.views().forget(view);
    }

    /// Looks after threads that do not come back. Called now and then.
    pub(crate) fn look(self: &Arc<Self>) {
        let late_ms = 2 * self.limits.time_ms_max + GRACE_MS;
        let now_ms = self.now_ms();
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for worker in workers {
            let since = worker.busy_since.load(Ordering::Acquire);
            if since > 0 && now_ms.saturating_sub(since) > late_ms {
                self.replace(&worker);
            }
        }
    }

    fn replace(self: &Arc<Self>, worker: &Arc<Worker>) {
        if worker.is_over.swap(true, Ordering::SeqCst) {
            return;
        }
        self.stuck.fetch_add(1, Ordering::Relaxed);
        let current = worker.lock_current().upgrade();
        if let Some(view) = &current {
            tracing::error!(
                function = view.script.shown,
                "a function does not come back; its thread is left to itself"
            );
            self.forget(view);
            self.give_up(view);
        }
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|other| !Arc::ptr_eq(other, worker));
        drop(workers);
        for view in std::mem::take(&mut *worker.lock_views()).iter().filter_map(Weak::upgrade) {
            if current.as_ref().is_none_or(|current| !Arc::ptr_eq(current, &view))
                && let Err(error) = self.assign(&view)
            {
                tracing::error!(%error, "no thread for functions");
            }
        }
    }

    /// Ends the readers of a view that will never come further.
    fn give_up(&self, view: &Arc<View>) {
        let Some(entry) = view.entry.upgrade() else { return };
        while let Some(task) = view.task(u64::MAX) {
            let error = ScriptError::TooLong {
                function: view.script.shown.clone(),
                id: "?".to_owned(),
                time_ms_max: self.limits.time_ms_max,
            };
            view.show(task, Findings { failure: Some((task.from, error)), ..Findings::default() });
        }
        self.tell(&entry, view);
    }

    /// Gives a view to the thread with the fewest.
    fn assign(self: &Arc<Self>, view: &Arc<View>) -> io::Result<()> {
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        if workers.len() < self.threads {
            workers.push(self.begin()?);
        }
        let least = workers.iter().min_by_key(|worker| worker.lock_views().len());
        if let Some(worker) = least {
            worker.lock_views().push(Arc::downgrade(view));
        }
        drop(workers);
        self.wake();
        Ok(())
    }

    fn begin(self: &Arc<Self>) -> io::Result<Arc<Worker>> {
        let worker = Arc::new(Worker {
            thread: OnceLock::new(),
            views: Mutex::default(),
            busy_since: AtomicU64::new(0),
            current: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let (workers, handed) = (Arc::downgrade(self), worker.clone());
        let running = std::thread::Builder::new().name("tailwater-js".into()).spawn(move || handed.run(&workers))?;
        // Nobody else sets it.
        let _set = worker.thread.set(running.thread().clone());
        Ok(worker)
    }

    fn tell(&self, entry: &Arc<FeedEntry>, view: &View) {
        if let Some(feeds) = self.feeds.get().and_then(Weak::upgrade) {
            feeds.tell_view_moved(entry, &view.waking);
        }
    }

    fn views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64 + 1
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in self.workers.get_mut().unwrap_or_else(PoisonError::into_inner) {
            worker.is_over.store(true, Ordering::SeqCst);
            if let Some(thread) = worker.thread.get() {
                thread.unpark();
            }
        }
    }
}

/// A view on its thread.
struct Job {
    view: Weak<View>,
    engine: Option<Engine>,
    events: Option<Events>,
}

impl Worker {
    fn run(&self, workers: &Weak<Workers>) {
        let mut jobs: Vec<Job> = Vec::new();
        while !self.is_over.load(Ordering::SeqCst) {
            self.take_new(&mut jobs);
            let mut has_worked = false;
            for job in &mut jobs {
                // It is not kept between two turns, or it would never end.
                let Some(workers) = workers.upgrade() else { return };
                has_worked |= self.turn(job, &workers);
            }
            if !has_worked {
                std::thread::park_timeout(SLEEP);
            }
        }
    }

    fn take_new(&self, jobs: &mut Vec<Job>) {
        jobs.retain(|job| job.view.strong_count() > 0);
        let mut views = self.lock_views();
        views.retain(|view| view.strong_count() > 0);
        for view in
            views.iter().filter(|view| !jobs.iter().any(|job| job.view.ptr_eq(view))).cloned().collect::<Vec<_>>()
        {
            jobs.push(Job { view, engine: None, events: None });
        }
    }

    /// Goes on with a view for a while; false when there is nothing to do.
    fn turn(&self, job: &mut Job, workers: &Workers) -> bool {
        let Some(view) = job.view.upgrade() else { return false };
        let Some(entry) = view.entry.upgrade().filter(|entry| !entry.is_deleted()) else {
            workers.forget(&view);
            return false;
        };
        *self.lock_current() = Arc::downgrade(&view);
        if view.compiled().is_none() {
            let engine = self.within(workers, || Engine::new(&view.script, workers.limits));
            view.set_compiled(engine.as_ref().map(|_| ()).map_err(ScriptError::clone));
            job.engine = engine.ok();
            workers.tell(&entry, &view);
            return true;
        }
        let Some(task) = view.task(entry.feed().last_seq()) else { return false };
        let mut findings = Findings::default();
        if job.engine.is_none() {
            match self.within(workers, || Engine::new(&view.script, workers.limits)) {
                Ok(engine) => job.engine = Some(engine),
                Err(error) => findings.failure = Some((task.from, error)),
            }
        }
        if let Some(engine) = &job.engine {
            let events = job.events.get_or_insert_with(|| Events::new(entry.feed().clone()));
            let mut turn = Turn { worker: self, workers, view: &view, engine, findings };
            if let Err(error) = turn.judge(task, events) {
                tracing::error!(%error, "a function cannot be run");
                turn.findings.failure = Some((turn.next(task.from), ScriptError::Unreadable));
            }
            findings = turn.findings;
        }
        if matches!(findings.failure, Some((_, ScriptError::TooLong { .. } | ScriptError::TooLarge { .. }))) {
            job.engine = None;
        }
        // Somebody else may have gone on in the meantime.
        if !self.is_over.load(Ordering::SeqCst) {
            view.show(task, findings);
            workers.tell(&entry, &view);
        }
        true
    }

    /// Runs something that may not come back.
    fn within<R>(&self, workers: &Workers, act: impl FnOnce() -> R) -> R {
        self.busy_since.store(workers.now_ms(), Ordering::Release);
        let done = act();
        self.busy_since.store(0, Ordering::Release);
        done
    }

    fn lock_views(&self) -> MutexGuard<'_, Vec<Weak<View>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_current(&self) -> MutexGuard<'_, Weak<View>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A view's turn.
struct Turn<'t> {
    worker: &'t Worker,
    workers: &'t Workers,
    view: &'t View,
    engine: &'t Engine,
    findings: Findings,
}

impl Turn<'_> {
    /// Judges events of a task until the turn is over.
    fn judge(&mut self, task: super::progress::Task, events: &mut Events) -> Result<(), BookError> {
        let ends = Instant::now() + TURN;
        let mut seqs = Vec::new();
        let mut at = task.from - 1;
        while at < task.to && self.findings.failure.is_none() && Instant::now() < ends {
            if task.plain {
                let judged = events.with_next(at, task.to, |event| (event.seq, self.judge_event(event)))?;
                match judged {
                    Some((seq, judged)) => {
                        judged?;
                        at = seq;
                    }
                    None => at = task.to,
                }
            } else {
                seqs.clear();
                self.view.book.next(at, task.to, BATCH, &mut seqs)?;
                let Some(last) = seqs.last() else {
                    at = task.to;
                    break;
                };
                let last = *last;
                for seq in &seqs {
                    events.with(*seq, |event| self.judge_event(event))?.transpose()?;
                    if self.findings.failure.is_some() {
                        break;
                    }
                }
                at = last;
            }
        }
        self.findings.to = match &self.findings.failure {
            Some((seq, _)) => Some(seq - 1),
            None => Some(at),
        };
        Ok(())
    }

    /// Where it would go on.
    fn next(&self, from: u64) -> u64 {
        self.findings.to.map_or(from, |to| to + 1)
    }

    fn judge_event(&mut self, event: &Event<'_>) -> Result<(), BookError> {
        if event.kind == PURGE {
            return Ok(());
        }
        let body = json_body(event);
        let change = Change::read(event, &body);
        match self.verdict(&change)? {
            Ok(Verdict::No) => {}
            Ok(Verdict::Yes) => self.findings.passing.push(event.seq),
            Ok(Verdict::Leaves(leaves)) => {
                self.findings.passing.push(event.seq);
                self.findings.leaves.push((event.seq, leaves));
            }
            Err(error) => self.findings.failure = Some((event.seq, error)),
        }
        Ok(())
    }

    fn verdict(&self, change: &Change<'_>) -> Result<Result<Verdict, ScriptError>, BookError> {
        let judge = |document: &[u8]| self.worker.within(self.workers, || self.engine.judge(change.id(), document));
        if self.view.style == Style::MainOnly {
            let mut document = Vec::new();
            change.write_doc(false, &mut document);
            return Ok(judge(&document).map(|passes| if passes { Verdict::Yes } else { Verdict::No }));
        }
        let mut leaves = Vec::new();
        for document in leaf_documents(change, &*self.view.book)? {
            match document.map(|document| judge(&document)).transpose() {
                Ok(passes) => leaves.push(passes == Some(true)),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Verdict::of(leaves.into_iter())))
    }
}
