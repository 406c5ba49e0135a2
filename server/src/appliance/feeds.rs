//! How feeds come and go.
//!
//! Owns creating and deleting, and what one feed may not share with another. Everything that blocks here says so; shards call it
//! on their blocking pool. Tested by `server/tests/native/` and `server/tests/streamr/`.

use std::sync::{Arc, PoisonError};

use tailwater_core::{Feed, FeedError, FeedOptions, FeedState};
use tailwater_wire::{atproto::request::is_nsid, couchdb::changes::token::UID_OPTION, streamr::system::StreamChange};

use super::{Appliance, FeedsError, durability, retention};
use crate::{
    clock::now_us,
    config::{
        AtprotoExposure, PARTITIONS_MAX, StreamrExposure, is_collection_name, is_database_name, is_database_path,
    },
    dialects::fauna,
    exposure::Exposure,
    feeds::FeedEntry,
    shard::Message,
};

/// The feed, and the Streamr stream, that tells of streams that come and go.
pub(crate) const SYSTEM_FEED: &str = "_system";

/// The option of a feed that holds when its database was created, in seconds since the Unix epoch.
pub(crate) const CREATED_OPTION: &str = "couchdb_created_s";

impl Appliance {
    /// Creates a feed, and those of its stream's other partitions. Blocks.
    pub(crate) fn create(
        &self,
        name: &str,
        options: &FeedOptions,
        exposure: &Exposure,
    ) -> Result<Arc<FeedEntry>, FeedsError> {
        // What is free and how many there are must still be so when the feed is added. It guards no data.
        let _one_at_a_time = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        if self.feeds.get(name).is_some() {
            return Err(FeedError::Exists { name: name.to_owned() }.into());
        }
        self.check_free(exposure)?;
        let feeds_max = self.config.limits.feeds_max;
        let own = usize::from(self.feeds.get(SYSTEM_FEED).is_some());
        if (self.feeds.len() - own) as u64 + exposure.partitions() > feeds_max {
            return Err(FeedsError::TooMany { feeds_max });
        }
        // The first partition comes last: once it is there the stream is whole, whatever happens in between.
        for partition in (1..exposure.partitions()).rev() {
            let name = StreamrExposure::feed_name(name, partition);
            let exposure = exposure.partition(partition);
            match self.feeds.get(&name) {
                Some(entry) if entry.was_created_with(options, &exposure) => {}
                Some(_) => return Err(FeedError::Exists { name }.into()),
                None => drop(self.add(&name, options, &exposure)?),
            }
        }
        self.add(name, options, exposure)
    }

    pub(super) fn add(
        &self,
        name: &str,
        options: &FeedOptions,
        exposure: &Exposure,
    ) -> Result<Arc<FeedEntry>, FeedsError> {
        let mut options = options.clone();
        if exposure.couchdb.is_some() {
            // A database that is deleted and created again is another, and the tokens of the old one are refused.
            options.extra.entry(UID_OPTION).or_insert_with(|| format!("{:016x}", rand::random::<u64>()).into());
            options.extra.entry(CREATED_OPTION).or_insert_with(|| (now_us() / 1_000_000).into());
        }
        if exposure.fauna.is_some() {
            options.extra.entry(fauna::CREATED_OPTION).or_insert_with(|| now_us().into());
        }
        exposure.store_in(&mut options.extra).map_err(|error| FeedsError::Stored { name: name.to_owned(), error })?;
        let feed = self.store.create_feed(name, options)?;
        self.adopt(feed)
    }

    /// The feeds that are deleted with this one, itself first.
    fn deleted_with(&self, name: &str) -> Result<Vec<String>, FeedsError> {
        let entry = self.feeds.get(name).ok_or_else(|| FeedsError::Unknown { name: name.to_owned() })?;
        if name == SYSTEM_FEED {
            return Err(FeedsError::System { name: name.to_owned() });
        }
        match &entry.exposure.streamr {
            Some(streamr) if streamr.partition > 0 => Err(FeedsError::PartitionOf {
                name: name.to_owned(),
                partition: streamr.partition,
                first: entry.scope().to_owned(),
            }),
            _ => Ok((0..entry.exposure.partitions())
                .map(|partition| StreamrExposure::feed_name(name, partition))
                .filter(|name| self.feeds.get(name).is_some())
                .collect()),
        }
    }

    /// Deletes a feed, and those of its stream's other partitions. Call it on a shard.
    pub(crate) async fn delete(self: &Arc<Self>, name: &str) -> Result<(), FeedsError> {
        let names = self.deleted_with(name)?;
        let exposure = self.feeds.get(name).map(|entry| entry.exposure.clone()).unwrap_or_default();
        let mut closed = Vec::new();
        // The first partition comes first: without it the stream is gone.
        for name in &names {
            closed.push(self.close(name).await?);
        }
        for entry in closed {
            let appliance = self.clone();
            glommio::executor().spawn_blocking(move || appliance.remove(entry.feed())).await?;
        }
        self.announce(StreamChange::Deleted, &exposure, now_us()).await;
        Ok(())
    }

    /// Ends a feed's streams and closes it.
    async fn close(&self, name: &str) -> Result<Arc<FeedEntry>, FeedsError> {
        let unknown = || FeedsError::Unknown { name: name.to_owned() };
        // Before the feed is removed, so that it is not the chain of one that takes its place.
        let chain = self.feeds.get(name).and_then(|entry| self.chains.take(&entry));
        let fauna = self.feeds.get(name).and_then(|entry| self.fauna.take(&entry));
        let entry = self.feeds.remove(name).ok_or_else(unknown)?;
        for shard in &*self.shards {
            shard.send(Message::Deleted(entry.clone()));
        }
        if let Some(chain) = chain {
            glommio::executor().spawn_blocking(move || chain.stop()).await;
        }
        if let Some(database) = fauna {
            self.feeds.remove_derived(database.history());
            let stopping = database.clone();
            glommio::executor().spawn_blocking(move || stopping.stop()).await;
            self.close_history(&database).await;
        }
        self.databases.close(&entry);
        // A feed that has failed cannot be closed in order, and need not be: it is about to be removed.
        let _failed = entry.feed().close().await;
        Ok(entry)
    }

    /// Removes a closed feed, and what was derived from it. Blocks.
    fn remove(&self, feed: &Feed) -> Result<(), FeedsError> {
        self.store.delete_feed(feed.name())?;
        self.remove_history(feed);
        // What is left of it is nobody's, and in nobody's way.
        if let Err(error) = self.databases.remove(feed.uid()) {
            tracing::warn!(feed = feed.name(), %error, "something of a deleted feed is left for the next start to remove");
        }
        Ok(())
    }

    /// Removes what was derived from feeds that are gone. Blocks.
    pub(super) fn sweep_indexes(&self) {
        let uids: Vec<u64> = self.store.feeds().iter().map(|feed| feed.uid()).collect();
        if let Err(error) = self.indexes.sweep(&uids) {
            tracing::warn!(%error, "indexes of feeds that are gone could not be removed");
        }
    }

    pub(super) fn adopt(&self, feed: Arc<Feed>) -> Result<Arc<FeedEntry>, FeedsError> {
        let exposure = Exposure::from_stored(&feed.options().extra)
            .map_err(|error| FeedsError::Stored { name: feed.name().to_owned(), error })?;
        if let FeedState::Failed { reason } = feed.state() {
            tracing::error!(feed = feed.name(), %reason, "the feed takes no events, and ends where it can be read to");
        }
        let entry = self.feeds.add(feed.clone(), exposure);
        self.chains.begin(&entry, &self.indexes);
        self.begin_history(&entry)?;
        if let Some(seed) = self.store.take_writer(&feed) {
            self.shards[self.owner(feed.id())].send(Message::Own(seed));
        }
        Ok(entry)
    }

    pub(super) fn create_configured(&self) -> Result<(), FeedsError> {
        for wanted in &self.config.feeds {
            let options = FeedOptions {
                retention: retention(wanted.retention),
                durability: durability(wanted.durability),
                segment_bytes_max: wanted.segment_bytes_max,
                first_seq: wanted.first_seq,
                ..FeedOptions::default()
            };
            let exposure = Exposure::configured(wanted);
            match self.feeds.get(&wanted.name) {
                Some(entry) if !entry.was_created_with(&options, &exposure) => tracing::warn!(
                    feed = %wanted.name,
                    "the feed was created with other options than the configuration has now, and keeps them"
                ),
                Some(_) => {}
                None => drop(self.create(&wanted.name, &options, &exposure)?),
            }
        }
        Ok(())
    }

    fn check_free(&self, exposure: &Exposure) -> Result<(), FeedsError> {
        self.check_nsid_free(exposure)?;
        let bound =
            |what: String, other: Arc<FeedEntry>| Err(FeedsError::Bound { what, feed: other.feed().name().to_owned() });
        if let Some(streamr) = &exposure.streamr {
            if !(1..=PARTITIONS_MAX).contains(&streamr.partitions) || streamr.partition > 0 {
                return Err(FeedsError::Partitions);
            }
            if let Some(partitions) = self.feeds.stream(&streamr.stream) {
                return bound(format!("the stream {:?}", streamr.stream), partitions[0].clone());
            }
        }
        if exposure.bigchaindb.is_some()
            && let Some(other) = self.feeds.find(|other| other.bigchaindb.is_some())
        {
            return bound("the BigchainDB chain".to_owned(), other);
        }
        if let Some(couchdb) = &exposure.couchdb {
            let db = couchdb.db.clone();
            if !is_database_name(&db) {
                return Err(FeedsError::Database { db });
            }
            if let Some(other) = self.feeds.database(&db) {
                return bound(format!("the database {db:?}"), other);
            }
        }
        if let Some(fauna) = &exposure.fauna {
            let path = fauna.database.clone();
            if !is_database_path(&path) {
                return Err(FeedsError::FaunaDatabase { path });
            }
            if !is_collection_name(&fauna.collection) {
                return Err(FeedsError::FaunaCollection { collection: fauna.collection.clone() });
            }
            if let Some(other) = self.fauna.get(&path) {
                return bound(format!("the Fauna database {path:?}"), other.entry().clone());
            }
        }
        Ok(())
    }

    fn check_nsid_free(&self, exposure: &Exposure) -> Result<(), FeedsError> {
        let Some(binding) = &exposure.atproto else {
            return Ok(());
        };
        if !is_nsid(&binding.nsid) {
            return Err(FeedsError::Nsid { nsid: binding.nsid.clone() });
        }
        let same = |bound: &AtprotoExposure| bound.nsid == binding.nsid;
        match self.feeds.find(|other| other.atproto.as_ref().is_some_and(same)) {
            Some(other) => Err(FeedsError::Bound {
                what: format!("the endpoint {}", binding.nsid),
                feed: other.feed().name().to_owned(),
            }),
            None => Ok(()),
        }
    }
}
