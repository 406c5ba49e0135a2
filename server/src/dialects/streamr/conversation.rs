//! One WebSocket: what a client asks for, in its order, while the streams it follows run beside.
//!
//! Owns which partitions this connection follows, how its client reads errors, and the answer to each request. Messages of
//! streams come from frame logs and pass it by. Tested by `server/tests/streamr/`.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tailwater_core::Start;
use tailwater_wire::{
    streamr::{
        encode::{Control, Place},
        errors::{ErrorStyle, StreamrError},
        request::{Incoming, Request as Asked, RequestLimits, Resend, Subscribe, Token, Unsubscribe, parse_message},
    },
    websocket::{frame, handshake},
};

use super::{
    followed::Followed,
    meter::{Connected, Following},
    place::{Stream, not_found, who},
    publish::{self, Run, Stored},
    resend::Wanted,
};
use crate::{
    config::Dialect,
    feeds::FeedEntry,
    http::{Reply, Request, Response},
    limits::Replay,
    shard::{
        breathe,
        peer::{Gone, Peer},
        protocol::{Answering, Conversation, ConversationStart, Farewell, ReadingStart, StreamProtocol, Transport},
    },
};

/// Bytes of requests that are read before others on the shard get a turn.
const UNPAUSED_BYTES_MAX: usize = 256 << 10;

/// How long a resend waits for one of its address's places, and how often it looks. Clients below 1.0 that are refused
/// wait for ever, and with them everything they would show.
const PLACE_TIMEOUT: Duration = Duration::from_secs(60);
const PLACE_LOOK: Duration = Duration::from_millis(50);

/// An empty ping.
const PING: &[u8] = &[0x89, 0x00];

/// `GET /api/v1/ws`
pub(super) fn begin(request: &Request<'_>) -> Reply {
    let accept = match handshake::check(request.head) {
        Ok(accept) => accept,
        Err(error) => {
            let answer = Response::json(error.status(), &serde_json::json!({ "error": error.to_string() }));
            return error.headers().iter().fold(answer, |answer, (name, value)| answer.header(name, *value)).into();
        }
    };
    let mut prelude = Vec::new();
    handshake::write_switching(&mut prelude, &accept, &request.date, None, tailwater_wire::SERVER, &[]);
    let config = &request.shard.appliance.config;
    let style = ErrorStyle::of_query(&request.head.query());
    let limits = publish::limits(&config.limits);
    let conversation = Rc::new(Talk {
        style: Cell::new(style),
        address: request.inbound.socket().peer(),
        followed: RefCell::default(),
        followed_max: config.streamr.subscriptions_max as usize,
        limits,
        _connected: request.shard.appliance.streamr.connect(),
    });
    let message_bytes_max = u32::try_from(limits.message_bytes_max).unwrap_or(u32::MAX);
    let protocol = Rc::new(Words { style, stream: None });
    Reply::Conversation(Box::new(ConversationStart { protocol, conversation, prelude, message_bytes_max }))
}

/// How a connection or one of its streams is kept alive and ended.
struct Words {
    style: ErrorStyle,
    /// Absent for the connection as a whole.
    stream: Option<String>,
}

impl StreamProtocol for Words {
    fn name(&self) -> &'static str {
        match self.style {
            ErrorStyle::Text => "streamr",
            ErrorStyle::Object => "streamr-object",
        }
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn heartbeat(&self) -> &'static [u8] {
        PING
    }

    fn binding(&self) -> Option<Dialect> {
        Some(Dialect::Streamr)
    }

    fn farewell(&self, reason: Farewell) -> Vec<u8> {
        let mut out = Vec::new();
        match (reason, &self.stream) {
            (Farewell::Restart, _) => frame::close(&mut out, 1012, "restarting"),
            // What this connection no longer gets it can ask for again; clients do so when they reconnect.
            (Farewell::TooSlow, _) => frame::close(&mut out, 1008, "too slow"),
            (Farewell::LeftWindow, _) => frame::close(&mut out, 1008, "what comes next is no longer stored"),
            (Farewell::Damaged, _) => frame::close(&mut out, 1011, "a stream cannot be read beyond this point"),
            (Farewell::Deleted, Some(stream)) => not_found(stream).write_message(self.style, &mut out),
            (Farewell::Deleted, None) => frame::close(&mut out, 1001, "going away"),
        }
        out
    }
}

/// Publish requests that want to hear what became of them: what they want to hear it by, and their stream.
type Acks = HashMap<usize, (Token, String)>;

/// See the module.
struct Talk {
    style: Cell<ErrorStyle>,
    address: IpAddr,
    followed: RefCell<Followed<Following>>,
    followed_max: usize,
    limits: RequestLimits,
    _connected: Connected,
}

impl Conversation for Talk {
    fn answer(self: Rc<Self>, peer: Peer, requests: Vec<String>) -> Answering {
        Box::pin(async move { self.answer_all(&peer, &requests).await })
    }
}

impl Talk {
    /// A client that is gone before it is answered has published what it has published.
    async fn answer_all(&self, peer: &Peer, requests: &[String]) {
        let mut run = Run::default();
        let mut acks = Acks::new();
        let mut unpaused_bytes = 0;
        for (tag, text) in requests.iter().enumerate() {
            unpaused_bytes += text.len();
            if unpaused_bytes > UNPAUSED_BYTES_MAX {
                unpaused_bytes = 0;
                breathe().await;
            }
            let incoming = parse_message(text, &self.limits);
            self.style.set(self.style.get().after_request(incoming.has_session_token));
            if let (Some(ack), Ok(Asked::Publish(publish))) = (&incoming.ack, &incoming.request) {
                acks.insert(tag, (ack.clone(), publish.stream.clone().into_owned()));
            }
            let collected = self.collect(peer, tag, &incoming, &mut run);
            if let Ok(true) = collected {
                continue;
            }
            let _gone = self.finish(peer, std::mem::take(&mut run), &mut acks).await;
            let _gone = match collected {
                Ok(_) => self.answer_one(peer, incoming).await,
                Err(error) => {
                    let ack = acks.remove(&tag).map(|(ack, _)| ack);
                    self.refuse(peer, &error, ack.as_ref()).await
                }
            };
        }
        let _gone = self.finish(peer, run, &mut acks).await;
    }

    /// Adds a publish request to those that are stored together; false when it is something else.
    fn collect(&self, peer: &Peer, tag: usize, incoming: &Incoming<'_>, run: &mut Run) -> Result<bool, StreamrError> {
        let Ok(Asked::Publish(publish)) = &incoming.request else {
            return Ok(false);
        };
        let stream = publish::writable_by(&peer.shard().appliance, &incoming.credentials, publish)?;
        run.add(tag, &stream, publish);
        Ok(true)
    }

    /// Stores what was collected, and tells those who want to know.
    async fn finish(&self, peer: &Peer, run: Run, acks: &mut Acks) -> Result<(), Gone> {
        if run.is_empty() {
            return Ok(());
        }
        let mut out = Vec::new();
        for (tag, outcome) in run.store(&peer.shard().appliance.streamr).await {
            match (outcome, acks.remove(&tag)) {
                (Ok(Stored { partition, offset }), Some((ack, stream))) => {
                    let place = Place { stream: &stream, partition };
                    Control::Stored { place, offset, ack: &ack }.write_message(&mut out);
                }
                (Ok(_), None) => {}
                (Err(error), Some((ack, _))) => Control::Refused { error: &error, ack: &ack }.write_message(&mut out),
                (Err(error), None) => error.write_message(self.style.get(), &mut out),
            }
        }
        peer.say(&out).await
    }

    async fn refuse(&self, peer: &Peer, error: &StreamrError, ack: Option<&Token>) -> Result<(), Gone> {
        let mut out = Vec::new();
        match ack {
            Some(ack) => Control::Refused { error, ack }.write_message(&mut out),
            None => error.write_message(self.style.get(), &mut out),
        }
        peer.say(&out).await
    }

    async fn answer_one(&self, peer: &Peer, incoming: Incoming<'_>) -> Result<(), Gone> {
        // Nothing is looked up for somebody who does not take what was said before.
        peer.said().await?;
        let who = who(&peer.shard().appliance, &incoming.credentials);
        let answered = match incoming.request {
            Ok(Asked::Subscribe(subscribe)) => {
                let found = self.readable(peer, &who, &subscribe.stream, subscribe.partition);
                match found {
                    Ok(feed) => self.subscribe(peer, &subscribe, &feed).await?,
                    Err(error) => Err(error),
                }
            }
            Ok(Asked::Unsubscribe(unsubscribe)) => self.unsubscribe(peer, &unsubscribe).await?,
            Ok(Asked::Resend(resend)) => match self.readable(peer, &who, &resend.stream, resend.partition) {
                Ok(feed) => self.resend(peer, &resend, &feed).await?,
                Err(error) => Err(resend.failed(error.to_string())),
            },
            // Those are stored together.
            Ok(Asked::Publish(_)) => Ok(()),
            Err(error) => Err(error),
        };
        match answered {
            Ok(()) => Ok(()),
            Err(error) => self.refuse(peer, &error, incoming.ack.as_ref()).await,
        }
    }

    /// The feed of a partition, if whoever asks may read it.
    fn readable(
        &self,
        peer: &Peer,
        who: &crate::auth::Who,
        stream: &str,
        partition: u32,
    ) -> Result<Arc<FeedEntry>, StreamrError> {
        let found = Stream::find(&peer.shard().appliance, stream)?;
        if !who.may_read(found.first()) {
            return Err(StreamrError::SubscribeNotAuthorized { stream: stream.to_owned(), partition });
        }
        found.partition(stream, partition).cloned()
    }

    /// A partition that is followed already is followed once: the original would send everything twice.
    async fn subscribe(
        &self,
        peer: &Peer,
        subscribe: &Subscribe<'_>,
        feed: &Arc<FeedEntry>,
    ) -> Result<Result<(), StreamrError>, Gone> {
        let mut out = Vec::new();
        let place = Place { stream: &subscribe.stream, partition: subscribe.partition };
        Control::Subscribed(place).write_message(&mut out);
        // One that has ended belonged to a stream that the feed is no more.
        let followed = self.followed.borrow().get(feed.id());
        if followed.is_some_and(|reading| peer.is_streaming(reading)) {
            return peer.say(&out).await.map(Ok);
        }
        if !self.may_follow_another(peer) {
            return Ok(Err(StreamrError::TooManySubscriptions { count_max: self.followed_max }));
        }
        let encoding = peer.shard().appliance.encodings.streamr_json;
        let cursor = match feed.feed().cursor(encoding, Start::Tail).await {
            Ok(cursor) => cursor,
            Err(error) => {
                tracing::error!(%error, "a subscription could not begin");
                return Ok(Err(StreamrError::NotReady));
            }
        };
        let protocol = Rc::new(Words { style: self.style.get(), stream: Some(subscribe.stream.clone().into_owned()) });
        let start = ReadingStart { feed: feed.clone(), encoding, protocol, cursor };
        let reading = peer.begin(&out, start)?;
        self.followed.borrow_mut().insert(feed.id(), reading, Following::new(feed));
        Ok(Ok(()))
    }

    /// Whether there is room for a subscription. Those of streams that were deleted take none.
    fn may_follow_another(&self, peer: &Peer) -> bool {
        let mut followed = self.followed.borrow_mut();
        if followed.len() >= self.followed_max {
            followed.retain(|reading| peer.is_streaming(reading));
        }
        followed.len() < self.followed_max
    }

    async fn unsubscribe(&self, peer: &Peer, unsubscribe: &Unsubscribe<'_>) -> Result<Result<(), StreamrError>, Gone> {
        let feeds = peer.shard().appliance.feeds.stream(&unsubscribe.stream);
        let feeds = feeds.as_deref().unwrap_or_default();
        let followed: Vec<u32> = (0..)
            .zip(feeds)
            .filter(|(_, feed)| self.followed.borrow().get(feed.id()).is_some())
            .map(|(partition, _)| partition)
            .collect();
        let partition = match unsubscribe.partition_to_leave(&followed) {
            Ok(partition) => partition,
            Err(error) => return Ok(Err(error)),
        };
        let reading = self.followed.borrow_mut().remove(feeds[partition as usize].id());
        if let Some(reading) = reading {
            peer.end(reading);
        }
        let mut out = Vec::new();
        Control::Unsubscribed(Place { stream: &unsubscribe.stream, partition }).write_message(&mut out);
        peer.say(&out).await.map(Ok)
    }

    /// One of the places for resends that this address has; `None` when none became free in time.
    async fn place(&self, peer: &Peer) -> Result<Option<Replay>, Gone> {
        let began = Instant::now();
        loop {
            peer.said().await?;
            let place = peer.shard().appliance.places.replay(self.address);
            if place.is_some() || began.elapsed() > PLACE_TIMEOUT {
                return Ok(place);
            }
            glommio::timer::sleep(PLACE_LOOK).await;
        }
    }

    async fn resend(
        &self,
        peer: &Peer,
        resend: &Resend<'_>,
        feed: &Arc<FeedEntry>,
    ) -> Result<Result<(), StreamrError>, Gone> {
        let Some(_place) = self.place(peer).await? else {
            return Ok(Err(resend.failed("your address asks for too many at once; wait until one is complete")));
        };
        let place = Place { stream: &resend.stream, partition: resend.partition };
        let (sub, mut out) = (resend.sub.as_ref(), Vec::new());
        let mut wanted = match Wanted::find(&peer.shard().appliance, feed.feed(), resend).await {
            Ok(Some(wanted)) => wanted,
            Ok(None) => {
                Control::NoResend(place, sub).write_message(&mut out);
                return peer.say(&out).await.map(Ok);
            }
            Err(error) => return Ok(Err(resend.failed(error.to_string()))),
        };
        Control::Resending(place, sub).write_message(&mut out);
        let mut has_more = true;
        while has_more {
            let begun = std::mem::take(&mut out);
            peer.say_with(|out| {
                out.extend_from_slice(&begun);
                wanted.take(out);
            })
            .await?;
            has_more = match wanted.has_more().await {
                Ok(has_more) => has_more,
                Err(error) => return Ok(Err(resend.failed(error.to_string()))),
            };
        }
        Control::Resent(place, sub).write_message(&mut out);
        peer.say(&out).await.map(Ok)
    }
}
