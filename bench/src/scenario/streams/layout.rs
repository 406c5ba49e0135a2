//! Which streams there are, who follows them and how much is published to them: three ways to the same deliveries.

use anyhow::{Result, ensure};

use super::Streams;
use crate::{dialect::subscribe, figures::short};

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) name: String,
    /// Events a second, over all streams.
    pub(super) rate_per_s: f64,
    streams: usize,
    /// Subscribers of each stream.
    subscribers: usize,
    streams_per_connection: usize,
}

/// Many streams; one with as many events; one with as many subscribers.
///
/// # Errors
///
/// Numbers of which one is none, or that do not go together.
pub(super) fn layouts(asked: &Streams) -> Result<[Layout; 3]> {
    let &Streams { streams, subscribers, rate, streams_per_connection, .. } = asked;
    ensure!(streams > 0 && subscribers > 0, "--streams and --subscribers must be at least 1");
    ensure!(rate.is_finite() && rate > 0.0, "--rate must be above 0");
    ensure!(
        streams_per_connection > 0 && streams.is_multiple_of(streams_per_connection),
        "--streams-per-connection must divide --streams"
    );
    let many = Layout {
        name: format!("{streams} streams, each with {subscribers} subscribers and {} events/s", short(rate)),
        rate_per_s: rate * streams as f64,
        streams,
        subscribers,
        streams_per_connection,
    };
    let one = |rate_per_s: f64, subscribers: usize| Layout {
        name: format!("one stream with {subscribers} subscribers and {} events/s", short(rate_per_s)),
        rate_per_s,
        streams: 1,
        subscribers,
        streams_per_connection: 1,
    };
    let others = [one(many.rate_per_s, subscribers), one(rate, subscribers * streams)];
    let [events, subscribers] = others;
    Ok([many, events, subscribers])
}

/// The ids of so many streams, all of one length.
pub(in crate::scenario) fn ids(streams: usize) -> Vec<String> {
    let digits = streams.saturating_sub(1).to_string().len();
    (0..streams).map(|nth| format!("stream-{nth:0digits$}")).collect()
}

impl Layout {
    pub(super) fn ids(&self) -> Vec<String> {
        ids(self.streams)
    }

    pub(super) fn connections(&self) -> usize {
        self.followers() / self.streams_per_connection
    }

    /// Subscribers of each stream.
    pub(super) fn subscribers(&self) -> usize {
        self.subscribers
    }

    /// Subscriptions, over all connections.
    pub(super) fn followers(&self) -> usize {
        self.streams * self.subscribers
    }

    /// What connections say, going round: so that each stream has as many subscribers as every other.
    pub(super) fn say(&self) -> Vec<Vec<String>> {
        let wishes: Vec<String> = self.ids().iter().map(|id| subscribe(id)).collect();
        wishes.chunks(self.streams_per_connection).map(<[String]>::to_vec).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn asked(streams: usize, subscribers: usize, rate: f64, streams_per_connection: usize) -> Streams {
        Streams { streams, subscribers, rate, streams_per_connection, event_bytes: 512 }
    }

    #[test]
    fn all_of_them_make_the_same_deliveries() {
        for asked in [asked(1000, 10, 1.0, 1), asked(20, 3, 0.5, 5), asked(1, 1, 2.0, 1)] {
            let deliveries = asked.streams as f64 * asked.subscribers as f64 * asked.rate;
            for layout in layouts(&asked).unwrap() {
                assert_eq!(layout.rate_per_s * layout.subscribers as f64, deliveries, "{layout:?}");
            }
        }
    }

    #[test]
    fn each_stream_has_its_subscribers() {
        for asked in [asked(20, 3, 1.0, 1), asked(20, 3, 1.0, 5), asked(20, 3, 1.0, 20)] {
            for layout in layouts(&asked).unwrap() {
                let say = layout.say();
                let mut followers = BTreeMap::<&String, usize>::new();
                for wish in (0..layout.connections()).flat_map(|nth| &say[nth % say.len()]) {
                    *followers.entry(wish).or_default() += 1;
                }
                assert_eq!(followers.len(), layout.streams, "{layout:?}");
                assert!(followers.values().all(|count| *count == layout.subscribers), "{layout:?}");
            }
        }
    }

    #[test]
    fn numbers_that_do_not_go_together() {
        for refused in [asked(0, 1, 1.0, 1), asked(1, 0, 1.0, 1), asked(10, 1, 0.0, 1), asked(10, 1, 1.0, 3)] {
            assert!(layouts(&refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn ids_have_one_length() {
        assert_eq!(ids(11)[9..], ["stream-09", "stream-10"]);
        assert_eq!(ids(1), ["stream-0"]);
    }
}
