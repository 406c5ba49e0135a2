//! What the kernel says about a process and a processor: CPU time, memory, steal.
//!
//! Owns the reading of `/proc`, see proc(5). Never averages: a figure is the difference of two looks. Tests are below, on the
//! texts and on this process.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all its threads, in clock ticks.
    pub cpu_ticks: u64,
    /// Resident memory (`VmRSS`), with the pages of mapped files.
    pub rss_bytes: u64,
    /// Resident memory that is no file's (`RssAnon`): what the process has allocated.
    pub anon_bytes: u64,
}

impl Usage {
    /// The process with this id as it is now.
    ///
    /// # Errors
    ///
    /// When there is no such process, or `/proc` is not what proc(5) says.
    pub fn of(pid: u32) -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            fs::read_to_string(&path).with_context(|| format!("reading {path}: has the process ended?"))
        };
        let status = read("status")?;
        let kib = |key| kib_of(&status, key).with_context(|| format!("/proc/{pid}/status has no {key}"));
        Ok(Self {
            cpu_ticks: process_ticks(&read("stat")?).with_context(|| format!("/proc/{pid}/stat has no CPU times"))?,
            rss_bytes: kib("VmRSS")? * 1024,
            anon_bytes: kib("RssAnon")? * 1024,
        })
    }

    /// CPU time used since an earlier look.
    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        ticks(self.cpu_ticks.saturating_sub(earlier.cpu_ticks))
    }
}

/// One processor's time at one moment, in clock ticks since the machine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// Time spent on anything: processes, interrupts, the kernel's own threads.
    pub busy_ticks: u64,
    /// Time something was to be done and another machine on the same hardware had the processor.
    pub steal_ticks: u64,
}

impl Processor {
    /// The processor with this number as it is now.
    ///
    /// # Errors
    ///
    /// When `/proc/stat` has no such processor.
    pub fn of(cpu: usize) -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
        processor(&stat, cpu).with_context(|| format!("/proc/stat has no cpu{cpu}"))
    }

    /// Busy and stolen time since an earlier look.
    pub fn since(&self, earlier: &Self) -> (Duration, Duration) {
        let busy = self.busy_ticks.saturating_sub(earlier.busy_ticks);
        let steal = self.steal_ticks.saturating_sub(earlier.steal_ticks);
        (ticks(busy), ticks(steal))
    }
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// `utime + stime` of `/proc/PID/stat`: the fields 14 and 15, where field 2 is a name that may contain anything.
fn process_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// The value of `key` in `/proc/PID/status`, in KiB.
fn kib_of(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The line of one processor: user, nice, system, idle, iowait, irq, softirq, steal. Guest time is part of user time.
fn processor(stat: &str, cpu: usize) -> Option<Processor> {
    let name = format!("cpu{cpu}");
    let line = stat.lines().find(|line| line.split_ascii_whitespace().next() == Some(&name))?;
    let fields: Option<Vec<u64>> = line.split_ascii_whitespace().skip(1).map(|field| field.parse().ok()).collect();
    match fields?[..] {
        [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] => {
            Some(Processor { busy_ticks: user + nice + system + irq + softirq, steal_ticks: steal })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_of_a_process() {
        let tail = "S 1 2 3 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 6 0 1000 0 0";
        let table = [
            (format!("42 (tailwater) {tail}"), Some(300)),
            (format!("42 (odd) na me) {tail}"), Some(300)),
            ("42 (short) S 1 2 3".to_owned(), None),
            ("no parenthesis".to_owned(), None),
            (format!("42 (x) {tail}").replace("250", "ten"), None),
        ];
        for (stat, expected) in table {
            assert_eq!(process_ticks(&stat), expected, "{stat}");
        }
    }

    #[test]
    fn memory_of_a_process() {
        let status = "Name:\tx\nVmRSSX:\t 1 kB\nVmRSS:\t    2048 kB\nRssAnon:\t 512 kB\nThreads:\t3\n";
        let table = [("VmRSS", Some(2048)), ("RssAnon", Some(512)), ("VmSwap", None), ("Threads", None)];
        for (key, expected) in table {
            assert_eq!(kib_of(status, key), expected, "{key}");
        }
    }

    #[test]
    fn time_of_a_processor() {
        let stat =
            "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 10 1 20 500 3 2 4 6 0 0\ncpu10 1 1 1 1 1 1 1 1 0 0\ncpu2 1 2\nintr 5\n";
        let zero = Processor { busy_ticks: 37, steal_ticks: 6 };
        let table = [(0, Some(zero)), (10, Some(Processor { busy_ticks: 5, steal_ticks: 1 })), (1, None), (2, None)];
        for (cpu, expected) in table {
            assert_eq!(processor(stat, cpu), expected, "cpu{cpu}");
        }
    }

    #[test]
    fn this_process_is_found() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.rss_bytes >= usage.anon_bytes && usage.anon_bytes > 0);
        assert_eq!(usage.cpu_since(&usage), Duration::ZERO);
        assert!(Usage::of(u32::MAX).is_err());
    }
}
