//! Whether the engine sleeps when nothing is ready, or looks again for a moment first.
//!
//! Where sender and receiver share a machine, the sender pays for waking a receiver that sleeps, some microseconds a send on a
//! virtual processor that was halted. Clients elsewhere cost it nothing of the kind. Owns that moment, and the CPU time that looking in vain
//! takes, which is no work. Never waits itself. Tests are below.

use std::time::{Duration, Instant};

use crate::sys::process;

/// When the engine may sleep.
#[derive(Debug)]
pub(super) struct Awake {
    /// Since the last readiness.
    lasts: Duration,
    until: Instant,
    /// The thread's CPU time when it began to look in vain.
    in_vain_since: Option<Duration>,
    in_vain: Duration,
}

impl Awake {
    /// Sleep is put off for `lasts`; zero: never.
    pub fn new(lasts: Duration) -> Self {
        Self { lasts, until: Instant::now(), in_vain_since: None, in_vain: Duration::ZERO }
    }

    /// Whether readiness is to be asked for without waiting, although nothing is to be done.
    pub fn looks_again(&mut self) -> bool {
        let looks = Instant::now() < self.until;
        if !looks {
            self.rest();
        } else if self.in_vain_since.is_none() {
            self.in_vain_since = Some(process::thread_cpu());
        }
        looks
    }

    /// Something was ready.
    pub fn heard(&mut self) {
        self.rest();
        self.until = Instant::now() + self.lasts;
    }

    /// CPU time that was spent on looking in vain.
    pub fn in_vain(&self) -> Duration {
        self.in_vain
    }

    fn rest(&mut self) {
        if let Some(since) = self.in_vain_since.take() {
            self.in_vain += process::thread_cpu().saturating_sub(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_at_once_unless_told_otherwise() {
        let mut awake = Awake::new(Duration::ZERO);
        assert!(!awake.looks_again());
        awake.heard();
        assert!(!awake.looks_again());
        assert_eq!(awake.in_vain(), Duration::ZERO);
    }

    #[test]
    fn looks_again_after_it_has_heard_something_and_counts_what_that_takes() {
        let mut awake = Awake::new(Duration::from_millis(20));
        assert!(!awake.looks_again(), "it has heard nothing yet");
        awake.heard();
        let heard = Instant::now();
        assert!(awake.looks_again());
        while awake.looks_again() {}
        assert!(heard.elapsed() >= Duration::from_millis(20));
        assert!(awake.in_vain() > Duration::ZERO && awake.in_vain() <= heard.elapsed(), "{awake:?}");

        let before = awake.in_vain();
        awake.heard();
        awake.heard();
        assert_eq!(awake.in_vain(), before, "what was heard was not in vain");
    }
}
