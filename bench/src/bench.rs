//! What every scenario is given: the binaries, the disk, the processors, and how long and how often to measure.
//!
//! Owns the settings that all scenarios share and their defaults. Never runs anything. Tests are below.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::place::Placement;

/// Source addresses of the clients: one pair of addresses has too few ports, and servers limit connections per address.
pub const SOURCES: &str = "127.1.0.0/16";

/// Clients that are on other machines do not have to be woken by who sends to them. These look again for longer than the sends of one event to
/// ten subscribers are apart.
const AWAKE_US: u64 = 100;

/// Settings that every scenario takes.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Settings {
    /// The server's binary; `tailwater` beside this one when absent
    #[arg(long, global = true, value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// Where data directories are made: measure on a disk, not in memory
    #[arg(long, global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Seconds each side is measured in a round
    #[arg(long, global = true, value_name = "N", default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds each side runs before it is measured
    #[arg(long, global = true, value_name = "N", default_value_t = 1.0)]
    pub warmup_seconds: f64,
    /// How often both sides are measured, in turn
    #[arg(long, global = true, value_name = "N", default_value_t = 3)]
    pub rounds: usize,
    /// The server's processor; the first one allowed when absent. All others are the clients'
    #[arg(long, global = true, value_name = "CPU")]
    pub server_cpu: Option<usize>,
    /// Microseconds that clients go on looking before they sleep: waking them is charged to whoever sends
    #[arg(long, global = true, value_name = "MICROSECONDS", default_value_t = AWAKE_US)]
    pub awake_us: u64,
    /// Print one JSON object instead of tables
    #[arg(long, global = true)]
    pub json: bool,
}

/// The same, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bench {
    /// This binary: it is also the raw sender.
    pub own_binary: PathBuf,
    /// The server's binary.
    pub server: PathBuf,
    /// Where data directories are made.
    pub directory: PathBuf,
    /// How long a side is measured in a round.
    pub measured: Duration,
    /// How long it runs before.
    pub warmup: Duration,
    /// How often both sides are measured.
    pub rounds: usize,
    /// How long clients go on looking before they sleep.
    pub awake_us: u64,
    /// Which processor is whose.
    pub placement: Placement,
}

impl Bench {
    /// Checks the settings, and moves the calling thread to the clients' processors.
    ///
    /// # Errors
    ///
    /// Settings that make no run.
    pub fn new(settings: &Settings) -> Result<Self> {
        ensure!(settings.rounds > 0, "--rounds must be at least 1");
        let own_binary = env::current_exe().context("finding this binary")?;
        let directory = settings.directory.clone().unwrap_or_else(env::temp_dir);
        ensure!(directory.is_dir(), "--directory {} is no directory", directory.display());
        let placement = Placement::choose(settings.server_cpu)?;
        placement.join_clients().context("moving to the clients' processors")?;
        Ok(Self {
            server: settings.server.clone().unwrap_or_else(|| beside(&own_binary)),
            measured: seconds("--seconds", settings.seconds, 0.1)?,
            warmup: seconds("--warmup-seconds", settings.warmup_seconds, 0.0)?,
            rounds: settings.rounds,
            awake_us: settings.awake_us,
            own_binary,
            directory,
            placement,
        })
    }

    /// Fails with what to do when there is no server to measure.
    ///
    /// # Errors
    ///
    /// See above.
    pub fn require_server(&self) -> Result<()> {
        ensure!(
            self.server.is_file(),
            "there is no server at {}: build it with `cargo build --release -p tailwater`, or name it with --server",
            self.server.display()
        );
        Ok(())
    }

    /// Whether the data directories lie in memory, where a sync costs nothing and proves nothing.
    pub fn is_in_memory(&self) -> bool {
        /// `TMPFS_MAGIC` of statfs(2).
        const TMPFS: i64 = 0x0102_1994;
        rustix::fs::statfs(&self.directory).is_ok_and(|found| found.f_type == TMPFS)
    }
}

fn seconds(name: &str, given: f64, min: f64) -> Result<Duration> {
    ensure!((min..=86_400.0).contains(&given), "{name} must be between {min} and 86,400");
    Ok(Duration::from_secs_f64(given))
}

/// The server's binary as cargo lays it: in the same directory, or one above for a binary of tests and examples.
fn beside(own_binary: &Path) -> PathBuf {
    let directory = own_binary.parent().unwrap_or(Path::new("."));
    directory.join("tailwater")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn parse(words: &str) -> Settings {
        Line::try_parse_from(format!("bench {words}").split_whitespace()).unwrap().settings
    }

    #[test]
    fn settings_that_make_no_run() {
        for words in
            ["--rounds 0", "--seconds 0", "--seconds NaN", "--warmup-seconds -1", "--directory /nowhere/at/all"]
        {
            assert!(Bench::new(&parse(&words.replace(" -1", "=-1"))).is_err(), "{words}");
        }
    }

    #[test]
    fn a_missing_server_is_explained() {
        // On a thread of its own, which is moved to the clients' processors.
        let worker = std::thread::spawn(|| {
            let Ok(bench) = Bench::new(&parse("--server /nowhere/tailwater --seconds 2.5")) else {
                return;
            };
            assert_eq!(bench.measured, Duration::from_millis(2500));
            let said = bench.require_server().unwrap_err().to_string();
            assert!(said.contains("/nowhere/tailwater") && said.contains("cargo build"), "{said}");
        });
        worker.join().unwrap();
    }

    #[test]
    fn the_server_is_beside_this_binary() {
        assert_eq!(beside(Path::new("/t/release/tailwater-bench")), Path::new("/t/release/tailwater"));
    }
}
