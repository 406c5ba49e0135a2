//! What the terminal shows while the demo runs.
//!
//! Owns the counters' form: a live line on a terminal, a plain line now and then elsewhere.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use super::traffic::Traffic;
use crate::serve::Running;

/// How often a plain line is printed.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

/// The demo's output.
pub(super) struct Screen {
    line: Option<ProgressBar>,
    printed: Cell<Instant>,
}

impl Screen {
    pub(super) fn new(plain: bool) -> Self {
        let line = (!plain).then(|| {
            let line = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
                line.set_style(style);
            }
            line
        });
        Self { line, printed: Cell::new(Instant::now()) }
    }

    /// Shows the counters as they are now.
    pub(super) fn show(&self, running: &Running, traffic: &Traffic) {
        let text = format!(
            "{} published ({} refused), {} streams open, {} sent",
            HumanCount(traffic.published()),
            HumanCount(traffic.refused()),
            HumanCount(running.subscribers()),
            HumanBytes(running.sent_bytes()),
        );
        match &self.line {
            Some(line) => {
                line.set_message(text);
                line.tick();
            }
            None if self.printed.get().elapsed() >= PLAIN_EVERY => {
                println!("{text}");
                self.printed.set(Instant::now());
            }
            None => {}
        }
    }

    /// Leaves the last counters standing.
    pub(super) fn end(&self) {
        if let Some(line) = &self.line {
            line.abandon();
        }
    }
}
