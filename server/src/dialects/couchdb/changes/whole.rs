//! Everything from here to the tail as one object, row by row from frames.
//!
//! Owns its first row: a frame has the separator in front of it, and the first row has none. Tested by
//! `server/tests/couchdb/changes_streams.rs`.

use std::{rc::Rc, sync::Arc, time::Duration};

use tailwater_core::{Cursor, CursorError, Step};
use tailwater_wire::{
    couchdb::{
        changes::{Feed, Response, encode::Framing},
        errors::{Problem, Refusal},
    },
    http1::chunk,
};

use super::{
    super::{head::ChangesHead, scripts::View},
    Found,
    ask::Ask,
    encodings::Encoding,
    streams::{self, Changes, unreadable},
};
use crate::{
    http::{Body, BodySource, Making, Reply, Request},
    shard::{
        protocol::{Patience, StreamStart},
        watch::{News, Watch},
    },
};

/// Bytes that are brought into memory before the first row is looked at.
const FIRST_BYTES: usize = 64 << 10;

/// How long a view is waited for at a time.
const VIEW_LOOK: Duration = Duration::from_secs(60);

/// Begins an answer.
pub(super) async fn begin(request: &Request<'_>, mut ask: Ask, view: Option<Arc<View>>) -> Result<Found, Refusal> {
    let to = ask.refresh().await?;
    let replay = streams::replay(request, &ask, to)?;
    let encoding = Encoding::find(request, &ask, Framing::Row).await?;
    let mut cursor = streams::cursor(&ask, &encoding, view.as_ref(), to, Some(to)).await?;
    let first = first_row(request, &ask, view.as_deref(), &mut cursor).await?;
    if first.is_none() && ask.changes.feed == Feed::Longpoll {
        ask.after = to;
        return Ok(Found::Nothing(ask));
    }
    let etag = ask.etag();
    let closes = first.is_some() || !request.head.keep_alive() || request.shard.draining();
    let mut prelude = ChangesHead { feed: ask.changes.feed, etag: etag.as_deref(), closes }.write(request);
    let mut response = Response::new(ask.changes.feed, ask.changes.wording);
    response.start(&mut prelude);
    let Some(first) = first else {
        response.end(&ask.database.token(to), 0, &mut prelude);
        return Ok(Found::Reply(Reply::Body(Box::new(Body {
            head: prelude,
            source: Box::new(NoMore),
            keep: !closes,
        }))));
    };
    chunk(&mut prelude, &first);
    Ok(Found::Reply(Reply::Stream(Box::new(StreamStart {
        feed: ask.entry.clone(),
        encoding: encoding.id,
        patience: Patience::Usual,
        protocol: Rc::new(Changes::new(&ask, view, encoding.lease)),
        cursor,
        prelude,
        replay,
    }))))
}

/// Takes the first row from a cursor; `None` when there is none.
async fn first_row(
    request: &Request<'_>,
    ask: &Ask,
    view: Option<&View>,
    cursor: &mut Cursor,
) -> Result<Option<Vec<u8>>, Refusal> {
    let watch = Watch::new(request.shard.clone(), ask.entry.clone());
    loop {
        if !cursor.resident(FIRST_BYTES) {
            let job = cursor.populate_job(FIRST_BYTES);
            glommio::executor().spawn_blocking(move || job.run()).await;
        }
        let ready = cursor.ready(usize::MAX);
        if let Some((row, frame_bytes)) = row_of(ready) {
            let row = row.to_vec();
            cursor.advance(frame_bytes);
            return Ok(Some(row));
        }
        match cursor.step() {
            Step::More => {}
            Step::Done => {
                return view
                    .and_then(|view| view.failure(cursor.next_seq()))
                    .map_or(Ok(None), |error| Err(error.into()));
            }
            Step::Gone => return Err(unreadable(&CursorError::Gone { first_seq: ask.entry.feed().first_seq() })),
            Step::NeedSegment => ask.entry.feed().next_segment(cursor).await.map_err(|error| unreadable(&error))?,
            // The view has not got there yet.
            Step::AtTail => {
                let Some(view) = view else { return Ok(None) };
                let at = cursor.next_seq();
                let moved = || view.next_open(at) > at || view.failure(at).is_some();
                if watch.until(moved, VIEW_LOOK).await == News::End {
                    return Err(Problem::DatabaseMissing.into());
                }
            }
        }
    }
}

/// The row in the first of these frames, and the bytes of that frame.
fn row_of(frames: &[u8]) -> Option<(&[u8], usize)> {
    let digits = frames.windows(2).take(20).position(|pair| pair == b"\r\n")?;
    let length = usize::from_str_radix(std::str::from_utf8(&frames[..digits]).ok()?, 16).ok()?;
    let row = frames.get(digits + 2..digits + 2 + length)?;
    Some((row.strip_prefix(b",\r\n")?, digits + 2 + length + 2))
}

/// There is nothing behind the head.
struct NoMore;

impl BodySource for NoMore {
    fn next(&mut self) -> Making<'_> {
        Box::pin(async { None })
    }
}

#[cfg(test)]
mod tests {
    use tailwater_core::{BodyFormat, Encoder, Event};
    use tailwater_wire::couchdb::changes::{
        Style,
        encode::{Changes, Shape},
    };

    use super::*;

    #[test]
    fn the_first_row_of_frames() {
        let encoder = Changes::new(Shape { framing: Framing::Row, style: Style::MainOnly, docs: true });
        for size in [0, 200, 5_000] {
            let body = format!("{{\"a\":\"{}\"}}", "x".repeat(size));
            let event =
                |seq| Event { seq, time_us: 0, kind: "put", key: "k", format: BodyFormat::Json, body: body.as_bytes() };
            let mut frames = Vec::new();
            encoder.encode(&event(1), None, &mut frames);
            let first_bytes = frames.len();
            encoder.encode(&event(2), Some(1), &mut frames);
            let (row, bytes) = row_of(&frames).unwrap();
            assert_eq!(bytes, first_bytes);
            assert!(row.starts_with(b"{\"seq\":\"1-") && row.ends_with(b"}"), "{}", row.escape_ascii());
            assert!(row_of(&frames[..first_bytes - 3]).is_none());
        }
        assert!(row_of(b"").is_none());
    }
}
