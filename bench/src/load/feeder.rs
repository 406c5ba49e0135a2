//! A stream that is kept full: [`Feeder`] stays a little ahead of the subscribers and no more.
//!
//! They never run dry, and the server stores no more than it delivers, so that its figure contains the honest price of
//! storing. Tests are below.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow};
use tailwater_loadgen::Control;

use super::{Load, post};
use crate::{events::Batch, followed, http::Client};

/// Between looks at how far the subscribers have come: each wakes a thread on the clients' processor, and a lead lasts much longer.
const LOOK: Duration = Duration::from_millis(10);

/// Connections of a feeder: while one request waits to be synced, the next is on its way.
const FEEDING: usize = 4;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

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
