//! Rows as the four feeds frame them, chunk by chunk as CouchDB does.
//!
//! Rows are gathered and leave in chunks of up to 1,490 bytes, or when the feed has nothing more to say. A line end by
//! itself is always a chunk by itself: clients in wide use lose rows that share a chunk with one. Nothing here knows
//! the time; the caller says when a feed waits, wakes up and ends.
//!
//! Tested below, and with captured answers in `tests/couchdb_changes.rs`.

use super::request::{Feed, Wording};
use crate::http1::{LAST_CHUNK, chunk, chunk_with};
use crate::json::write_u64;

/// CouchDB gathers rows up to this many bytes.
const CHUNK_BYTES: usize = 1_490;

/// A heartbeat of the feeds `continuous` and `longpoll`, and the sign of life at their start: one chunk of one line end.
pub const BEAT: &[u8] = b"1\r\n\n\r\n";
/// A heartbeat of `eventsource` in CouchDB's words.
pub const BEAT_EVENT: &[u8] = b"19\r\nevent: heartbeat\ndata: \n\n\r\n";
/// The same in the words of the AsyncAPI description.
pub const BEAT_COMMENT: &[u8] = b"d\r\n: heartbeat\n\n\r\n";

/// The heartbeat of a feed.
pub fn beat(feed: Feed, wording: Wording) -> &'static [u8] {
    match (feed, wording) {
        (Feed::EventSource, Wording::CouchDb) => BEAT_EVENT,
        (Feed::EventSource, Wording::AsyncApi) => BEAT_COMMENT,
        _ => BEAT,
    }
}

/// The body of an answer while it is written.
#[derive(Clone, Debug)]
pub struct Response {
    feed: Feed,
    wording: Wording,
    /// Rows that wait for more of them.
    gathered: Vec<u8>,
    has_rows: bool,
    /// Something has been said since the start.
    has_spoken: bool,
}

impl Response {
    /// An answer of which nothing has been written.
    pub fn new(feed: Feed, wording: Wording) -> Self {
        Self { feed, wording, gathered: Vec::new(), has_rows: false, has_spoken: false }
    }

    fn is_object(&self) -> bool {
        matches!(self.feed, Feed::Normal | Feed::Longpoll)
    }

    /// The answer begins.
    pub fn start(&mut self, out: &mut Vec<u8>) {
        if self.is_object() {
            chunk(out, b"{\"results\":[\n");
        }
    }

    /// A row is there. `row` is its JSON, `seq` its seq as JSON.
    pub fn row(&mut self, row: &[u8], seq: &[u8], out: &mut Vec<u8>) {
        let mut framed = Vec::with_capacity(row.len() + 64);
        self.frame(row, seq, &mut framed);
        if !self.gathered.is_empty() && self.gathered.len() + framed.len() > CHUNK_BYTES {
            self.flush(out);
        }
        self.gathered.extend_from_slice(&framed);
        self.has_rows = true;
        self.has_spoken = true;
    }

    fn frame(&self, row: &[u8], seq: &[u8], out: &mut Vec<u8>) {
        match self.feed {
            Feed::Normal | Feed::Longpoll => {
                out.extend_from_slice(if self.has_rows { b",\r\n" } else { b"" });
                out.extend_from_slice(row);
            }
            Feed::Continuous => {
                out.extend_from_slice(row);
                out.push(b'\n');
            }
            Feed::EventSource => write_block(row, seq, self.wording, out),
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        chunk(out, &self.gathered);
        self.gathered.clear();
    }

    /// There are no more rows, and the feed waits for some.
    pub fn wait(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
        if !self.has_spoken {
            out.extend_from_slice(BEAT);
        }
        self.has_spoken = true;
    }

    /// The feed wakes up: because of a change, or because it is time for a heartbeat.
    pub fn wake(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(beat(self.feed, self.wording));
        self.has_spoken = true;
    }

    /// The answer ends. `last_seq` is the seq to go on from, as JSON; `pending` is how many changes are behind it.
    pub fn end(&mut self, last_seq: &[u8], pending: u64, out: &mut Vec<u8>) {
        let gathered = std::mem::take(&mut self.gathered);
        chunk_with(out, |out| {
            out.extend_from_slice(&gathered);
            match self.feed {
                Feed::Normal | Feed::Longpoll => {
                    out.extend_from_slice(b"\n],\n");
                    write_last_seq(last_seq, pending, out);
                }
                Feed::Continuous => {
                    out.push(b'{');
                    write_last_seq(last_seq, pending, out);
                }
                Feed::EventSource => {}
            }
        });
        out.extend_from_slice(BEAT);
        out.extend_from_slice(LAST_CHUNK);
    }
}

/// Appends one server-sent event.
pub(super) fn write_block(row: &[u8], seq: &[u8], wording: Wording, out: &mut Vec<u8>) {
    match wording {
        Wording::CouchDb => {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(row);
            out.extend_from_slice(b"\nid: ");
            out.extend_from_slice(seq);
        }
        Wording::AsyncApi => {
            out.extend_from_slice(b"event: change\n");
            // `id: null` would be the id "null".
            if let Some(bare) = seq.strip_prefix(b"\"").and_then(|seq| seq.strip_suffix(b"\"")) {
                out.extend_from_slice(b"id: ");
                out.extend_from_slice(bare);
                out.push(b'\n');
            }
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(row);
        }
    }
    out.extend_from_slice(b"\n\n");
}

fn write_last_seq(last_seq: &[u8], pending: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"last_seq\":");
    out.extend_from_slice(last_seq);
    out.extend_from_slice(b",\"pending\":");
    write_u64(out, pending);
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(feed: Feed, wording: Wording, steps: &[&str]) -> String {
        let (mut response, mut out) = (Response::new(feed, wording), Vec::new());
        for step in steps {
            match *step {
                "start" => response.start(&mut out),
                "wait" => response.wait(&mut out),
                "wake" => response.wake(&mut out),
                "end" => response.end(b"\"2-b\"", 3, &mut out),
                row => response.row(row.as_bytes(), b"\"1-a\"", &mut out),
            }
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_bodies() {
        use Wording::{AsyncApi, CouchDb};
        let end = "1\r\n\n\r\n0\r\n\r\n";
        let table = [
            (
                written(Feed::Normal, CouchDb, &["start", "{}", "[]", "end"]),
                "d\r\n{\"results\":[\n\r\n29\r\n{},\r\n[]\n],\n\"last_seq\":\"2-b\",\"pending\":3}\n\r\n",
            ),
            (
                written(Feed::Longpoll, CouchDb, &["start", "wait", "wake", "wait", "end"]),
                "d\r\n{\"results\":[\n\r\n1\r\n\n\r\n1\r\n\n\r\n22\r\n\n],\n\"last_seq\":\"2-b\",\"pending\":3}\n\r\n",
            ),
            (
                written(Feed::Continuous, CouchDb, &["start", "{}", "wait", "wake", "[]", "wait", "end"]),
                "3\r\n{}\n\r\n1\r\n\n\r\n3\r\n[]\n\r\n1f\r\n{\"last_seq\":\"2-b\",\"pending\":3}\n\r\n",
            ),
            (
                written(Feed::EventSource, CouchDb, &["start", "wait", "wake", "{}", "wait", "end"]),
                "1\r\n\n\r\n19\r\nevent: heartbeat\ndata: \n\n\r\n14\r\ndata: {}\nid: \"1-a\"\n\n\r\n",
            ),
            (
                written(Feed::EventSource, AsyncApi, &["start", "wake", "{}", "wait", "end"]),
                "d\r\n: heartbeat\n\n\r\n20\r\nevent: change\nid: 1-a\ndata: {}\n\n\r\n",
            ),
        ];
        for (body, expected) in table {
            assert_eq!(body, format!("{expected}{end}"));
        }
    }

    #[test]
    fn an_id_that_is_none_is_not_said() {
        let mut out = Vec::new();
        write_block(b"{}", b"null", Wording::AsyncApi, &mut out);
        write_block(b"{}", b"null", Wording::CouchDb, &mut out);
        assert_eq!(out, b"event: change\ndata: {}\n\ndata: {}\nid: null\n\n");
    }
}
