//! The appliance: the log, its feeds, and what all shards know in common.
//!
//! Owns the store, and what is decided once for all. How feeds come and go is `feeds`'. Never touches a socket. Tested by
//! `server/tests/native/`.

mod announce;
mod changes;
mod configured;
mod databases;
mod errors;
mod feeds;
mod histories;
mod identity;

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use tailwater_core::{Durability, FeedId, FeedOptions, Retention, Store, storage::PoolStorage};

use self::announce::Announcing;
pub use self::errors::{FeedsError, StartError};
pub(crate) use self::{
    changes::shown,
    databases::Databases,
    feeds::{CREATED_OPTION, SYSTEM_FEED},
    identity::Identity,
};
use crate::{
    auth::{Keys, users::Users},
    config::{self, Config, Dialect},
    dialects::{
        bigchaindb::Chains,
        couchdb::{Updates, scripts::Workers},
        fauna,
        streamr::Meter,
    },
    encodings::Encodings,
    feeds::Feeds,
    filters::Filters,
    index::Indexes,
    limits::Places,
    mirror::Mirrors,
    shard::{ShardHandle, ShardStats},
};

/// Writes and syncs that can be under way at once, over all feeds.
const STORAGE_THREADS: usize = 4;

/// What every shard and every request can reach.
pub(crate) struct Appliance {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// The threads that write and sync.
    pub(crate) storage: PoolStorage,
    pub(crate) encodings: Encodings,
    pub(crate) filters: Arc<Filters>,
    /// The encodings of selectors.
    pub(crate) selectors: Arc<Filters>,
    /// The encodings of Fauna's event sources.
    pub(crate) sources: Arc<Filters>,
    pub(crate) feeds: Arc<Feeds>,
    /// What dialects look up about the events of feeds.
    indexes: Indexes,
    pub(crate) chains: Chains,
    pub(crate) databases: Databases,
    pub(crate) fauna: fauna::Databases,
    pub(crate) db_updates: Updates,
    /// What Streamr's statistics are made of.
    pub(crate) streamr: Arc<Meter>,
    pub(crate) places: Arc<Places>,
    pub(crate) stats: Box<[Arc<ShardStats>]>,
    pub(crate) mirrors: Mirrors,
    pub(crate) keys: Keys,
    pub(crate) users: Users,
    /// What the data directory is known by.
    pub(crate) identity: Identity,
    pub(crate) started: Instant,
    shards: Arc<[ShardHandle]>,
    creating: Mutex<()>,
    announcing: Announcing,
}

impl Appliance {
    /// Opens the log and every feed in it, gives configured feeds the options they are to have, and creates those that are
    /// missing. Blocks.
    pub(crate) fn open(config: Config, shards: Arc<[ShardHandle]>) -> Result<Arc<Self>, StartError> {
        let workers = Workers::new(&config.couchdb, shards.len());
        let feeds = Arc::new(Feeds::new(shards.clone(), workers.clone()));
        workers.attach(&feeds);
        let store = Store::open(&config.data, store_options(&config, &feeds))?;
        let storage = PoolStorage::new(STORAGE_THREADS).map_err(StartError::Threads)?;
        let limits = &config.limits;
        let identity = Identity::open(&config.data)?;
        let appliance = Arc::new(Self {
            encodings: Encodings::of(&store),
            filters: Filters::new(config.bigchaindb.filters_max),
            indexes: Indexes::new(store.dir()),
            chains: Chains::default(),
            selectors: Filters::new(config.couchdb.filters_max),
            sources: Filters::new(config.fauna.sources_max),
            fauna: fauna::Databases::new(&identity),
            places: Places::new(
                limits.connections_max as usize,
                limits.connections_per_address_max as usize,
                limits.replays_per_address_max as usize,
                limits.limit_loopback,
            ),
            stats: shards.iter().map(|_| Arc::default()).collect(),
            mirrors: Mirrors::new(&config.mirrors, limits.into()),
            keys: Keys::new(&config.keys, !config.users.is_empty()),
            users: Users::start(&config.users, config.couchdb.logins_waiting_max).map_err(StartError::Threads)?,
            databases: Databases::start(config.data.clone(), config.couchdb.auto_compact)
                .map_err(StartError::Threads)?,
            db_updates: Updates::default(),
            streamr: Arc::default(),
            identity,
            started: Instant::now(),
            storage,
            feeds,
            store,
            shards,
            creating: Mutex::default(),
            announcing: Announcing::default(),
            config,
        });
        appliance.sweep_indexes();
        appliance.sweep_histories()?;
        appliance.change_configured()?;
        for feed in appliance.store.feeds() {
            if !histories::is_history(&feed) {
                appliance.adopt(feed)?;
            }
        }
        appliance.create_and_note()?;
        Ok(appliance)
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

    /// Whether any listener speaks a dialect.
    pub(crate) fn serves(&self, dialect: Dialect) -> bool {
        self.config.listen.iter().any(|listen| listen.dialects.contains(&dialect))
    }

    /// Closes every feed, so that the next start finds a clean log. Blocks too; not for a shard.
    pub(crate) async fn close_all(&self) {
        for entry in self.feeds.all() {
            if let Some(chain) = self.chains.take(&entry) {
                chain.stop();
            }
            if let Some(database) = self.fauna.take(&entry) {
                database.stop();
                self.close_history(&database).await;
            }
            if let Err(error) = entry.feed().close().await {
                tracing::error!(feed = entry.feed().name(), %error, "the feed could not be closed");
            }
        }
    }

    /// The shard that writes a feed.
    pub(crate) fn owner(&self, feed: FeedId) -> usize {
        feed.0 as usize % self.shards.len()
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
