//! One request over HTTP/2 and its answer.
//!
//! Owns reading the body within its limits, and the head of the answer. A request that is taken back costs nothing more.
//! Tested by `server/tests/fauna/http2.rs`.

use std::{future::poll_fn, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_lite::future;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tailwater_wire::fauna::{
    errors::ApiError,
    events::{CONTENT_TYPE, STREAM_ID_HEADER},
    request::BODY_BYTES_MAX,
};

use super::{
    super::{
        admit,
        answer::{Answer, Fields, Whole, page_fields},
        call::{Call, Headers},
        respond,
        stream::Opened,
    },
    BODIES_BYTES_MAX, Shared,
    follow::{self, Floor, Sink},
};
use crate::{config::Dialect, http::date_now, listen::Listening, shard::Shard};

/// One request.
pub(super) struct Exchange {
    pub(super) shard: Rc<Shard>,
    pub(super) listening: Arc<Listening>,
    pub(super) shared: Rc<Shared>,
    pub(super) peer: IpAddr,
    /// Of an upgraded request: it was read before.
    pub(super) known_body: Option<Vec<u8>>,
}

/// A body's place in the memory of its connection; given back when dropped.
struct BodyRoom {
    shared: Rc<Shared>,
    bytes: usize,
}

impl BodyRoom {
    fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.bytes += bytes;
        self.shared.body_bytes.set(self.shared.body_bytes.get() + bytes);
        if self.bytes > BODY_BYTES_MAX {
            return Err(ApiError::body_too_large());
        }
        if self.shared.body_bytes.get() > BODIES_BYTES_MAX { Err(ApiError::limit_exceeded()) } else { Ok(()) }
    }
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        self.shared.body_bytes.set(self.shared.body_bytes.get() - self.bytes);
    }
}

/// Counts a stream for as long as it lasts.
struct Open(Rc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}

impl Exchange {
    /// Answers the request, to the end of its stream.
    pub(super) async fn run(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let _open = Open(self.shared.clone());
        let answering = async { Some(self.answer(request).await) };
        let taken_back = async {
            let _reset = poll_fn(|cx| respond.poll_reset(cx)).await;
            None
        };
        let Some((answer, fields)) = future::or(answering, taken_back).await else {
            return self.shared.taken_back.set(self.shared.taken_back.get() + 1);
        };
        self.shared.answered.set(self.shared.answered.get() + 1);
        match answer {
            Answer::Whole(whole) => self.send_whole(respond, whole, fields).await,
            Answer::Stream(opened) => self.send_stream(respond, *opened, &fields).await,
        }
    }

    async fn answer(&self, request: Request<RecvStream>) -> (Answer, Fields) {
        let (parts, body) = request.into_parts();
        let fields = page_fields(parts.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()));
        let call = Call {
            shard: &self.shard,
            peer: self.peer,
            method: parts.method.as_str(),
            path: parts.uri.path(),
            headers: Headers::Http2(&parts.headers),
        };
        if !self.listening.serves(Dialect::Fauna) {
            return (ApiError::not_found().into(), fields);
        }
        let visit = match admit(&call) {
            Ok(visit) => visit,
            Err(answer) => return (answer, fields),
        };
        let mut room = BodyRoom { shared: self.shared.clone(), bytes: 0 };
        let body = match &self.known_body {
            Some(known) => Ok(known.clone()),
            None => self.read(body, &mut room).await,
        };
        let answer = match body {
            Ok(body) => respond(&call, visit, body).await,
            Err(error) => error.into(),
        };
        (answer, fields)
    }

    async fn read(&self, mut stream: RecvStream, room: &mut BodyRoom) -> Result<Vec<u8>, ApiError> {
        let timeout_ms = self.shard.appliance.config.limits.body_timeout_ms;
        let reading = async {
            let mut body = Vec::new();
            while let Some(data) = stream.data().await {
                let data = data.map_err(ApiError::invalid_body)?;
                room.grow(data.len())?;
                body.extend_from_slice(&data);
                let _gone = stream.flow_control().release_capacity(data.len());
            }
            Ok(body)
        };
        let late = async {
            glommio::timer::sleep(Duration::from_millis(timeout_ms)).await;
            let message = format!("The request body was not complete within {timeout_ms} ms (limits.body_timeout_ms).");
            Err(ApiError::new(408, "time_out", message))
        };
        future::or(reading, late).await
    }

    async fn send_whole(&self, mut respond: SendResponse<Bytes>, whole: Whole, fields: Fields) {
        let mut response = head(whole.status, whole.content_type, whole.fields.iter().chain(&fields));
        response.headers_mut().insert(header::CONTENT_LENGTH, whole.body.len().into());
        let Ok(send) = respond.send_response(response, whole.body.is_empty()) else { return };
        if !whole.body.is_empty() {
            let sink = self.sink(send);
            let sending = sink.send(Bytes::from(whole.body), true);
            sink.until_reset(sending).await;
        }
    }

    async fn send_stream(&self, mut respond: SendResponse<Bytes>, opened: Opened, fields: &Fields) {
        let id = (STREAM_ID_HEADER, (rand::random::<u64>() >> 11).to_string());
        let response = head(200, CONTENT_TYPE, fields.iter().chain([&id]));
        let Ok(send) = respond.send_response(response, false) else { return };
        let sink = self.sink(send);
        sink.until_reset(follow::stream(&self.shard, &sink, opened)).await;
    }

    fn sink(&self, send: SendStream<Bytes>) -> Sink {
        let serve = &self.shard.appliance.config.serve;
        let shared = self.shared.clone();
        let link = shared.link.clone();
        Sink::new(send, link, Floor::of(serve), move || shared.has_let_go.set(true))
    }
}

fn head<'f>(
    status: u16,
    content_type: &'static str,
    fields: impl Iterator<Item = &'f (&'static str, String)>,
) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::SERVER, HeaderValue::from_static(tailwater_wire::SERVER));
    if let Ok(date) = HeaderValue::from_str(date_now().as_str()) {
        headers.insert(header::DATE, date);
    }
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    response
}
