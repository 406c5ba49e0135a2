//! How the options of a feed that exists change.
//!
//! Owns what can be changed, and the order of things: what was derived for a binding goes first, then the change becomes durable,
//! then requests find the feed where it is bound now and the streams end that have lost their binding. Everything that blocks
//! here says so; shards call it on their blocking pool. Tested by `server/tests/native/changes.rs` and
//! `server/tests/one_feed/changes.rs`.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tailwater_core::{EncodingId, Feed, FeedOptions};
use tailwater_wire::streamr::system::StreamChange;

use super::{
    Appliance, FeedsError,
    feeds::{stands_for_itself, with_bindings},
};
use crate::{
    clock::now_us,
    config::{Dialect, StreamrExposure},
    exposure::Exposure,
    feeds::{Claim, FeedEntry},
};

/// The pause between two attempts to get a feed that somebody else changes or deletes.
const CLAIM_PAUSE: Duration = Duration::from_millis(5);

/// Options and bindings of a feed.
pub(super) type Wish = (FeedOptions, Exposure);

/// The options and bindings of a feed as one JSON object, as it is asked for over the native API.
pub(crate) fn shown(options: &FeedOptions, exposure: &Exposure) -> Value {
    json!({
        "retention": options.retention,
        "durability": options.durability,
        "segment_bytes_max": options.segment_bytes_max,
        "first_seq": options.first_seq,
        "public": exposure.public,
        "dialects": exposure,
    })
}

impl Appliance {
    /// Changes a feed, and those of its stream's other partitions, to what `wish` makes of its present options and bindings; its
    /// error says what was wrong. Waits while somebody else changes the feed. Call it on a shard.
    pub(crate) async fn change(
        self: &Arc<Self>,
        name: &str,
        wish: impl FnOnce(&FeedOptions, &Exposure) -> Result<Wish, String> + Send + 'static,
    ) -> Result<Arc<FeedEntry>, FeedsError> {
        let (entry, claim) = self.claim(name).await?;
        let old = entry.exposure();
        let (appliance, changing) = (self.clone(), entry.clone());
        // The claim goes with the work, which goes on when nobody waits for the answer any more, and comes back with it, so that
        // what was changed is told before anybody changes it again.
        let change = move || (appliance.change_whole(&changing, wish), claim);
        let (changed, _claim) = glommio::executor().spawn_blocking(change).await;
        changed?;
        let new = entry.exposure();
        if old.place(Dialect::Streamr) != new.place(Dialect::Streamr) {
            self.announce(StreamChange::Deleted, &old, now_us()).await;
            self.announce(StreamChange::Created, &new, now_us()).await;
        }
        Ok(entry)
    }

    /// A feed, and the right to change or delete it.
    pub(super) async fn claim(&self, name: &str) -> Result<(Arc<FeedEntry>, Claim), FeedsError> {
        let unknown = || FeedsError::Unknown { name: name.to_owned() };
        let entry = self.feeds.get(name).ok_or_else(unknown)?;
        loop {
            match entry.claim() {
                Some(_) if entry.is_deleted() => return Err(unknown()),
                Some(claim) => return Ok((entry, claim)),
                None => glommio::timer::sleep(CLAIM_PAUSE).await,
            }
        }
    }

    /// Blocks.
    fn change_whole(
        &self,
        entry: &Arc<FeedEntry>,
        wish: impl FnOnce(&FeedOptions, &Exposure) -> Result<Wish, String>,
    ) -> Result<(), FeedsError> {
        // What is free must still be so when the feed is bound. It guards no data.
        let _one_at_a_time = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, exposure) = (entry.feed().options(), entry.exposure());
        let name = entry.feed().name();
        stands_for_itself(entry)?;
        let (options, wanted) = wish(&old, &exposure).map_err(|reason| FeedsError::Asked { reason })?;
        options.check()?;
        first_seq_stays(&old, &options)?;
        partitions_stay(&exposure, &wanted)?;
        self.check_free(&wanted, Some(entry.id()))?;
        // The first partition comes last: until then the same can be asked for again.
        for partition in (0..exposure.partitions()).rev() {
            let part = self.feeds.get(&StreamrExposure::feed_name(name, partition));
            let part = part.ok_or_else(|| FeedsError::Unknown { name: name.to_owned() })?;
            self.change_one(&part, &options, &wanted.partition(partition))?;
        }
        Ok(())
    }

    /// Blocks.
    fn change_one(&self, entry: &Arc<FeedEntry>, options: &FeedOptions, exposure: &Exposure) -> Result<(), FeedsError> {
        if entry.has(options, exposure) {
            return Ok(());
        }
        let old = entry.exposure();
        let is_derived_anew = old.fauna != exposure.fauna;
        if is_derived_anew {
            self.end_history(entry);
        }
        let changed = self.change_stored(entry.feed(), &old, (options, exposure));
        if changed.is_ok() {
            self.rebind(entry, &old, exposure);
        }
        if is_derived_anew {
            self.begin_history(entry)?;
        } else {
            self.fit_history(entry.feed())?;
        }
        changed
    }

    /// Changes what is stored of a feed. Blocks.
    pub(super) fn change_stored(
        &self,
        feed: &Feed,
        old: &Exposure,
        (options, exposure): (&FeedOptions, &Exposure),
    ) -> Result<(), FeedsError> {
        let stored = feed.options();
        let options = FeedOptions { extra: stored.extra.clone(), ..options.clone() };
        let options = with_bindings(feed.name(), options, old, exposure)?;
        self.store.change_feed(feed.name(), options.clone(), &self.stale(old, exposure))?;
        let changes = differences(&shown(&stored, old), &shown(&options, exposure));
        tracing::info!(feed = feed.name(), %changes, "the feed has other options now");
        Ok(())
    }

    /// The encodings whose frames name what the feed was bound to.
    fn stale(&self, old: &Exposure, new: &Exposure) -> Vec<EncodingId> {
        let naming = [(Dialect::Atproto, self.encodings.atproto_json), (Dialect::Streamr, self.encodings.streamr_json)];
        let is_stale = |(dialect, _): &(Dialect, EncodingId)| old.place(*dialect) != new.place(*dialect);
        naming.into_iter().filter(is_stale).map(|(_, encoding)| encoding).collect()
    }

    /// Lets requests find a feed where it is bound now. Blocks until what is under way in a chain is done.
    fn rebind(&self, entry: &Arc<FeedEntry>, old: &Exposure, exposure: &Exposure) {
        let (was_chain, is_chain) = (old.bigchaindb.is_some(), exposure.bigchaindb.is_some());
        if !is_chain && let Some(chain) = self.chains.take(entry) {
            chain.stop();
        }
        self.feeds.rebind(entry, exposure.clone());
        self.databases.suit(entry);
        if is_chain && !was_chain {
            self.chains.begin(entry, &self.indexes);
        }
    }
}

pub(super) fn first_seq_stays(old: &FeedOptions, new: &FeedOptions) -> Result<(), FeedsError> {
    if old.first_seq == new.first_seq {
        return Ok(());
    }
    let reason = format!("first_seq is {} since the feed was created", old.first_seq);
    Err(FeedsError::Fixed { reason })
}

/// A stream of several partitions is several feeds, which come and go together.
pub(super) fn partitions_stay(old: &Exposure, new: &Exposure) -> Result<(), FeedsError> {
    let same_but_public = Exposure { public: old.public, ..new.clone() } == *old;
    let is_one = |exposure: &Exposure| {
        exposure.streamr.as_ref().is_none_or(|streamr| (streamr.partitions, streamr.partition) == (1, 0))
    };
    let reason = match (is_one(old), is_one(new)) {
        _ if same_but_public => return Ok(()),
        (true, true) => return Ok(()),
        (true, false) => "a feed that exists can be a stream of one partition only".to_owned(),
        (false, _) => {
            format!("a stream of {} partitions keeps the dialects it was created with", old.partitions())
        }
    };
    Err(FeedsError::Fixed { reason })
}

/// `retention.bytes: 5 -> 7; public: false -> true`
fn differences(old: &Value, new: &Value) -> String {
    let mut found = Vec::new();
    differ("", old, new, &mut found);
    found.join("; ")
}

fn differ(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let member = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                differ(&inner, &member(before), &member(after), found);
            }
        }
        _ if old != new => found.push(format!("{path}: {old} -> {new}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_by_their_paths() {
        let old = json!({"retention": {"age_ms": 5, "bytes": null}, "durability": "sync", "dialects": {}});
        let new =
            json!({"retention": {"age_ms": 5, "bytes": 7}, "durability": {"interval_ms": 3}, "dialects": {"a": {}}});
        assert_eq!(
            differences(&old, &new),
            r#"dialects.a: null -> {}; durability: "sync" -> {"interval_ms":3}; retention.bytes: null -> 7"#
        );
        assert_eq!(differences(&old, &old), "");
    }
}
