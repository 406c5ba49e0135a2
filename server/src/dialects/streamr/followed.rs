//! The partitions that a connection is subscribed to.
//!
//! Owns which reading belongs to which feed, in as little memory as there can be: a connection may have thousands of
//! subscriptions that are told nothing, and the next connection has them too. Never begins or ends a reading. Tested below.

use tailwater_core::FeedId;

use crate::shard::peer::ReadingId;

/// See the module. In the order of feeds; with each a guard that lives as long as the subscription.
pub(super) struct Followed<G> {
    subscriptions: Vec<(FeedId, ReadingId, G)>,
}

impl<G> Default for Followed<G> {
    fn default() -> Self {
        Self { subscriptions: Vec::new() }
    }
}

impl<G> Followed<G> {
    pub(super) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    pub(super) fn get(&self, feed: FeedId) -> Option<ReadingId> {
        self.place(feed).ok().map(|at| self.subscriptions[at].1)
    }

    /// Adds a subscription, in place of one that the feed may have.
    pub(super) fn insert(&mut self, feed: FeedId, reading: ReadingId, guard: G) {
        match self.place(feed) {
            Ok(at) => self.subscriptions[at] = (feed, reading, guard),
            Err(at) => self.subscriptions.insert(at, (feed, reading, guard)),
        }
    }

    pub(super) fn remove(&mut self, feed: FeedId) -> Option<ReadingId> {
        self.place(feed).ok().map(|at| self.subscriptions.remove(at).1)
    }

    /// Forgets those whose readings are not wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(ReadingId) -> bool) {
        self.subscriptions.retain(|(_, reading, _)| is_wanted(*reading));
    }

    fn place(&self, feed: FeedId) -> Result<usize, usize> {
        self.subscriptions.binary_search_by_key(&feed, |(feed, ..)| *feed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::shard::slots::Token;

    proptest! {
        #[test]
        fn is_a_map(steps in prop::collection::vec((0_u32..20, prop::option::of(0_u64..1000)), 0..100)) {
            let reading = |number: u64| ReadingId::OfMany(Token::unpack(1 << 32 | number));
            let (mut followed, mut map) = (Followed::default(), BTreeMap::new());
            for (feed, put) in steps {
                let id = FeedId(feed);
                match put {
                    Some(number) => {
                        followed.insert(id, reading(number), ());
                        map.insert(feed, reading(number));
                    }
                    None => prop_assert_eq!(followed.remove(id), map.remove(&feed)),
                }
                prop_assert_eq!((followed.get(id), followed.len()), (map.get(&feed).copied(), map.len()));
            }
            followed.retain(|it| it != reading(7));
            map.retain(|_, it| *it != reading(7));
            prop_assert!((0..20).all(|feed| followed.get(FeedId(feed)) == map.get(&feed).copied()));
        }
    }
}
