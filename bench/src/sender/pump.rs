//! The sender's loop: every ready socket gets one `send` in its turn.
//!
//! Owns turns and nothing else: no request, no frame, no timer but the pace. A socket leaves the round when the kernel takes
//! less than it was offered, and comes back with the edge that says there is room.

use std::{
    collections::VecDeque,
    net::TcpStream,
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use memmap2::Mmap;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::OwnedFd,
    io::Errno,
    net::{SendFlags, send},
};

use super::{SendPlan, Sent, sockets, stored::Stored};
use crate::sys;

/// The token of standard input.
const INPUT: u64 = u64::MAX;

/// Readiness reports taken at once.
const EVENTS_MAX: usize = 1024;

pub(super) struct Pump {
    epoll: OwnedFd,
    events: Vec<Event>,
    sockets: Vec<TcpStream>,
    /// Where each socket's next range begins.
    offsets: Vec<usize>,
    /// Who has a turn coming, and whether each socket is among them.
    ready: VecDeque<usize>,
    queued: Vec<bool>,
    map: Mmap,
    range_bytes: usize,
    /// What a range is instead of a part of the map, where it is stored before it is sent.
    stored: Option<Stored>,
    sent: Sent,
    input_ended: bool,
}

impl Pump {
    pub(super) fn new(plan: &SendPlan, sockets: Vec<TcpStream>, stored: Option<Stored>) -> Result<Self> {
        let span_bytes = plan.span_bytes.unwrap_or(plan.range_bytes).max(plan.range_bytes);
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("creating an epoll instance")?;
        epoll::add(&epoll, std::io::stdin(), EventData::new_u64(INPUT), EventFlags::IN)
            .context("watching standard input")?;
        for (index, socket) in sockets.iter().enumerate() {
            sockets::watch(&epoll, socket, index as u64).context("watching a socket")?;
        }
        Ok(Self {
            epoll,
            events: Vec::with_capacity(EVENTS_MAX),
            offsets: vec![0; sockets.len()],
            queued: vec![false; sockets.len()],
            sockets,
            ready: VecDeque::new(),
            map: filled_map(span_bytes).context("mapping a file to send from")?,
            range_bytes: plan.range_bytes,
            stored,
            sent: Sent::default(),
            input_ended: false,
        })
    }

    /// Sends until standard input ends.
    pub(super) fn run(mut self, plan: &SendPlan) -> Result<Sent> {
        match plan.rate_per_s {
            Some(rate) => {
                let sockets_per_beat = plan.sockets_per_beat.unwrap_or(self.sockets.len());
                self.run_paced(Duration::from_secs_f64(1.0 / rate), sockets_per_beat)?;
            }
            None => self.run_saturated()?,
        }
        let syncs = self.stored.map(|stored| stored.syncs()).unwrap_or_default();
        Ok(Sent { syncs, ..self.sent })
    }

    fn run_saturated(&mut self) -> Result<()> {
        while !self.input_ended {
            let timeout = if self.ready.is_empty() { None } else { Some(Duration::ZERO) };
            self.collect(timeout)?;
            for _ in 0..self.ready.len() {
                let Some(index) = self.ready.pop_front() else { break };
                self.queued[index] = self.send(index)?;
                if self.queued[index] {
                    self.ready.push_back(index);
                }
            }
        }
        Ok(())
    }

    /// One range to so many sockets at each beat, going round; what a socket does not take is not made up for.
    fn run_paced(&mut self, beat: Duration, sockets_per_beat: usize) -> Result<()> {
        let (started, started_us) = (Instant::now(), unix_us());
        let mut due = started;
        let mut round = (0..self.sockets.len()).cycle();
        while !self.input_ended {
            due += beat;
            self.wait_until(due)?;
            if let Some(stored) = &mut self.stored {
                // It was published when it was due, however late it is looked at.
                let published_us = started_us + (due - started).as_micros() as u64;
                stored.append(published_us).context("appending to the log")?;
            }
            for index in round.by_ref().take(sockets_per_beat) {
                self.send(index)?;
            }
        }
        Ok(())
    }

    /// Sleeps, and looks whether standard input has ended. Who is writable is not asked: a beat goes to whoever is next. The kernel waits for
    /// readiness in whole milliseconds only, and would be late by half of one on average: the rest is slept.
    fn wait_until(&mut self, due: Instant) -> Result<()> {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let whole = Duration::from_millis(left.as_millis() as u64);
            self.collect(Some(whole))?;
            if left.is_zero() || self.input_ended {
                return Ok(());
            }
            if whole.is_zero() {
                thread::sleep(left);
            }
        }
    }

    fn collect(&mut self, timeout: Option<Duration>) -> Result<()> {
        let timeout = timeout.map(Timespec::try_from).transpose().context("a pace of years")?;
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for readiness"),
        }
        for event in &self.events {
            match event.data.u64() {
                INPUT => self.input_ended = true,
                index => {
                    let queued = &mut self.queued[index as usize];
                    if !std::mem::replace(queued, true) {
                        self.ready.push_back(index as usize);
                    }
                }
            }
        }
        Ok(())
    }

    /// One send; whether the kernel took all of it. What was stored must be sent whole: half a message is none.
    fn send(&mut self, index: usize) -> Result<bool> {
        let offset = self.offsets[index];
        let range = match &self.stored {
            Some(stored) => stored.frame(),
            None => &self.map[offset..offset + self.range_bytes],
        };
        let taken = match send(&self.sockets[index], range, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(taken) => taken,
            Err(Errno::AGAIN) if self.stored.is_none() => {
                self.sent.refused += 1;
                return Ok(false);
            }
            // The drain leaves before it ends our input: from then on nothing is measured any more.
            Err(Errno::PIPE | Errno::CONNRESET) => return Ok(false),
            Err(error) => bail!("sending: {error}"),
        };
        ensure!(self.stored.is_none() || taken == range.len(), "a socket took {taken} of {} bytes", range.len());
        self.sent.sends += 1;
        self.sent.bytes += taken as u64;
        self.sent.short += u64::from(taken < range.len());
        let is_whole = taken == range.len();
        self.offsets[index] = advanced(offset, taken, self.map.len() - self.range_bytes);
        Ok(is_whole)
    }
}

/// Microseconds since the Unix epoch.
fn unix_us() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros() as u64)
}

/// The next offset: onwards, and from the start again where no whole range would be left.
fn advanced(offset: usize, taken: usize, last: usize) -> usize {
    let next = offset + taken;
    if next > last { 0 } else { next }
}

/// A mapped file without a name, every page of it there.
fn filled_map(bytes: usize) -> std::io::Result<Mmap> {
    let file = tempfile::tempfile()?;
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0x5a; bytes], 0)?;
    let map = sys::map(&file)?;
    map.advise(memmap2::Advice::PopulateRead)?;
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_walk_through_the_span() {
        let table = [(0, 10, 0, 0), (0, 10, 90, 10), (80, 10, 90, 90), (85, 10, 90, 0), (90, 10, 90, 0)];
        for (offset, taken, last, expected) in table {
            assert_eq!(advanced(offset, taken, last), expected, "{offset} + {taken} of {last}");
        }
    }

    #[test]
    fn the_map_is_filled() {
        let map = filled_map(10_000).unwrap();
        assert!(map.len() == 10_000 && map.iter().all(|byte| *byte == 0x5a));
    }
}
