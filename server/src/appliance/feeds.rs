//! How feeds come and go.
//!
//! Owns creating and deleting, and what one feed may not share with another. Everything that blocks here says so; shards call it
//! on their blocking pool. Tested by `server/tests/native/` and `server/tests/streamr/`.

use std::sync::{Arc, PoisonError};

use tailwater_core::{Feed, FeedError, FeedId, FeedOptions, FeedState};
use tailwater_wire::{atproto::request::is_nsid, couchdb::changes::token::UID_OPTION, streamr::system::StreamChange};

use super::{Appliance, FeedsError};
use crate::{
    clock::now_us,
    config::{Dialect, PARTITIONS_MAX, StreamrExposure, is_collection_name, is_database_name, is_database_path},
    dialects::fauna,
    exposure::Exposure,
    feeds::{FeedEntry, scope},
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
        self.check_free(exposure, None)?;
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
                Some(entry) if entry.has(options, &exposure) => {}
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
        let feed =
            self.store.create_feed(name, with_bindings(name, options.clone(), &Exposure::default(), exposure)?)?;
        self.adopt(feed)
    }

    /// The feeds that are deleted with this one, itself first.
    fn deleted_with(&self, name: &str) -> Result<Vec<String>, FeedsError> {
        let entry = self.feeds.get(name).ok_or_else(|| FeedsError::Unknown { name: name.to_owned() })?;
        stands_for_itself(&entry)?;
        Ok((0..entry.exposure().partitions())
            .map(|partition| StreamrExposure::feed_name(name, partition))
            .filter(|name| self.feeds.get(name).is_some())
            .collect())
    }

    /// Deletes a feed, and those of its stream's other partitions. Call it on a shard.
    pub(crate) async fn delete(self: &Arc<Self>, name: &str) -> Result<(), FeedsError> {
        let (entry, _claim) = self.claim(name).await?;
        let names = self.deleted_with(name)?;
        let exposure = entry.exposure();
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
        let exposure = Exposure::of(&feed)?;
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

    /// Refuses bindings that cannot be, and those that a feed has already, unless it is the one that is to have them.
    pub(super) fn check_free(&self, exposure: &Exposure, own: Option<FeedId>) -> Result<(), FeedsError> {
        check_names(exposure)?;
        let bound_to = |dialect: Dialect, place: &str| match dialect {
            Dialect::Native => None,
            Dialect::Atproto => self.feeds.find(|other| other.is_atproto(place)),
            Dialect::Streamr => self.feeds.stream(place).map(|partitions| partitions[0].clone()),
            Dialect::Bigchaindb => self.feeds.find(|other| other.bigchaindb.is_some()),
            Dialect::Couchdb => self.feeds.database(place),
            Dialect::Fauna => self.fauna.get(place).map(|database| database.entry().clone()),
        };
        for dialect in Dialect::ALL {
            let Some(place) = exposure.place(dialect) else { continue };
            if let Some(other) = bound_to(dialect, &place).filter(|other| Some(other.id()) != own) {
                let feed = other.feed().name().to_owned();
                return Err(FeedsError::Bound { what: place_name(dialect, &place), feed });
            }
        }
        Ok(())
    }
}

/// Refuses bindings to what cannot be.
fn check_names(exposure: &Exposure) -> Result<(), FeedsError> {
    let Exposure { public: _, atproto, streamr, bigchaindb: _, couchdb, fauna } = exposure;
    if let Some(nsid) = atproto.as_ref().map(|atproto| &atproto.nsid).filter(|nsid| !is_nsid(nsid)) {
        return Err(FeedsError::Nsid { nsid: nsid.clone() });
    }
    if let Some(db) = couchdb.as_ref().map(|couchdb| &couchdb.db).filter(|db| !is_database_name(db)) {
        return Err(FeedsError::Database { db: db.clone() });
    }
    if let Some(fauna) = fauna {
        if !is_database_path(&fauna.database) {
            return Err(FeedsError::FaunaDatabase { path: fauna.database.clone() });
        }
        if !is_collection_name(&fauna.collection) {
            return Err(FeedsError::FaunaCollection { collection: fauna.collection.clone() });
        }
    }
    match streamr {
        Some(streamr) if !(1..=PARTITIONS_MAX).contains(&streamr.partitions) || streamr.partition > 0 => {
            Err(FeedsError::Partitions)
        }
        _ => Ok(()),
    }
}

/// What is bound, for a sentence.
pub(super) fn place_name(dialect: Dialect, place: &str) -> String {
    match dialect {
        Dialect::Native => String::new(),
        Dialect::Atproto => format!("the endpoint {place}"),
        Dialect::Streamr => format!("the stream {place:?}"),
        Dialect::Bigchaindb => "the BigchainDB chain".to_owned(),
        Dialect::Couchdb => format!("the database {place:?}"),
        Dialect::Fauna => format!("the Fauna database {place:?}"),
    }
}

/// Refuses feeds that cannot be changed or deleted by themselves.
pub(super) fn stands_for_itself(entry: &FeedEntry) -> Result<(), FeedsError> {
    let name = entry.feed().name().to_owned();
    if name == SYSTEM_FEED {
        return Err(FeedsError::System { name });
    }
    is_first_partition(&name, &entry.exposure())
}

/// Refuses further partitions of a stream.
pub(super) fn is_first_partition(name: &str, exposure: &Exposure) -> Result<(), FeedsError> {
    match exposure.streamr.as_ref().map(|streamr| streamr.partition).filter(|partition| *partition > 0) {
        Some(partition) => {
            let first = scope(name, exposure).to_owned();
            Err(FeedsError::PartitionOf { name: name.to_owned(), partition, first })
        }
        None => Ok(()),
    }
}

/// The options as they are stored: with the bindings, and what a database has from its first binding on. One that is there
/// already has what it has, or has always done without.
pub(super) fn with_bindings(
    name: &str,
    mut options: FeedOptions,
    old: &Exposure,
    exposure: &Exposure,
) -> Result<FeedOptions, FeedsError> {
    if exposure.couchdb.is_some() && old.couchdb.is_none() {
        // A database that is deleted and created again is another, and the tokens of the old one are refused.
        options.extra.entry(UID_OPTION).or_insert_with(|| format!("{:016x}", rand::random::<u64>()).into());
        options.extra.entry(CREATED_OPTION).or_insert_with(|| (now_us() / 1_000_000).into());
    }
    if exposure.fauna.is_some() && old.fauna.is_none() {
        options.extra.entry(fauna::CREATED_OPTION).or_insert_with(|| now_us().into());
    }
    if exposure.fauna.is_some() {
        options.extra.remove(fauna::SWITCHED_OFF_OPTION);
    } else if let Some(was) = &old.fauna {
        // Whoever asks for it there is told.
        options.extra.insert(fauna::SWITCHED_OFF_OPTION.to_owned(), was.database.clone().into());
    }
    exposure.store_in(&mut options.extra).map_err(|error| FeedsError::Stored { name: name.to_owned(), error })?;
    Ok(options)
}
