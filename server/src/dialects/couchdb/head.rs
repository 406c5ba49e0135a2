//! Heads of answers, and refusals as responses.
//!
//! Owns the headers that CouchDB's answers share. Tested by `server/tests/couchdb/`.

use tailwater_wire::{
    couchdb::{changes::Feed, errors::Refusal},
    http1::ResponseHead,
};

use crate::http::{Request, Response};

/// A refusal as a response.
pub(super) fn refused(refusal: Refusal) -> Response {
    let mut body = Vec::new();
    refusal.write_body(&mut body);
    let response = Response::new(refusal.status, "application/json", body).header("Cache-Control", "must-revalidate");
    let response = refusal.headers.into_iter().fold(response, |response, (name, value)| response.header(name, value));
    with_identity(response)
}

/// Adds what every answer of CouchDB's has.
pub(super) fn with_identity(response: Response) -> Response {
    response.header("X-Couch-Request-ID", request_id()).header("X-CouchDB-Body-Time", "0")
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
            .header("Access-Control-Allow-Origin", "*")
            .header("Cache-Control", cache_control)
            .header("Content-Type", content_type);
        if let Some(etag) = self.etag {
            head = head.header("ETag", etag);
        }
        if self.closes {
            head = head.close();
        }
        head.chunked().header("X-Couch-Request-ID", &request_id()).header("X-CouchDB-Body-Time", "0").finish();
        out
    }

    /// The answer to `HEAD`.
    pub(super) fn alone(&self) -> Response {
        let (content_type, cache_control) = kind(self.feed);
        let response = Response::new(200, content_type, Vec::new()).header("Cache-Control", cache_control);
        let response = self.etag.into_iter().fold(response, |response, etag| response.header("ETag", etag));
        with_identity(response)
    }
}

fn kind(feed: Feed) -> (&'static str, &'static str) {
    match feed {
        Feed::EventSource => ("text/event-stream", "no-cache"),
        Feed::Normal | Feed::Longpoll | Feed::Continuous => ("application/json", "must-revalidate"),
    }
}

/// Ten hexadecimal digits.
fn request_id() -> String {
    format!("{:010x}", rand::random::<u64>() >> 24)
}
