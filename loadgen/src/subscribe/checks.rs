//! What is checked of one connection's messages: order, repetitions, gaps, their bytes, their latency.

use serde::{Deserialize, Serialize};

use crate::{
    decode::{DecodeError, Message, stream::Encoding},
    stats::Latency,
    subscribe::tracks::Tracks,
};

/// Most problems of one connection that are kept in words.
const PROBLEMS_MAX: usize = 4;

/// The checks of one connection, over all its reconnections.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub tracks: Tracks,
    events_max: Option<u64>,
    cursor: u64,
    infos: u64,
    errors: u64,
    undecodable: u64,
    below_cursor: u64,
    problems: Vec<String>,
}

impl Checks {
    /// Checks for a connection that asked for `cursor` and ends after `events_max` events.
    pub fn new(cursor: Option<u64>, events_max: Option<u64>) -> Self {
        Self { events_max, cursor: cursor.unwrap_or(0), ..Self::default() }
    }

    /// Takes one message.
    pub fn payload(&mut self, encoding: Encoding, payload: &[u8], now_us: u64, latency: &mut Latency) {
        let event = match encoding.message(payload) {
            Ok(Message::Event(event)) => event,
            Ok(Message::Other) => return,
            Ok(Message::Info(name)) => {
                self.infos += 1;
                return self.note(format!("info {name}"));
            }
            Ok(Message::Error(name)) => {
                self.errors += 1;
                return self.note(format!("error {name}"));
            }
            Err(error) => return self.undecodable(&error),
        };
        if event.seq < self.cursor {
            self.below_cursor += 1;
            self.note(format!("seq {} is below cursor {}", event.seq, self.cursor));
        }
        if let Err(problem) = self.tracks.observe(&event, payload) {
            self.note(problem);
        }
        if let Some(published_us) = event.published_us {
            latency.record_since(published_us, now_us);
        }
    }

    /// Takes bytes that are no message, or no protocol.
    pub fn undecodable(&mut self, error: &DecodeError) {
        self.undecodable += 1;
        self.note(error.to_string());
    }

    /// Whether the connection has had the events it was to have.
    pub fn is_complete(&self) -> bool {
        self.events_max.is_some_and(|max| self.tracks.count() >= max)
    }

    /// Whether an event with this seq or a later one was seen.
    pub fn has_reached(&self, seq: u64) -> bool {
        self.tracks.last().is_some_and(|last| last >= seq)
    }

    /// Where to resume: the seq after the last one, or the first cursor again.
    pub fn resume_cursor(&self) -> Option<u64> {
        self.tracks.last().map(|last| last + 1)
    }

    /// The connection's entry in the report.
    pub fn report(&self, connection: usize) -> CheckedConnection {
        CheckedConnection {
            connection,
            first_seq: self.tracks.first(),
            last_seq: self.tracks.last(),
            events: self.tracks.count(),
            missing: self.tracks.sum(|track| track.sequence.missing()),
            disorder: self.tracks.sum(|track| track.sequence.disorder()) + self.below_cursor,
            duplicates: self.tracks.sum(|track| track.sequence.duplicates()),
            unlinked: self.tracks.sum(|track| track.unlinked),
            undecodable: self.undecodable,
            infos: self.infos,
            errors: self.errors,
            payload_bytes: self.tracks.sum(|track| track.payload_bytes),
            crc32c: format!("{:08x}", self.tracks.crc32c()),
            problems: self.problems.clone(),
        }
    }

    fn note(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}

/// What one checked connection saw, from its first event to its last, over all its reconnections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedConnection {
    /// Its index among the connections.
    pub connection: usize,
    /// The first seq; of several lines (a stream's partition, or the answer to a request, is one), the smallest of theirs.
    pub first_seq: Option<u64>,
    /// The largest seq of any line.
    pub last_seq: Option<u64>,
    /// Events received, repetitions included.
    pub events: u64,
    /// Sequence numbers between first and last that were not seen (feeds may have gaps of their own).
    pub missing: u64,
    /// Events that came after a larger seq, or below the cursor that was asked for.
    pub disorder: u64,
    /// Events that came again.
    pub duplicates: u64,
    /// Events that name another one before them on their line than the one that came before them.
    pub unlinked: u64,
    /// Messages, or bytes, that a strict client refuses.
    pub undecodable: u64,
    /// Notices without a seq, such as `OutdatedCursor`.
    pub infos: u64,
    /// Error messages in the stream.
    pub errors: u64,
    /// Bytes of the events' payloads: WebSocket message, NDJSON line, or SSE data.
    pub payload_bytes: u64,
    /// CRC-32C over these bytes in the order received, line by line, in hexadecimal: equal for equal events.
    pub crc32c: String,
    /// The first few notices, errors and violations, in words.
    pub problems: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(cursor: Option<u64>, lines: &[&str]) -> (CheckedConnection, u64) {
        let mut checks = Checks::new(cursor, None);
        let mut latency = Latency::default();
        for line in lines {
            checks.payload(Encoding::Json, line.as_bytes(), 1_000, &mut latency);
        }
        (checks.report(3), latency.report().count)
    }

    #[test]
    fn everything_is_counted_where_it_belongs() {
        let (report, latencies) = checked(
            Some(5),
            &[
                r#"{"seq":4,"time":900}"#,
                r#"{"seq":6}"#,
                r#"{"seq":5}"#,
                r#"{"seq":5}"#,
                r#"{"name":"OutdatedCursor"}"#,
                r#"{"error":"ConsumerTooSlow"}"#,
                r#"{"seq":0}"#,
                "{",
                "{}",
            ],
        );
        assert_eq!((report.connection, report.events, latencies), (3, 4, 1));
        assert_eq!((report.first_seq, report.last_seq), (Some(4), Some(6)));
        assert_eq!((report.disorder, report.duplicates), (2, 1));
        assert_eq!((report.infos, report.errors), (1, 1));
        assert_eq!((report.undecodable, report.missing), (2, 0));
        assert_eq!(report.problems.len(), PROBLEMS_MAX);
    }

    #[test]
    fn the_checksum_is_over_the_events_bytes_in_order() {
        let crc = |lines: &[&str]| checked(None, lines).0.crc32c;
        let one_by_one = crc(&[r#"{"seq":1}"#, r#"{"name":"x"}"#, r#"{"seq":2}"#]);
        assert_eq!(one_by_one, format!("{:08x}", crc32c::crc32c(br#"{"seq":1}{"seq":2}"#)));
        assert_ne!(one_by_one, crc(&[r#"{"seq":1}"#, r#"{"seq":3}"#]));
    }

    #[test]
    fn broken_links_are_counted() {
        let message = |offset, previous| format!(r#"[0,0,"",[28,"s",0,1,0,{offset},{previous},27,"{{}}"]]"#);
        let lines = [message(7, 5), r#"[0,2,"",{"stream":"s","partition":0}]"#.into(), message(9, 7), message(12, 11)];
        let (report, latencies) = checked(None, &lines.each_ref().map(|line| &**line));
        assert_eq!((report.events, report.unlinked, report.missing, latencies), (3, 1, 1 + 2, 3));
        assert_eq!(report.problems, ["seq 12 is said to follow Some(11), but came after Some(9) of s, partition 0"]);
    }

    #[test]
    fn completion_and_resumption() {
        let mut checks = Checks::new(None, Some(2));
        let mut latency = Latency::default();
        assert_eq!(checks.resume_cursor(), None);
        checks.payload(Encoding::Json, br#"{"seq":7}"#, 0, &mut latency);
        assert!(!checks.is_complete() && checks.has_reached(7) && !checks.has_reached(8));
        checks.payload(Encoding::Json, br#"{"seq":9}"#, 0, &mut latency);
        assert!(checks.is_complete());
        assert_eq!(checks.resume_cursor(), Some(10));
    }
}
