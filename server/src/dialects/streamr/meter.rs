//! How much comes in and goes out, as the original counts it.
//!
//! Owns the counters and the rates of the last second. A message that is published through this dialect comes in. It goes out
//! once however many follow its stream, with its content's bytes once for each of them; so does each message of a resend, and each
//! answer to a query, with all of their bytes. What followers are sent is not counted as it is sent: once a second it is looked
//! how much each followed feed has grown. Tests: below.

use std::{
    collections::HashMap,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tailwater_core::FeedId;
use tailwater_wire::streamr::rest::Rate;

use crate::{
    feeds::FeedEntry,
    shard::{Shard, breathe},
};

/// How often rates are computed.
const EVERY: Duration = Duration::from_secs(1);

/// Feeds that are looked at before others on the shard get a turn.
const FEEDS_PER_BREATH: usize = 256;

/// Messages and bytes since the start.
#[derive(Debug, Default)]
struct Total {
    events: AtomicU64,
    bytes: AtomicU64,
}

impl Total {
    fn add(&self, events: u64, bytes: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn get(&self) -> Amount {
        Amount { events: self.events.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

/// Messages and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    events: u64,
    bytes: u64,
}

impl Amount {
    fn since(self, before: Self) -> Self {
        let less = |now: u64, before: u64| now.saturating_sub(before);
        Self { events: less(self.events, before.events), bytes: less(self.bytes, before.bytes) }
    }

    fn a_second(self, elapsed: Duration) -> Rate {
        let rate = |count: u64| (count as f64 / elapsed.as_secs_f64()).round() as u64;
        Rate { events_per_s: rate(self.events), bytes_per_s: rate(self.bytes) }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    connections: AtomicUsize,
    input: Total,
    output: Total,
    rates: Mutex<(Rate, Rate)>,
}

impl Meter {
    /// Counts messages that were published.
    pub(super) fn published(&self, events: u64, bytes: u64) {
        self.input.add(events, bytes);
    }

    /// Counts messages of a resend.
    pub(super) fn resent(&self, events: u64, bytes: u64) {
        self.output.add(events, bytes);
    }

    /// Counts the answer to a query.
    pub(super) fn query(&self, bytes: u64) {
        self.output.add(1, bytes);
    }

    /// Counts a connection for as long as what this returns lives.
    pub(super) fn connect(self: &Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    /// WebSockets that are open.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed) as u64
    }

    /// What came in and went out in the last second that was looked at.
    pub(super) fn rates(&self) -> (Rate, Rate) {
        *self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection.
pub(super) struct Connected(Arc<Meter>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One subscription: its feed is looked at as long as this lives.
pub(super) struct Following(Arc<FeedEntry>);

impl Following {
    pub(super) fn new(feed: &Arc<FeedEntry>) -> Self {
        feed.streamr_followers.fetch_add(1, Ordering::Relaxed);
        Self(feed.clone())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.streamr_followers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a feed had come to when it was last looked at.
#[derive(Clone, Copy)]
struct Seen {
    followers: u64,
    appended: Amount,
}

/// One look after the other.
struct Looks {
    at: Instant,
    feeds: HashMap<FeedId, Amount>,
    input: Amount,
    output: Amount,
}

impl Looks {
    fn new(at: Instant) -> Self {
        Self { at, feeds: HashMap::new(), input: Amount::default(), output: Amount::default() }
    }

    /// Computes the rates since the last look.
    fn look(&mut self, at: Instant, meter: &Meter, feeds: impl IntoIterator<Item = (FeedId, Seen)>) {
        let (input, output) = (meter.input.get(), meter.output.get());
        let mut sent = output.since(self.output);
        let mut seen_feeds = HashMap::with_capacity(self.feeds.len());
        for (id, Seen { followers, appended }) in feeds {
            if let Some(before) = self.feeds.get(&id)
                && followers > 0
            {
                let grown = appended.since(*before);
                sent.events += grown.events;
                sent.bytes += grown.bytes.saturating_mul(followers);
            }
            seen_feeds.insert(id, appended);
        }
        let elapsed = at.duration_since(self.at).max(Duration::from_millis(1));
        let rates = (input.since(self.input).a_second(elapsed), sent.a_second(elapsed));
        *meter.rates.lock().unwrap_or_else(PoisonError::into_inner) = rates;
        *self = Self { at, feeds: seen_feeds, input, output };
    }
}

/// Looks once a second, until the shard stops.
pub(crate) async fn measure(shard: Rc<Shard>) {
    let appliance = &shard.appliance;
    let mut looks = Looks::new(Instant::now());
    loop {
        let mut seen = Vec::new();
        for (number, entry) in appliance.feeds.all().iter().enumerate() {
            if number % FEEDS_PER_BREATH == 0 {
                breathe().await;
            }
            if entry.exposure().streamr.is_some() {
                let (events, bytes) = entry.feed().appended();
                let followers = entry.streamr_followers.load(Ordering::Relaxed) as u64;
                seen.push((entry.id(), Seen { followers, appended: Amount { events, bytes } }));
            }
        }
        looks.look(Instant::now(), &appliance.streamr, seen);
        glommio::timer::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(events_per_s: u64, bytes_per_s: u64) -> Rate {
        Rate { events_per_s, bytes_per_s }
    }

    fn seen(id: u32, followers: u64, events: u64, bytes: u64) -> (FeedId, Seen) {
        (FeedId(id), Seen { followers, appended: Amount { events, bytes } })
    }

    #[test]
    fn rates_are_of_the_time_between_two_looks() {
        let (meter, began) = (Arc::new(Meter::default()), Instant::now());
        let at = |ms: u64| began + Duration::from_millis(ms);
        let mut looks = Looks::new(began);
        meter.published(10, 1_000);
        meter.resent(3, 60);
        meter.query(500);
        // What a feed had before it was first looked at went to nobody.
        looks.look(at(1_000), &meter, [seen(1, 2, 50, 5_000), seen(2, 0, 7, 70)]);
        assert_eq!(meter.rates(), (rate(10, 1_000), rate(4, 560)));
        meter.published(4, 400);
        looks.look(at(3_000), &meter, [seen(1, 2, 54, 5_400), seen(2, 0, 9, 90), seen(3, 1, 1, 1)]);
        assert_eq!(meter.rates(), (rate(2, 200), rate(2, 400)), "sent to two, and to nobody");
        looks.look(at(4_000), &meter, [seen(2, 3, 10, 100)]);
        assert_eq!(meter.rates(), (rate(0, 0), rate(1, 30)));
        looks.look(at(5_000), &meter, [seen(2, 3, 10, 100)]);
        assert_eq!(meter.rates(), (rate(0, 0), rate(0, 0)));
    }

    #[test]
    fn connections_are_counted_while_they_last() {
        let meter = Arc::new(Meter::default());
        let two = [meter.connect(), meter.connect()];
        assert_eq!(meter.connections(), 2);
        drop(two);
        assert_eq!(meter.connections(), 0);
    }
}
