//! The repeated tables of the configuration as plain data: `[[listen]]`, `[[feed]]`, `[[mirror]]`, `[[key]]`, `[[user]]`.
//!
//! Owns what their settings mean and their defaults. Tested by `tests.rs`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::choice::{CursorSemantics, Dialect, OnOutdated, SseWording};
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
    /// What it shows to clients that speak TLS; without it nothing is encrypted there.
    pub tls: Option<CertificatePair>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), dialects: Dialect::ALL.to_vec(), tls: None }
    }
}

/// `[listen.tls]`: the files of a certificate and its private key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificatePair {
    /// The certificate (PEM), its own first, then those that lead to the authority.
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// `[[feed]]`: a feed that is created at start when it does not exist yet, and gets these options when it has others.
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
    /// Whether it can be read without a key, where there are keys.
    pub public: bool,
    /// The AT Protocol stream it is served as.
    pub atproto: Option<AtprotoExposure>,
    /// The Streamr stream it is served as.
    pub streamr: Option<StreamrExposure>,
    /// Whether its events are the blocks of the BigchainDB interface.
    pub bigchaindb: bool,
    /// The CouchDB database it is served as.
    pub couchdb: Option<CouchdbExposure>,
    /// The Fauna database it is served as.
    pub fauna: Option<FaunaExposure>,
    /// Whether somebody has configured it. One that stands in because nobody has configured any is created, and left alone
    /// from then on.
    pub named: bool,
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
            public: false,
            atproto: None,
            streamr: None,
            bigchaindb: false,
            couchdb: None,
            fauna: None,
            named: true,
        }
    }

    /// The feeds of a configuration that names none, so that every dialect has something to serve: the two streams of the
    /// AT Protocol, a Streamr stream, a BigchainDB chain, a CouchDB database and a Fauna database. Of the databases everything is
    /// kept: what is dropped from them is purged without a word.
    pub(super) fn defaults(storage: &Storage) -> Vec<Self> {
        let atproto = |name: &str, nsid: &str| Self {
            atproto: Some(AtprotoExposure { nsid: nsid.to_owned(), ..AtprotoExposure::default() }),
            ..Self::named(name, storage)
        };
        let feeds = [
            atproto("repos", "com.atproto.sync.subscribeRepos"),
            atproto("labels", "com.atproto.label.subscribeLabels"),
            Self { streamr: Some(StreamrExposure::whole("messages")), ..Self::named("messages", storage) },
            // A chain that forgets could not tell what was spent.
            Self {
                bigchaindb: true,
                retention: Retention { age_ms: None, bytes: None },
                ..Self::named("blocks", storage)
            },
            Self {
                couchdb: Some(CouchdbExposure { db: "events".to_owned(), ..CouchdbExposure::default() }),
                retention: Retention { age_ms: None, bytes: None },
                ..Self::named("events", storage)
            },
            Self {
                fauna: Some(FaunaExposure::default()),
                retention: Retention { age_ms: None, bytes: None },
                ..Self::named("documents", storage)
            },
        ];
        feeds.map(|feed| Self { named: false, ..feed }).into()
    }
}

/// Most partitions a Streamr stream can have.
pub const PARTITIONS_MAX: u64 = 100;

/// `[feed.streamr]`: how a feed is served as a Streamr stream. Each further partition is a feed of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamrExposure {
    /// The stream's id.
    pub stream: String,
    /// How many partitions the stream has.
    #[serde(default = "one")]
    pub partitions: u64,
    /// Which of them this feed is. The configuration names the first.
    #[serde(default)]
    pub partition: u64,
}

fn one() -> u64 {
    1
}

impl StreamrExposure {
    /// The only partition of a stream.
    pub fn whole(stream: &str) -> Self {
        Self { stream: stream.to_owned(), partitions: 1, partition: 0 }
    }

    /// The name of the feed that is partition `partition` of the stream whose first partition is the feed `first`.
    pub fn feed_name(first: &str, partition: u64) -> String {
        if partition == 0 { first.to_owned() } else { format!("{first}.{partition}") }
    }
}

/// `[[key]]`: a secret that opens feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// What it is called in the log.
    pub name: String,
    /// SHA-256 of the secret.
    pub secret_sha256: Option<[u8; 32]>,
    /// Feeds it may read; `*` is every feed.
    pub read: Vec<String>,
    /// Feeds it may publish to; `*` is every feed.
    pub write: Vec<String>,
    /// Whether it may create, change and delete feeds and see everything's status.
    pub admin: bool,
}

/// `[[user]]`: somebody who logs in with a name and a password, in the CouchDB dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// What they log in with.
    pub name: String,
    /// The Argon2 hash of their password, as a PHC string.
    pub password_argon2: String,
    /// What they may be in a database's security object; `_admin` may do everything.
    pub roles: Vec<String>,
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

/// `[feed.couchdb]`: how a feed is served as a CouchDB database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouchdbExposure {
    /// The database's name.
    pub db: String,
    /// The wording of its server-sent events.
    #[serde(default)]
    pub sse: SseWording,
}

/// `[feed.fauna]`: how a feed is served as a Fauna database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaunaExposure {
    /// The database's path; that of the root is `/`.
    pub database: String,
    /// The collection of what is published without one, which is always there.
    pub collection: String,
}

impl FaunaExposure {
    /// The path of the database that a secret opens which names none.
    pub const ROOT: &'static str = "/";
}

impl Default for FaunaExposure {
    fn default() -> Self {
        Self { database: Self::ROOT.to_owned(), collection: "Event".to_owned() }
    }
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
