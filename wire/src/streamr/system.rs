//! The feed `_system`: what the specification calls events emitted on the server instance.
//!
//! The original emits them inside its own process only. Here they are messages of a stream that anybody who may can
//! subscribe to: `{"event":"stream-object-created","stream":{"id":"S","partition":0}}`.

use tailwater_core::{BodyFormat, Draft};

use super::encode::Place;
use crate::json::{write_str, write_u64};

/// The stream of these events.
pub const STREAM: &str = "_system";

/// What happened to the server's object for a partition that is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemEvent {
    /// The first subscriber came.
    Created,
    /// The last one left.
    Deleted,
}

impl SystemEvent {
    /// The event's name, which is also its kind in the feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "stream-object-created",
            Self::Deleted => "stream-object-deleted",
        }
    }

    /// Appends the event's body.
    pub fn write_body(self, place: Place<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"event\":");
        write_str(out, self.name());
        out.extend_from_slice(b",\"stream\":{\"id\":");
        write_str(out, place.stream);
        out.extend_from_slice(b",\"partition\":");
        write_u64(out, place.partition.into());
        out.extend_from_slice(b"}}");
    }

    /// The event to append, given its body; its key is the stream's id.
    pub fn draft<'a>(self, place: Place<'a>, body: &'a [u8], now_us: u64) -> Draft<'a> {
        Draft { seq: None, time_us: now_us, kind: self.name(), key: place.stream, format: BodyFormat::Json, body }
    }
}

#[cfg(test)]
mod tests {
    use tailwater_core::Batch;

    use super::*;

    #[test]
    fn golden_bodies_fit_into_a_batch() {
        let table = [
            (SystemEvent::Created, r#"{"event":"stream-object-created","stream":{"id":"a\"b","partition":3}}"#),
            (SystemEvent::Deleted, r#"{"event":"stream-object-deleted","stream":{"id":"a\"b","partition":3}}"#),
        ];
        let place = Place { stream: "a\"b", partition: 3 };
        for (event, expected) in table {
            let mut body = Vec::new();
            event.write_body(place, &mut body);
            assert_eq!(String::from_utf8_lossy(&body), expected);
            let draft = event.draft(place, &body, 7);
            assert_eq!((draft.kind, draft.key, draft.time_us), (event.name(), "a\"b", 7));
            Batch::new().push(&draft).unwrap();
        }
    }
}
