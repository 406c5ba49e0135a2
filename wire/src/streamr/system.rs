//! The stream `_system`: what the specification calls events emitted on the server instance.
//!
//! The original emits them inside its own process only. Here they are messages that anybody who may can subscribe to:
//! `{"event":"stream-object-created","stream":{"id":"S","partitions":1}}`.

use tailwater_core::{Batch, BodyFormat, Draft, DraftError};

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

    /// The event to append; its key is the stream's id.
    ///
    /// # Errors
    /// When the id is longer than a key may be.
    pub fn batch(self, stream: &str, partitions: u64, now_us: u64) -> Result<Batch, DraftError> {
        let body = self.body(stream, partitions);
        let mut batch = Batch::new();
        let format = BodyFormat::Json;
        batch.push(&Draft { seq: None, time_us: now_us, kind: self.name(), key: stream, format, body: &body })?;
        Ok(batch)
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
    fn golden_bodies_fit_into_a_batch() {
        let table = [
            (StreamChange::Created, r#"{"event":"stream-object-created","stream":{"id":"a\"b","partitions":3}}"#),
            (StreamChange::Deleted, r#"{"event":"stream-object-deleted","stream":{"id":"a\"b","partitions":3}}"#),
        ];
        for (change, expected) in table {
            assert_eq!(String::from_utf8(change.body("a\"b", 3)).unwrap(), expected);
            assert_eq!(change.batch("a\"b", 3, 7).unwrap().len(), 1);
        }
    }
}
