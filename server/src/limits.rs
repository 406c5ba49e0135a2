//! Who may connect: places for connections, all in all and per address. And what one event may measure.
//!
//! Owns the counts. Touched when a connection comes and when it goes, never on the send path. Tests: below and
//! `server/tests/limits.rs`.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tailwater_wire::native::request::PublishLimits;

use crate::config;

impl From<&config::Limits> for PublishLimits {
    fn from(limits: &config::Limits) -> Self {
        Self {
            event_bytes_max: limits.event_bytes_max as usize,
            key_bytes_max: limits.key_bytes_max as usize,
            depth_max: limits.json_depth_max as usize,
        }
    }
}

/// Why there is no place for a connection or a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The appliance holds as many connections as it may.
    Full,
    /// This address holds as many connections as it may.
    Address,
}

#[derive(Default)]
struct Counts {
    all: usize,
    per_address: HashMap<IpAddr, usize>,
    replays: HashMap<IpAddr, usize>,
}

/// The places of the whole appliance, shared by its shards.
pub(crate) struct Places {
    all_max: usize,
    per_address_max: usize,
    replays_per_address_max: usize,
    limit_loopback: bool,
    counts: Mutex<Counts>,
}

impl Places {
    pub(crate) fn new(
        all_max: usize,
        per_address_max: usize,
        replays_per_address_max: usize,
        limit_loopback: bool,
    ) -> Arc<Self> {
        Arc::new(Self { all_max, per_address_max, replays_per_address_max, limit_loopback, counts: Mutex::default() })
    }

    /// Takes a place for a connection. It is counted either way until the admission is dropped; a refused connection
    /// still has to be told so.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Admission {
        let mut counts = self.counts();
        counts.all += 1;
        let refusal = (counts.all > self.all_max).then_some(Refusal::Full);
        let of_peer = counts.per_address.entry(peer).or_default();
        *of_peer += 1;
        let crowded = self.limits(peer) && *of_peer > self.per_address_max;
        Admission { places: self.clone(), peer, refusal: refusal.or(crowded.then_some(Refusal::Address)) }
    }

    /// Connections held now.
    pub(crate) fn connections(&self) -> usize {
        self.counts().all
    }

    /// Takes one of the address's places for replays, or refuses.
    pub(crate) fn replay(self: &Arc<Self>, peer: IpAddr) -> Option<Replay> {
        let mut counts = self.counts();
        let of_peer = counts.replays.entry(peer).or_default();
        if self.limits(peer) && *of_peer >= self.replays_per_address_max {
            return None;
        }
        *of_peer += 1;
        Some(Replay { places: self.clone(), peer })
    }

    fn limits(&self, peer: IpAddr) -> bool {
        self.limit_loopback || !peer.is_loopback()
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Counting cannot panic half-way, so a poisoned lock still guards true counts.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place; given back when dropped.
pub(crate) struct Admission {
    places: Arc<Places>,
    peer: IpAddr,
    refusal: Option<Refusal>,
}

impl Admission {
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Set when there was no place: the connection is told so and closed.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.places.counts();
        counts.all -= 1;
        leave(&mut counts.per_address, self.peer);
    }
}

/// One replay's place; given back when the reader has caught up or gone.
pub(crate) struct Replay {
    places: Arc<Places>,
    peer: IpAddr,
}

impl Drop for Replay {
    fn drop(&mut self) {
        leave(&mut self.places.counts().replays, self.peer);
    }
}

fn leave(counts: &mut HashMap<IpAddr, usize>, peer: IpAddr) {
    if let Some(count) = counts.get_mut(&peer) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn places_are_given_back() {
        let places = Places::new(2, 1, 1, false);
        let first = places.admit(FAR);
        assert_eq!(first.refusal(), None);
        assert_eq!(places.admit(FAR).refusal(), Some(Refusal::Address));
        let near = places.admit(NEAR);
        assert_eq!(near.refusal(), None);
        assert_eq!(places.admit(NEAR).refusal(), Some(Refusal::Full));
        drop((first, near));
        assert_eq!(places.connections(), 0);
        assert!(places.counts().per_address.is_empty());
    }

    #[test]
    fn loopback_counts_only_when_asked_to() {
        for (limit_loopback, refused) in [(false, false), (true, true)] {
            let places = Places::new(10, 1, 1, limit_loopback);
            let _first = places.admit(NEAR);
            assert_eq!(places.admit(NEAR).refusal().is_some(), refused);
            let _replay = places.replay(NEAR);
            assert_eq!(places.replay(NEAR).is_none(), refused);
        }
    }

    #[test]
    fn a_replay_ends_with_its_guard() {
        let places = Places::new(10, 10, 1, false);
        let replay = places.replay(FAR);
        assert!(replay.is_some() && places.replay(FAR).is_none());
        drop(replay);
        assert!(places.replay(FAR).is_some());
    }
}
