//! The frames of the tail: encodings that are built with each commit because cursors follow them.

use super::Writer;
use super::append::Cached;
use crate::feed::LiveUse;
use crate::frames::build::Build;
use crate::frames::frame_log::Phase;
use crate::frames::writer::FrameWriter;
use crate::frames::{EncodingId, evict};
use crate::segment::Segment;
use crate::storage::Storage;
use std::io;
use std::sync::Arc;

/// What the writer encodes itself when it takes over a build; more goes back to the background thread, so that commits do not
/// wait.
const ADOPT_BYTES_MAX: u64 = 256 << 10;

/// How often a build goes back before the writer takes it as it is: events may arrive faster than they are encoded.
const ADOPT_ATTEMPTS_MAX: u32 = 4;

impl<S: Storage> Writer<S> {
    /// Takes over frames that have been built up to the tail, and adds what has been committed since.
    pub(super) async fn adopt(&mut self, build: Box<Build>) {
        let tail = self.tail.as_ref().map(|tail| &tail.segment);
        let at_tail = tail.is_some_and(|tail| Arc::ptr_eq(tail, build.segment()));
        let behind = build.lag_bytes() > ADOPT_BYTES_MAX && build.handed_over() < ADOPT_ATTEMPTS_MAX;
        if !at_tail || behind {
            return self.core().store.frames.janitor.build(build);
        }
        match self.catch_up(build).await {
            Ok((build, Ok(()))) => self.live.extend(build.adopt()),
            Ok((build, Err(reason))) => build.fail(&reason),
            // Whoever waited was told when the build was dropped with its job.
            Err(_) => {}
        }
        self.list_live();
    }

    async fn catch_up(&self, mut build: Box<Build>) -> io::Result<(Box<Build>, Result<(), String>)> {
        let core = Arc::clone(self.core());
        let job = self.storage.run(move || {
            let result = build.catch_up(&core);
            (build, result)
        });
        job.await
    }

    /// Stops building an encoding that no cursor uses. One that has come in the meantime keeps it.
    pub(super) fn deactivate(&mut self, encoding: EncodingId) {
        let Some(tail) = &self.tail else { return };
        if tail.segment.slots.take_if(encoding, |parts| !evict::is_held(parts, true)).is_none() {
            return;
        }
        if let Some(at) = self.live.iter().position(|writer| writer.encoding == encoding) {
            // A cursor that got hold of it at this very moment must not wait for it to grow.
            self.live.swap_remove(at).log().end_with(Phase::Detached);
        }
        self.list_live();
    }

    /// Shows the frames of a group, and drops the encodings whose frames could not be written: the events are safe, their
    /// frames are built again for whoever asks.
    pub(super) fn show_frames(&mut self, cached: &Cached) {
        let Some(tail) = &self.tail else { return };
        let mut position = 0;
        let before = self.live.len();
        self.live.retain_mut(|writer| {
            let whole = !writer.has_given_up() && cached.is_whole(Some(position));
            position += 1;
            if whole {
                if let Some(part) = writer.publish() {
                    tail.segment.slots.add_part(writer.encoding, part);
                }
            } else {
                detach(&tail.segment, writer);
            }
            whole
        });
        if self.live.len() != before {
            self.list_live();
        }
    }

    /// Begins the frames of a new tail, before anybody can see the segment, and links them to those of the old one.
    pub(super) fn carry_over(&mut self, new: &Segment) {
        let core = Arc::clone(self.core());
        self.live.retain_mut(|writer| {
            let begun = core.frame_place(new, writer.encoding).and_then(|place| writer.begin_next(place).ok());
            if let Some(next) = &begun {
                new.slots.fill(next.encoding, vec![Arc::clone(next.log())]);
                writer.log().link(next.log());
            }
            writer.log().end_with(Phase::Finished);
            match begun {
                Some(next) => {
                    *writer = next;
                    true
                }
                None => false,
            }
        });
        self.list_live();
    }

    /// Tells other threads which encodings are live.
    pub(super) fn list_live(&self) {
        let now_ms = self.core().store.options.clock.now_ms();
        let mut list = self.core().live();
        list.retain(|live| self.live.iter().any(|writer| writer.encoding == live.encoding));
        for writer in &self.live {
            if !list.iter().any(|live| live.encoding == writer.encoding) {
                list.push(LiveUse { encoding: writer.encoding, used_ms: now_ms });
            }
        }
    }
}

fn detach(segment: &Segment, writer: &FrameWriter) {
    segment.slots.clear(writer.encoding, "frames could not be written");
    writer.log().end_with(Phase::Detached);
}
