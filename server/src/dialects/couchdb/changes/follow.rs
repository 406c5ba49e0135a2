//! Feeds that follow the tail: `continuous` and `eventsource`, from frames.
//!
//! Owns what precedes their first event. Tested by `server/tests/couchdb/changes_streams.rs`.

use std::{rc::Rc, sync::Arc};

use tailwater_wire::couchdb::{
    changes::{Feed, encode::Framing, response::BEAT},
    errors::Refusal,
};

use super::{
    super::{head::ChangesHead, scripts::View},
    ask::Ask,
    encodings::Encoding,
    streams::{self, Changes},
};
use crate::{
    http::{Reply, Request},
    shard::protocol::StreamStart,
};

/// Begins a feed.
pub(super) async fn begin(request: &Request<'_>, ask: Ask, view: Option<Arc<View>>) -> Result<Reply, Refusal> {
    let framing = match ask.changes.feed {
        Feed::EventSource => Framing::Sse(ask.changes.wording),
        _ => Framing::Line,
    };
    let to = ask.refresh().await?;
    if let Some(view) = &view {
        streams::settle(request, &ask, view, to).await?;
    }
    let replay = streams::replay(request, &ask, to)?;
    let encoding = Encoding::find(request, &ask, framing).await?;
    let mut cursor = streams::cursor(&ask, &encoding, view.as_ref(), to, None).await?;
    let mut prelude = ChangesHead { feed: ask.changes.feed, etag: None, closes: true }.write(request);
    if !streams::is_ready(&mut cursor) {
        prelude.extend_from_slice(BEAT);
    }
    Ok(Reply::Stream(Box::new(StreamStart {
        feed: ask.entry.clone(),
        encoding: encoding.id,
        patience: streams::patience(ask.changes.patience),
        protocol: Rc::new(Changes::new(&ask, view, encoding.lease)),
        cursor,
        prelude,
        replay,
    })))
}
