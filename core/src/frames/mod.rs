//! Frame logs: for each encoding somebody reads, the exact bytes that go on the socket.
//!
//! Owns what an encoding is. Its parts: [`frame_log`] is the mapped file of consecutive frames that cursors read, [`writer`]
//! fills it, [`slots`] says which frame logs a segment has, [`build`] makes those of older segments in the background,
//! [`evict`] keeps them within the disk budget, [`residency`] knows what of them is in memory, [`spare`] keeps buffers for the
//! next ones. Frame logs are derived from the canonical log, never synced, never trusted: they are wiped when the store is opened.

pub(crate) mod build;
pub(crate) mod evict;
pub(crate) mod frame_log;
mod residency;
pub(crate) mod slots;
pub(crate) mod spare;
pub(crate) mod writer;

use crate::event::Event;
use crate::feed::options::FeedOptions;
use crate::janitor::Janitor;
use spare::Spare;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, PoisonError, RwLock};

/// Which encoding: a number of its encoder that holds until [`crate::Store::forget_encoder`] is asked to free it. Those of
/// [`crate::StoreOptions::encoders`] come first, in their order; see [`crate::Store::register_encoder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EncodingId(pub u16);

/// Turns an event into the exact bytes that go on the wire.
pub trait Encoder: Send + Sync + 'static {
    /// A short name that is also a directory name: `[a-z0-9-]`, unique within the store.
    fn name(&self) -> &str;
    /// Appends the frame of `event` to `out`. `previous_seq` is the seq of the event before it in the feed, `None` for the
    /// feed's first. Deterministic: the same event always gives the same bytes. May append nothing, when the event has no
    /// form in this encoding.
    fn encode(&self, event: &Event<'_>, previous_seq: Option<u64>, out: &mut Vec<u8>);
    /// The encoder to use for the events of one feed, where frames say something about their feed; `None` when this one
    /// serves all feeds.
    fn for_feed(&self, name: &str, options: &FeedOptions) -> Option<Arc<dyn Encoder>> {
        let _ = (name, options);
        None
    }
}

/// What every frame log of a store shares.
pub(crate) struct FrameContext {
    /// By number; empty places are those of encoders that were forgotten.
    pub(crate) encoders: RwLock<Vec<Option<Arc<dyn Encoder>>>>,
    /// Bytes of all frame logs on the disk.
    pub(crate) bytes: AtomicU64,
    /// Ticks since the start, and one.
    pub(crate) ticks: AtomicU32,
    pub(crate) spare: Spare,
    pub(crate) janitor: Janitor,
}

impl FrameContext {
    pub(crate) fn encoder(&self, encoding: EncodingId) -> Option<Arc<dyn Encoder>> {
        // A place is filled or emptied in one step, so a poisoned lock still guards a whole list.
        let encoders = self.encoders.read().unwrap_or_else(PoisonError::into_inner);
        encoders.get(usize::from(encoding.0)).cloned().flatten()
    }

    /// The number of the encoder with that name.
    pub(crate) fn find(&self, name: &str) -> Option<EncodingId> {
        let encoders = self.encoders.read().unwrap_or_else(PoisonError::into_inner);
        position(&encoders, name)
    }

    /// The number of the encoder, which is added unless one of its name is there.
    pub(crate) fn register(&self, encoder: Arc<dyn Encoder>) -> EncodingId {
        let mut encoders = self.encoders.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = position(&encoders, encoder.name()) {
            return known;
        }
        let free = encoders.iter().position(Option::is_none).unwrap_or_else(|| {
            encoders.push(None);
            encoders.len() - 1
        });
        encoders[free] = Some(encoder);
        EncodingId(free as u16)
    }

    /// Empties the encoder's place; its number may become another's.
    pub(crate) fn forget(&self, encoding: EncodingId) {
        let mut encoders = self.encoders.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = encoders.get_mut(usize::from(encoding.0)) {
            *place = None;
        }
    }
}

impl fmt::Debug for FrameContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameContext").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

fn position(encoders: &[Option<Arc<dyn Encoder>>], name: &str) -> Option<EncodingId> {
    let of_name = |encoder: &Option<Arc<dyn Encoder>>| encoder.as_ref().is_some_and(|encoder| encoder.name() == name);
    encoders.iter().position(of_name).map(|position| EncodingId(position as u16))
}
