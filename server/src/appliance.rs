//! The appliance: the log, its feeds, and what all shards know in common.
//!
//! Owns the store and the life of feeds: created, given to a shard, closed, deleted. Never touches a socket. Everything
//! that blocks here says so; shards call it on their blocking pool. Tested by `server/tests/native/`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tailwater_core::{
    AppendError, Durability, Feed, FeedError, FeedId, FeedOptions, FeedState, OpenError, Retention, Store,
};

use tailwater_core::storage::PoolStorage;

use tailwater_wire::atproto::{encode::AtprotoJson, request::is_nsid};

use crate::{
    config::{self, AtprotoExposure, Config},
    encodings::Encodings,
    exposure::Exposure,
    feeds::{FeedEntry, Feeds},
    limits::Places,
    mirror::Mirrors,
    shard::{Message, ShardHandle, ShardStats},
};

/// Writes and syncs that can be under way at once, over all feeds.
const STORAGE_THREADS: usize = 4;

/// Why a feed could not be created or deleted.
#[derive(Debug, thiserror::Error)]
pub enum FeedsError {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] FeedError),
    /// The feed's writer could not end in order.
    #[error("the feed could not be closed: {0}")]
    Close(#[from] AppendError),
    /// There is no such feed.
    #[error("there is no feed {name:?}")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The limit on feeds is reached.
    #[error("there are {feeds_max} feeds already, as many as limits.feeds_max allows")]
    TooMany {
        /// The limit.
        feeds_max: u64,
    },
    /// A binding names no endpoint.
    #[error("{nsid:?} is no NSID; one looks like com.example.stream.subscribe")]
    Nsid {
        /// What was asked for.
        nsid: String,
    },
    /// Another feed is bound to the endpoint.
    #[error("the endpoint {nsid} is bound to the feed {feed:?} already")]
    Bound {
        /// The endpoint.
        nsid: String,
        /// The feed that has it.
        feed: String,
    },
    /// The bindings stored with a feed are not understood.
    #[error("the feed {name:?} was stored with dialects this version does not know: {error}")]
    Stored {
        /// The feed.
        name: String,
        /// What is wrong with them.
        error: serde_json::Error,
    },
}

/// What every shard and every request can reach.
pub(crate) struct Appliance {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// The threads that write and sync.
    pub(crate) storage: PoolStorage,
    pub(crate) encodings: Encodings,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) places: Arc<Places>,
    pub(crate) stats: Box<[Arc<ShardStats>]>,
    pub(crate) mirrors: Mirrors,
    pub(crate) started: Instant,
    shards: Arc<[ShardHandle]>,
    creating: Mutex<()>,
}

impl Appliance {
    /// Opens the log and every feed in it, and creates the configured feeds that are missing. Blocks.
    pub(crate) fn open(config: Config, shards: Arc<[ShardHandle]>) -> Result<Arc<Self>, StartError> {
        let feeds = Arc::new(Feeds::new(shards.clone()));
        let store = Store::open(&config.data, store_options(&config, &feeds))?;
        let storage = PoolStorage::new(STORAGE_THREADS).map_err(StartError::Threads)?;
        let limits = &config.limits;
        let appliance = Arc::new(Self {
            encodings: Encodings::of(&store),
            places: Places::new(
                limits.connections_max as usize,
                limits.connections_per_address_max as usize,
                limits.replays_per_address_max as usize,
                limits.limit_loopback,
            ),
            stats: shards.iter().map(|_| Arc::default()).collect(),
            mirrors: Mirrors::new(&config.mirrors, limits.into()),
            started: Instant::now(),
            storage,
            feeds,
            store,
            shards,
            creating: Mutex::default(),
            config,
        });
        for feed in appliance.store.feeds() {
            appliance.adopt(feed)?;
        }
        appliance.create_configured()?;
        Ok(appliance)
    }

    /// Creates a feed. Blocks.
    pub(crate) fn create(
        &self,
        name: &str,
        mut options: FeedOptions,
        exposure: &Exposure,
    ) -> Result<Arc<FeedEntry>, FeedsError> {
        // What is free and how many there are must still be so when the feed is added. It guards no data.
        let _one_at_a_time = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        if self.feeds.get(name).is_some() {
            return Err(FeedError::Exists { name: name.to_owned() }.into());
        }
        let feeds_max = self.config.limits.feeds_max;
        if self.feeds.len() as u64 >= feeds_max {
            return Err(FeedsError::TooMany { feeds_max });
        }
        self.check_free(exposure)?;
        exposure.store_in(&mut options.extra).map_err(|error| FeedsError::Stored { name: name.to_owned(), error })?;
        let feed = self.store.create_feed(name, options)?;
        self.adopt(feed)
    }

    /// Ends a feed's streams, closes it and removes it from the disk. Its place on the disk is freed by
    /// [`Appliance::erase`].
    pub(crate) async fn close(&self, name: &str) -> Result<(), FeedsError> {
        let unknown = || FeedsError::Unknown { name: name.to_owned() };
        let entry = self.feeds.remove(name).ok_or_else(unknown)?;
        for shard in &*self.shards {
            shard.send(Message::Deleted(entry.clone()));
        }
        // A feed that has failed cannot be closed in order, and need not be: it is about to be removed.
        let _failed = entry.feed().close().await;
        Ok(())
    }

    /// Removes a closed feed from the disk. Blocks.
    pub(crate) fn erase(&self, name: &str) -> Result<(), FeedsError> {
        Ok(self.store.delete_feed(name)?)
    }

    /// What a new feed gets for the options nobody stated.
    pub(crate) fn default_options(&self) -> FeedOptions {
        let storage = &self.config.storage;
        FeedOptions {
            retention: retention(storage.retention),
            durability: durability(storage.durability),
            segment_bytes_max: storage.segment_bytes_max,
            ..FeedOptions::default()
        }
    }

    /// Closes every feed, so that the next start finds a clean log.
    pub(crate) async fn close_all(&self) {
        for entry in self.feeds.all() {
            if let Err(error) = entry.feed().close().await {
                tracing::error!(feed = entry.feed().name(), %error, "the feed could not be closed");
            }
        }
    }

    /// The shard that writes a feed.
    pub(crate) fn owner(&self, feed: FeedId) -> usize {
        feed.0 as usize % self.shards.len()
    }

    fn adopt(&self, feed: Arc<Feed>) -> Result<Arc<FeedEntry>, FeedsError> {
        let exposure = Exposure::from_stored(&feed.options().extra)
            .map_err(|error| FeedsError::Stored { name: feed.name().to_owned(), error })?;
        if let FeedState::Failed { reason } = feed.state() {
            tracing::error!(feed = feed.name(), %reason, "the feed takes no events, and ends where it can be read to");
        }
        let entry = self.feeds.add(feed.clone(), exposure);
        if let Some(seed) = self.store.take_writer(&feed) {
            self.shards[self.owner(feed.id())].send(Message::Own(seed));
        }
        Ok(entry)
    }

    fn create_configured(&self) -> Result<(), FeedsError> {
        for wanted in &self.config.feeds {
            let options = FeedOptions {
                retention: retention(wanted.retention),
                durability: durability(wanted.durability),
                segment_bytes_max: wanted.segment_bytes_max,
                first_seq: wanted.first_seq,
                ..FeedOptions::default()
            };
            let exposure = Exposure { atproto: wanted.atproto.clone() };
            match self.feeds.get(&wanted.name) {
                Some(entry) if !entry.was_created_with(&options, &exposure) => tracing::warn!(
                    feed = %wanted.name,
                    "the feed was created with other options than the configuration has now, and keeps them"
                ),
                Some(_) => {}
                None => drop(self.create(&wanted.name, options, &exposure)?),
            }
        }
        Ok(())
    }

    fn check_free(&self, exposure: &Exposure) -> Result<(), FeedsError> {
        let Some(binding) = &exposure.atproto else {
            return Ok(());
        };
        if !is_nsid(&binding.nsid) {
            return Err(FeedsError::Nsid { nsid: binding.nsid.clone() });
        }
        // Two endpoints whose frames would lie in one place cannot both be served.
        let encoding = AtprotoJson::name_for(&binding.nsid);
        let same = |bound: &AtprotoExposure| AtprotoJson::name_for(&bound.nsid) == encoding;
        match self.feeds.find(|other| other.atproto.as_ref().is_some_and(same)) {
            Some(other) => Err(FeedsError::Bound { nsid: binding.nsid.clone(), feed: other.feed().name().to_owned() }),
            None => Ok(()),
        }
    }
}

/// Why the appliance cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error("{}", unusable(.0))]
    Open(#[from] OpenError),
    /// A feed.
    #[error(transparent)]
    Feeds(#[from] FeedsError),
    /// An address.
    #[error(transparent)]
    Listen(#[from] crate::listen::ListenError),
    /// The kernel does not offer what the appliance stands on.
    #[error(transparent)]
    Machine(#[from] crate::machine::MachineError),
    /// A configured processor is not this process's to use.
    #[error(transparent)]
    Cpu(#[from] config::CpuNotAllowed),
    /// A thread besides the shards'.
    #[error("a thread could not be started: {0}")]
    Threads(std::io::Error),
    /// A shard's thread.
    #[error("shard {index} could not start: {reason}")]
    Shard {
        /// Which one.
        index: usize,
        /// What failed.
        reason: String,
    },
}

/// What to do about a data directory, where the log itself does not say.
fn unusable(error: &OpenError) -> String {
    match error {
        OpenError::Io { .. } => format!(
            "the data directory cannot be used: {error}. Make it a directory that this user may write to, or choose \
             another with --data"
        ),
        told => told.to_string(),
    }
}

fn store_options(config: &Config, feeds: &Arc<Feeds>) -> tailwater_core::StoreOptions {
    tailwater_core::StoreOptions {
        listener: Some(Arc::new(feeds.news())),
        frame_bytes_max: config.storage.frame_bytes_max,
        disk_low_water_bytes: config.storage.disk_low_water_bytes,
        encoding_idle_ms: config.storage.frame_idle_ms,
        ..tailwater_core::StoreOptions::default()
    }
}

fn retention(retention: config::Retention) -> Retention {
    Retention { age_ms: retention.age_ms, bytes: retention.bytes }
}

fn durability(durability: config::Durability) -> Durability {
    match durability {
        config::Durability::Sync => Durability::Sync,
        config::Durability::Interval { interval_ms } => Durability::Interval { ms: interval_ms },
        config::Durability::Os => Durability::Os,
    }
}
