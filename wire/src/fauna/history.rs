//! The history of a database: its feed again, each event with what its document was before.
//!
//! A source shows what an event changed, so it needs the document before. That is looked up once for each event, and kept
//! with it in a feed of its own, which frames are made from: so they depend on nothing but the event, whenever they are
//! built. Seqs and times are those of the database's feed. The key is the document's id, the kind is `put` or `delete`.
//!
//! ```text
//! flags, bytes of the collection's name (2), the name,
//! if there was a document before:  its time (8), bytes of its body (4), its body
//! the event's body
//! ```
//!
//! Flags: 1 for a document before; its body's format in bits 1 and 2; the event's in bits 3 and 4. Integers are
//! little-endian.

use tailwater_core::{BODY_BYTES_MAX, BodyFormat, Event};

use super::change::{BeforeDocument, Change};

const HAS_BEFORE: u8 = 1;
const BEFORE_FORMAT_SHIFT: u32 = 1;
const FORMAT_SHIFT: u32 = 3;
const FORMAT_MASK: u8 = 3;

/// Bytes of what stands around the bodies, the collection's name left out.
const FRAME_BYTES: usize = 1 + 2 + 8 + 4;

/// An event of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded<'a> {
    /// The collection its document belongs to.
    pub collection: &'a str,
    /// The event as it was in the database's feed, its key the id, and the document before.
    pub change: Change<'a>,
}

/// Appends the body of a history's event. An event has a limit, and a body before and one after can be too large together:
/// then the one before is left out, and an event that is too large even so is an empty document.
pub fn write_record(
    collection: &str,
    before: Option<&BeforeDocument<'_>>,
    format: BodyFormat,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    let room = BODY_BYTES_MAX.saturating_sub(FRAME_BYTES + collection.len());
    let body = if body.len() <= room { body } else { b"{}" };
    let before = before.filter(|before| before.body.len() + body.len() <= room);
    let format = format.code() << FORMAT_SHIFT;
    let flags = before.map_or(0, |before| HAS_BEFORE | before.format.code() << BEFORE_FORMAT_SHIFT);
    out.push(flags | format);
    out.extend_from_slice(&(collection.len() as u16).to_le_bytes());
    out.extend_from_slice(collection.as_bytes());
    if let Some(before) = before {
        out.extend_from_slice(&before.time_us.to_le_bytes());
        out.extend_from_slice(&(before.body.len() as u32).to_le_bytes());
        out.extend_from_slice(before.body);
    }
    out.extend_from_slice(body);
}

/// Reads an event of a history; `None` for any other.
pub fn read_record<'a>(event: &Event<'a>) -> Option<Recorded<'a>> {
    let (flags, rest) = event.body.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (collection, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let collection = std::str::from_utf8(collection).ok()?;
    let (before, body) = match flags & HAS_BEFORE {
        0 => (None, rest),
        _ => {
            let (time_us, rest) = rest.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            let format = BodyFormat::from_code(flags >> BEFORE_FORMAT_SHIFT & FORMAT_MASK)?;
            (Some(BeforeDocument { time_us: u64::from_le_bytes(*time_us), format, body }), rest)
        }
    };
    let format = BodyFormat::from_code(flags >> FORMAT_SHIFT & FORMAT_MASK)?;
    Some(Recorded { collection, change: Change { event: Event { format, body, ..*event }, before } })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event<'a>(body: &'a [u8]) -> Event<'a> {
        Event { seq: 7, time_us: 9, kind: "put", key: "1", format: BodyFormat::Json, body }
    }

    #[test]
    fn golden_records() {
        let before = BeforeDocument { time_us: 5, format: BodyFormat::DagCbor, body: b"\xa0" };
        let mut out = Vec::new();
        write_record("Ab", Some(&before), BodyFormat::AtprotoFrame, b"xy", &mut out);
        assert_eq!(out, b"\x13\x02\0Ab\x05\0\0\0\0\0\0\0\x01\0\0\0\xa0xy");
        out.clear();
        write_record("A", None, BodyFormat::Json, b"{}", &mut out);
        assert_eq!(out, b"\0\x01\0A{}");
    }

    #[test]
    fn what_is_too_large_is_left_out() {
        let large = vec![b' '; BODY_BYTES_MAX];
        let half = &large[..BODY_BYTES_MAX / 2];
        for (before, body, has_before, left) in [
            (half, half, false, half),
            (&large[..], &b"{}"[..], false, b"{}"),
            (b"{}", &large, true, b"{}"),
            (half, &half[..1000], true, &half[..1000]),
        ] {
            let before = BeforeDocument { time_us: 5, format: BodyFormat::Json, body: before };
            let mut out = Vec::new();
            write_record("A", Some(&before), BodyFormat::Json, body, &mut out);
            assert!(out.len() <= BODY_BYTES_MAX);
            let recorded = event(&out);
            let recorded = read_record(&recorded).unwrap().change;
            assert_eq!((recorded.before.is_some(), recorded.event.body), (has_before, left));
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(
            collection in "[A-Z][a-z]{0,9}", body in prop::collection::vec(any::<u8>(), 0..20), time_us in any::<u64>(),
            before in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)), formats in prop::array::uniform2(0_u8..3),
        ) {
            let [before_format, format] = formats.map(|code| BodyFormat::from_code(code).unwrap());
            let before = before.as_ref().map(|body| BeforeDocument { time_us, format: before_format, body });
            let mut out = Vec::new();
            write_record(&collection, before.as_ref(), format, &body, &mut out);
            let expected = Change { event: Event { format, ..event(&body) }, before };
            prop_assert_eq!(read_record(&event(&out)), Some(Recorded { collection: &collection, change: expected }));
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..30)) {
            read_record(&event(&body));
        }
    }
}
