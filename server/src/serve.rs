//! Starting and stopping the appliance.
//!
//! Owns the order in which things begin and end: check the machine, bind, open the log, start the shards, serve; then
//! stop accepting, end the streams, close the log, leave. Never serves a request itself. Tested by
//! `server/tests/startup.rs` and `server/tests/shutdown.rs`.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use glommio::{ExecutorJoinHandle, Latency, LocalExecutorBuilder, Placement, PoolPlacement, Shares};

use tailwater_core::{AppendError, Appended, Batch, SeqMode};

use crate::{
    appliance::{Appliance, StartError},
    config::{Config, CpuList, Dialect},
    dialects::streamr,
    feeds::FeedEntry,
    listen::{self, Bound, ListenError, Listening},
    machine::{self, MachineError},
    mirror,
    shard::{Message, Shard, ShardHandle},
    starting::Starting,
    tls,
};

/// Submissions a shard's ring holds. Files, timers and one readiness poll go through it; sockets do not.
const RING_DEPTH: usize = 512;

/// Registered memory of a shard's executor; file I/O here is buffered, so little is needed.
const IO_MEMORY_BYTES: usize = 64 << 10;

/// The executor's own preemption, which is switched off by never coming: when glommio 0.9.0 finds its preemption timer
/// expired before it has run a single task, it takes that for having nothing to run and may go to sleep over ready tasks.
/// On a loaded machine a timer of 1 ms does that within minutes. Tasks share by themselves instead; see `shard::breathe`.
const PREEMPTION: Duration = Duration::from_secs(1 << 32);

/// Threads per shard for what blocks.
const BLOCKING_THREADS: usize = 2;

/// What is left of the time to stop for closing the log after the streams have ended.
const CLOSE_SHARE: u32 = 4;

/// How often a stopping appliance looks whether its streams have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// A running appliance.
pub struct Running {
    appliance: Arc<Appliance>,
    shards: Arc<[ShardHandle]>,
    threads: Vec<ExecutorJoinHandle<Result<(), String>>>,
    listening: Vec<Arc<Listening>>,
    addresses: Vec<SocketAddr>,
}

/// Starts the appliance and returns once it serves.
///
/// # Errors
/// A sentence for each thing that can be missing: io_uring, descriptors, an address, the data directory, a feed.
pub fn start(config: Config) -> Result<Running, StartError> {
    machine::require_io_uring()?;
    machine::require_descriptors(config.limits.connections_max)?;
    let allowed = CpuList::allowed().map_err(|error| MachineError::Affinity { error })?;
    let cpus = config.shard_cpus(&allowed)?;
    machine::confine_to(&cpus)?;
    let shards = cpus.len();
    let bound = bind_all(&config, shards)?;
    let listening: Vec<_> = bound.iter().map(|bound| bound.listening.clone()).collect();
    let addresses = listening.iter().map(|listening| listening.address).collect();
    let (handles, inboxes): (Vec<_>, Vec<_>) = (0..shards).map(|_| ShardHandle::new()).unzip();
    let handles: Arc<[ShardHandle]> = handles.into();
    let starting = Starting::answer(&bound).map_err(StartError::Threads)?;
    let opened = Appliance::open(config, handles.clone());
    starting.end();
    let appliance = opened?;
    let mut threads = Vec::new();
    let mut sockets: Vec<Vec<_>> = (0..shards).map(|_| Vec::new()).collect();
    for Bound { listening, sockets: of_listener } in bound {
        for (shard, socket) in of_listener.into_iter().enumerate() {
            sockets[shard].push((socket, listening.clone()));
        }
    }
    for (index, (inbox, sockets)) in inboxes.into_iter().zip(sockets).enumerate() {
        let cpu = cpus[index] as usize;
        let appliance = appliance.clone();
        let thread = LocalExecutorBuilder::new(Placement::Fixed(cpu))
            .name(&format!("shard-{index}"))
            .ring_depth(RING_DEPTH)
            .io_memory(IO_MEMORY_BYTES)
            .preempt_timer(PREEMPTION)
            .blocking_thread_pool_placement(PoolPlacement::Unbound(BLOCKING_THREADS))
            .spawn(move || run_shard(index, appliance, inbox, sockets))
            .map_err(|error| StartError::Shard { index, reason: error.to_string() })?;
        threads.push(thread);
    }
    futures_lite::future::block_on(appliance.announce_noted());
    Ok(Running { appliance, shards: handles, threads, listening, addresses })
}

/// Publishes to one feed from within the process.
pub struct Publisher {
    entry: Arc<FeedEntry>,
}

impl Publisher {
    /// Appends a batch and waits until it is durable. Blocks; not for a shard's thread.
    ///
    /// # Errors
    /// Those of the feed.
    pub fn publish(&self, batch: Batch) -> Result<Appended, AppendError> {
        futures_lite::future::block_on(self.entry.feed().append(batch, SeqMode::Assign))
    }
}

fn bind_all(config: &Config, shards: usize) -> Result<Vec<Bound>, ListenError> {
    config.listen.iter().map(|listen| listen::bind(listen, shards)).collect()
}

async fn run_shard(
    index: usize,
    appliance: Arc<Appliance>,
    inbox: async_channel::Receiver<Message>,
    sockets: Vec<(std::os::fd::OwnedFd, Arc<Listening>)>,
) -> Result<(), String> {
    let tasks = glommio::executor().create_task_queue(Shares::default(), Latency::NotImportant, "tasks");
    let sweep = glommio::executor().create_task_queue(Shares::default(), Latency::NotImportant, "sweep");
    let shard = Shard::new(index, appliance, tasks).map_err(|error| error.to_string())?;
    for (socket, listening) in sockets {
        if index == 0 && listening.identity().is_some() {
            shard.spawn(tls::keep_fresh(listening.clone()));
        }
        shard.listen(socket, listening).map_err(|error| error.to_string())?;
    }
    mirror::follow_owned(&shard);
    if index == 0 && shard.appliance.serves(Dialect::Streamr) {
        shard.spawn(streamr::measure(shard.clone()));
    }
    let running = glommio::spawn_local_into(shard.run(inbox), sweep).map_err(|error| error.to_string())?;
    running.await.map_err(|error| error.to_string())
}

impl Running {
    /// The addresses served, in the order of the configuration; a configured port 0 shows as the port it became.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Reads the certificates of all listeners again; those that have changed and are right are used from now on. Blocks.
    pub fn renew_certificates(&self) {
        self.listening.iter().for_each(|listening| listening.renew_certificate(true));
    }

    /// A way to publish from within the process, past HTTP.
    pub fn publisher(&self, feed: &str) -> Option<Publisher> {
        self.appliance.feeds.get(feed).map(|entry| Publisher { entry })
    }

    /// Streams open now, over all feeds.
    pub fn subscribers(&self) -> u64 {
        self.appliance.stats.iter().map(|stats| stats.subscribers()).sum()
    }

    /// Bytes of events handed to the kernel since the start.
    pub fn sent_bytes(&self) -> u64 {
        self.appliance.stats.iter().map(|stats| stats.sent_bytes_total()).sum()
    }

    /// Connections held now.
    pub fn connections(&self) -> usize {
        self.appliance.places.connections()
    }

    /// Stops: no new connections, every stream ended with its dialect's own words, everything durable, the log closed.
    /// Takes at most `serve.drain_timeout_ms`.
    pub fn stop(self) {
        let allowed = Duration::from_millis(self.appliance.config.serve.drain_timeout_ms);
        let deadline = Instant::now() + allowed - allowed / CLOSE_SHARE;
        self.tell_all(|| Message::Drain);
        while self.connections() > 0 && Instant::now() < deadline {
            std::thread::sleep(DRAIN_LOOK);
        }
        futures_lite::future::block_on(self.appliance.close_all());
        self.tell_all(|| Message::Stop);
        for thread in self.threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a shard had failed"),
                Err(error) => tracing::error!(%error, "a shard had failed"),
            }
        }
    }

    fn tell_all(&self, message: impl Fn() -> Message) {
        for shard in &*self.shards {
            shard.send(message());
        }
    }
}
