//! HTTP/2 on a connection that began as any other: with prior knowledge, or with `Upgrade: h2c`.
//!
//! | file | owns |
//! | --- | --- |
//! | [`transport`] | the bytes of the connection: what was read ahead, the upgraded request as stream 1, turns for others |
//! | [`gather`] | what is written, until it is sent in one system call |
//! | [`upgrade`] | a request over HTTP/1.1 as the frames of stream 1 |
//! | [`exchange`] | one request and its answer |
//! | [`follow`] | a stream of events: from the lines of a frame log to DATA frames, within the peer's windows |
//!
//! Owns the connection: its limits, when it is over. The frames of HTTP/2 are the library's. A connection is a task, and so is
//! each of its streams: DATA frames carry the stream's number and fit the peer's windows, so their heads are made for each of
//! them. What the frames carry is not: it is sent from the frame log, many frames at once. A connection
//! that the client has said goodbye to (`GOAWAY`) lives on as long as its streams do. Tested by `server/tests/fauna/http2.rs`.

mod exchange;
mod follow;
mod gather;
mod transport;
mod upgrade;

use std::{
    cell::Cell,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_lite::future;
use h2::{Reason, server::Builder};

pub(crate) use self::upgrade::{SWITCHING, Upgraded, is_wanted, upgrade};
use self::{
    exchange::Exchange,
    transport::{Link, Transport},
};
use crate::{
    listen::Listening,
    shard::{Shard, socket::Socket},
};

/// What a client with prior knowledge begins with; the rest of its preface follows.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// How often it is looked whether the connection is over.
const LOOK: Duration = Duration::from_millis(500);
/// How long a connection that is to end may take.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes of a stream that wait for the connection, beside one range of events.
const STREAM_BUFFER_BYTES: usize = 64 << 10;
/// The window of a request's body, and of all bodies of a connection.
const WINDOW_BYTES: u32 = 256 << 10;
/// Bytes of bodies that one connection may have in memory.
const BODIES_BYTES_MAX: usize = 16 << 20;
/// Requests that are taken back before they are answered, besides one for each that was answered.
const RESETS_MAX: u64 = 100;

/// What the streams of a connection share.
struct Shared {
    link: Rc<Link>,
    streams: Cell<usize>,
    answered: Cell<u64>,
    taken_back: Cell<u64>,
    body_bytes: Cell<usize>,
    /// A stream has been let go for taking too little; nobody has looked yet whether its connection takes anything.
    has_let_go: Cell<bool>,
}

impl Shared {
    fn new(link: Rc<Link>) -> Self {
        Self {
            link,
            streams: Cell::default(),
            answered: Cell::default(),
            taken_back: Cell::default(),
            body_bytes: Cell::default(),
            has_let_go: Cell::default(),
        }
    }

    /// Whether a stream was let go of a connection on which nothing gets through at all. Where something does, the others go on.
    fn is_stuck(&self, patience: Duration) -> bool {
        let blocked = if self.has_let_go.get() { self.link.blocked_for() } else { None };
        self.has_let_go.set(blocked.is_some());
        blocked.is_some_and(|blocked| blocked >= patience)
    }

    fn is_flooded(&self) -> bool {
        self.taken_back.get() > self.answered.get() + RESETS_MAX
    }
}

/// Serves a connection to its end. `leftover` was read already; `upgraded` is the request that asked for it, if one did.
pub(crate) async fn serve(
    shard: Rc<Shard>,
    socket: Socket,
    leftover: Vec<u8>,
    listening: Arc<Listening>,
    upgraded: Option<Upgraded>,
) {
    let peer = socket.peer();
    let (limits, fauna) = (&shard.appliance.config.limits, &shard.appliance.config.fauna);
    let (injected, body) = upgraded.map(|upgraded| (upgraded.frames, upgraded.body)).unzip();
    socket.set_deadline_ms(limits.header_timeout_ms);
    let send_bytes_max = shard.appliance.config.serve.send_bytes_max as usize;
    let link = Link::new(socket, send_bytes_max);
    let transport = Transport::new(link.clone(), leftover, injected);
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(fauna.http2_streams_max as u32)
        .max_header_list_size(limits.header_bytes_max as u32)
        .max_send_buffer_size(STREAM_BUFFER_BYTES + send_bytes_max)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let handshake = async { link.drive(builder.handshake::<_, Bytes>(transport)).await?.ok() };
    let late = async {
        glommio::timer::sleep(Duration::from_millis(limits.header_timeout_ms)).await;
        None
    };
    let Some(mut connection) = future::or(handshake, late).await else { return };
    link.clear_deadline();
    let idle_timeout = Duration::from_millis(limits.idle_timeout_ms);
    let patience = Duration::from_millis(shard.appliance.config.serve.floor_window_ms);
    let shared = Rc::new(Shared::new(link.clone()));
    let mut body = body;
    let (mut busy_at, mut ends_at) = (Instant::now(), None);
    loop {
        let accepting = async { Some(link.drive(connection.accept()).await.flatten()) };
        let looking = async {
            glommio::timer::sleep(LOOK).await;
            None
        };
        match future::or(accepting, looking).await {
            Some(Some(Ok((request, respond)))) => {
                let known = if respond.stream_id().as_u32() == 1 { body.take() } else { None };
                let exchange = Exchange {
                    shard: shard.clone(),
                    listening: listening.clone(),
                    shared: shared.clone(),
                    peer,
                    known_body: known,
                };
                shared.streams.set(shared.streams.get() + 1);
                shard.spawn(exchange.run(request, respond));
            }
            Some(Some(Err(_)) | None) => return,
            None => {}
        }
        if shared.is_flooded() {
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        }
        if shared.streams.get() > 0 {
            busy_at = Instant::now();
        }
        let is_over = shard.draining() || busy_at.elapsed() >= idle_timeout;
        if ends_at.is_none() && is_over {
            connection.graceful_shutdown();
            ends_at = Some(Instant::now() + LINGER);
        }
        let is_late = ends_at.is_some_and(|ends_at| Instant::now() >= ends_at && shared.streams.get() == 0);
        if shared.is_stuck(patience) || is_late {
            return;
        }
    }
}
