//! Answers whose body is made while it is sent.
//!
//! Owns the head of such an answer, and the sending: a piece is asked for when the one before has left, so that a slow reader
//! costs one piece and no more, and asking ends when the peer goes away. Never knows what a piece is: chunk framing is its
//! maker's. Tested by `server/tests/couchdb/`.

use std::pin::Pin;

use futures_lite::{AsyncWriteExt, future};
use tailwater_wire::http1::{ResponseHead, Version};

use super::{
    Inbound, Request,
    made::{Nothing, Unchunked},
};

/// The work of making a piece.
pub(crate) type Making<'s> = Pin<Box<dyn Future<Output = Option<Vec<u8>>> + 's>>;

/// What makes a body.
pub(crate) trait BodySource {
    /// The next bytes of the body, whole chunks; `None` behind the last.
    fn next(&mut self) -> Making<'_>;

    /// Whether what was made is a whole body; asked behind its last piece. After any other the connection ends.
    fn is_whole(&self) -> bool {
        true
    }
}

/// An answer that is about to be sent.
pub(crate) struct Body {
    /// Status and headers, with the empty line behind them.
    pub(crate) head: Vec<u8>,
    pub(crate) source: Box<dyn BodySource>,
    /// Whether the connection can take another request behind it.
    pub(crate) keep: bool,
}

impl Body {
    /// The answer 200 to a request, with these header fields and what `source` makes, in chunks. A client of HTTP/1.0 gets it
    /// without them, and then the end of the connection.
    pub(crate) fn ok<'f>(
        request: &Request<'_>,
        fields: impl IntoIterator<Item = (&'f str, &'f str)>,
        source: impl BodySource + 'static,
    ) -> Box<Self> {
        let asked = request.head;
        let is_chunked = asked.version() != Version::Http10;
        let keep = is_chunked && asked.keep_alive();
        let mut head = Vec::new();
        let mut response = ResponseHead::new(&mut head, 200, &request.date);
        for (name, value) in fields {
            response = response.header(name, value);
        }
        let response = if is_chunked { response.chunked() } else { response };
        let response = if keep { response } else { response.close() };
        response.finish();
        let source: Box<dyn BodySource> = match asked.method() {
            "HEAD" => Box::new(Nothing),
            _ if is_chunked => Box::new(source),
            _ => Box::new(Unchunked::new(source)),
        };
        Box::new(Self { head, source, keep })
    }
}

/// Sends an answer; true when all of it was sent and the connection can take another request.
pub(super) async fn send(inbound: &mut Inbound, mut body: Body) -> bool {
    let mut piece = Some(body.head);
    while let Some(bytes) = piece {
        inbound.socket().set_deadline_ms(inbound.idle_timeout_ms());
        if inbound.socket_mut().write_all(&bytes).await.is_err() {
            return false;
        }
        inbound.socket().clear_deadline();
        let made = async { Some(body.source.next().await) };
        let gone = async {
            inbound.gone().await;
            None
        };
        piece = match future::or(made, gone).await {
            Some(next) => next,
            None => return false,
        };
    }
    body.keep && body.source.is_whole()
}
