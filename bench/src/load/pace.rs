//! Events at a pace, each with its own publish time, so that their latency can be told. Tested through the scenarios.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tailwater_loadgen::{
    Control, PublishConfig,
    publish::{self, Payload, SeqMode},
};

use super::Load;
use crate::{dialect::Dialect, followed};

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
