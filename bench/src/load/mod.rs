//! What goes on while a side is measured: nothing, a stream kept full, or events at a pace.
//!
//! Owns what a scenario and its load agree on. `feeder` keeps a stream full, `pace` publishes made-up events, `posts` posts
//! prepared requests.

mod feeder;
mod pace;
mod posts;

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tailwater_loadgen::Control;

pub use self::{feeder::Feeder, pace::Pace, posts::Posts};
use crate::{events::Batch, followed, http::Client};

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
