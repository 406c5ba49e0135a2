//! The page of `/feed/1`: `{"events":[...],"cursor":"...","has_next":...,"stats":{...}}`.
//!
//! All four keys are needed by one driver, any other ends another. A page holds no status, and ends at its first error;
//! the next page goes on behind it.

use tailwater_core::Event;

use super::change::{Change, Written, write_event};
use super::cursor::Cursor;
use super::events::{Stats, StreamProblem, write_error};
use super::source::Source;
use crate::json::write_u64;

/// A page that is being filled.
#[derive(Debug)]
pub struct FeedPage {
    events: Vec<u8>,
    count: usize,
    size: usize,
    bytes_max: usize,
    has_error: bool,
    last: Cursor,
}

impl FeedPage {
    /// An empty page of at most `size` events, behind `start`. It is full, too, once its events have `bytes_max` bytes.
    pub fn new(size: usize, bytes_max: usize, start: Cursor) -> Self {
        Self { events: Vec::new(), count: 0, size, bytes_max, has_error: false, last: start }
    }

    /// Whether nothing more belongs on the page.
    pub fn is_full(&self) -> bool {
        self.count >= self.size || self.has_error || (self.count > 0 && self.events.len() >= self.bytes_max)
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The cursor behind the last change that was pushed, shown or not.
    pub fn last(&self) -> Cursor {
        self.last
    }

    /// Adds what `source` shows of a change. Must not be called once the page is full.
    pub fn push(&mut self, change: &Change<'_>, source: &Source) -> Written {
        let start = self.events.len();
        if self.count > 0 {
            self.events.push(b',');
        }
        let written = write_event(change, source, self.last.uid, &mut self.events);
        match written {
            Written::Nothing => self.events.truncate(start),
            Written::Data(_) => self.count += 1,
            Written::Error => {
                self.count += 1;
                self.has_error = true;
            }
        }
        self.pass(&change.event);
        written
    }

    /// Moves behind an event that is of another collection.
    pub fn pass(&mut self, event: &Event<'_>) {
        self.last = Cursor { uid: self.last.uid, time_us: event.time_us, seq: event.seq };
    }

    /// Ends the page with an error that is not an event's, such as a start that is too old.
    pub fn push_problem(&mut self, problem: &StreamProblem) {
        if self.count > 0 {
            self.events.push(b',');
        }
        write_error(problem, &Stats::default(), &mut self.events);
        self.count += 1;
        self.has_error = true;
    }

    /// Appends the page. `drained`: where the feed stands, if everything up to there was looked at; else the cursor is
    /// that of the last change, and there is more. The cursor of a drained feed moves on even if nothing was shown, so
    /// that whoever polls does not fall out of the window.
    pub fn write(&self, drained: Option<Cursor>, processing_time_ms: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"events\":[");
        out.extend_from_slice(&self.events);
        out.extend_from_slice(b"],\"cursor\":\"");
        drained.unwrap_or(self.last).write(out);
        out.extend_from_slice(b"\",\"has_next\":");
        out.extend_from_slice(if drained.is_some() { b"false" } else { b"true" });
        out.extend_from_slice(b",\"stats\":{\"read_ops\":");
        write_u64(out, self.count.max(1) as u64);
        out.extend_from_slice(b",\"storage_bytes_read\":");
        write_u64(out, self.events.len() as u64);
        out.extend_from_slice(b",\"compute_ops\":1,\"processing_time_ms\":");
        write_u64(out, processing_time_ms);
        out.extend_from_slice(b",\"rate_limits_hit\":[]}}");
    }
}

#[cfg(test)]
mod tests {
    use tailwater_core::BodyFormat;

    use super::*;

    fn event(seq: u64, body: &'static str) -> Change<'static> {
        let event =
            Event { seq, time_us: seq * 10, kind: "put", key: "k", format: BodyFormat::Json, body: body.as_bytes() };
        Change { event, before: None }
    }

    fn start() -> Cursor {
        Cursor { uid: 1, time_us: 5, seq: 0 }
    }

    fn parsed(page: &FeedPage, drained: Option<Cursor>) -> serde_json::Value {
        let mut out = Vec::new();
        page.write(drained, 3, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn golden_pages() {
        let source = Source::parse("A.all().map(.n).eventSource()").unwrap();
        let mut page = FeedPage::new(2, usize::MAX, start());
        let mut out = Vec::new();
        let drained = Cursor { uid: 1, time_us: 90, seq: 9 };
        page.write(Some(drained), 0, &mut out);
        let stats =
            r#"{"read_ops":1,"storage_bytes_read":0,"compute_ops":1,"processing_time_ms":0,"rate_limits_hit":[]}"#;
        let expected = format!(r#"{{"events":[],"cursor":"{}","has_next":false,"stats":{stats}}}"#, drained.to_text());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        for seq in 1..=2 {
            assert!(!page.is_full());
            page.push(&event(seq, r#"{"n":1}"#), &source);
        }
        assert!(page.is_full() && page.len() == 2);
        let value = parsed(&page, None);
        assert_eq!(value["has_next"], true);
        assert_eq!(value["cursor"], page.last().to_text());
        assert_eq!(value["events"][1]["cursor"], value["cursor"]);
        assert_eq!(value["events"][0]["data"], serde_json::json!({ "@int": "1" }));
    }

    /// What is not shown moves the cursor all the same.
    #[test]
    fn a_page_of_nothing_moves_on() {
        let source = Source::parse("A.where(.n == 2).eventSource()").unwrap();
        let mut page = FeedPage::new(16, usize::MAX, start());
        assert_eq!(page.push(&event(1, r#"{"n":1}"#), &source), Written::Nothing);
        assert!(page.is_empty());
        assert_eq!((page.last().seq, parsed(&page, None)["events"].as_array().unwrap().len()), (1, 0));
    }

    #[test]
    fn a_page_ends_at_its_first_error_and_the_next_goes_on_behind_it() {
        let source = Source::parse("A.all().map(d => if (d.n == 1) abort('oops') else d.n).eventSource()").unwrap();
        let mut page = FeedPage::new(16, usize::MAX, start());
        page.push(&event(1, r#"{"n":0}"#), &source);
        assert_eq!(page.push(&event(2, r#"{"n":1}"#), &source), Written::Error);
        assert!(page.is_full());
        let value = parsed(&page, None);
        assert_eq!(value["events"][1]["error"]["abort"], "oops");
        assert_eq!(Cursor::parse(value["cursor"].as_str().unwrap()).unwrap().seq, 2);
        assert_eq!(value["has_next"], true);
    }

    #[test]
    fn a_page_is_full_by_bytes_too() {
        let source = Source::of_collection("A");
        let mut page = FeedPage::new(16, 10, start());
        page.push(&event(1, "{}"), &source);
        assert!(page.is_full());
    }

    #[test]
    fn a_start_that_is_too_old_is_an_error_event() {
        let mut page = FeedPage::new(16, usize::MAX, start());
        page.push_problem(&StreamProblem::InvalidStartTime { start_us: 0 });
        let value = parsed(&page, Some(start()));
        assert_eq!(value["events"][0]["error"]["code"], "invalid_stream_start_time");
        assert_eq!((value["has_next"].as_bool(), page.is_full()), (Some(false), true));
    }

    /// Trap T3: no key but the known ones, at any level.
    #[test]
    fn only_known_keys() {
        let keys = |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        let source = Source::of_collection("A");
        let mut page = FeedPage::new(16, usize::MAX, start());
        page.push(&event(1, "{}"), &source);
        let value = parsed(&page, None);
        let stats = ["read_ops", "storage_bytes_read", "compute_ops", "processing_time_ms", "rate_limits_hit"];
        assert_eq!(keys(&value), ["events", "cursor", "has_next", "stats"]);
        assert_eq!(keys(&value["events"][0]), ["type", "data", "txn_ts", "cursor", "stats"]);
        assert_eq!(
            (keys(&value["stats"]), keys(&value["events"][0]["stats"])),
            (stats.map(str::to_owned).to_vec(), stats.map(str::to_owned).to_vec())
        );
    }
}
