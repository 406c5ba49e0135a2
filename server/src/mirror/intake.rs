//! What to do with each message of an upstream: keep it, drop it, or stop.
//!
//! Owns the rules that make a mirror's feed equal to its upstream's: seqs only go up, what is here already is dropped,
//! and what cannot be explained stops the mirror instead of being guessed at. Never stores. Tests: below.

use tailwater_wire::atproto::frame;

/// A decision about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Store it; it has this seq.
    Keep(u64),
    /// It is here already.
    Duplicate,
    /// It cannot be stored, for this reason; the stream goes on.
    Refuse(String),
    /// The upstream no longer has everything that was asked for; the stream goes on after a gap.
    Gap,
    /// A notice that is no event.
    Notice,
    /// Open the stream again.
    Retry(String),
    /// Do nothing more without an operator.
    Stop(String),
}

/// The state of one stream's intake.
pub(super) struct Intake {
    last_seq: Option<u64>,
    frame_bytes_max: usize,
}

impl Intake {
    /// Begins with what is durable here.
    pub(super) fn new(last_seq: Option<u64>, frame_bytes_max: usize) -> Self {
        Self { last_seq, frame_bytes_max }
    }

    /// Judges one binary message.
    pub(super) fn judge(&mut self, bytes: &[u8]) -> Verdict {
        if bytes.len() > self.frame_bytes_max {
            return Verdict::Refuse(format!(
                "a frame of {} bytes is larger than frame_bytes_max = {}",
                bytes.len(),
                self.frame_bytes_max
            ));
        }
        match frame::parse(bytes) {
            Ok(frame) if frame.op == frame::OP_ERROR => error_verdict(&frame),
            Ok(frame) => self.judge_message(&frame),
            Err(error) => Verdict::Refuse(format!("a malformed frame: {error}")),
        }
    }

    fn judge_message(&mut self, frame: &frame::Frame<'_>) -> Verdict {
        match (frame.t, frame.seq) {
            (Some("#info"), None) => info_verdict(frame),
            (kind, None) => Verdict::Refuse(format!("a frame of type {kind:?} without a seq")),
            (_, Some(seq)) => self.judge_seq(seq),
        }
    }

    fn judge_seq(&mut self, seq: u64) -> Verdict {
        match self.last_seq {
            Some(last_seq) if seq == last_seq => Verdict::Duplicate,
            Some(last_seq) if seq < last_seq => Verdict::Stop(format!(
                "the upstream went back from seq {last_seq} to {seq}. If its sequence was reset, delete this feed and \
                 start it anew, or mirror into another feed."
            )),
            _ => {
                self.last_seq = Some(seq);
                Verdict::Keep(seq)
            }
        }
    }
}

fn error_verdict(frame: &frame::Frame<'_>) -> Verdict {
    match frame.name {
        Some("FutureCursor") => Verdict::Stop(
            "the upstream says FutureCursor: it has not reached what is already here. If its sequence was reset, delete \
             this feed and start it anew, or mirror into another feed."
                .to_owned(),
        ),
        error => Verdict::Retry(format!(
            "the upstream ended the stream with {}",
            error.unwrap_or("an error without a name")
        )),
    }
}

fn info_verdict(frame: &frame::Frame<'_>) -> Verdict {
    match frame.name {
        Some("OutdatedCursor") => Verdict::Gap,
        _ => Verdict::Notice,
    }
}

#[cfg(test)]
mod tests {
    use tailwater_wire::atproto::errors::Notice;

    use super::*;

    /// `{"op":1,"t":"#x"}` and `{"seq":N}`.
    fn message(seq: u8) -> Vec<u8> {
        let mut bytes = b"\xa2\x61t\x62#x\x62op\x01\xa1\x63seq".to_vec();
        match seq {
            0..24 => bytes.push(seq),
            _ => bytes.extend([0x18, seq]),
        }
        bytes
    }

    fn notice(notice: &Notice) -> Vec<u8> {
        let mut bytes = Vec::new();
        notice.write_cbor(&mut bytes);
        bytes
    }

    #[test]
    fn seqs_only_go_up() {
        let mut intake = Intake::new(Some(10), 1_000);
        assert_eq!(intake.judge(&message(10)), Verdict::Duplicate);
        assert_eq!(intake.judge(&message(11)), Verdict::Keep(11));
        assert_eq!(intake.judge(&message(11)), Verdict::Duplicate);
        assert_eq!(intake.judge(&message(40)), Verdict::Keep(40));
        assert!(matches!(intake.judge(&message(39)), Verdict::Stop(_)));
    }

    #[test]
    fn an_empty_feed_takes_any_first_seq() {
        let mut intake = Intake::new(None, 1_000);
        assert_eq!(intake.judge(&message(7)), Verdict::Keep(7));
    }

    #[test]
    fn notices_of_the_upstream() {
        let mut intake = Intake::new(Some(10), 1_000);
        assert_eq!(intake.judge(&notice(&Notice::OutdatedCursor)), Verdict::Gap);
        assert!(matches!(intake.judge(&notice(&Notice::FutureCursor)), Verdict::Stop(_)));
        assert!(matches!(intake.judge(&notice(&Notice::ConsumerTooSlow)), Verdict::Retry(_)));
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let mut intake = Intake::new(None, 20);
        for bytes in [b"".as_slice(), b"\xff", &[0xa0, 0xa0], &message(7)[..9], &[0; 21]] {
            assert!(matches!(intake.judge(bytes), Verdict::Refuse(_)), "{bytes:02x?}");
        }
        assert_eq!(intake.judge(&message(7)), Verdict::Keep(7));
    }
}
