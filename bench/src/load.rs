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

use anyhow::{Result, ensure};
use tailwater_loadgen::{
    Control, PublishConfig,
    publish::{self, Payload, SeqMode},
};

use crate::{events::Body, http::Client, server::FEED};

/// Between looks at how far the subscribers have come.
const LOOK: Duration = Duration::from_millis(2);

/// Something that runs beside the subscribers, from when all are connected until it is stopped.
pub trait Load: Sync {
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

/// Keeps the stream ahead of its subscribers.
#[derive(Debug)]
pub struct Feeder<'a> {
    /// The server.
    pub address: SocketAddr,
    /// What is published again and again.
    pub body: &'a Body,
    /// Who reads it.
    pub subscribers: usize,
    /// How far the end of the stream is kept ahead of the subscribers' mean position.
    pub lead_bytes: u64,
    /// Set when it is to end.
    pub stopped: AtomicBool,
    /// Events published so far.
    pub events: AtomicU64,
}

impl<'a> Feeder<'a> {
    /// A feeder of `body` to the server at `address`.
    pub fn new(address: SocketAddr, body: &'a Body, subscribers: usize, lead_bytes: u64) -> Self {
        Self { address, body, subscribers, lead_bytes, stopped: AtomicBool::new(false), events: AtomicU64::new(0) }
    }
}

impl Load for Feeder<'_> {
    fn run(&self, subscribers: &Control) -> Result<()> {
        let mut client = Client::connect(self.address)?;
        let start_bytes = subscribers.snapshot().bytes;
        let mut published_bytes = 0;
        while !self.stopped.load(Relaxed) {
            let received = subscribers.snapshot().bytes.saturating_sub(start_bytes);
            if !is_due(published_bytes, received / self.subscribers as u64, self.lead_bytes) {
                thread::sleep(LOOK);
                continue;
            }
            post(&mut client, self.body)?;
            published_bytes += self.body.stream_bytes;
            self.events.fetch_add(self.body.events, Relaxed);
        }
        Ok(())
    }

    fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }
}

fn is_due(published_bytes: u64, received_bytes: u64, lead_bytes: u64) -> bool {
    published_bytes < received_bytes + lead_bytes
}

/// Publishes `body` once.
///
/// # Errors
///
/// A refusal, or a lost connection.
pub fn post(client: &mut Client, body: &Body) -> Result<()> {
    let path = format!("/v1/feeds/{FEED}/events?seq=assign");
    let answer = client.post(&path, "application/vnd.tailwater.frames", &body.bytes)?;
    ensure!(answer["count"] == body.events, "the server acknowledged {answer} for {} events", body.events);
    Ok(())
}

/// One event a request at a fixed pace, each with its own publish time.
#[derive(Debug)]
pub struct Pace {
    config: PublishConfig,
    control: Control,
}

impl Pace {
    /// `rate_per_s` made-up frames of `event_bytes` to the server at `url`.
    pub fn new(url: &str, event_bytes: usize, rate_per_s: f64) -> Self {
        let config = PublishConfig {
            payload: Payload::Frames { size_bytes: event_bytes, seq: SeqMode::Assign },
            rate_per_s: Some(rate_per_s),
            create_feed: false,
            ..PublishConfig::new(url, FEED)
        };
        Self { config, control: Control::default() }
    }
}

impl Load for Pace {
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
    }
}
