//! What goes on while a side is measured: nothing, a stream kept full, or events at a pace.
//!
//! Owns the publishers. [`Feeder`] stays a little ahead of the subscribers and no more: they never run dry, and the server
//! stores no more than it delivers, so that its figure contains the honest price of storing. Tests are below.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use tailwater_loadgen::{
    Control, PublishConfig,
    publish::{self, Payload, SeqMode},
};

use crate::{dialect::Dialect, events::Batch, followed, http::Client};

/// Between looks at how far the subscribers have come.
const LOOK: Duration = Duration::from_millis(2);

/// Connections of a feeder: while one request waits to be synced, the next is on its way.
const FEEDING: usize = 4;

/// Something that runs beside the subscribers, from when all are connected until it is stopped.
pub trait Load: Sync {
    /// Waits, when all are connected, for what else has to be so before it may begin.
    ///
    /// # Errors
    ///
    /// When it does not become so.
    fn wait(&self) -> Result<()> {
        Ok(())
    }

    /// Runs until [`Load::stop`]; `subscribers` says how far they have come.
    ///
    /// # Errors
    ///
    /// When it cannot do what it is for; the measurement is void then.
    fn run(&self, subscribers: &Control) -> Result<()>;

    /// Ends it soon. Called from another thread.
    fn stop(&self);
}

/// Nothing: the other side sends on its own.
#[derive(Debug, Default)]
pub struct NoLoad;

impl Load for NoLoad {
    fn run(&self, _subscribers: &Control) -> Result<()> {
        Ok(())
    }

    fn stop(&self) {}
}

/// Nothing, once the server's feeds have so many followers.
#[derive(Debug)]
pub struct Followed {
    address: SocketAddr,
    followers: u64,
}

impl Followed {
    /// So many followers of the feeds of the server at `address`.
    pub fn new(address: SocketAddr, followers: usize) -> Self {
        Self { address, followers: followers as u64 }
    }
}

impl Load for Followed {
    fn wait(&self) -> Result<()> {
        followed::wait_for(self.address, self.followers)
    }

    fn run(&self, _subscribers: &Control) -> Result<()> {
        Ok(())
    }

    fn stop(&self) {}
}

/// Keeps the stream ahead of its subscribers.
#[derive(Debug)]
pub struct Feeder<'a> {
    address: SocketAddr,
    batch: &'a Batch,
    subscribers: u64,
    connected: u64,
    lead_bytes: u64,
    stopped: AtomicBool,
    /// Stream bytes posted, acknowledged or not.
    posted_bytes: AtomicU64,
    acknowledged_bytes: AtomicU64,
    least_lead_bytes: AtomicU64,
}

impl<'a> Feeder<'a> {
    /// A feeder of `batch`, again and again, to the server at `address`: the end of the stream is kept `lead_bytes` ahead of the
    /// mean position of the `subscribers` that read, out of those `connected`.
    pub fn new(address: SocketAddr, batch: &'a Batch, subscribers: usize, connected: usize, lead_bytes: u64) -> Self {
        Self {
            address,
            batch,
            subscribers: subscribers as u64,
            connected: connected as u64,
            lead_bytes,
            stopped: AtomicBool::new(false),
            posted_bytes: AtomicU64::new(0),
            acknowledged_bytes: AtomicU64::new(0),
            least_lead_bytes: AtomicU64::new(u64::MAX),
        }
    }

    /// How far ahead the stream was at the worst moment since this was last asked. 0: it ran dry, and the server waited.
    pub fn take_least_lead(&self) -> u64 {
        self.least_lead_bytes.swap(u64::MAX, Relaxed)
    }

    fn feed(&self, subscribers: &Control, start_bytes: u64) -> Result<()> {
        let mut client = Client::connect(self.address)?;
        while !self.stopped.load(Relaxed) {
            let received = subscribers.snapshot().bytes.saturating_sub(start_bytes) / self.subscribers;
            let lead = self.acknowledged_bytes.load(Relaxed).saturating_sub(received);
            self.least_lead_bytes.fetch_min(lead, Relaxed);
            if !self.claim(received) {
                thread::sleep(LOOK);
                continue;
            }
            post(&mut client, self.batch)?;
            self.acknowledged_bytes.fetch_add(self.batch.stream_bytes, Relaxed);
        }
        Ok(())
    }

    /// Whether another batch is due; if so, it is the caller's to post.
    fn claim(&self, received_bytes: u64) -> bool {
        let due = |posted| is_due(posted, received_bytes, self.lead_bytes).then_some(posted + self.batch.stream_bytes);
        self.posted_bytes.fetch_update(Relaxed, Relaxed, due).is_ok()
    }
}

impl Load for Feeder<'_> {
    /// What is published before somebody follows the stream is nothing that it could be behind with.
    fn wait(&self) -> Result<()> {
        followed::wait_for(self.address, self.connected)
    }

    fn run(&self, subscribers: &Control) -> Result<()> {
        let start_bytes = subscribers.snapshot().bytes;
        thread::scope(|scope| {
            let spawn = |_| scope.spawn(|| self.feed(subscribers, start_bytes));
            let feeding: Vec<_> = (0..FEEDING).map(spawn).collect();
            let join =
                |thread: thread::ScopedJoinHandle<'_, _>| thread.join().map_err(|_| anyhow!("a feeder panicked"))?;
            feeding.into_iter().try_for_each(join)
        })
    }

    fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }
}

fn is_due(published_bytes: u64, received_bytes: u64, lead_bytes: u64) -> bool {
    published_bytes < received_bytes + lead_bytes
}

/// Publishes `batch` once.
///
/// # Errors
///
/// A refusal, or a lost connection.
pub fn post(client: &mut Client, batch: &Batch) -> Result<()> {
    let answer = client.post(&batch.request)?;
    ensure!(answer["count"] == batch.stored, "the server acknowledged {answer} for {} events", batch.stored);
    Ok(())
}

/// One event a request at a fixed pace, each with its own publish time.
#[derive(Debug)]
pub struct Pace {
    config: PublishConfig,
    control: Control,
    address: SocketAddr,
    connected: u64,
}

impl Pace {
    /// `rate_per_s` made-up events of `event_bytes` to the server at `address`, when it has so many `connected` followers.
    /// The dialect's stream must be one of AT Protocol frames or of JSON documents.
    pub fn new(address: SocketAddr, dialect: Dialect, event_bytes: usize, rate_per_s: f64, connected: usize) -> Self {
        let config = PublishConfig {
            payload: match dialect {
                Dialect::Atproto => Payload::Frames { size_bytes: event_bytes, seq: SeqMode::Assign },
                _ => Payload::Ndjson { size_bytes: event_bytes, key_space: 1 },
            },
            rate_per_s: Some(rate_per_s),
            create_feed: false,
            ..PublishConfig::new(format!("http://{address}"), dialect.feed())
        };
        Self { config, control: Control::default(), address, connected: connected as u64 }
    }
}

impl Load for Pace {
    fn wait(&self) -> Result<()> {
        followed::wait_for(self.address, self.connected)
    }

    fn run(&self, _subscribers: &Control) -> Result<()> {
        let report = publish::run(&self.config, &self.control)?;
        ensure!(report.ok, "not every event was acknowledged: {:?}", report.total);
        Ok(())
    }

    fn stop(&self) {
        self.control.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_kept_and_not_exceeded() {
        let table =
            [(0, 0, 100, true), (99, 0, 100, true), (100, 0, 100, false), (100, 1, 100, true), (0, 0, 0, false)];
        for (published, received, lead, expected) in table {
            assert_eq!(is_due(published, received, lead), expected, "{published} {received} {lead}");
        }
        let batch = Batch { stream_bytes: 60, ..Batch::made_up(Dialect::Native, 512, 1).unwrap() };
        let feeder = Feeder::new(([127, 0, 0, 1], 1).into(), &batch, 2, 2, 100);
        let claimed: Vec<bool> = [0, 0, 0, 10, 21].into_iter().map(|received| feeder.claim(received)).collect();
        assert_eq!(claimed, [true, true, false, false, true]);
    }
}
