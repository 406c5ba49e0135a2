//! The report of a publishing run.

use serde::{Deserialize, Serialize};

use crate::{
    stats::{LatencyReport, LoadGenerator, MeasuredWindow},
    subscribe::Reasons,
    tls::TlsReport,
};

/// What came of a publishing run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishReport {
    /// The server.
    pub url: String,
    /// The feed.
    pub feed: String,
    /// Whether every batch was acknowledged, and every acknowledgement made sense.
    pub ok: bool,
    /// Batches and events from the beginning of the run to its end.
    pub total: PublishedTotals,
    /// The time that `published`, the latencies and `load_generator` are about.
    pub window: MeasuredWindow,
    /// What was acknowledged of the batches due within the window.
    pub published: Published,
    /// From when a batch was due to its acknowledgement; at full speed, from when it was sent.
    pub ack_latency: LatencyReport,
    /// From when a batch was sent to its acknowledgement.
    pub service_latency: LatencyReport,
    /// From when a batch was due to when it was sent: how late the load generator, or a busy server, made it.
    pub lateness: LatencyReport,
    /// What was agreed on over TLS; `None` without.
    pub tls: Option<TlsReport>,
    /// What the load generator itself used, from the beginning of the run to its end.
    pub load_generator: LoadGenerator,
    /// Every acknowledgement, ordered by batch, if they were to be kept.
    pub acks: Option<Vec<Ack>>,
}

/// Counts from the beginning of the run to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTotals {
    /// Batches sent, or tried to.
    pub batches: u64,
    /// Batches acknowledged.
    pub acked_batches: u64,
    /// Events acknowledged.
    pub acked_events: u64,
    /// The smallest seq acknowledged.
    pub first_seq: Option<u64>,
    /// The largest seq acknowledged.
    pub last_seq: Option<u64>,
    /// Batches the server refused, by status and error name. Nothing of them is stored.
    pub refused: Reasons,
    /// Batches without an answer, by reason. Whether they are stored is not known.
    pub unanswered: Reasons,
    /// Acknowledgements that are malformed, have the wrong count, or give a seq that was given before, by reason.
    pub wrong: Reasons,
}

/// What was acknowledged within the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Batches.
    pub batches: u64,
    /// Events.
    pub events: u64,
    /// Events per second.
    pub events_per_second: f64,
    /// Bytes of the request bodies.
    pub bytes: u64,
    /// The same per second.
    pub bytes_per_second: f64,
}

/// One acknowledged batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Index of its first event within the run.
    pub first_event: u64,
    /// How many events it has.
    pub count: u32,
    /// The seq of its first event, if the answer says so: CouchDB's names none.
    pub first_seq: Option<u64>,
    /// The seq of its last event.
    pub last_seq: Option<u64>,
}

/// How many acknowledgements give a seq that another one gives, too.
pub(crate) fn overlaps(acks: &mut [Ack]) -> u64 {
    acks.sort_unstable_by_key(|ack| ack.first_seq);
    let repeated = acks.windows(2).filter(|pair| pair[1].first_seq.is_some() && pair[1].first_seq <= pair[0].last_seq);
    repeated.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seqs_given_twice_are_seen() {
        let ack = |first_seq, last_seq| Ack {
            first_event: 0,
            count: 1,
            first_seq: Some(first_seq),
            last_seq: Some(last_seq),
        };
        let unnumbered = Ack { first_seq: None, last_seq: None, ..ack(1, 1) };
        let table = [
            (vec![], 0),
            (vec![ack(4, 6), ack(1, 3), ack(7, 7)], 0),
            (vec![ack(4, 6), ack(6, 8)], 1),
            (vec![ack(5, 5), ack(5, 5), ack(5, 5)], 2),
            (vec![unnumbered, unnumbered], 0),
        ];
        for (mut acks, expected) in table {
            assert_eq!(overlaps(&mut acks), expected, "{acks:?}");
        }
    }
}
