//! The repeated tables of the configuration as plain data: `[[listen]]`, `[[feed]]`, `[[mirror]]`.
//!
//! Owns what their settings mean and their defaults. Tested by `tests.rs`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::choice::{CursorSemantics, Dialect, OnOutdated};
use super::sections::{Durability, Limits, Retention, Storage};
use super::upstream::Upstream;

/// Port of the default listener.
const PORT: u16 = 7070;

/// `[[listen]]`: one socket to accept on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Address and port; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// What is spoken there.
    pub dialects: Vec<Dialect>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), dialects: Dialect::ALL.to_vec() }
    }
}

/// `[[feed]]`: a feed that is created at start when it does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Its name in the data directory and in the native interface.
    pub name: String,
    /// What is kept.
    pub retention: Retention,
    /// When an event counts as stored.
    pub durability: Durability,
    /// Size at which a segment is full.
    pub segment_bytes_max: u64,
    /// First seq an empty feed gives out.
    pub first_seq: u64,
    /// The AT Protocol stream it is served as.
    pub atproto: Option<AtprotoExposure>,
}

impl Feed {
    /// A feed with the defaults of `[storage]`, bound to no dialect.
    pub fn named(name: &str, storage: &Storage) -> Self {
        Self { name: name.to_owned(), ..Self::unnamed(storage) }
    }

    /// A feed without a name yet, with the defaults of `[storage]`.
    pub(super) fn unnamed(storage: &Storage) -> Self {
        Self {
            name: String::new(),
            retention: storage.retention,
            durability: storage.durability,
            segment_bytes_max: storage.segment_bytes_max,
            first_seq: 1,
            atproto: None,
        }
    }

    /// The feeds of a configuration that names none: the two streams of the AT Protocol.
    pub(super) fn defaults(storage: &Storage) -> Vec<Self> {
        [("repos", "com.atproto.sync.subscribeRepos"), ("labels", "com.atproto.label.subscribeLabels")]
            .into_iter()
            .map(|(name, nsid)| Self {
                name: name.to_owned(),
                atproto: Some(AtprotoExposure { nsid: nsid.to_owned(), ..AtprotoExposure::default() }),
                ..Self::unnamed(storage)
            })
            .collect()
    }
}

/// `[feed.atproto]`: how a feed is served under `/xrpc/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtprotoExposure {
    /// The stream's id, the last part of its path.
    pub nsid: String,
    /// Where `cursor=N` resumes.
    #[serde(default)]
    pub cursor_semantics: CursorSemantics,
    /// What a client gets whose cursor is too old.
    #[serde(default)]
    pub on_outdated: OnOutdated,
}

/// Where a mirror starts while its feed is empty; afterwards it resumes where the feed ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MirrorStart {
    /// With the next event.
    #[default]
    Live,
    /// With this cursor; 0 is the oldest event the upstream has.
    At(u64),
}

/// `[[mirror]]`: an upstream stream that is followed into a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The feed it fills; one of the configured feeds, and no other mirror's.
    pub feed: String,
    /// What it follows.
    pub upstream: Upstream,
    /// Where it starts while the feed is empty.
    pub start: MirrorStart,
    /// Pause after the first failure.
    pub backoff_ms_min: u64,
    /// Longest pause; in between it doubles.
    pub backoff_ms_max: u64,
    /// `User-Agent` header; the appliance's name and version when absent.
    pub user_agent: Option<String>,
    /// Largest frame that is accepted.
    pub frame_bytes_max: u64,
    /// Certificates (PEM) of the authorities to trust instead of the public ones.
    pub ca_file: Option<PathBuf>,
}

impl Mirror {
    /// A mirror of nothing yet.
    pub(super) fn unaddressed(limits: &Limits) -> Self {
        Self {
            feed: String::new(),
            upstream: Upstream { tls: false, host: String::new(), port: 0, target: String::new() },
            start: MirrorStart::Live,
            backoff_ms_min: 500,
            backoff_ms_max: 30_000,
            user_agent: None,
            frame_bytes_max: limits.event_bytes_max,
            ca_file: None,
        }
    }
}
