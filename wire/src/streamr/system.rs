//! The stream `_system`: what the specification calls events emitted on the server instance.
//!
//! The original emits them inside its own process only. Here they are messages that anybody who may can subscribe to:
//! `{"event":"stream-object-created","stream":{"id":"S","partitions":1}}`.

use serde::Deserialize;
use tailwater_core::{Batch, BodyFormat, Draft, DraftError, Event};

use crate::json::{write_str, write_u64};

/// What happened to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamChange {
    /// It can be published and subscribed to.
    Created,
    /// It is gone, with everything in it.
    Deleted,
}

impl StreamChange {
    /// The event's name, which is also its kind in the feed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "stream-object-created",
            Self::Deleted => "stream-object-deleted",
        }
    }

    /// Adds the event to a batch; its key is the stream's id.
    ///
    /// # Errors
    /// When the id is longer than a key may be, or the batch is full.
    pub fn push(self, batch: &mut Batch, stream: &str, partitions: u64, now_us: u64) -> Result<(), DraftError> {
        let body = self.body(stream, partitions);
        let format = BodyFormat::Json;
        batch.push(&Draft { seq: None, time_us: now_us, kind: self.name(), key: stream, format, body: &body })
    }

    /// What an event of the stream tells: the change, the stream's id and how many partitions it has. `None` for any other.
    pub fn read(event: &Event<'_>) -> Option<(Self, String, u64)> {
        #[derive(Deserialize)]
        struct Told {
            stream: Stream,
        }
        #[derive(Deserialize)]
        struct Stream {
            id: String,
            partitions: u64,
        }
        let change = [Self::Created, Self::Deleted].into_iter().find(|change| change.name() == event.kind)?;
        let told: Told = serde_json::from_slice(event.body).ok()?;
        Some((change, told.stream.id, told.stream.partitions))
    }

    fn body(self, stream: &str, partitions: u64) -> Vec<u8> {
        let mut out = b"{\"event\":".to_vec();
        write_str(&mut out, self.name());
        out.extend_from_slice(b",\"stream\":{\"id\":");
        write_str(&mut out, stream);
        out.extend_from_slice(b",\"partitions\":");
        write_u64(&mut out, partitions);
        out.extend_from_slice(b"}}");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bodies_are_read_again() {
        let table = [
            (StreamChange::Created, r#"{"event":"stream-object-created","stream":{"id":"a\"b","partitions":3}}"#),
            (StreamChange::Deleted, r#"{"event":"stream-object-deleted","stream":{"id":"a\"b","partitions":3}}"#),
        ];
        for (change, expected) in table {
            let body = change.body("a\"b", 3);
            assert_eq!(String::from_utf8(body.clone()).unwrap(), expected);
            let mut batch = Batch::new();
            change.push(&mut batch, "a\"b", 3, 7).unwrap();
            assert_eq!(batch.len(), 1);
            let (kind, format) = (change.name(), BodyFormat::Json);
            let event = Event { seq: 1, time_us: 7, kind, key: "a\"b", format, body: &body };
            assert_eq!(StreamChange::read(&event), Some((change, "a\"b".to_owned(), 3)));
            for other in [Event { kind: "put", ..event }, Event { body: b"{}", ..event }] {
                assert_eq!(StreamChange::read(&other), None);
            }
        }
    }
}
