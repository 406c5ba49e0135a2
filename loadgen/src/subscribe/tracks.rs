//! What one connection has seen of each line of events it carries: most have one, a Streamr connection may have thousands.
//!
//! Owns order, repetitions, gaps, links and checksums, line by line. Allocates when a line is seen for the first time, never
//! per event. Tests are below.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    decode::{EventFields, Link, Order},
    subscribe::sequence::{Observed, SequenceTracker},
};

/// The lines of one connection, over all its reconnections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracks {
    by_name: BTreeMap<Box<str>, Track>,
    /// The name of the line at hand; kept so that it need not be allocated again.
    name: String,
    count: u64,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    pub sequence: SequenceTracker,
    /// Bytes of the events' payloads, and CRC-32C over them in the order received.
    pub payload_bytes: u64,
    pub crc32c: u32,
    /// Events that name another one before them than the one that came before them.
    pub unlinked: u64,
    newest: Option<u64>,
}

impl Tracks {
    /// Takes the next event, and says what is wrong with its place.
    pub fn observe(&mut self, event: &EventFields<'_>, payload: &[u8]) -> Result<(), String> {
        self.count += 1;
        self.name.clear();
        if let Order::Linked(link) = &event.order {
            name(&mut self.name, link);
        }
        if !self.by_name.contains_key(&*self.name) {
            self.by_name.insert(self.name.as_str().into(), Track::default());
        }
        let track = self.by_name.get_mut(&*self.name).expect("it was inserted where it was missing");
        track.observe(event, payload).map_err(|problem| match &*self.name {
            "" => problem,
            name => format!("{problem} of {name}"),
        })
    }

    /// Every line with its name, in the order of the names. A connection that can have one only has it under no name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Track)> {
        self.by_name.iter().map(|(name, track)| (&**name, track))
    }

    /// Events seen, repetitions included.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest of the lines' first sequence numbers.
    pub fn first(&self) -> Option<u64> {
        self.by_name.values().filter_map(|track| track.sequence.first()).min()
    }

    /// The largest sequence number of any line.
    pub fn last(&self) -> Option<u64> {
        self.by_name.values().filter_map(|track| track.sequence.last()).max()
    }

    /// A count of each line, over all of them.
    pub fn sum(&self, of: impl Fn(&Track) -> u64) -> u64 {
        self.by_name.values().map(of).sum()
    }

    /// CRC-32C of the only line; of several, over theirs in the order of their names.
    pub fn crc32c(&self) -> u32 {
        let mut each = self.by_name.values().map(|track| track.crc32c);
        let first = each.next().unwrap_or_default();
        each.fold(first, |crc, next| crc32c::crc32c_append(crc, &next.to_be_bytes()))
    }
}

impl Track {
    fn observe(&mut self, event: &EventFields<'_>, payload: &[u8]) -> Result<(), String> {
        let (seq, before) = (event.seq, self.newest);
        let observed = match event.order {
            Order::Grouped => self.sequence.observe_grouped(seq),
            Order::Increasing | Order::Linked(_) => self.sequence.observe(seq),
        };
        self.payload_bytes += payload.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, payload);
        self.newest = Some(seq);
        if observed != Observed::InOrder {
            return Err(format!("{observed:?}: seq {seq} after {before:?}"));
        }
        match &event.order {
            Order::Linked(link) if before.is_some() && link.previous != before => {
                self.unlinked += 1;
                Err(format!("seq {seq} is said to follow {:?}, but came after {before:?}", link.previous))
            }
            _ => Ok(()),
        }
    }
}

/// Appends what tells a line from all others. Live events and the answer to a request are two lines: they overlap.
fn name(out: &mut String, link: &Link<'_>) {
    let written = match link.subscription {
        None => write!(out, "{}, partition {}", link.stream, link.partition),
        Some(subscription) => write!(out, "{}, partition {}, for {subscription}", link.stream, link.partition),
    };
    written.expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(stream: &'static str, partition: u32, seq: u64, previous: Option<u64>) -> EventFields<'static> {
        let link = Link { stream: stream.into(), partition, subscription: None, previous };
        EventFields { seq, published_us: None, order: Order::Linked(link) }
    }

    #[test]
    fn each_line_is_judged_by_itself() {
        let mut tracks = Tracks::default();
        let table = [
            (linked("s", 0, 5, Some(3)), true),
            (linked("t", 0, 5, None), true),
            (linked("s", 1, 2, Some(1)), true),
            (linked("s", 0, 9, Some(5)), true),
            (linked("t", 0, 6, Some(5)), true),
            (linked("t", 0, 9, Some(8)), false),
            (linked("s", 0, 9, Some(5)), false),
            (linked("s", 1, 1, None), false),
        ];
        for (event, expected) in table {
            assert_eq!(tracks.observe(&event, b"").is_ok(), expected, "{event:?}");
        }
        assert_eq!((tracks.count(), tracks.first(), tracks.last()), (8, Some(2), Some(9)));
        let names: Vec<&str> = tracks.all().map(|(name, _)| name).collect();
        assert_eq!(names, ["s, partition 0", "s, partition 1", "t, partition 0"]);
        let sums = [
            tracks.sum(|track| track.unlinked),
            tracks.sum(|track| track.sequence.missing()),
            tracks.sum(|track| track.sequence.duplicates()),
        ];
        assert_eq!(sums, [1, 3 + 2, 2]);
    }

    #[test]
    fn an_answer_is_a_line_beside_the_live_one() {
        let mut tracks = Tracks::default();
        let answer = |seq, previous| {
            let link = Link { stream: "s".into(), partition: 0, subscription: Some("7"), previous };
            EventFields { seq, published_us: None, order: Order::Linked(link) }
        };
        let events = [linked("s", 0, 8, Some(7)), answer(7, Some(6)), answer(8, Some(7)), linked("s", 0, 9, Some(8))];
        assert!(events.iter().all(|event| tracks.observe(event, b"").is_ok()));
    }

    #[test]
    fn events_that_share_a_seq() {
        let mut tracks = Tracks::default();
        let table = [(3, true), (3, true), (5, true), (5, true), (3, false)];
        for (seq, expected) in table {
            assert_eq!(tracks.observe(&EventFields::grouped(seq, None), b"").is_ok(), expected, "{seq}");
        }
        assert_eq!((tracks.count(), tracks.sum(|track| track.sequence.missing())), (5, 1));
        let problem = tracks.observe(&EventFields::increasing(5, None), b"").unwrap_err();
        assert_eq!(problem, "Duplicate: seq 5 after Some(3)");
    }

    #[test]
    fn the_checksum_does_not_depend_on_how_lines_are_mixed() {
        let crc = |order: &[usize]| {
            let mut tracks = Tracks::default();
            let events = [linked("s", 0, 1, None), linked("s", 0, 2, Some(1)), linked("t", 0, 1, None)];
            for nth in order {
                tracks.observe(&events[*nth], &[*nth as u8]).unwrap();
            }
            tracks.crc32c()
        };
        assert_eq!(crc(&[0, 1, 2]), crc(&[2, 0, 1]));
        assert_ne!(crc(&[0, 1, 2]), crc(&[0, 1]));
        assert_eq!(crc(&[0, 1]), crc32c::crc32c(&[0, 1]));
    }
}
