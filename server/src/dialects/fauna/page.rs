//! `/feed/1`: a page of events.
//!
//! Owns how much of the history one page looks at: a page that shows little is cut off after a while, and says that there is
//! more. It is made for its request, on the blocking pool. Tested by `server/tests/fauna/pages.rs`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tailwater_wire::fauna::{
    cursor::{Cursor, Endpoint},
    errors::ApiError,
    events::StreamProblem,
    feed::FeedPage,
    history::read_record,
    request::{FeedRequest, QueryHeaders, Verifier, parse_feed},
};

use super::{Database, answer::Answer, call::Call, database::Begins, visit::Visit};

/// Bytes of events on a page; the event that exceeds them is still on it.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// How long a page is looked for, at most, before it is answered with what there is.
const LOOKING: Duration = Duration::from_secs(1);

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: u64 = 64;

/// Answers a request for a page.
pub(super) async fn answer(call: &Call<'_>, visit: &Visit, body: Vec<u8>) -> Result<Answer, ApiError> {
    let began = Instant::now();
    let headers = QueryHeaders::parse(|name| call.headers.get(name))?;
    let database = visit.database.clone();
    database.settled().await?;
    let patience = LOOKING.min(Duration::from_millis(headers.timeout_ms * 95 / 100));
    let making = move || {
        let asked = parse_feed(&body, Verifier { key: database.token_key(), uid: database.uid() })?;
        page(&database, &asked, began, patience)
    };
    glommio::executor().spawn_blocking(making).await.map(|page| Answer::json(200, page))
}

fn page(
    database: &Arc<Database>,
    asked: &FeedRequest,
    began: Instant,
    patience: Duration,
) -> Result<Vec<u8>, ApiError> {
    let source = &asked.token.source;
    if !database.has_collection(source.collection())? {
        return Err(ApiError::collection_gone(Endpoint::Feed, source.collection()));
    }
    let last = database.position();
    let mut out = Vec::new();
    let elapsed_ms = || began.elapsed().as_millis() as u64;
    let start = match database.begins(asked.start, asked.token.start, Endpoint::Feed)? {
        Begins::After(cursor) => cursor,
        Begins::TooOld(start_us) => {
            let mut page = FeedPage::new(asked.page_size, PAGE_BYTES_MAX, last);
            page.push_problem(&StreamProblem::InvalidStartTime { start_us });
            page.write(Some(last), elapsed_ms(), &mut out);
            return Ok(out);
        }
    };
    let mut page = FeedPage::new(asked.page_size, PAGE_BYTES_MAX, start);
    let is_drained = fill(&mut page, database, asked, last, || began.elapsed() >= patience)?;
    page.write(is_drained.then(|| later(page.last(), last)), elapsed_ms(), &mut out);
    Ok(out)
}

/// Fills a page; whether everything up to `last` was looked at.
fn fill(
    page: &mut FeedPage,
    database: &Database,
    asked: &FeedRequest,
    last: Cursor,
    is_over: impl Fn() -> bool,
) -> Result<bool, ApiError> {
    let mut reader = database.history().feed().read(page.last().seq + 1);
    let mut looked_at = 0_u64;
    while page.last().seq < last.seq {
        // Each page comes a little further, however little time it is given.
        looked_at += 1;
        if page.is_full() || (looked_at.is_multiple_of(EVENTS_PER_LOOK) && is_over()) {
            return Ok(false);
        }
        let Some(event) = reader.next() else { break };
        let event = event.map_err(|error| {
            tracing::error!(%error, "a Fauna database's history cannot be read");
            ApiError::internal("The database's events cannot be read.")
        })?;
        match read_record(&event) {
            Some(recorded) if recorded.collection == asked.token.source.collection() => {
                page.push(&recorded.change, &asked.token.source);
            }
            _ => page.pass(&event),
        }
    }
    Ok(true)
}

/// A cursor may be ahead of what was the last event when the page was begun.
fn later(one: Cursor, other: Cursor) -> Cursor {
    if one.seq > other.seq { one } else { other }
}
