//! Which frame logs a segment has, by encoding, and who waits for one.
//!
//! Owns the rule that each is built once however many ask; never builds. The lock is held for a few instructions, when a cursor
//! is made or crosses to a segment that is not linked; never while frames are sent.

use super::EncodingId;
use super::frame_log::FrameLog;
use futures_channel::oneshot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The parts of a segment's frames, oldest first; at least one.
pub(crate) type Parts = Vec<Arc<FrameLog>>;

/// What somebody who waits for a build gets: the parts, or why there are none.
pub(crate) type BuildResult = Result<Parts, String>;

#[derive(Debug)]
enum Slot {
    Building(Vec<oneshot::Sender<BuildResult>>),
    Ready(Parts),
}

/// The frame logs of one segment.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Mutex<Vec<(EncodingId, Slot)>>,
}

/// How to get at the frames of a segment.
pub(crate) enum Claim {
    /// They are there.
    Ready(Parts),
    /// Somebody is building them.
    Wait(oneshot::Receiver<BuildResult>),
    /// The caller is to see to it that they are built, and then to wait.
    Build(oneshot::Receiver<BuildResult>),
}

impl Slots {
    /// Asks for the frames of an encoding.
    pub(crate) fn claim(&self, encoding: EncodingId) -> Claim {
        let mut slots = self.lock();
        let (sender, receiver) = oneshot::channel();
        match slots.iter_mut().find(|(of, _)| *of == encoding) {
            Some((_, Slot::Ready(parts))) => Claim::Ready(parts.clone()),
            Some((_, Slot::Building(waiters))) => {
                waiters.push(sender);
                Claim::Wait(receiver)
            }
            None => {
                slots.push((encoding, Slot::Building(vec![sender])));
                Claim::Build(receiver)
            }
        }
    }

    /// The frames of an encoding, if they are there.
    pub(crate) fn ready(&self, encoding: EncodingId) -> Option<Parts> {
        let slots = self.lock();
        slots.iter().find_map(|(of, slot)| match slot {
            Slot::Ready(parts) if *of == encoding => Some(parts.clone()),
            _ => None,
        })
    }

    /// Makes frames available and tells who waited for them.
    pub(crate) fn fill(&self, encoding: EncodingId, parts: Parts) {
        let waiters = self.replace(encoding, Some(Slot::Ready(parts.clone())));
        for waiter in waiters {
            // A waiter that is gone needs no answer.
            waiter.send(Ok(parts.clone())).ok();
        }
    }

    /// Gives up on building and tells who waited, or forgets frames that were there.
    pub(crate) fn clear(&self, encoding: EncodingId, reason: &str) {
        for waiter in self.replace(encoding, None) {
            waiter.send(Err(reason.to_owned())).ok();
        }
    }

    /// Adds a part to frames that are there.
    pub(crate) fn add_part(&self, encoding: EncodingId, part: Arc<FrameLog>) {
        let mut slots = self.lock();
        if let Some((_, Slot::Ready(parts))) = slots.iter_mut().find(|(of, _)| *of == encoding) {
            parts.push(part);
        }
    }

    /// Forgets frames that satisfy `doomed`, and returns them.
    pub(crate) fn take_if(&self, encoding: EncodingId, doomed: impl FnOnce(&Parts) -> bool) -> Option<Parts> {
        let mut slots = self.lock();
        let at = slots.iter().position(|(of, slot)| *of == encoding && matches!(slot, Slot::Ready(_)))?;
        let Slot::Ready(parts) = &slots[at].1 else { return None };
        if !doomed(parts) {
            return None;
        }
        match slots.swap_remove(at).1 {
            Slot::Ready(parts) => Some(parts),
            Slot::Building(_) => None,
        }
    }

    /// Whether there are frames of an encoding, or some are being built.
    pub(crate) fn has(&self, encoding: EncodingId) -> bool {
        self.lock().iter().any(|(of, _)| *of == encoding)
    }

    /// Calls `visit` for all frames that are there, under the lock.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(EncodingId, &Parts)) {
        for (encoding, slot) in self.lock().iter() {
            if let Slot::Ready(parts) = slot {
                visit(*encoding, parts);
            }
        }
    }

    fn replace(&self, encoding: EncodingId, new: Option<Slot>) -> Vec<oneshot::Sender<BuildResult>> {
        let mut slots = self.lock();
        let at = slots.iter().position(|(of, _)| *of == encoding);
        let old = at.map(|at| slots.swap_remove(at).1);
        slots.extend(new.map(|slot| (encoding, slot)));
        drop(slots);
        match old {
            Some(Slot::Building(waiters)) => waiters,
            _ => Vec::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(EncodingId, Slot)>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
