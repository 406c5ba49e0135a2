//! The progress line of a run: hidden with `--json` and where standard error is no terminal.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget};

use crate::control::{Control, Phase, Snapshot};

/// Between updates.
const UPDATE: Duration = Duration::from_millis(250);

/// How progress is shown.
pub(super) struct Shown {
    bar: ProgressBar,
    events_are: &'static str,
}

impl Shown {
    /// A line on standard error, unless `hidden`; `events_are` is what counts as an event.
    pub fn new(hidden: bool, events_are: &'static str) -> Self {
        let target = match hidden {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, events_are }
    }
}

/// Runs `work` on this thread and shows how it goes from another.
pub(super) fn during<T>(shown: Shown, control: &Control, work: impl FnOnce() -> T) -> T {
    if shown.bar.is_hidden() {
        return work();
    }
    let (finished, is_finished) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| follow(&shown, control, is_finished));
        let result = work();
        drop(finished);
        result
    })
}

fn follow(shown: &Shown, control: &Control, is_finished: mpsc::Receiver<()>) {
    let (mut last, mut last_at) = (control.snapshot(), Instant::now());
    while is_finished.recv_timeout(UPDATE) == Err(RecvTimeoutError::Timeout) {
        let (now, now_at) = (control.snapshot(), Instant::now());
        shown.bar.set_message(line(last, now, now_at - last_at, shown.events_are));
        shown.bar.tick();
        (last, last_at) = (now, now_at);
    }
    shown.bar.finish_and_clear();
}

fn line(last: Snapshot, now: Snapshot, elapsed: Duration, events_are: &str) -> String {
    let per_second = |amount: u64| (amount as f64 / elapsed.as_secs_f64()) as u64;
    let phase = match now.phase {
        Phase::Opening => "opening",
        Phase::Ready => "warming up",
        Phase::Measuring => "measuring",
        Phase::Ended => "ended",
    };
    format!(
        "{phase}: {} open, {} failed, {} events {events_are} ({}/s), {} ({}/s)",
        HumanCount(now.open),
        HumanCount(now.failed),
        HumanCount(now.events),
        HumanCount(per_second(now.events.saturating_sub(last.events))),
        HumanBytes(now.bytes),
        HumanBytes(per_second(now.bytes.saturating_sub(last.bytes))),
    )
}
