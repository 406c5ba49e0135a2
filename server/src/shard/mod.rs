//! A shard: one pinned executor with its listeners, connections, timers and owned feeds.
//!
//! Owns its sockets and the loop that serves them: take readiness from the kernel, give ready subscribers their turns,
//! sleep when there is nothing to do. Shares nothing with other shards but mapped frames, atomics and its inbox; never
//! holds a borrow across an `await`. A connection begins as a task that reads a request ([`socket`]); once it streams it
//! is a [`subscriber`] that the [`sweep`] serves. Tested by `server/tests/`.

mod accept;
mod breath;
pub(crate) mod connection;
mod groups;
mod input;
mod look;
mod news;
pub(crate) mod peer;
pub(crate) mod protocol;
mod reactor;
mod reading;
mod requests;
mod session;
pub(crate) mod slots;
pub(crate) mod socket;
pub(crate) mod stats;
mod storage;
mod subscribe;
mod subscriber;
mod sweep;
mod tasks;
mod timers;
pub(crate) mod transfer;
mod turns;
pub(crate) mod views;
pub(crate) mod watch;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    io,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender};
use glommio::TaskQueueHandle;
use tailwater_core::{Runs, WriterSeed};

use self::{
    accept::Listener,
    groups::Groups,
    protocol::Farewell,
    reactor::Reactor,
    reading::Reader,
    requests::Requests,
    slots::{Slots, Token},
    socket::TaskSlot,
    storage::ShardStorage,
    subscriber::Subscriber,
    sweep::{After, Ready},
    tasks::Tasks,
    timers::{TICK_MS, Wheel},
    turns::Turns,
    views::{ViewId, Waking},
    watch::Watchers,
};
pub(crate) use self::{breath::breathe, stats::ShardStats};
use crate::{appliance::Appliance, config::Dialect, feeds::FeedEntry, tls};

/// How long a stream that ends may take to send its last bytes and see the peer's close.
const LINGER_MS: u64 = 3_000;

/// How long turns may run before others on the executor get theirs.
const SLICE: Duration = Duration::from_millis(4);

/// Ticks between two looks at threads that may not come back.
const TICKS_PER_LOOK: u64 = 10;

/// Turns between two looks at the clock: a look costs a hundredth of a small send.
const TURNS_PER_LOOK: u32 = 8;

/// What other threads tell a shard.
pub(crate) enum Message {
    /// More of the feed is visible.
    Committed(Arc<FeedEntry>),
    /// More of a view of the feed is known.
    ViewMoved(Arc<FeedEntry>, Arc<Waking>),
    /// Retention dropped the feed's oldest events.
    WindowMoved(Arc<FeedEntry>),
    /// The feed is being deleted: its streams end.
    Deleted(Arc<FeedEntry>),
    /// The feed is not served any more where it was in these dialects: its streams in them end.
    Unbound(Arc<FeedEntry>, Arc<[Dialect]>),
    /// This shard owns the feed from now on: it runs its writer.
    Own(WriterSeed),
    /// Stop accepting, end every stream, let running requests finish.
    Drain,
    /// Leave the loop.
    Stop,
}

/// The way to reach a shard from any thread.
#[derive(Clone)]
pub(crate) struct ShardHandle {
    inbox: Sender<Message>,
}

impl ShardHandle {
    /// The two ends of a new shard's inbox.
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (inbox, receiver) = async_channel::unbounded();
        (Self { inbox }, receiver)
    }

    pub(crate) fn send(&self, message: Message) {
        // A closed inbox means the shard has ended, and with it everybody the message could concern.
        let _closed = self.inbox.try_send(message);
    }
}

/// What a token stands for.
pub(crate) enum Slot {
    Listener(Listener),
    Task(TaskSlot),
    Subscriber(Subscriber),
}

/// Everything a shard changes while it runs.
pub(crate) struct State {
    slots: Slots<Slot>,
    groups: Groups,
    ready: VecDeque<Ready>,
    /// Subscribers whose input was not read to its end.
    unread: Vec<Token>,
    /// Connections that have asked for something since somebody looked, and what that is.
    asked: Vec<(Token, Rc<Requests>)>,
    wheel: Wheel,
    shard_index: usize,
    send_bytes_max: usize,
    control_bytes_max: usize,
    floor_bytes_per_s: u64,
    floor_window_ms: u64,
    floor_lag_events: u64,
    ping_interval_ms: u64,
    linger_ms: u64,
    subscribers: usize,
    /// Of the send that is under way.
    runs: Runs,
    sends: u64,
    sent_bytes: u64,
}

impl State {
    fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.unread.is_empty() && self.asked.is_empty()
    }
}

/// A stream that is a task of its own; see [`Shard::count_stream`].
pub(crate) struct Counted(Rc<Shard>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.state.borrow_mut().subscribers -= 1;
    }
}

/// One shard; lives on its executor's thread.
pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(crate) appliance: Arc<Appliance>,
    reactor: Reactor,
    state: RefCell<State>,
    draining: Cell<bool>,
    stopped: Cell<bool>,
    stats: Arc<ShardStats>,
    pub(crate) handshakes: tls::Line,
    tasks: Tasks,
    watchers: Watchers,
    turns: Turns,
}

impl Shard {
    pub(crate) fn new(index: usize, appliance: Arc<Appliance>, tasks: TaskQueueHandle) -> io::Result<Rc<Self>> {
        let serve = &appliance.config.serve;
        let state = State {
            slots: Slots::new(),
            groups: Groups::default(),
            ready: VecDeque::new(),
            unread: Vec::new(),
            asked: Vec::new(),
            wheel: Wheel::new(),
            shard_index: index,
            send_bytes_max: serve.send_bytes_max as usize,
            control_bytes_max: appliance.config.limits.control_queue_bytes_max as usize,
            floor_bytes_per_s: serve.floor_rate_bytes_per_s,
            floor_window_ms: serve.floor_window_ms,
            floor_lag_events: serve.floor_lag_events,
            ping_interval_ms: serve.ping_interval_ms,
            linger_ms: LINGER_MS,
            subscribers: 0,
            runs: Runs::default(),
            sends: 0,
            sent_bytes: 0,
        };
        Ok(Rc::new(Self {
            index,
            reactor: Reactor::new()?,
            state: RefCell::new(state),
            draining: Cell::new(false),
            stopped: Cell::new(false),
            stats: appliance.stats[index].clone(),
            handshakes: tls::Line::new(appliance.config.limits.handshakes_max as usize / appliance.stats.len()),
            appliance,
            tasks: Tasks::new(tasks),
            watchers: Watchers::default(),
            turns: Turns::default(),
        }))
    }

    /// Serves until [`Message::Stop`].
    pub(crate) async fn run(self: Rc<Self>, inbox: Receiver<Message>) -> io::Result<()> {
        self.spawn(self.clone().read_inbox(inbox));
        self.spawn(self.clone().keep_time());
        let outcome = self.serve().await;
        self.tasks.end().await;
        outcome
    }

    async fn serve(self: &Rc<Self>) -> io::Result<()> {
        while !self.stopped.get() {
            self.take_readiness()?;
            self.sweep();
            self.turns.call();
            if self.state.borrow().is_idle() && self.turns.is_empty() {
                self.stats.publish(&self.state.borrow());
                poll_fn(|cx| self.reactor.poll_awake(cx)).await?;
            } else {
                breathe().await;
            }
        }
        Ok(())
    }

    /// What the shard tells the outside about itself.
    pub(crate) fn stats(&self) -> &Arc<ShardStats> {
        &self.stats
    }

    /// Whether the appliance is going down.
    pub(crate) fn draining(&self) -> bool {
        self.draining.get()
    }

    /// Turns until nobody is ready or others on this executor want to run.
    fn sweep(self: &Rc<Self>) {
        let began = Instant::now();
        let mut turns = 0_u32;
        let mut state = self.state.borrow_mut();
        state.look_ahead_at_first();
        while let Some(ready) = state.next_ready() {
            let Some(token) = state.take_turn(ready) else { continue };
            match state.turn(token) {
                After::Nothing => {}
                After::Fetch(reading) => self.fetch(&mut state, Reader { token, reading }),
                After::Populate(reading) => self.populate(&mut state, Reader { token, reading }),
                After::Close => drop(state.remove(token)),
            }
            turns += 1;
            if turns.is_multiple_of(TURNS_PER_LOOK) && began.elapsed() >= SLICE {
                return;
            }
        }
    }

    async fn read_inbox(self: Rc<Self>, inbox: Receiver<Message>) {
        while let Ok(message) = inbox.recv().await {
            self.act(message);
            self.reactor.nudge();
        }
    }

    fn act(self: &Rc<Self>, message: Message) {
        match message {
            Message::Committed(feed) => {
                feed.heard(self.index);
                self.wake_all(&feed, None);
            }
            Message::ViewMoved(feed, view) => {
                view.heard(self.index);
                self.wake_all(&feed, Some(view.id()));
            }
            Message::WindowMoved(feed) => self.end_outside_window(&feed),
            Message::Deleted(feed) => {
                self.end_readers(&feed);
                self.watchers.wake(feed.id());
            }
            Message::Unbound(feed, lost) => {
                self.end_readers_in(&feed, &lost);
                self.watchers.wake(feed.id());
            }
            Message::Own(seed) => self.own(seed),
            Message::Drain => self.drain(),
            Message::Stop => self.stopped.set(true),
        }
    }

    /// Wakes everybody who waits for the feed, or for that view of it.
    fn wake_all(&self, feed: &FeedEntry, view: Option<ViewId>) {
        self.wake_readers(feed, view);
        self.tell_news(feed, view);
        self.watchers.wake(feed.id());
    }

    fn wake_readers(&self, feed: &FeedEntry, view: Option<ViewId>) {
        let mut state = self.state.borrow_mut();
        let State { groups, ready, .. } = &mut *state;
        groups.wake(feed.id(), view, |reader| ready.push_back(Ready::Woken(reader)));
    }

    /// Runs a task beside the sweep.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits for the next turn of a stream that is a task of its own, before it sends.
    pub(crate) async fn stream_turn(&self) {
        self.reactor.nudge();
        self.turns.wait().await;
    }

    /// Counts a stream that is a task of its own, for as long as what this returns lives.
    pub(crate) fn count_stream(self: &Rc<Self>) -> Counted {
        self.state.borrow_mut().subscribers += 1;
        Counted(self.clone())
    }

    /// Counts a send that has carried events of such a stream.
    pub(super) fn count_sent(&self, bytes: usize) {
        let mut state = self.state.borrow_mut();
        state.sends += 1;
        state.sent_bytes += bytes as u64;
    }

    /// Runs the writer of a feed this shard owns until the feed is closed.
    fn own(&self, seed: WriterSeed) {
        let writer = seed.attach(ShardStorage(self.appliance.storage.clone()));
        self.spawn(async move {
            writer.run().await;
        });
    }

    fn drain(self: &Rc<Self>) {
        self.draining.set(true);
        self.watchers.wake_all();
        let mut state = self.state.borrow_mut();
        let tokens = state.slots.tokens();
        for &token in &tokens {
            match state.slots.get_mut(token) {
                Some(Slot::Listener(_)) => drop(state.slots.remove(token)),
                Some(Slot::Task(task)) => task.drain(),
                Some(Slot::Subscriber(_)) | None => {}
            }
        }
        self.restart(&mut state, tokens);
    }

    /// Ends those of these that stream because the appliance stops, each after its dialect's pause.
    fn restart(self: &Rc<Self>, state: &mut State, tokens: Vec<Token>) {
        let mut by_pause: BTreeMap<u64, Vec<Token>> = BTreeMap::new();
        for token in tokens {
            match state.pause_ms(token) {
                0 => state.end(token, Farewell::Restart),
                pause_ms => by_pause.entry(pause_ms).or_default().push(token),
            }
        }
        for (pause_ms, tokens) in by_pause {
            let shard = self.clone();
            self.spawn(async move {
                glommio::timer::sleep(Duration::from_millis(pause_ms)).await;
                let mut state = shard.state.borrow_mut();
                tokens.into_iter().for_each(|token| state.end(token, Farewell::Restart));
                drop(state);
                shard.reactor.nudge();
            });
        }
    }

    /// Advances the wheel with the clock and looks at whoever is due.
    async fn keep_time(self: Rc<Self>) {
        let tick = Duration::from_millis(TICK_MS);
        let started = Instant::now();
        let mut due = Vec::new();
        while !self.stopped.get() {
            glommio::timer::sleep(tick).await;
            let now = (started.elapsed().as_millis() as u64) / TICK_MS;
            while self.state.borrow().wheel.now() < now {
                self.state.borrow_mut().wheel.advance(&mut due);
            }
            self.look_at(&mut due);
            if self.index == 0 && now.is_multiple_of(TICKS_PER_LOOK) {
                self.appliance.feeds.workers().look();
            }
            self.stats.publish(&self.state.borrow());
        }
    }
}
