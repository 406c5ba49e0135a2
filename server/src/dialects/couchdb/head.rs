//! Heads of answers, and refusals as responses.
//!
//! Owns the headers that CouchDB's answers share; those of this one request are its [`fields`](Request::fields). Tested by
//! `server/tests/couchdb/`.

use tailwater_wire::{
    couchdb::{
        changes::Feed,
        errors::{Refusal, reason},
    },
    http1::ResponseHead,
};

use crate::http::{Request, Response};

/// An answer of known length.
pub(super) fn respond(request: &Request<'_>, status: u16, content_type: impl Into<String>, body: Vec<u8>) -> Response {
    with_fields(request, Response::new(status, content_type.into(), body).header("Cache-Control", "must-revalidate"))
}

/// A refusal as a response.
pub(super) fn refused(request: &Request<'_>, refusal: Refusal) -> Response {
    let mut body = Vec::new();
    refusal.write_body(&mut body);
    let response = respond(request, refusal.status, "application/json", body).reason(reason(refusal.status));
    refusal.headers.into_iter().fold(response, |response, (name, value)| response.header(name, value))
}

/// Adds what every answer to this request has.
pub(super) fn with_fields(request: &Request<'_>, response: Response) -> Response {
    let fields = request.fields.iter();
    fields.fold(response.own_origins(), |response, (name, value)| response.header(name, value.clone()))
}

/// What the answer to a request for changes is, as far as its head says.
pub(super) struct ChangesHead<'a> {
    pub(super) feed: Feed,
    pub(super) etag: Option<&'a str>,
    /// Whether the connection ends with the answer.
    pub(super) closes: bool,
}

impl ChangesHead<'_> {
    /// The head of an answer whose body is made of chunks.
    pub(super) fn write(&self, request: &Request<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        let (content_type, cache_control) = kind(self.feed);
        let mut head = ResponseHead::new(&mut out, 200, &request.date)
            .header("Cache-Control", cache_control)
            .header("Content-Type", content_type);
        if let Some(etag) = self.etag {
            head = head.header("ETag", etag);
        }
        if self.closes {
            head = head.close();
        }
        head = request.fields.iter().fold(head, |head, (name, value)| head.header(name, value));
        head.chunked().finish();
        out
    }

    /// The answer to `HEAD`.
    pub(super) fn alone(&self, request: &Request<'_>) -> Response {
        let (content_type, cache_control) = kind(self.feed);
        let response = Response::new(200, content_type, Vec::new()).header("Cache-Control", cache_control);
        let response = self.etag.into_iter().fold(response, |response, etag| response.header("ETag", etag));
        with_fields(request, response)
    }
}

fn kind(feed: Feed) -> (&'static str, &'static str) {
    match feed {
        Feed::EventSource => ("text/event-stream", "no-cache"),
        Feed::Normal | Feed::Longpoll | Feed::Continuous => ("application/json", "must-revalidate"),
    }
}
