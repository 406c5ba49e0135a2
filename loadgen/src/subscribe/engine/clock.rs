//! What the engine does when it looks at the clock: window, deadlines, reconnections, gauges, the end.

use std::time::Instant;

use super::{Engine, TICK};
use crate::{
    control::Phase,
    subscribe::{
        checks::Checks,
        connection::Outcome,
        window::{Mark, Totals},
    },
};

impl Engine<'_> {
    /// Looks at the clock, at most once a tick. Whether the run is over.
    pub(super) fn tick_ends_the_run(&mut self) -> bool {
        let now = Instant::now();
        if now < self.next_tick {
            return false;
        }
        self.next_tick = now + TICK;
        self.fail_overdue(now);
        self.retry_due(now);
        let all_opened = self.tally.opened + self.tally.failed_count() == self.connections.len() as u64;
        if all_opened && self.ramp_seconds.is_none() {
            self.ramp_seconds = Some((now - self.started).as_secs_f64());
        }
        if self.begin.is_none() && self.opener.begins(now, all_opened, self.control.window_was_begun()) {
            self.begin_window();
        }
        self.publish_gauges();
        self.is_over(now)
    }

    fn begin_window(&mut self) {
        self.shared.latency.clear();
        for connection in &mut self.connections {
            connection.bytes_at_window = connection.bytes;
        }
        self.begin = Some(Mark::now(self.totals(), self.awake.in_vain()));
    }

    fn is_over(&self, now: Instant) -> bool {
        let elapsed = self.begin.map(|mark| (now - mark.at).as_secs_f64());
        let is_time = self.config.seconds.zip(elapsed).is_some_and(|(limit, elapsed)| elapsed >= limit);
        let all_begun = self.begun == self.connections.len();
        let nothing_left = all_begun && self.opening + self.open + self.retries.len() == 0;
        self.control.is_stopped() || is_time || nothing_left || self.checked_are_done()
    }

    fn checked_are_done(&self) -> bool {
        let mut checks = self.checks().peekable();
        let reached = match self.until_seq() {
            Some(seq) if checks.peek().is_some() => checks.all(|checks| checks.has_reached(seq)),
            _ => false,
        };
        let complete = self.config.events.is_some() && self.checks().all(Checks::is_complete);
        reached || complete
    }

    fn checks(&self) -> impl Iterator<Item = &Checks> {
        let checked = self.connections.iter().filter_map(|c| c.checked.as_ref());
        checked.map(|stream| &stream.checks)
    }

    pub(super) fn until_seq(&self) -> Option<u64> {
        self.control.until_seq().or(self.config.until_seq)
    }

    fn fail_overdue(&mut self, now: Instant) {
        if self.opening == 0 {
            return;
        }
        for index in 0..self.connections.len() {
            if let Some(reason) = self.connections[index].overdue(now) {
                self.took_effect(index, Outcome::Failed(reason));
            }
        }
    }

    fn retry_due(&mut self, now: Instant) {
        while let Some((due, index)) = self.retries.front().copied()
            && due <= now
        {
            self.retries.pop_front();
            let stream = self.connections[index].checked.as_ref();
            let resumed = stream.and_then(|stream| stream.checks.resume_cursor());
            self.begin(index, resumed.or(self.config.cursor));
        }
    }

    pub(super) fn totals(&self) -> Totals {
        let checked = self.connections.iter().filter(|c| c.checked.is_some());
        Totals {
            bytes: self.connections.iter().map(|c| c.bytes).sum(),
            checked_bytes: checked.map(|c| c.bytes).sum(),
            checked_events: self.checks().map(|checks| checks.tracks.count()).sum(),
        }
    }

    fn publish_gauges(&self) {
        let totals = self.totals();
        self.control.set_phase(match (self.begin, self.ramp_seconds) {
            (Some(_), _) => Phase::Measuring,
            (None, Some(_)) => Phase::Ready,
            (None, None) => Phase::Opening,
        });
        self.control.set_connections(self.open as u64, self.tally.failed_count());
        self.control.set_delivered(totals.checked_events, totals.bytes);
    }
}
