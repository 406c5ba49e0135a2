//! What the sweep has to know of a dialect: how a stream begins, beats and ends.
//!
//! Owns the seam between shards and dialects. Never carries an event: those come from frame logs, the same for all.
//! Implemented in `dialects/`; tested by `server/tests/`.

use std::{borrow::Cow, pin::Pin, rc::Rc, sync::Arc};

use tailwater_core::{Cursor, EncodingId};

use super::{peer::Peer, views::ViewId};
use crate::{config::Dialect, feeds::FeedEntry, limits::Replay};

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
    /// The feed was deleted, or is not served in this dialect any more.
    Deleted,
    /// The feed's data is damaged beyond this point.
    Damaged,
}

/// One way of streaming one encoding, shared by all its subscribers on a shard.
pub(crate) trait StreamProtocol {
    /// Tells apart protocols of one encoding; equal names share a group.
    fn name(&self) -> &str;

    /// The binding of its feed that a stream lasts as long as; `None` when it lasts as long as the feed.
    fn binding(&self) -> Option<Dialect> {
        None
    }

    /// How input is read.
    fn transport(&self) -> Transport;

    /// The sign of life: sent when nothing else was written for `serve.ping_interval_ms`.
    fn heartbeat(&self) -> &'static [u8];

    /// The same for a reader that is told where it stands: behind `last_seq`, at the tail. `None` while it is behind, or where
    /// it stands cannot be said. No sign of life when there is nothing to say.
    fn beat(&self, last_seq: Option<u64>) -> Option<Cow<'static, [u8]>> {
        let _ = last_seq;
        Some(Cow::Borrowed(self.heartbeat()))
    }

    /// The longest message from a client that is skipped; a longer one ends the stream.
    fn skipped_bytes_max(&self) -> u32 {
        u32::MAX
    }

    /// How long a stream goes on when the appliance stops, before it is ended, in milliseconds.
    fn pause_ms(&self) -> u64 {
        0
    }

    /// The last bytes of a stream that the appliance ends.
    fn farewell(&self, reason: Farewell) -> Vec<u8>;

    /// The same for a reader that is told how far it has come: `last_seq` is the last event it has had, or passed over. `None`
    /// when that cannot be said: it is about to be moved to another segment.
    fn farewell_after(&self, reason: Farewell, last_seq: Option<u64>) -> Vec<u8> {
        let _ = last_seq;
        self.farewell(reason)
    }

    /// The last bytes of a stream that has come to its own end: everything within its bounds was sent, or its patience is
    /// over. `last_seq` as above.
    fn ended(&self, last_seq: u64) -> Vec<u8> {
        let _ = last_seq;
        Vec::new()
    }

    /// For streams that end with the first news: what everybody who waits at the tail is sent when there are events from
    /// `from_seq` on, in place of frames. `None` when there is nothing for them yet, or when they are sent frames.
    fn news(&self, from_seq: u64) -> Option<Vec<u8>> {
        let _ = from_seq;
        None
    }

    /// Whether [`StreamProtocol::news`] is what readers wait for.
    fn waits_for_news(&self) -> bool {
        false
    }

    /// The view whose readers these are. They hear of its progress, and not of commits.
    fn view(&self) -> Option<ViewId> {
        None
    }
}

/// What happens to a stream while it has nothing to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A sign of life, as often as `serve.ping_interval_ms` says.
    #[default]
    Usual,
    /// A sign of life, as often as the client asked for.
    BeatMs(u32),
    /// The end, after so long.
    EndMs(u32),
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
    pub(crate) patience: Patience,
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
