//! One measurement of one side: connect everybody, wait for what the load waits for, set it going, warm up, look, wait, look again.
//!
//! Owns the order of these, the same for the server and for the raw sender. What is looked at is the caller's. Tested in
//! `bench/tests/sender.rs`.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tailwater_loadgen::{Control, Phase, SubscribeConfig, SubscribeReport, subscribe, subscribe::Window};

use crate::{
    bench::{Bench, SOURCES},
    load::Load,
};

/// Between looks at connections being opened.
const LOOK: Duration = Duration::from_millis(10);

/// Connections that take longer than this to be opened, all together, have failed.
const RAMP_TIMEOUT: Duration = Duration::from_secs(120);

/// What one measurement saw.
#[derive(Debug)]
pub struct Observed<T> {
    /// What the clients saw within the window.
    pub report: SubscribeReport,
    /// What the caller saw at its beginning.
    pub begin: T,
    /// And at its end.
    pub end: T,
}

/// `connections` to `url`, none of them checked, from many addresses, measured when told to.
pub fn drained(url: impl Into<String>, connections: usize) -> SubscribeConfig {
    SubscribeConfig {
        connections,
        sample: Some(0),
        sources: Some(SOURCES.into()),
        window: Window::Manual,
        open_timeout_ms: 60_000,
        ..SubscribeConfig::new(url)
    }
}

/// Measures one side.
///
/// # Errors
///
/// Connections that cannot be opened, a load or a look that fails, bytes that are not what they should be.
pub fn observe<T>(
    bench: &Bench,
    config: &SubscribeConfig,
    load: &dyn Load,
    look: impl FnMut() -> Result<T>,
) -> Result<Observed<T>> {
    let control = Control::default();
    let config = &SubscribeConfig { awake_us: bench.awake_us, ..config.clone() };
    let (report, looks) = thread::scope(|scope| {
        let drain = scope.spawn(|| subscribe::run(config, &control));
        let looks = measure(bench, config, &control, load, look);
        control.stop();
        let report = drain.join().map_err(|_| anyhow!("the drain panicked"))?;
        Ok::<_, anyhow::Error>((report?, looks))
    })?;
    let (begin, end) = looks.with_context(|| format!("connections: {:?}", report.connections))?;
    ensure!(report.verdict.ok, "{}: {:?}", report.url, report.verdict.violations);
    Ok(Observed { report, begin, end })
}

fn measure<T>(
    bench: &Bench,
    config: &SubscribeConfig,
    control: &Control,
    load: &dyn Load,
    mut look: impl FnMut() -> Result<T>,
) -> Result<(T, T)> {
    wait_until_open(config.connections, control)?;
    load.wait()?;
    thread::scope(|scope| {
        let running = scope.spawn(|| load.run(control));
        thread::sleep(bench.warmup);
        let looks = look().and_then(|begin| {
            control.begin_window();
            thread::sleep(bench.measured);
            Ok((begin, look()?))
        });
        load.stop();
        running.join().map_err(|_| anyhow!("the load panicked"))??;
        looks
    })
}

fn wait_until_open(connections: usize, control: &Control) -> Result<()> {
    let deadline = Instant::now() + RAMP_TIMEOUT;
    loop {
        let seen = control.snapshot();
        if seen.phase >= Phase::Ready && seen.open == connections as u64 {
            return Ok(());
        }
        if seen.failed > 0 || seen.phase == Phase::Ended || Instant::now() > deadline {
            bail!("{} of {connections} connections are open, {} have failed", seen.open, seen.failed);
        }
        thread::sleep(LOOK);
    }
}
