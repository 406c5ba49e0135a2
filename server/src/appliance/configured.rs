//! The feeds that the configuration names: they are there, and have what it says.
//!
//! Owns what a start does about them: those that are stored are changed, before any feed is served, as far as they can be; those
//! that are missing are created. Blocks. Tested by `server/tests/native/configured.rs`.

use std::collections::HashMap;

use tailwater_core::{Feed, FeedOptions};

use super::{
    Appliance, FeedsError,
    changes::{Wish, first_seq_stays, partitions_stay},
    durability,
    feeds::{is_first_partition, place_name},
    histories::is_history,
    retention,
};
use crate::{
    config::{self, Dialect, StreamrExposure},
    exposure::Exposure,
};

impl Appliance {
    /// Gives feeds that are stored the options the configuration has now. Before any of them is served; blocks.
    pub(super) fn change_configured(&self) -> Result<(), FeedsError> {
        let stored = self.store.feeds().into_iter().filter(|feed| !is_history(feed));
        let mut wanted = Vec::new();
        for feed in stored {
            let exposure = Exposure::of(&feed)?;
            let mut named = self.config.feeds.iter().filter(|named| named.named && named.name == feed.name());
            let wish = named.next().map(configured).and_then(|said| as_far_as_can_be(&feed, &exposure, said));
            wanted.push((feed, exposure, wish));
        }
        none_shares_a_place(wanted.iter().map(|(feed, exposure, wish)| {
            let new = wish.as_ref().map(|(_, exposure)| exposure);
            (feed.name(), new.unwrap_or(exposure), new.is_some())
        }))?;
        for (feed, exposure, wish) in &wanted {
            let Some((options, new)) = wish else { continue };
            for partition in (0..exposure.partitions()).rev() {
                let Some(part) = self.store.feed(&StreamrExposure::feed_name(feed.name(), partition)) else { continue };
                self.change_unserved(&part, options, &new.partition(partition))?;
            }
        }
        Ok(())
    }

    fn change_unserved(&self, feed: &Feed, options: &FeedOptions, exposure: &Exposure) -> Result<(), FeedsError> {
        let old = Exposure::of(feed)?;
        let stored = feed.options();
        let wanted = FeedOptions { extra: stored.extra.clone(), ..options.clone() };
        if wanted == *stored && old == *exposure {
            return Ok(());
        }
        if old.fauna != exposure.fauna {
            self.remove_history(feed);
        }
        self.change_stored(feed, &old, (options, exposure))
    }

    /// Creates those that are missing.
    pub(super) fn create_configured(&self) -> Result<(), FeedsError> {
        for wanted in &self.config.feeds {
            if self.feeds.get(&wanted.name).is_none() {
                let (options, exposure) = configured(wanted);
                self.create(&wanted.name, &options, &exposure)?;
            }
        }
        Ok(())
    }
}

/// The options and bindings of a configured feed.
fn configured(wanted: &config::Feed) -> Wish {
    let options = FeedOptions {
        retention: retention(wanted.retention),
        durability: durability(wanted.durability),
        segment_bytes_max: wanted.segment_bytes_max,
        first_seq: wanted.first_seq,
        ..FeedOptions::default()
    };
    (options, Exposure::configured(wanted))
}

/// What of a wish can be had; the rest stays as it is, and is told.
fn as_far_as_can_be(feed: &Feed, exposure: &Exposure, (mut options, mut wanted): Wish) -> Option<Wish> {
    let stored = feed.options();
    let tell = |error: FeedsError| {
        tracing::warn!(feed = feed.name(), %error, "the configuration asks for what cannot be changed");
    };
    if let Err(error) = is_first_partition(feed.name(), exposure) {
        tell(error);
        return None;
    }
    if let Err(error) = first_seq_stays(&stored, &options) {
        tell(error);
        options.first_seq = stored.first_seq;
    }
    if let Err(error) = partitions_stay(exposure, &wanted) {
        tell(error);
        wanted = Exposure { public: wanted.public, ..exposure.clone() };
    }
    Some((options, wanted))
}

/// Refuses feeds, by their names, of which two are bound to one place, and one at least because somebody says so now. The
/// partitions of a stream share theirs.
fn none_shares_a_place<'f>(feeds: impl Iterator<Item = (&'f str, &'f Exposure, bool)>) -> Result<(), FeedsError> {
    let mut bound: HashMap<(Dialect, String), (&str, bool)> = HashMap::new();
    for (name, exposure, is_said) in feeds.filter(|(name, exposure, _)| is_first_partition(name, exposure).is_ok()) {
        for dialect in Dialect::ALL {
            let Some(place) = exposure.place(dialect) else { continue };
            let what = place_name(dialect, &place);
            match bound.insert((dialect, place), (name, is_said)) {
                Some((other, was_said)) if is_said || was_said => {
                    return Err(FeedsError::Bound { what, feed: other.to_owned() });
                }
                _ => {}
            }
        }
    }
    Ok(())
}
