//! The engine: one thread, one epoll instance, all connections.
//!
//! It opens connections along the ramp, does what readiness asks of each, and every few milliseconds looks at the clock
//! (`clock`). Whether it sleeps in between is `awake`'s. Decoding takes turns of two milliseconds, so that openings and drained connections never wait for it. Nothing
//! is allocated and no lock is taken per event. What a connection does with its bytes is `connection`'s business; what the
//! figures mean is `report`'s. Tests: `tests/subscribe.rs`.

mod awake;
mod clock;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use self::awake::Awake;
use crate::{
    control::{Control, Phase},
    error::Error,
    subscribe::{
        checked::CheckedStream,
        checks::Checks,
        config::{Plan, SubscribeConfig},
        connection::{Connection, Outcome, Shared},
        handshake,
        opening::Opening,
        outbox,
        report::{Outcomes, SubscribeReport},
        roles::{self, Role},
        tally::{self, Tally},
        window::{Mark, Measured, Opener},
    },
    sys::{
        poll::{Interest, Poller, Ready},
        process, socket,
    },
    tls::Wire,
};

/// Between looks at the clock.
const TICK: Duration = Duration::from_millis(20);

/// Time for waiting connections before readiness is asked for again.
const TURN: Duration = Duration::from_millis(2);

/// Connections being opened at once, so that no listener's backlog overflows.
const OPENING_MAX: usize = 256;

/// Between a drop and the attempt to come back.
const RECONNECT_DELAY: Duration = Duration::from_millis(100);

/// Readiness reports taken at once.
const READY_MAX: usize = 1024;

pub(crate) struct Engine<'a> {
    config: &'a SubscribeConfig,
    control: &'a Control,
    plan: Plan,
    poller: Poller,
    connections: Vec<Connection>,
    shared: Shared,
    tally: Tally,
    opener: Opener,
    awake: Awake,
    started: Instant,
    next_tick: Instant,
    /// Connections begun along the ramp.
    begun: usize,
    /// Sockets being opened, and open.
    opening: usize,
    open: usize,
    ramp_seconds: Option<f64>,
    begin: Option<Mark>,
    /// Connections with more to read, in turn.
    queue: VecDeque<usize>,
    retries: VecDeque<(Instant, usize)>,
}

impl<'a> Engine<'a> {
    /// Prepares a run; nothing is connected yet.
    pub fn new(config: &'a SubscribeConfig, control: &'a Control) -> Result<Self, Error> {
        let plan = config.plan()?;
        process::reserve_descriptors(config.connections)?;
        let speeches: Vec<_> = config.say.iter().map(|texts| outbox::speech(texts)).collect();
        let new_connection = |(index, role)| {
            let checks = || Checks::new(config.cursor, config.events);
            let checked = (role == Role::Checked).then(|| CheckedStream::new(checks()));
            let speech = speeches.get(index % speeches.len().max(1)).cloned();
            Connection::new(role, plan.target.scheme, speech, checked)
        };
        let roles = roles::assign(config.connections, plan.sample, config.stall);
        let now = Instant::now();
        Ok(Self {
            connections: roles.into_iter().enumerate().map(new_connection).collect(),
            poller: Poller::new(READY_MAX).map_err(Error::io("creating an epoll instance"))?,
            shared: Shared::new(),
            tally: Tally::default(),
            opener: Opener::new(config.window),
            awake: Awake::new(Duration::from_micros(config.awake_us)),
            started: now,
            next_tick: now,
            begun: 0,
            opening: 0,
            open: 0,
            ramp_seconds: None,
            begin: None,
            queue: VecDeque::new(),
            retries: VecDeque::new(),
            config,
            control,
            plan,
        })
    }

    /// Runs until something ends the run, and reports.
    pub fn run(mut self) -> Result<SubscribeReport, Error> {
        let mut ready = Vec::with_capacity(READY_MAX);
        while !self.tick_ends_the_run() {
            self.follow_ramp();
            let looks_again = !self.queue.is_empty() || self.awake.looks_again();
            let timeout = if looks_again { Duration::ZERO } else { TICK };
            let reports = self.poller.wait(timeout);
            ready.clear();
            ready.extend(reports.map_err(Error::io("waiting for readiness"))?);
            if !ready.is_empty() {
                self.awake.heard();
            }
            let turn_ends = Instant::now() + TURN;
            for report in &ready {
                self.ready(*report, turn_ends);
            }
            self.read_queued(turn_ends);
        }
        Ok(self.finish())
    }

    /// Gives waiting connections their turn: at least one, and others for as long as new readiness can wait.
    fn read_queued(&mut self, turn_ends: Instant) {
        while let Some(index) = self.queue.pop_front() {
            let connection = &mut self.connections[index];
            connection.is_queued = false;
            // What was reported with the edge is not known any more: read to the end.
            let outcome = connection.read(true, &mut self.shared);
            self.took_effect(index, outcome);
            if Instant::now() >= turn_ends {
                break;
            }
        }
    }

    fn enqueue(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.is_queued {
            connection.is_queued = true;
            self.queue.push_back(index);
        }
    }

    /// Begins the connections that are due.
    fn follow_ramp(&mut self) {
        let elapsed_s = self.started.elapsed().as_secs_f64();
        let due = roles::begun_by(elapsed_s, self.config.ramp_per_s, self.connections.len());
        while self.begun < due && self.opening < OPENING_MAX {
            self.begin(self.begun, self.config.cursor);
            self.begun += 1;
        }
    }

    /// Begins to open one connection.
    fn begin(&mut self, index: usize, cursor: Option<u64>) {
        self.opening += 1;
        if let Err(error) = self.connect(index, cursor) {
            self.took_effect(index, Outcome::Failed(format!("connect: {}", error.kind())));
        }
    }

    fn connect(&mut self, index: usize, cursor: Option<u64>) -> std::io::Result<()> {
        let config = self.config;
        let source = self.plan.sources.map(|sources| sources.address(index));
        let socket = socket::connect(self.plan.peer, source, config.receive_buffer_bytes)?;
        let wire = Wire::new(socket, self.plan.tls.as_ref())?;
        let connection = &mut self.connections[index];
        let token = token(index, connection.generation);
        self.poller.add(wire.socket(), token, Interest::Traffic)?;
        let key = handshake::key(process::random());
        let bodies = &config.bodies;
        let body = (!bodies.is_empty()).then(|| &*bodies[index % bodies.len()]);
        let request = match config.opening.is_empty() {
            true => handshake::request(&self.plan.target, cursor, &config.headers, body, &key),
            false => config.opening.clone(),
        };
        let deadline = Instant::now() + Duration::from_millis(config.open_timeout_ms);
        let scheme = self.plan.target.scheme;
        connection.begin(Opening::new(wire, deadline, scheme, key, request));
        Ok(())
    }

    fn ready(&mut self, ready: Ready, turn_ends: Instant) {
        let index = (ready.token & u64::from(u32::MAX)) as usize;
        let connection = &mut self.connections[index];
        if token(index, connection.generation) != ready.token {
            return;
        }
        let (was_open, was_opened) = (connection.socket().is_some(), connection.was_opened);
        let was_speaking = connection.is_speaking();
        let mut outcome = connection.ready(ready, self.config.message_bytes_max, &mut self.shared);
        // In the order of the reports while time allows, so that no connection's latency is flattered.
        if outcome == Outcome::Again && Instant::now() < turn_ends {
            outcome = connection.read(true, &mut self.shared);
        }
        let is_open = connection.socket().is_some();
        let falls_silent = is_open && !connection.is_speaking() && (was_speaking || !was_open);
        if !was_open && is_open {
            self.opened(was_opened);
        }
        if falls_silent {
            self.said_everything(index);
        }
        self.took_effect(index, outcome);
    }

    fn opened(&mut self, was_opened: bool) {
        self.opening -= 1;
        self.open += 1;
        match was_opened {
            false => self.tally.opened += 1,
            true => self.tally.reconnected += 1,
        }
    }

    /// A stalled connection is watched for its end only, once it need not be told any more that there is room to send.
    fn said_everything(&mut self, index: usize) {
        let connection = &self.connections[index];
        if let (Role::Stalled, Some(socket)) = (connection.role, connection.socket()) {
            let token = token(index, connection.generation);
            // Should this fail, the connection is reported readable and still not read.
            let _ = self.poller.modify(socket, token, Interest::EndOnly);
        }
    }

    /// Does what an outcome asks for.
    fn took_effect(&mut self, index: usize, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Again | Outcome::Opened => self.enqueue(index),
            Outcome::Done => {
                self.tally.completed += 1;
                self.open -= 1;
                self.connections[index].leave();
            }
            Outcome::Closed(reason) => {
                tally::count(&mut self.tally.closed, reason);
                self.open -= 1;
                self.lost(index);
            }
            Outcome::Failed(reason) => {
                let reasons = match self.connections[index].was_opened {
                    false => &mut self.tally.failed,
                    true => &mut self.tally.reconnect_failed,
                };
                tally::count(reasons, reason);
                self.opening -= 1;
                self.lost(index);
            }
        }
    }

    /// Closes a socket that is of no use any more, and plans to come back where that is asked for.
    fn lost(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.drop_socket();
        if self.config.resume && connection.was_opened && connection.role == Role::Checked {
            self.retries.push_back((Instant::now() + RECONNECT_DELAY, index));
        }
    }

    fn finish(mut self) -> SubscribeReport {
        let end = Mark::now(self.totals(), self.awake.in_vain());
        let until_seq = self.until_seq();
        let report = Outcomes {
            config: self.config,
            connections: &self.connections,
            tally: self.tally,
            ramp_seconds: self.ramp_seconds,
            measured: Measured::between(&self.opener, self.begin, end),
            latency: self.shared.latency.report(),
            tls: self.plan.tls.as_ref().map(|client| self.shared.handshakes.report(client)),
            until_seq,
        }
        .report();
        for connection in &mut self.connections {
            connection.leave();
        }
        self.control.set_phase(Phase::Ended);
        report
    }
}

/// What a socket is registered with: its connection, and which of the connection's sockets it is.
fn token(index: usize, generation: u32) -> u64 {
    u64::from(generation) << 32 | index as u64
}
