//! What a subscribing run is told.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    sources::Sources,
    target::{Scheme, Target},
    tls::{TlsClient, TlsConfig},
};

/// How many connections are checked when nothing is said about it.
pub const SAMPLE_DEFAULT: usize = 8;

/// Longest time without sleep.
const AWAKE_US_MAX: u64 = 1_000_000;

/// When measuring begins. Order, duplicates and gaps are checked from the first byte on in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// This long after every connection is open (or has failed).
    AfterRamp {
        /// What is left out, in milliseconds.
        warmup_ms: u64,
    },
    /// At once: the ramp is part of what is measured.
    FromStart,
    /// When [`Control::begin_window`](crate::Control::begin_window) is called.
    Manual,
}

/// Settings of a subscribing run. [`SubscribeConfig::new`] gives the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubscribeConfig {
    /// `ws://` (WebSocket), `http://` (NDJSON or SSE, by the answer's content type), the same over TLS as `wss://` and `https://`,
    /// `frames://` (WebSocket frames that nobody asked for) or `tcp://` (bytes, unchecked).
    pub url: String,
    /// What is asked of the certificate over TLS.
    pub tls: TlsConfig,
    /// Connections to open.
    pub connections: usize,
    /// How many of them are decoded and checked; the rest are drained. `None`: 8, or all when there are fewer.
    pub sample: Option<usize>,
    /// How many of them are opened and then never read.
    pub stall: usize,
    /// Connections begun per second; `None`: as fast as they open. At most 256 are being opened at a time.
    pub ramp_per_s: Option<f64>,
    /// Source addresses, as in [`Sources::parse`](crate::Sources::parse); `None`: the system's choice.
    pub sources: Option<String>,
    /// Further request headers.
    pub headers: Vec<(String, String)>,
    /// JSON documents to ask for the stream with: the request is a POST then. Connection n posts the one with the number n,
    /// going round.
    pub bodies: Vec<String>,
    /// Bytes that each raw connection (`tcp://`, `frames://`) begins with.
    pub opening: Vec<u8>,
    /// Text messages a connection says as soon as its WebSocket is open, and again when it comes back. Connection n says the
    /// list with the number n, going round; no lists: nothing is said.
    pub say: Vec<Vec<String>>,
    /// The `cursor` parameter; replaces one that is in the address.
    pub cursor: Option<u64>,
    /// When measuring begins.
    pub window: Window,
    /// The run ends this long after measuring began.
    pub seconds: Option<f64>,
    /// Every checked connection ends after exactly this many events, and the run with the last of them.
    pub events: Option<u64>,
    /// The run ends when every checked connection has seen this seq or a later one.
    pub until_seq: Option<u64>,
    /// A checked connection that is dropped comes back with the seq after its last as cursor.
    pub resume: bool,
    /// A missing seq fails the run.
    pub expect_contiguous: bool,
    /// A connection that is not open after this long has failed.
    pub open_timeout_ms: u64,
    /// `SO_RCVBUF` of every connection; `None`: the system's automatic sizing.
    pub receive_buffer_bytes: Option<usize>,
    /// How long the thread goes on asking whether something is ready before it sleeps, in microseconds; 0: it sleeps at once.
    /// On one machine the server pays for waking it.
    pub awake_us: u64,
    /// A larger message is a protocol error.
    pub message_bytes_max: usize,
}

impl SubscribeConfig {
    /// One checked connection to `url`, until stopped.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            tls: TlsConfig::default(),
            connections: 1,
            sample: None,
            stall: 0,
            ramp_per_s: None,
            sources: None,
            headers: Vec::new(),
            bodies: Vec::new(),
            opening: Vec::new(),
            say: Vec::new(),
            cursor: None,
            window: Window::AfterRamp { warmup_ms: 0 },
            seconds: None,
            events: None,
            until_seq: None,
            resume: false,
            expect_contiguous: false,
            open_timeout_ms: 10_000,
            receive_buffer_bytes: None,
            awake_us: 0,
            message_bytes_max: 16 << 20,
        }
    }

    /// Parses and checks what [`run`](crate::subscribe::run) needs before it starts.
    pub(crate) fn plan(&self) -> Result<Plan, Error> {
        let refuse = |message: &str| Err(Error::Settings(message.to_owned()));
        let target = Target::parse(&self.url)?;
        let readers = self.connections.saturating_sub(self.stall);
        let sample = match self.sample {
            _ if target.scheme == Scheme::Tcp => 0,
            Some(sample) => sample,
            None => readers.min(SAMPLE_DEFAULT),
        };
        if self.connections == 0 {
            return refuse("connections must be at least 1");
        }
        if sample + self.stall > self.connections {
            return refuse("sample and stall together must not exceed connections");
        }
        if sample == 0 && (self.events.is_some() || self.until_seq.is_some()) {
            return refuse("to stop at an event, at least one connection must be checked (sample)");
        }
        if !self.say.is_empty() && target.scheme != Scheme::WebSocket {
            return refuse("only over a WebSocket (ws:// or wss://) can something be said");
        }
        if !self.bodies.is_empty() && target.scheme != Scheme::Http {
            return refuse("only over HTTP (http:// or https://) can a body be posted");
        }
        if !self.opening.is_empty() && !target.scheme.is_raw() {
            return refuse("only raw connections (tcp://, frames://) begin with bytes of the caller's");
        }
        if self.ramp_per_s.is_some_and(|rate| rate.is_nan() || rate <= 0.0) {
            return refuse("ramp must be above 0 connections per second");
        }
        if self.seconds.is_some_and(|s| !(0.0..=1e9).contains(&s)) {
            return refuse("seconds must be between 0 and 1,000,000,000");
        }
        if self.awake_us > AWAKE_US_MAX {
            return refuse("a thread that looks for longer than 1,000,000 microseconds never sleeps");
        }
        let sources = self.sources.as_deref().map(Sources::parse).transpose()?;
        let peer = target.resolve()?;
        if sources.is_some() && !peer.is_ipv4() {
            return refuse("source addresses are IPv4, the server's address is not");
        }
        let tls = TlsClient::for_target(&target, &self.tls)?;
        Ok(Plan { target, tls, peer, sources, sample })
    }
}

/// A checked configuration's derived parts.
pub(crate) struct Plan {
    pub target: Target,
    pub tls: Option<Arc<TlsClient>>,
    pub peer: std::net::SocketAddr,
    pub sources: Option<Sources>,
    pub sample: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_usage_errors() {
        type Change = fn(&mut SubscribeConfig);
        let table: [(&str, Change); 15] = [
            ("an opening of its own for HTTP", |c| {
                c.url = "http://127.0.0.1:1".into();
                c.opening = vec![0];
            }),
            ("an authority for nobody", |c| c.tls.ca = Some("ca.pem".into())),
            ("nothing not to verify", |c| c.tls.insecure = true),
            ("an authority that is not there", |c| {
                c.url = "wss://127.0.0.1:1/".into();
                c.tls.ca = Some("/nowhere/ca.pem".into());
            }),
            ("no connections", |c| c.connections = 0),
            ("more roles than connections", |c| c.stall = 1 + c.connections),
            ("no sample to count", |c| {
                c.sample = Some(0);
                c.events = Some(1);
            }),
            ("raw bytes have no events", |c| {
                c.url = "tcp://127.0.0.1:1".into();
                c.until_seq = Some(1);
            }),
            ("nothing to say it over", |c| {
                c.url = "http://127.0.0.1:1".into();
                c.say = vec![vec!["x".into()]];
            }),
            ("nothing to post it to", |c| c.bodies = vec!["{}".into()]),
            ("ramp", |c| c.ramp_per_s = Some(0.0)),
            ("ramp NaN", |c| c.ramp_per_s = Some(f64::NAN)),
            ("no sleep", |c| c.awake_us = 1_000_001),
            ("seconds", |c| c.seconds = Some(-1.0)),
            ("sources for IPv6", |c| {
                c.url = "ws://[::1]:1/".into();
                c.sources = Some("127.0.0.0/8".into());
            }),
        ];
        for (name, change) in table {
            let mut config = SubscribeConfig::new("ws://127.0.0.1:1/");
            change(&mut config);
            assert!(config.plan().err().unwrap().is_usage(), "{name}");
        }
    }

    #[test]
    fn the_default_sample_leaves_room_for_stalled_connections() {
        let mut config = SubscribeConfig::new("ws://127.0.0.1:1/");
        (config.connections, config.stall) = (10, 7);
        assert_eq!(config.plan().unwrap().sample, 3);
        (config.connections, config.stall) = (1000, 100);
        assert_eq!(config.plan().unwrap().sample, SAMPLE_DEFAULT);
    }
}
