//! Encodings that are not always there: those of filters, which subscribers ask for.
//!
//! Owns how many different ones there are at a time, and which of them is given up for another: the least recently used
//! that nobody has a lease of. A lease lives as long as whoever makes cursors of the encoding. Never encodes. Tests: below
//! and `server/tests/bigchaindb/filters.rs`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tailwater_core::{Encoder, EncodingId, Store};

use crate::appliance::Appliance;

/// How often a place is asked for: an encoding that was in use a moment ago is given up by its feed's writer first.
const ATTEMPTS: u32 = 40;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// One encoding that is there.
struct Known {
    encoding: EncodingId,
    leases: usize,
    /// When it was last asked for or given back, as a count of such moments.
    used: u64,
}

#[derive(Default)]
struct Inner {
    known: HashMap<String, Known>,
    moments: u64,
}

/// The encodings of filters, shared by all shards.
pub(crate) struct Filters {
    filters_max: usize,
    inner: Mutex<Inner>,
}

/// Why there is no place for another encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// All that are there are leased.
    InUse,
    /// One was leased until a moment ago, and whoever made its frames is being asked to stop.
    Releasing,
}

/// The right to make cursors of an encoding; given back when dropped.
pub(crate) struct Lease {
    filters: Arc<Filters>,
    name: String,
    encoding: EncodingId,
}

impl Filters {
    /// None yet; at most so many at a time.
    pub(crate) fn new(filters_max: u64) -> Arc<Self> {
        Arc::new(Self { filters_max: filters_max as usize, inner: Mutex::default() })
    }

    /// A lease for somebody on a shard, who waits for a place that is about to be free; `None` when all are in use.
    pub(crate) async fn lease_on_shard(
        self: &Arc<Self>,
        appliance: &Arc<Appliance>,
        encoder: Arc<dyn Encoder>,
    ) -> Option<Lease> {
        for _ in 0..ATTEMPTS {
            let (filters, appliance, encoder) = (self.clone(), appliance.clone(), encoder.clone());
            let asking = move || filters.lease(&appliance.store, &encoder);
            match glommio::executor().spawn_blocking(asking).await {
                Ok(lease) => return Some(lease),
                Err(Full::InUse) => break,
                Err(Full::Releasing) => glommio::timer::sleep(PAUSE).await,
            }
        }
        None
    }

    /// A lease of the encoding with this encoder's name, which becomes known with its first lease. Looks into every feed
    /// when another has to be given up for it: not for a shard.
    fn lease(self: &Arc<Self>, store: &Store, encoder: &Arc<dyn Encoder>) -> Result<Lease, Full> {
        let mut inner = self.lock();
        let name = encoder.name();
        if !inner.known.contains_key(name) && inner.known.len() >= self.filters_max {
            inner.give_up(|encoding| store.forget_encoder(encoding))?;
        }
        let new = || Known { encoding: store.register_encoder(encoder.clone()), leases: 0, used: 0 };
        let known = inner.known.entry(name.to_owned()).or_insert_with(new);
        known.leases += 1;
        let encoding = known.encoding;
        inner.touch(name);
        Ok(Lease { filters: self.clone(), name: name.to_owned(), encoding })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing can panic half-way, so a poisoned lock still guards a true list.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Gives up one that nobody has a lease of and that `forget` can free.
    fn give_up(&mut self, forget: impl Fn(EncodingId) -> bool) -> Result<(), Full> {
        let mut free: Vec<_> = self.known.iter().filter(|(_, known)| known.leases == 0).collect();
        if free.is_empty() {
            return Err(Full::InUse);
        }
        free.sort_unstable_by_key(|(_, known)| known.used);
        let forgotten = free.into_iter().find(|(_, known)| forget(known.encoding)).map(|(name, _)| name.clone());
        let name = forgotten.ok_or(Full::Releasing)?;
        self.known.remove(&name);
        Ok(())
    }

    fn touch(&mut self, name: &str) {
        self.moments += 1;
        if let Some(known) = self.known.get_mut(name) {
            known.used = self.moments;
        }
    }
}

impl Lease {
    /// The encoding to make cursors of.
    pub(crate) fn encoding(&self) -> EncodingId {
        self.encoding
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut inner = self.filters.lock();
        inner.touch(&self.name);
        if let Some(known) = inner.known.get_mut(&self.name) {
            known.leases -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use tailwater_core::{Event, StoreOptions};

    use super::*;

    struct Named(&'static str);

    impl Encoder for Named {
        fn name(&self) -> &str {
            self.0
        }

        fn encode(&self, _event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
            out.extend_from_slice(self.0.as_bytes());
        }
    }

    fn with_two(test: impl FnOnce(&dyn Fn(&'static str) -> Result<Lease, Full>, &Store)) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let filters = Filters::new(2);
        let lease = |name| {
            let encoder: Arc<dyn Encoder> = Arc::new(Named(name));
            filters.lease(&store, &encoder)
        };
        test(&lease, &store);
    }

    #[test]
    fn equal_names_are_one_encoding() {
        with_two(|lease, _| {
            let (a, again, b) = (lease("a").unwrap(), lease("a").unwrap(), lease("b").unwrap());
            assert_eq!(a.encoding(), again.encoding());
            assert_ne!(a.encoding(), b.encoding());
        });
    }

    #[test]
    fn what_is_in_use_is_not_given_up() {
        with_two(|lease, _| {
            let (a, again, b) = (lease("a").unwrap(), lease("a").unwrap(), lease("b").unwrap());
            assert_eq!(lease("c").err(), Some(Full::InUse));
            drop(a);
            assert_eq!(lease("c").err(), Some(Full::InUse), "one lease of two is left");
            drop(again);
            let c = lease("c").unwrap();
            assert_eq!([lease("a").err(), lease("d").err()], [Some(Full::InUse); 2]);
            drop((b, c));
        });
    }

    #[test]
    fn the_least_recently_used_goes() {
        with_two(|lease, store| {
            let (a, b) = (lease("a").unwrap(), lease("b").unwrap());
            drop(a);
            drop(b);
            drop(lease("a"));
            let _c = lease("c").unwrap();
            assert_eq!([store.encoding("a").is_some(), store.encoding("b").is_some()], [true, false]);
        });
    }
}
