//! Figures: latency histograms, spreads, CPU time, and how they are written in reports.

pub mod latency;
pub mod report;

pub use latency::{Latency, LatencyReport};
pub use report::{LoadGenerator, MeasuredWindow, Spread};
