//! One connection's life as HTTP/1.1: read a request, answer it, wait for the next, until one becomes a stream, or the
//! connection one of HTTP/2.
//!
//! Owns the order of things on a connection and its deadlines. Never knows what a path means: that is `routes`. Tested
//! by `server/tests/http/`.

mod body;
mod inbound;
mod made;
mod reply;

use std::{rc::Rc, sync::Arc, time::SystemTime};

use futures_lite::AsyncWriteExt;
use tailwater_wire::http1::{Head, HttpDate};

pub(crate) use self::{
    body::{Body, BodySource, Making},
    inbound::{Inbound, InboundError},
    made::{After, InChunks, Made, Maker, PIECE_BYTES, PIECE_TIME, Steps},
    reply::{Reply, Response},
};
use crate::{
    config::Dialect,
    dialects::fauna::http2,
    limits::Refusal,
    listen::Listening,
    routes,
    shard::{Shard, socket::Socket},
};

/// Bytes of an unread request body that are read and dropped to keep the connection; beyond that it is closed.
const UNREAD_BODY_BYTES_MAX: u64 = 256 * 1024;

/// How long a peer may take to close its side after we have closed ours.
const LINGER_MS: u64 = 2_000;

/// One request and what its handler needs to answer it.
pub(crate) struct Request<'c> {
    pub(crate) shard: &'c Rc<Shard>,
    pub(crate) listening: &'c Listening,
    pub(crate) head: &'c Head,
    pub(crate) inbound: &'c mut Inbound,
    pub(crate) date: HttpDate,
    /// What all answers to this request carry, where a dialect has such fields.
    pub(crate) fields: Vec<(&'static str, String)>,
}

/// Serves one connection to its end, or to the request that turns it into a stream.
pub(crate) async fn serve(shard: Rc<Shard>, socket: Socket, listening: Arc<Listening>) {
    let mut inbound = Inbound::new(socket, &shard.appliance.config.limits);
    // Whoever has not asked for anything when the appliance drains is let go without a word.
    while !shard.draining() {
        let head = match inbound.read_head().await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(_) if listening.serves(Dialect::Fauna) && inbound.begins_with(http2::PREFACE) => {
                let (socket, leftover) = inbound.into_parts();
                return http2::serve(shard, socket, leftover, listening, None).await;
            }
            Err(error) => return refuse(&mut inbound, &error).await,
        };
        let reply = answer(&shard, &listening, &head, &mut inbound).await;
        let keep = match reply {
            Reply::Response(response) => respond(&shard, &head, &mut inbound, response).await,
            Reply::Body(body) => body::send(&mut inbound, *body).await,
            Reply::Last(bytes) => return last(&mut inbound, &bytes).await,
            Reply::Http2(upgraded) => {
                if inbound.socket_mut().write_all(http2::SWITCHING).await.is_err() {
                    return;
                }
                let (socket, leftover) = inbound.into_parts();
                return http2::serve(shard, socket, leftover, listening, Some(*upgraded)).await;
            }
            Reply::Stream(start) => {
                let (socket, leftover) = inbound.into_parts();
                return shard.subscribe(socket, *start, &leftover);
            }
            Reply::Conversation(start) => {
                let (socket, leftover) = inbound.into_parts();
                return shard.converse(socket, *start, &leftover);
            }
        };
        if !keep || shard.draining() {
            return linger(&mut inbound).await;
        }
    }
}

async fn answer(shard: &Rc<Shard>, listening: &Listening, head: &Head, inbound: &mut Inbound) -> Reply {
    let refusal = inbound.socket().admission().refusal();
    if let Some(refusal) = refusal {
        return Reply::Response(crowded(refusal));
    }
    let request = Request { shard, listening, head, inbound, date: date_now(), fields: Vec::new() };
    routes::answer(request).await
}

/// Sends a response; true when the connection can take another request.
async fn respond(shard: &Shard, head: &Head, inbound: &mut Inbound, response: Response) -> bool {
    let body_read = inbound.skip_body(UNREAD_BODY_BYTES_MAX).await;
    let keep = head.keep_alive() && body_read && !response.closes() && !shard.draining();
    let mut bytes = Vec::new();
    response.write(&mut bytes, head, &date_now(), !keep);
    inbound.socket().set_deadline_ms(inbound.idle_timeout_ms());
    inbound.socket_mut().write_all(&bytes).await.is_ok() && keep
}

/// Answers bytes that are no request, and closes.
async fn refuse(inbound: &mut Inbound, error: &InboundError) {
    let Some(status) = error.status() else {
        return;
    };
    let mut bytes = Vec::new();
    let response = Response::error(status, error.code(), &error.to_string());
    response.write_without_request(&mut bytes, &date_now());
    last(inbound, &bytes).await;
}

/// Sends the last bytes of a connection and closes it in order.
async fn last(inbound: &mut Inbound, bytes: &[u8]) {
    inbound.socket().set_deadline_ms(LINGER_MS);
    if inbound.socket_mut().write_all(bytes).await.is_ok() {
        linger(inbound).await;
    }
}

/// Sends the last bytes of a connection that was never served, and closes it in order.
pub(crate) async fn part(shard: &Shard, socket: Socket, bytes: &[u8]) {
    last(&mut Inbound::new(socket, &shard.appliance.config.limits), bytes).await;
}

/// Closes our direction and reads on until the peer closes its own: closing with unread bytes would reset the
/// connection and could destroy the answer on its way.
async fn linger(inbound: &mut Inbound) {
    inbound.socket().set_deadline_ms(LINGER_MS);
    if inbound.socket_mut().close().await.is_ok() {
        inbound.discard().await;
    }
}

fn crowded(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Full => Response::error(
            503,
            "ServiceUnavailable",
            "This server holds as many connections as it may (limits.connections_max). Try again later.",
        ),
        Refusal::Address => Response::error(
            429,
            "RateLimitExceeded",
            "Your address holds as many connections as it may (limits.connections_per_address_max). Close some first.",
        ),
    }
    .header("Retry-After", "5")
    .closing()
}

/// The `Date` of an answer made now.
pub(crate) fn date_now() -> HttpDate {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    HttpDate::from_unix_s(now.map_or(0, |since| since.as_secs()))
}
