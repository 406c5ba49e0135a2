//! How far an index has come, and whether that fits a log.
//!
//! Owns the stamp's bytes and the verdict, a pure function. The stamp is an entry of the index, written with every batch: it
//! says truly what the other entries contain. Tested at the end of this file.

use tailwater_core::Event;

use super::error::Discarded;

/// The form of the entries this module adds: the stamp, the prefixes of keys.
const FORMAT: u32 = 1;

const BYTES: usize = 28;

/// What the entries of an index contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The user's [`super::Tables::LAYOUT`].
    pub(super) layout: u32,
    /// The feed whose events they are.
    pub(super) feed_uid: u64,
    /// Every event up to this one is in them; 0 for none.
    pub(super) seq: u64,
    /// [`fingerprint`] of that event; 0 for none.
    pub(super) fingerprint: u32,
}

/// A log, as far as an index has to fit it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogView {
    /// Seq of its oldest retained event; one above the last when there is none.
    pub(super) first_seq: u64,
    /// Seq of its last event.
    pub(super) last_seq: u64,
    /// [`fingerprint`] of its event with the seq of the stamp; `None` when there is none, or when it cannot be read.
    pub(super) fingerprint: Option<u32>,
}

impl Stamp {
    pub(super) fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.layout.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.feed_uid.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.seq.to_le_bytes());
        bytes[24..].copy_from_slice(&self.fingerprint.to_le_bytes());
        bytes
    }

    /// `None` for bytes of another form.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let u32_at = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        let u64_at = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        if u32_at(0)? != FORMAT {
            return None;
        }
        Some(Self { layout: u32_at(4)?, feed_uid: u64_at(8)?, seq: u64_at(16)?, fingerprint: u32_at(24)? })
    }

    /// Whether an index with this stamp can go on where it stands. `wanted` is the stamp of an empty one.
    pub(super) fn judge(self, wanted: Self, log: LogView) -> Result<(), Discarded> {
        let LogView { first_seq, last_seq, .. } = log;
        if self.feed_uid != wanted.feed_uid {
            return Err(Discarded::OtherFeed { uid: self.feed_uid });
        }
        if self.layout != wanted.layout {
            return Err(Discarded::OtherLayout { layout: self.layout });
        }
        if self.seq == 0 {
            return Ok(());
        }
        if self.seq > last_seq {
            return Err(Discarded::Ahead { applied_seq: self.seq, last_seq });
        }
        if self.seq + 1 < first_seq {
            return Err(Discarded::Gap { applied_seq: self.seq, first_seq });
        }
        if self.seq >= first_seq && log.fingerprint != Some(self.fingerprint) {
            return Err(Discarded::OtherEvent { seq: self.seq });
        }
        Ok(())
    }
}

/// Tells an event from another one with the same seq.
pub(super) fn fingerprint(event: &Event<'_>) -> u32 {
    let head = crc32c::crc32c(&event.time_us.to_le_bytes());
    let parts = [event.kind.as_bytes(), event.key.as_bytes(), event.body];
    parts.iter().fold(head, |sum, part| {
        let sum = crc32c::crc32c_append(sum, &(part.len() as u64).to_le_bytes());
        crc32c::crc32c_append(sum, part)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailwater_core::BodyFormat;

    use super::*;

    const EMPTY: Stamp = Stamp { layout: 3, feed_uid: 7, seq: 0, fingerprint: 0 };
    const AT_50: Stamp = Stamp { seq: 50, fingerprint: 1234, ..EMPTY };

    fn judge(stamp: Stamp, first_seq: u64, last_seq: u64, fingerprint: Option<u32>) -> Result<(), Discarded> {
        stamp.judge(EMPTY, LogView { first_seq, last_seq, fingerprint })
    }

    #[test]
    fn what_fits_the_log_is_kept() {
        let cases = [
            ("nothing applied, nothing there", EMPTY, 1, 0),
            ("nothing applied, the log begins late", EMPTY, 900, 1000),
            ("at the tail", AT_50, 1, 50),
            ("behind", AT_50, 1, 80),
            ("the window begins with the event", AT_50, 50, 80),
            ("the window begins right after the event", AT_50, 51, 80),
            ("the window is empty", AT_50, 51, 50),
        ];
        for (case, stamp, first_seq, last_seq) in cases {
            assert_eq!(judge(stamp, first_seq, last_seq, Some(1234)), Ok(()), "{case}");
        }
    }

    #[test]
    fn what_does_not_fit_is_thrown_away() {
        let cases = [
            (Stamp { feed_uid: 8, ..AT_50 }, 1, 50, Discarded::OtherFeed { uid: 8 }),
            (Stamp { feed_uid: 8, ..EMPTY }, 1, 50, Discarded::OtherFeed { uid: 8 }),
            (Stamp { layout: 2, ..AT_50 }, 1, 50, Discarded::OtherLayout { layout: 2 }),
            (AT_50, 1, 49, Discarded::Ahead { applied_seq: 50, last_seq: 49 }),
            (AT_50, 1, 0, Discarded::Ahead { applied_seq: 50, last_seq: 0 }),
            (AT_50, 52, 80, Discarded::Gap { applied_seq: 50, first_seq: 52 }),
            (Stamp { fingerprint: 9, ..AT_50 }, 1, 80, Discarded::OtherEvent { seq: 50 }),
        ];
        for (stamp, first_seq, last_seq, expected) in cases {
            assert_eq!(judge(stamp, first_seq, last_seq, Some(1234)), Err(expected));
        }
        let skipped = judge(AT_50, 1, 80, None);
        assert_eq!(skipped, Err(Discarded::OtherEvent { seq: 50 }), "the log has gone past 50 without it");
    }

    #[test]
    fn every_part_of_an_event_counts() {
        let event = Event { seq: 1, time_us: 5, kind: "put", key: "ab", format: BodyFormat::Json, body: b"c" };
        let others = [
            Event { time_us: 6, ..event },
            Event { kind: "pu", ..event },
            Event { key: "a", body: b"bc", ..event },
            Event { kind: "puta", key: "b", ..event },
            Event { body: b"", ..event },
        ];
        for other in others {
            assert_ne!(fingerprint(&event), fingerprint(&other), "{other:?}");
        }
        assert_eq!(fingerprint(&event), fingerprint(&Event { seq: 2, ..event }), "the seq is compared beside it");
    }

    proptest! {
        #[test]
        fn a_stamp_reads_as_it_was_written(layout: u32, feed_uid: u64, seq: u64, fingerprint: u32) {
            let stamp = Stamp { layout, feed_uid, seq, fingerprint };
            prop_assert_eq!(Stamp::from_bytes(&stamp.to_bytes()), Some(stamp));
        }

        #[test]
        fn arbitrary_bytes_are_no_stamp_or_one(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(stamp) = Stamp::from_bytes(&bytes) {
                prop_assert_eq!(&stamp.to_bytes()[..], &bytes[..]);
            }
        }
    }
}
