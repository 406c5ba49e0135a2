//! Answers over HTTP/1.1: one chunk for each event.
//!
//! Owns the heads. A stream leaves for the sweep, which sends frames as they are. Tested by `server/tests/fauna/`.

use std::rc::Rc;

use tailwater_wire::{
    fauna::{
        errors::ApiError,
        events::{CONTENT_TYPE, STREAM_ID_HEADER},
        request::BODY_BYTES_MAX,
    },
    http1::{LAST_CHUNK, ResponseHead, Version, chunk},
};

use super::{
    admit,
    answer::{Answer, Fields, Whole, page_fields},
    call::{Call, Headers},
    http2, respond,
    stream::{FaunaStream, Following, Opened},
};
use crate::{
    http::{InboundError, Reply, Request, Response},
    shard::protocol::{Patience, StreamStart},
};

/// Answers a request of this dialect.
pub(crate) async fn answer(request: Request<'_>) -> Reply {
    let head = request.head;
    if http2::is_wanted(head) {
        return upgrade(request).await;
    }
    let fields = page_fields(head.header("origin"));
    let call = Call {
        shard: request.shard,
        peer: request.inbound.socket().peer(),
        method: head.method(),
        path: head.path(),
        headers: Headers::Http1(head),
    };
    let visit = match admit(&call) {
        Ok(visit) => visit,
        Err(answer) => return send(&request, answer, fields),
    };
    let body = match request.inbound.read_body(BODY_BYTES_MAX as u64).await {
        Ok(body) => body,
        Err(error) => return unread(&error, fields).into(),
    };
    let answer = respond(&call, visit, body).await;
    send(&request, answer, fields)
}

/// Reads a request that asks for HTTP/2; it is answered as the first stream there.
async fn upgrade(request: Request<'_>) -> Reply {
    match request.inbound.read_body(BODY_BYTES_MAX as u64).await {
        Ok(body) => Reply::Http2(Box::new(http2::upgrade(request.head, body))),
        Err(error) => unread(&error, page_fields(request.head.header("origin"))).into(),
    }
}

fn send(request: &Request<'_>, answer: Answer, fields: Fields) -> Reply {
    match answer {
        Answer::Whole(whole) => response(whole, fields).into(),
        Answer::Stream(_) if request.head.version() == Version::Http10 => {
            let error = ApiError::new(505, "invalid_request", "A stream needs HTTP/1.1 or HTTP/2.");
            send(request, Answer::from(error), fields)
        }
        Answer::Stream(opened) => stream(request, *opened, &fields),
    }
}

fn response(whole: Whole, fields: Fields) -> Response {
    let response = Response::new(whole.status, whole.content_type, whole.body).own_origins();
    let fields = whole.fields.into_iter().chain(fields);
    fields.fold(response, |response, (name, value)| response.header(name, value))
}

/// A body that was not read to its end.
fn unread(error: &InboundError, fields: Fields) -> Response {
    let error = match error.status() {
        Some(413) => ApiError::body_too_large(),
        Some(408) => ApiError::new(408, "time_out", error.to_string()),
        status => ApiError::new(status.unwrap_or(400), "invalid_request", error.to_string()),
    };
    response(Whole::from(error), fields).closing()
}

fn stream(request: &Request<'_>, opened: Opened, fields: &Fields) -> Reply {
    let mut prelude = Vec::with_capacity(1024);
    let mut head = ResponseHead::new(&mut prelude, 200, &request.date)
        .header("Content-Type", CONTENT_TYPE)
        .header_u64(STREAM_ID_HEADER, rand::random::<u64>() >> 11)
        .close();
    head = fields.iter().fold(head, |head, (name, value)| head.header(name, value));
    head.chunked().finish();
    for line in &opened.lines {
        chunk(&mut prelude, line);
    }
    let Some(following) = opened.following else {
        prelude.extend_from_slice(LAST_CHUNK);
        return Reply::Last(prelude);
    };
    let Following { database, encoding, cursor, replay, lease, client } = following;
    let config = &request.shard.appliance.config;
    Reply::Stream(Box::new(StreamStart {
        feed: database.history().clone(),
        encoding,
        protocol: Rc::new(FaunaStream::new(database, client, lease, &config.serve)),
        cursor,
        prelude,
        replay,
        patience: Patience::BeatMs(config.fauna.status_interval_ms as u32),
    }))
}
