//! `/{db}/_changes`.
//!
//! | file | owns |
//! | --- | --- |
//! | [`ask`] | what is asked for: method, body, parameters, where it starts |
//! | [`way`] | which of the ways below leads to the answer |
//! | [`follow`] | frames, as the log has them: `continuous`, `eventsource` |
//! | [`whole`] | the same from here to the tail, as one object: `normal`, `longpoll` |
//! | [`poll`] | long polls that wait: one answer for all of a kind |
//! | [`encodings`] | the encodings of these three |
//! | [`streams`] | how streams of frames begin and end |
//! | [`render`], [`rendered`] | answers that are made for one request |
//! | [`rows`], [`judge`], [`scan`] | their rows, which events become one, and reading those |
//! | [`book`] | which event is the latest of its document |
//! | [`kept`], [`bits`], [`passing`] | what cursors pass over |
//!
//! `docs/dialects/couchdb.md` says which requests take which way, and why. Tested by `server/tests/couchdb/changes*.rs`.

pub(super) mod ask;
pub(crate) mod bits;
pub(crate) mod book;
mod encodings;
mod follow;
pub(super) mod judge;
pub(crate) mod kept;
mod passing;
mod poll;
mod render;
mod rendered;
pub(super) mod rows;
pub(super) mod scan;
mod streams;
mod way;
mod whole;

use std::sync::Arc;

use tailwater_wire::couchdb::{changes::FilterSpec, errors::Refusal};

pub(crate) use self::encodings::ChangesEncodings;
use self::{ask::Ask, way::Way};
use super::{
    auth::Caller,
    head::{ChangesHead, refused, with_fields},
    scripts::{self, View},
    visit::{Subject, Visit},
};
use crate::http::{Reply, Request, Response};

/// Rows that are made for a request by itself, which keeps its connection; with more, they are sent from frames.
const RENDERED_ROWS_MAX: u64 = 1_000;

/// What came of looking at what there is.
enum Found {
    Reply(Reply),
    /// There is nothing for the request yet, and others may wait for the same.
    Nothing(Ask),
}

/// Answers a request for the changes of a database, which whoever sends it may read.
pub(super) async fn answer(visit: Visit<'_>, subject: Subject) -> Reply {
    let Visit { mut request, caller } = visit;
    match respond(&mut request, subject, caller).await {
        Ok(reply) => reply,
        Err(refusal) => refused(&request, refusal).into(),
    }
}

async fn respond(request: &mut Request<'_>, subject: Subject, caller: Caller) -> Result<Reply, Refusal> {
    let ask = Ask::read(request, subject, caller).await?;
    let etag = ask.etag();
    if ask.is_known(request.head, etag.as_deref()) {
        let response = Response::new(304, "application/json", Vec::new()).header("ETag", etag.unwrap_or_default());
        return Ok(with_fields(request, response).into());
    }
    if request.head.method() == "HEAD" {
        let head = ChangesHead { feed: ask.changes.feed, etag: etag.as_deref(), closes: false };
        return Ok(head.alone(request).into());
    }
    ask::require_chunks(request.head)?;
    let view = match &ask.changes.filter {
        FilterSpec::View { .. } | FilterSpec::Function { .. } => Some(scripts::open(request, &ask).await?),
        _ => None,
    };
    lead(request, ask, view).await
}

/// Takes the way to the answer.
async fn lead(request: &Request<'_>, ask: Ask, view: Option<Arc<View>>) -> Result<Reply, Refusal> {
    match way::of(&ask.changes) {
        Way::Render => make(request, ask, view).await,
        Way::Follow => follow::begin(request, ask, view).await,
        Way::Poll if ask.after >= ask.entry.feed().last_seq() => poll::begin(request, ask, view).await,
        Way::Whole | Way::Poll if ask.changes.limit.is_some() => make(request, ask, view).await,
        Way::Whole | Way::Poll => match ask.prospect(ask.after).await?.live {
            ..=RENDERED_ROWS_MAX => make(request, ask, view).await,
            _ => match whole::begin(request, ask, view.clone()).await? {
                Found::Reply(reply) => Ok(reply),
                Found::Nothing(ask) => poll::begin(request, ask, view).await,
            },
        },
    }
}

async fn make(request: &Request<'_>, ask: Ask, view: Option<Arc<View>>) -> Result<Reply, Refusal> {
    match rendered::begin(request, ask, view.clone()).await? {
        Found::Reply(reply) => Ok(reply),
        Found::Nothing(ask) => poll::begin(request, ask, view).await,
    }
}
