//! `application/vnd.tailwater.frames`: captured AT Protocol frames, each behind its length as 4 bytes, little-endian.

use tailwater_core::{Batch, BodyFormat, Draft, DraftError, SeqMode};

use super::error::{FrameProblem, PublishError};
use super::has_control;
use super::limits::{OverLimit, PublishLimits};
use crate::atproto::frame::{self, Frame, FrameError, OP_MESSAGE};
use crate::atproto::without_seq;
use crate::dag_cbor;

const PREFIX_BYTES: usize = 4;

/// Parses a publish body.
///
/// With [`SeqMode::Preserve`] the events are the frames as they are, numbered by the `seq` of their payloads, which must
/// increase. With [`SeqMode::Assign`] they are the payloads without `seq`, of the kind that the header's `t` names. Key
/// is the payload's `repo` or `did`, time its `time`, or `now_us` if that cannot be read.
///
/// # Errors
/// The first mistake, with its frame.
pub fn parse_frames(body: &[u8], mode: SeqMode, now_us: u64, limits: &PublishLimits) -> Result<Batch, PublishError> {
    let mut batch = Batch::new();
    each_frame(body, mode, now_us, limits, |draft| batch.push(draft))?;
    if batch.is_empty() { Err(PublishError::Empty) } else { Ok(batch) }
}

/// Hands the event of every frame to `push`.
fn each_frame(
    body: &[u8],
    mode: SeqMode,
    now_us: u64,
    limits: &PublishLimits,
    mut push: impl FnMut(&Draft<'_>) -> Result<(), DraftError>,
) -> Result<(), PublishError> {
    let (mut offset, mut index, mut last_seq) = (0, 0, 0);
    while offset < body.len() {
        let len = one_frame(&body[offset..], mode, now_us, limits, &mut last_seq, &mut push)
            .map_err(|problem| PublishError::Frame { index, offset, problem })?;
        offset += len;
        index += 1;
    }
    Ok(())
}

/// Returns the bytes taken, length prefix included.
fn one_frame(
    body: &[u8],
    mode: SeqMode,
    now_us: u64,
    limits: &PublishLimits,
    last_seq: &mut u64,
    push: &mut impl FnMut(&Draft<'_>) -> Result<(), DraftError>,
) -> Result<usize, FrameProblem> {
    let bytes = take_frame(body, limits)?;
    let frame = draft_frame(bytes, mode, now_us, limits, push)?;
    if mode == SeqMode::Preserve {
        check_order(&frame, last_seq)?;
    }
    Ok(PREFIX_BYTES + bytes.len())
}

/// Adds one frame to a batch, as [`parse_frames`] does with each; order is not checked.
///
/// # Errors
/// What is wrong with the frame. The batch is unchanged.
pub fn push_frame(
    batch: &mut Batch,
    bytes: &[u8],
    mode: SeqMode,
    now_us: u64,
    limits: &PublishLimits,
) -> Result<(), FrameProblem> {
    draft_frame(bytes, mode, now_us, limits, &mut |draft| batch.push(draft)).map(drop)
}

/// Hands the event of one frame to `push`.
fn draft_frame<'a>(
    bytes: &'a [u8],
    mode: SeqMode,
    now_us: u64,
    limits: &PublishLimits,
    push: &mut impl FnMut(&Draft<'_>) -> Result<(), DraftError>,
) -> Result<Frame<'a>, FrameProblem> {
    limits.check_event(bytes.len())?;
    let frame = frame::parse(bytes)?;
    if frame.op != OP_MESSAGE {
        return Err(FrameProblem::Op(frame.op));
    }
    let kind = frame.t.filter(|t| !t.is_empty() && !has_control(t)).ok_or(FrameProblem::Type)?;
    limits.check_key(frame.key)?;
    check_depth(&frame, limits.depth_max)?;
    let time_us = frame.time_us().unwrap_or(now_us);
    let mut draft = Draft { seq: None, time_us, kind, key: frame.key, format: BodyFormat::DagCbor, body: bytes };
    match mode {
        SeqMode::Preserve => {
            draft.seq = Some(frame.seq.ok_or(FrameProblem::NoSeq)?);
            draft.format = BodyFormat::AtprotoFrame;
            push(&draft)?;
        }
        SeqMode::Assign => {
            let mut payload = Vec::with_capacity(frame.payload.len());
            without_seq(frame.payload, &mut payload).map_err(FrameError::Payload)?;
            push(&Draft { body: &payload, ..draft })?;
        }
    }
    Ok(frame)
}

fn take_frame<'a>(body: &'a [u8], limits: &PublishLimits) -> Result<&'a [u8], FrameProblem> {
    let Some((prefix, rest)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(FrameProblem::Truncated { missing: PREFIX_BYTES - body.len() });
    };
    let len = u32::from_le_bytes(*prefix) as usize;
    limits.check_event(len)?;
    rest.get(..len).ok_or_else(|| FrameProblem::Truncated { missing: len - rest.len() })
}

fn check_depth(frame: &Frame<'_>, depth_max: usize) -> Result<(), OverLimit> {
    // A valid frame keeps to the deepest nesting there is; only a stricter limit takes another look.
    let within = depth_max >= dag_cbor::DEPTH_MAX
        || [frame.header, frame.payload].iter().all(|object| dag_cbor::is_within(object, depth_max));
    if within { Ok(()) } else { Err(OverLimit::Depth { depth_max }) }
}

fn check_order(frame: &Frame<'_>, last_seq: &mut u64) -> Result<(), FrameProblem> {
    let seq = frame.seq.ok_or(FrameProblem::NoSeq)?;
    if seq <= *last_seq {
        return Err(FrameProblem::SeqOrder { last: *last_seq, seq });
    }
    *last_seq = seq;
    Ok(())
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
