//! The measured window: marks at its beginning and end, and what lies between them.

use std::time::{Duration, Instant};

use crate::{
    stats::{MeasuredWindow, report::per_second},
    subscribe::config::Window,
    sys::process,
};

/// Counters at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub at: Instant,
    pub unix_us: u64,
    /// CPU time of the thread that was work.
    pub cpu: Duration,
    pub totals: Totals,
}

/// What all connections have received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Bytes of all streams.
    pub bytes: u64,
    /// Bytes of the checked streams.
    pub checked_bytes: u64,
    /// Events of the checked streams.
    pub checked_events: u64,
}

impl Mark {
    /// `in_vain`: CPU time so far that was none of it.
    pub fn now(totals: Totals, in_vain: Duration) -> Self {
        let cpu = process::thread_cpu().saturating_sub(in_vain);
        Self { at: Instant::now(), unix_us: process::unix_us(), cpu, totals }
    }
}

/// When the window is to begin, as far as is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opener {
    window: Window,
    ready_since: Option<Instant>,
}

impl Opener {
    pub fn new(window: Window) -> Self {
        Self { window, ready_since: None }
    }

    /// Whether the window begins now, given whether all connections have been opened and the caller has said so.
    pub fn begins(&mut self, now: Instant, all_opened: bool, was_begun: bool) -> bool {
        if all_opened && self.ready_since.is_none() {
            self.ready_since = Some(now);
        }
        match self.window {
            Window::FromStart => true,
            Window::Manual => was_begun,
            Window::AfterRamp { warmup_ms } => {
                self.ready_since.is_some_and(|since| now >= since + Duration::from_millis(warmup_ms))
            }
        }
    }

    fn in_words(&self) -> String {
        match self.window {
            Window::FromStart => "at the first connection".into(),
            Window::Manual => "when told to".into(),
            Window::AfterRamp { warmup_ms } => {
                format!("{warmup_ms} ms after the last connection was opened")
            }
        }
    }
}

/// A window between two marks.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub window: MeasuredWindow,
    pub totals: Totals,
    pub cpu_seconds: f64,
}

impl Measured {
    /// The window from `begin`, if it began, to `end`.
    pub fn between(opener: &Opener, begin: Option<Mark>, end: Mark) -> Self {
        let start = begin.unwrap_or(end);
        let totals = Totals {
            bytes: end.totals.bytes - start.totals.bytes,
            checked_bytes: end.totals.checked_bytes - start.totals.checked_bytes,
            checked_events: end.totals.checked_events - start.totals.checked_events,
        };
        Self {
            window: MeasuredWindow {
                starts: opener.in_words(),
                start_unix_us: begin.map_or(0, |mark| mark.unix_us),
                end_unix_us: end.unix_us,
                seconds: (end.at - start.at).as_secs_f64(),
                measured: begin.is_some(),
            },
            totals,
            cpu_seconds: (end.cpu - start.cpu).as_secs_f64(),
        }
    }

    /// `amount` per second of the window.
    pub fn rate(&self, amount: f64) -> f64 {
        per_second(amount, self.window.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_window_begins() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let after_ramp = Window::AfterRamp { warmup_ms: 100 };
        let table = [
            (Window::FromStart, 0, false, false, true),
            (Window::Manual, 500, true, false, false),
            (Window::Manual, 0, false, true, true),
            (after_ramp, 500, false, true, false),
            (after_ramp, 149, true, false, false),
            (after_ramp, 150, true, false, true),
        ];
        for (window, ms, all_opened, was_begun, expected) in table {
            let mut opener = Opener::new(window);
            opener.begins(at(50), all_opened, false);
            let begins = opener.begins(at(ms), all_opened, was_begun);
            assert_eq!(begins, expected, "{window:?} {ms} {all_opened} {was_begun}");
        }
    }

    #[test]
    fn what_lies_between() {
        let begin = Mark::now(Totals { bytes: 100, checked_bytes: 10, checked_events: 1 }, Duration::ZERO);
        let mut end = begin;
        end.at += Duration::from_millis(500);
        end.unix_us += 500_000;
        end.cpu += Duration::from_millis(250);
        end.totals = Totals { bytes: 1100, checked_bytes: 110, checked_events: 11 };
        let opener = Opener::new(Window::FromStart);
        let measured = Measured::between(&opener, Some(begin), end);
        assert_eq!(measured.totals.bytes, 1000);
        assert_eq!(measured.rate(1000.0), 2000.0);
        assert_eq!(measured.cpu_seconds, 0.25);

        let never = Measured::between(&opener, None, end);
        assert!(!never.window.measured);
        assert_eq!((never.totals, never.rate(5.0)), (Totals::default(), 0.0));
    }
}
