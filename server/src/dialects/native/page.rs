//! One page of events as a JSON array.
//!
//! Owns the walk over the log for a page. Reading runs on the blocking pool: old events may have to come from the disk.
//! Tested by `server/tests/native/`.

use tailwater_core::{Feed, ReadError, Start};
use tailwater_wire::native::encode::PageWriter;

use crate::{feeds::FeedEntry, http::Response};

/// Bytes after which a page ends before its limit.
const PAGE_BYTES_MAX: usize = 16 << 20;

/// The page that begins at `start`.
pub(super) async fn page(feed: &FeedEntry, start: Start, limit: u32) -> Response {
    let feed = feed.feed().clone();
    let page = glommio::executor().spawn_blocking(move || read(&feed, start, limit)).await;
    match page {
        Ok(body) => Response::new(200, "application/json", body),
        Err(error) => {
            tracing::error!(%error, "a page could not be read");
            Response::error(500, "InternalServerError", &error.to_string())
        }
    }
}

fn read(feed: &Feed, start: Start, limit: u32) -> Result<Vec<u8>, ReadError> {
    let from_seq = match start {
        Start::Tail => feed.next_seq(),
        Start::Seq(seq) => seq,
    };
    let mut body = Vec::new();
    let mut count = 0;
    let mut next_cursor = from_seq.max(feed.first_seq());
    let mut events = feed.read(from_seq);
    let mut page = PageWriter::new(&mut body);
    while count < limit && page.bytes() < PAGE_BYTES_MAX {
        let Some(event) = events.next() else {
            break;
        };
        let event = event?;
        page.push(&event);
        count += 1;
        next_cursor = event.seq + 1;
    }
    page.finish(next_cursor);
    Ok(body)
}
