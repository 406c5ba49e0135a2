//! The report of a subscribing run, and its verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    stats::{LatencyReport, LoadGenerator, MeasuredWindow, Spread},
    subscribe::{
        checks::{CheckedConnection, Checks},
        config::SubscribeConfig,
        connection::Connection,
        roles::Role,
        tally::Tally,
        tracks::{Track, Tracks},
        window::Measured,
    },
    tls::TlsReport,
};

/// What a subscribing run saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubscribeReport {
    /// The address subscribed to.
    pub url: String,
    /// Whether every check held; if not, `verdict.violations` says which did not.
    pub verdict: Verdict,
    /// What became of the connections.
    pub connections: ConnectionsReport,
    /// The time that `delivered`, `bytes_per_connection`, `latency` and `load_generator` are about.
    pub window: MeasuredWindow,
    /// What arrived within the window.
    pub delivered: Delivered,
    /// Bytes each connection that was read received within the window: fairness.
    pub bytes_per_connection: Spread,
    /// From each checked event's publish time to its receipt, within the window.
    pub latency: LatencyReport,
    /// What the load generator itself used within the window.
    pub load_generator: LoadGenerator,
    /// What was agreed on over TLS; `None` without.
    pub tls: Option<TlsReport>,
    /// Every checked connection, from the beginning of the run to its end.
    pub checked: Vec<CheckedConnection>,
}

/// Whether the checks held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// All of them.
    pub ok: bool,
    /// The ones that did not, in words.
    pub violations: Vec<String>,
}

/// What became of the connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionsReport {
    /// Asked for.
    pub asked: usize,
    /// Of these, to be decoded and checked.
    pub checked: usize,
    /// Of these, never to be read.
    pub stalled: usize,
    /// Still open when the run ended.
    pub open_at_end: u64,
    /// Seconds from the first attempt until each had been open or had failed; `None` when the run ended before.
    pub ramp_seconds: Option<f64>,
    /// The rest, by reason.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What arrived within the window. Bytes are stream bytes, with the framing of WebSocket or HTTP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delivered {
    /// Bytes of all connections.
    pub bytes: u64,
    /// The same per second.
    pub bytes_per_second: f64,
    /// Events of the checked connections, exact.
    pub checked_events: u64,
    /// Bytes of the checked connections.
    pub checked_bytes: u64,
    /// Mean stream bytes of an event, from the checked connections; 0 without.
    pub bytes_per_event: f64,
    /// Events of all connections: exact for the checked ones, bytes / `bytes_per_event` for the drained ones.
    pub events: f64,
    /// The same per second.
    pub events_per_second: f64,
}

/// Everything a report is made from.
pub(crate) struct Outcomes<'a> {
    pub config: &'a SubscribeConfig,
    pub connections: &'a [Connection],
    pub tally: Tally,
    pub ramp_seconds: Option<f64>,
    pub measured: Measured,
    pub latency: LatencyReport,
    pub tls: Option<TlsReport>,
    pub until_seq: Option<u64>,
}

impl Outcomes<'_> {
    /// The report.
    pub fn report(self) -> SubscribeReport {
        let checked: Vec<CheckedConnection> = self
            .connections
            .iter()
            .enumerate()
            .filter_map(|(index, connection)| {
                let stream = connection.checked.as_ref()?;
                Some(stream.checks.report(index))
            })
            .collect();
        let readers =
            self.connections.iter().filter(|connection| connection.was_opened && connection.role != Role::Stalled);
        let bytes_per_connection = Spread::of(readers.map(|c| c.bytes - c.bytes_at_window).collect());
        let violations = self.violations(&checked);
        SubscribeReport {
            url: self.config.url.clone(),
            verdict: Verdict { ok: violations.is_empty(), violations },
            connections: self.connections_report(checked.len()),
            delivered: delivered(&self.measured),
            bytes_per_connection,
            latency: self.latency,
            load_generator: LoadGenerator::new(self.measured.cpu_seconds, self.measured.window.seconds, 1),
            window: self.measured.window,
            tls: self.tls,
            checked,
        }
    }

    fn checks(&self) -> impl Iterator<Item = &Checks> {
        let checked = self.connections.iter().filter_map(|connection| connection.checked.as_ref());
        checked.map(|stream| &stream.checks)
    }

    fn connections_report(&self, checked: usize) -> ConnectionsReport {
        let open = self.connections.iter().filter(|c| c.socket().is_some());
        ConnectionsReport {
            asked: self.connections.len(),
            checked,
            stalled: self.config.stall,
            open_at_end: open.count() as u64,
            ramp_seconds: self.ramp_seconds,
            tally: self.tally.clone(),
        }
    }

    /// Every check that did not hold.
    fn violations(&self, checked: &[CheckedConnection]) -> Vec<String> {
        let sum = |of: fn(&CheckedConnection) -> u64| checked.iter().map(of).sum::<u64>();
        let config = self.config;
        let gaps = if config.expect_contiguous { sum(|c| c.missing) } else { 0 };
        let not_opened = self.connections.len() as u64 - self.tally.opened;
        let unfinished = |done: &dyn Fn(&CheckedConnection) -> bool| checked.iter().filter(|c| !done(c)).count() as u64;
        let short = config.events.map_or(0, |events| unfinished(&|c| c.events >= events));
        let behind = self.until_seq.map_or(0, |seq| unfinished(&|c| c.last_seq.is_some_and(|last| last >= seq)));
        [
            (sum(|c| c.disorder), "events out of order"),
            (sum(|c| c.duplicates), "events more than once"),
            (sum(|c| c.unlinked), "events that did not come after the one they name"),
            (gaps, "events missing"),
            (sum(|c| c.undecodable), "messages that cannot be decoded"),
            (sum(|c| c.errors), "error messages in the stream"),
            (
                mismatches(self.checks().map(|checks| &checks.tracks)),
                "connections with other bytes for the same events",
            ),
            (not_opened, "connections that were never open"),
            (short, "checked connections with fewer events than asked for"),
            (behind, "checked connections that did not reach the seq asked for"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
    }
}

/// Connections of which a line's bytes differ from those of another that saw the same seqs of it.
fn mismatches<'a>(connections: impl Iterator<Item = &'a Tracks>) -> u64 {
    let mut first_of = BTreeMap::new();
    let mut differs = |(name, track): (&'a str, &'a Track)| {
        let sequence = &track.sequence;
        if sequence.disorder() + sequence.duplicates() + sequence.missing() > 0 {
            return false;
        }
        let seqs = (name, sequence.first(), sequence.last(), sequence.count());
        let bytes = (track.payload_bytes, track.crc32c);
        *first_of.entry(seqs).or_insert(bytes) != bytes
    };
    let mut differing = 0;
    for tracks in connections {
        // All of them are looked at: each is what the next connection's is compared with.
        let lines = tracks.all().filter(|line| differs(*line)).count();
        differing += u64::from(lines > 0);
    }
    differing
}

fn delivered(measured: &Measured) -> Delivered {
    let totals = measured.totals;
    let bytes_per_event = match totals.checked_events {
        0 => 0.0,
        events => totals.checked_bytes as f64 / events as f64,
    };
    let drained_bytes = (totals.bytes - totals.checked_bytes) as f64;
    let drained_events = if bytes_per_event > 0.0 { drained_bytes / bytes_per_event } else { 0.0 };
    let events = totals.checked_events as f64 + drained_events;
    Delivered {
        bytes: totals.bytes,
        bytes_per_second: measured.rate(totals.bytes as f64),
        checked_events: totals.checked_events,
        checked_bytes: totals.checked_bytes,
        bytes_per_event,
        events,
        events_per_second: measured.rate(events),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{EventFields, Link, Order};

    fn seen(seqs: &[u64], payload: &[u8]) -> Tracks {
        let mut tracks = Tracks::default();
        for seq in seqs {
            let _problem = tracks.observe(&EventFields::increasing(*seq, None), payload);
        }
        tracks
    }

    #[test]
    fn same_seqs_with_other_bytes_are_seen() {
        let (a, b) = (seen(&[1, 2, 3], b"a"), seen(&[1, 2, 3], b"b"));
        let (later, with_gap) = (seen(&[2, 3], b"b"), seen(&[1, 3], b"b"));
        let table = [
            (vec![&a, &a], 0),
            (vec![&a, &b], 1),
            (vec![&b, &a, &a], 2),
            (vec![&a, &later], 0),
            (vec![&with_gap, &a], 0),
        ];
        for (connections, expected) in table {
            assert_eq!(mismatches(connections.iter().copied()), expected, "{connections:?}");
        }
    }

    #[test]
    fn lines_are_compared_with_their_own() {
        let seen = |lines: &[(&'static str, &[u8])]| {
            let mut tracks = Tracks::default();
            for (stream, payload) in lines {
                let link = Link { stream: (*stream).into(), partition: 0, subscription: None, previous: None };
                let event = EventFields { seq: 1, published_us: None, order: Order::Linked(link) };
                tracks.observe(&event, payload).unwrap();
            }
            tracks
        };
        let (both, turned) = (seen(&[("s", b"a"), ("t", b"b")]), seen(&[("t", b"b"), ("s", b"a")]));
        let other = seen(&[("s", b"a"), ("t", b"c")]);
        assert_eq!(mismatches([&both, &turned].into_iter()), 0);
        assert_eq!(mismatches([&both, &other, &turned].into_iter()), 1);
    }
}
