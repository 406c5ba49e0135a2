//! The histories of Fauna databases: feeds that are derived from others.
//!
//! Owns their coming and going with the feeds they are derived from. They have no name that anybody could ask for, and lie
//! beside the others in the data directory, under the number of their feed. A history that has failed is begun anew. Never
//! writes one. Blocks where it says so. Tested by `server/tests/fauna/`.

use std::sync::Arc;

use futures_lite::future::block_on;
use tailwater_core::{Durability, Feed, FeedOptions, FeedState, Retention};

use super::{Appliance, FeedsError};
use crate::{dialects::fauna, exposure::Exposure, feeds::FeedEntry, shard::Message};

/// What their names begin with, as no other feed's does.
const PREFIX: &str = "_fauna.";

/// How much larger than its feed a history may be: each event is in it with what its document was before.
const RETENTION_FACTOR: u64 = 4;

/// Whether a feed of the store is a history.
pub(super) fn is_history(feed: &Feed) -> bool {
    feed.name().starts_with(PREFIX)
}

fn name_for(feed: &Feed) -> String {
    format!("{PREFIX}{:016x}", feed.uid())
}

fn options_for(feed: &Feed) -> FeedOptions {
    let options = feed.options();
    FeedOptions {
        retention: Retention {
            age_ms: options.retention.age_ms,
            bytes: options.retention.bytes.map(|bytes| bytes.saturating_mul(RETENTION_FACTOR)),
        },
        // What a power cut takes is derived again.
        durability: Durability::Os,
        segment_bytes_max: options.segment_bytes_max,
        first_seq: feed.first_seq(),
        ..FeedOptions::default()
    }
}

impl Appliance {
    /// Removes histories of feeds that are gone, or no databases any more. Blocks.
    pub(super) fn sweep_histories(&self) -> Result<(), FeedsError> {
        let feeds = self.store.feeds();
        let is_database = |feed: &Feed| Exposure::of(feed).is_ok_and(|exposure| exposure.fauna.is_some());
        let wanted: Vec<String> = feeds.iter().filter(|feed| is_database(feed)).map(|feed| name_for(feed)).collect();
        for feed in feeds.iter().filter(|feed| is_history(feed) && !wanted.iter().any(|name| name == feed.name())) {
            self.discard(feed)?;
        }
        Ok(())
    }

    /// Removes a history that nobody uses. Blocks.
    fn discard(&self, history: &Feed) -> Result<(), FeedsError> {
        // One that has failed cannot be closed in order, and need not be.
        let _failed = block_on(history.close());
        Ok(self.store.delete_feed(history.name())?)
    }

    /// Begins the database of a feed that is bound to the dialect, or remembers that it was. Blocks.
    pub(super) fn begin_history(&self, entry: &Arc<FeedEntry>) -> Result<(), FeedsError> {
        if entry.exposure().fauna.is_none() {
            self.fauna.switch_off(entry);
            return Ok(());
        }
        let history = self.history_of(entry.feed())?;
        let derived = self.feeds.add_derived(history.clone());
        if let Some(seed) = self.store.take_writer(&history) {
            self.shards[self.owner(history.id())].send(Message::Own(seed));
        }
        self.fauna.begin(entry, derived, &self.indexes);
        Ok(())
    }

    fn history_of(&self, feed: &Feed) -> Result<Arc<Feed>, FeedsError> {
        let name = name_for(feed);
        match self.store.feed(&name) {
            Some(history) if !matches!(history.state(), FeedState::Failed { .. }) => {
                self.fit(&history, feed)?;
                return Ok(history);
            }
            Some(history) => {
                tracing::warn!(feed = feed.name(), "the history of the Fauna database has failed and is begun anew");
                self.discard(&history)?;
            }
            None => {}
        }
        Ok(self.store.create_feed(&name, options_for(feed))?)
    }

    /// Gives the history of a feed the options that go with the feed's. Blocks.
    pub(super) fn fit_history(&self, feed: &Feed) -> Result<(), FeedsError> {
        self.store.feed(&name_for(feed)).map_or(Ok(()), |history| self.fit(&history, feed))
    }

    fn fit(&self, history: &Feed, feed: &Feed) -> Result<(), FeedsError> {
        let options = FeedOptions { first_seq: history.options().first_seq, ..options_for(feed) };
        if *history.options() == options {
            return Ok(());
        }
        Ok(self.store.change_feed(history.name(), options, &[])?)
    }

    /// Ends the database of a feed and removes what was derived for it: with another binding it is another. Blocks.
    pub(super) fn end_history(&self, entry: &Arc<FeedEntry>) {
        if let Some(database) = self.fauna.take(entry) {
            self.feeds.remove_derived(database.history());
            database.stop();
            block_on(self.close_history(&database));
        }
        self.remove_history(entry.feed());
    }

    /// Closes the history of a database whose thread was stopped.
    pub(super) async fn close_history(&self, database: &fauna::Database) {
        if let Err(error) = database.history().feed().close().await {
            tracing::warn!(feed = database.entry().feed().name(), %error, "the history of a Fauna database could not be closed");
        }
    }

    /// Removes the history of a feed that is deleted, and its index. Blocks.
    pub(super) fn remove_history(&self, feed: &Feed) {
        let Some(history) = self.store.feed(&name_for(feed)) else { return };
        let removed = self.indexes.remove(history.uid()).map_err(|error| error.to_string());
        let removed = removed.and_then(|()| self.discard(&history).map_err(|error| error.to_string()));
        if let Err(error) = removed {
            tracing::warn!(feed = feed.name(), %error, "the history of a Fauna database that is gone could not be removed");
        }
    }
}
