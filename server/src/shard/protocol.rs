//! What the sweep has to know of a dialect: how a stream begins, beats and ends.
//!
//! Owns the seam between shards and dialects. Never carries an event: those come from frame logs, the same for all.
//! Implemented in `dialects/`; tested by `server/tests/`.

use std::{pin::Pin, rc::Rc, sync::Arc};

use tailwater_core::{Cursor, EncodingId};

use super::peer::Peer;
use crate::{feeds::FeedEntry, limits::Replay};

/// What comes in from a subscriber while it streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// RFC 6455 frames. Pings are answered; data is skipped, or taken for requests where there is a [`Conversation`].
    WebSocket,
    /// The body of an HTTP/1.1 answer in chunks. Nothing is expected; the end of input means the reader has gone.
    Chunked,
}

/// Why the appliance ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Farewell {
    /// The appliance stops or restarts; the reader shall come back.
    Restart,
    /// The reader stayed below the floor rate while far behind.
    TooSlow,
    /// The reader's position is no longer retained.
    LeftWindow,
    /// The feed was deleted.
    Deleted,
    /// The feed's data is damaged beyond this point.
    Damaged,
}

/// One way of streaming one encoding, shared by all its subscribers on a shard.
pub(crate) trait StreamProtocol {
    /// Tells apart protocols of one encoding; equal names share a group.
    fn name(&self) -> &'static str;

    /// How input is read.
    fn transport(&self) -> Transport;

    /// The sign of life: sent when nothing else was written for `serve.ping_interval_ms`.
    fn heartbeat(&self) -> &'static [u8];

    /// The longest message from a client that is skipped; a longer one ends the stream.
    fn skipped_bytes_max(&self) -> u32 {
        u32::MAX
    }

    /// The last bytes of a stream that the appliance ends.
    fn farewell(&self, reason: Farewell) -> Vec<u8>;
}

/// A stream that is about to begin: everything the sweep needs.
pub(crate) struct StreamStart {
    pub(crate) feed: Arc<FeedEntry>,
    pub(crate) encoding: EncodingId,
    pub(crate) protocol: Rc<dyn StreamProtocol>,
    pub(crate) cursor: Cursor,
    /// The answer's head and whatever precedes the first event.
    pub(crate) prelude: Vec<u8>,
    /// Held until the reader has caught up.
    pub(crate) replay: Option<Replay>,
}

/// The dialect's side of a connection that carries many streams and takes requests while they run.
pub(crate) trait Conversation {
    /// Answers requests in their order. The next ones come when these are answered. Whoever has asked may be gone before
    /// its requests are looked at; what changes something is done all the same.
    fn answer(self: Rc<Self>, peer: Peer, requests: Vec<String>) -> Answering;
}

/// The work of answering.
pub(crate) type Answering = Pin<Box<dyn Future<Output = ()>>>;

/// A conversation that is about to begin.
pub(crate) struct ConversationStart {
    pub(crate) protocol: Rc<dyn StreamProtocol>,
    pub(crate) conversation: Rc<dyn Conversation>,
    /// The answer's head.
    pub(crate) prelude: Vec<u8>,
    /// The longest message a client may send.
    pub(crate) message_bytes_max: u32,
}

/// A stream that is about to begin on a connection that may carry others.
pub(crate) struct ReadingStart {
    pub(crate) feed: Arc<FeedEntry>,
    pub(crate) encoding: EncodingId,
    pub(crate) protocol: Rc<dyn StreamProtocol>,
    pub(crate) cursor: Cursor,
}
