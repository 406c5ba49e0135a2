//! One connection of a run: its role, where it is in its life, the bytes it has received.

use std::{rc::Rc, time::Instant};

use rustix::fd::OwnedFd;

use crate::{
    decode::{http_head::ResponseHead, stream::StreamDecoder},
    stats::Latency,
    subscribe::{
        checked::CheckedStream,
        drain::Drain,
        opening::{Opening, Progress},
        outbox::Outbox,
        roles::Role,
    },
    sys::{poll::Ready, socket::Discard},
    target::Scheme,
    tls::{Handshakes, Wire},
};

/// Bytes a checked connection receives at once.
const SCRATCH_BYTES: usize = 256 << 10;

/// What all connections of an engine use in turn.
pub(crate) struct Shared {
    pub scratch: Vec<u8>,
    pub discard: Discard,
    pub latency: Latency,
    pub handshakes: Handshakes,
}

impl Shared {
    pub fn new() -> Self {
        Self {
            scratch: vec![0; SCRATCH_BYTES],
            discard: Discard::new(),
            latency: Latency::default(),
            handshakes: Handshakes::default(),
        }
    }
}

/// What readiness led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Readiness is awaited.
    Nothing,
    /// There is more to do at once.
    Again,
    /// The stream has begun; it must be read at once, what came with the answer is no new edge.
    Opened,
    /// It could not be opened, for this reason.
    Failed(String),
    /// It is over, for this reason.
    Closed(String),
    /// It has had the events it was to have.
    Done,
}

/// Where a connection is in its life.
#[derive(Debug)]
enum Phase {
    Absent,
    Opening(Box<Opening>),
    Open(Wire),
}

/// One connection, over all its reconnections.
#[derive(Debug)]
pub(crate) struct Connection {
    pub role: Role,
    /// Distinguishes the present socket from earlier ones in readiness reports.
    pub generation: u32,
    /// Whether it was ever open.
    pub was_opened: bool,
    /// Stream bytes received.
    pub bytes: u64,
    /// The same when the window began.
    pub bytes_at_window: u64,
    /// Whether it waits for its turn to be read.
    pub is_queued: bool,
    /// Decoder and checks; present when the role is to be checked.
    pub checked: Option<Box<CheckedStream>>,
    drain: Drain,
    /// What it says each time it is opened.
    speech: Option<Rc<[u8]>>,
    outbox: Outbox,
    phase: Phase,
}

impl Connection {
    pub fn new(role: Role, scheme: Scheme, speech: Option<Rc<[u8]>>, checked: Option<CheckedStream>) -> Self {
        Self {
            role,
            generation: 0,
            was_opened: false,
            bytes: 0,
            bytes_at_window: 0,
            is_queued: false,
            checked: checked.map(Box::new),
            drain: Drain::new(scheme),
            speech,
            outbox: Outbox::default(),
            phase: Phase::Absent,
        }
    }

    /// Takes a socket that is connecting.
    pub fn begin(&mut self, opening: Opening) {
        self.phase = Phase::Opening(Box::new(opening));
    }

    /// Closes the socket, if there is one.
    pub fn drop_socket(&mut self) {
        self.phase = Phase::Absent;
        self.outbox.clear();
        self.generation = self.generation.wrapping_add(1);
    }

    /// The open socket.
    pub fn socket(&self) -> Option<&OwnedFd> {
        match &self.phase {
            Phase::Open(wire) => Some(wire.socket()),
            _ => None,
        }
    }

    /// Whether it is open and has something to send.
    pub fn is_speaking(&self) -> bool {
        !self.outbox.is_empty() || matches!(&self.phase, Phase::Open(wire) if wire.is_sending())
    }

    /// That it is being opened and should have been by `now`, as it is reported.
    pub fn overdue(&self, now: Instant) -> Option<String> {
        match &self.phase {
            Phase::Opening(opening) if opening.deadline <= now => Some(opening.overdue()),
            _ => None,
        }
    }

    /// Says good-bye where that is proper, and closes the socket.
    pub fn leave(&mut self) {
        if let (Phase::Open(wire), Some(checked)) = (&mut self.phase, &self.checked) {
            checked.leave(wire, &mut self.outbox);
        }
        self.drop_socket();
    }

    /// Does what the socket is ready for.
    pub fn ready(&mut self, ready: Ready, message_bytes_max: usize, shared: &mut Shared) -> Outcome {
        if let (Phase::Open(wire), true) = (&mut self.phase, ready.writable) {
            // Receiving reports what became of the connection.
            let _is_gone = wire.push();
            self.outbox.flush(|bytes| wire.send(bytes));
        }
        match &mut self.phase {
            Phase::Absent => Outcome::Nothing,
            Phase::Opening(opening) => match opening.advance(ready, shared) {
                Progress::Waiting => Outcome::Nothing,
                Progress::Failed(reason) => Outcome::Failed(reason),
                Progress::Granted => self.opened(message_bytes_max, shared),
            },
            Phase::Open(_) if self.role == Role::Stalled && ready.ended => Outcome::Closed("ended unread".into()),
            // Decoding takes its time: openings and drained connections go first.
            Phase::Open(_) if self.role == Role::Checked => Outcome::Again,
            Phase::Open(_) => self.read(ready.ended, shared),
        }
    }

    /// Reads what is there, as the role demands.
    pub fn read(&mut self, ended: bool, shared: &mut Shared) -> Outcome {
        let Phase::Open(wire) = &mut self.phase else {
            return Outcome::Nothing;
        };
        let (bytes, outbox) = (&mut self.bytes, &mut self.outbox);
        match (self.role, &mut self.checked, wire) {
            (Role::Checked, Some(checked), wire) => checked.read(wire, shared, bytes, outbox),
            (Role::Stalled, _, _) => Outcome::Nothing,
            (_, _, Wire::Plain(socket)) => self.drain.read(socket, ended, shared, bytes, outbox),
            (_, _, Wire::Tls(tls)) => self.drain.open(tls, ended, shared, bytes, outbox),
        }
    }

    fn opened(&mut self, message_bytes_max: usize, shared: &mut Shared) -> Outcome {
        let Phase::Opening(mut opening) = std::mem::replace(&mut self.phase, Phase::Absent) else {
            return Outcome::Nothing;
        };
        self.was_opened = true;
        let (head, begun) = opening.granted();
        self.bytes += begun.len() as u64;
        if let Some(speech) = &self.speech {
            self.outbox.say(speech);
        }
        let outcome = match (&mut self.checked, self.role) {
            (Some(checked), _) => {
                checked.begin(decoder(opening.scheme, &head, message_bytes_max));
                checked.feed(begun, &mut shared.latency, &mut self.outbox)
            }
            (None, Role::Drained) => self.drain.look(begun, false, &mut self.outbox),
            (None, _) => Outcome::Nothing,
        };
        let tail = self.drain.tail(begun);
        if let Wire::Tls(tls) = &mut opening.wire {
            tls.tail = tail;
        }
        self.outbox.flush(|bytes| opening.wire.send(bytes));
        self.phase = Phase::Open(opening.wire);
        match outcome {
            Outcome::Nothing => Outcome::Opened,
            ended => ended,
        }
    }
}

fn decoder(scheme: Scheme, head: &ResponseHead, message_bytes_max: usize) -> StreamDecoder {
    match scheme.has_frames() {
        true => StreamDecoder::web_socket(message_bytes_max),
        false => StreamDecoder::http(head, message_bytes_max),
    }
}
