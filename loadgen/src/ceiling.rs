//! The receiving half of the raw ceiling: plain TCP connections drained by the code that drains subscribers.
//!
//! Whatever sends to these connections as fast as it can shows what this machine's loopback gives; because the receiver is the
//! same, the ratio of a server's throughput to it is about the server alone. Tested in `tests/subscribe.rs`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    control::Control,
    error::Error,
    subscribe::{self, SubscribeConfig, SubscribeReport, Window},
};

/// What to drain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CeilingConfig {
    /// Who sends.
    pub address: SocketAddr,
    /// Connections to open.
    pub connections: usize,
    /// Of these, never to be read.
    pub stall: usize,
    /// Source addresses, as in [`Sources::parse`](crate::Sources::parse).
    pub sources: Option<String>,
    /// When measuring begins.
    pub window: Window,
    /// For how long; `None`: until stopped.
    pub seconds: Option<f64>,
    /// `SO_RCVBUF` of every connection; `None`: the system's automatic sizing.
    pub receive_buffer_bytes: Option<usize>,
}

impl CeilingConfig {
    /// `connections` to `address`, measured from when all are open until stopped.
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        Self {
            address,
            connections,
            stall: 0,
            sources: None,
            window: Window::AfterRamp { warmup_ms: 0 },
            seconds: None,
            receive_buffer_bytes: None,
        }
    }
}

/// Drains on the calling thread. The report has bytes, fairness and CPU time; nothing is decoded, so there are no events.
///
/// # Errors
///
/// As [`subscribe::run`].
pub fn drain(config: &CeilingConfig, control: &Control) -> Result<SubscribeReport, Error> {
    let drained = SubscribeConfig {
        connections: config.connections,
        stall: config.stall,
        sources: config.sources.clone(),
        window: config.window,
        seconds: config.seconds,
        receive_buffer_bytes: config.receive_buffer_bytes,
        ..SubscribeConfig::new(format!("tcp://{}", config.address))
    };
    subscribe::run(&drained, control)
}
