//! A connection that carries many streams and takes requests while they run.
//!
//! Owns the readings of such a connection and the order in which they get their turns. Only the reading at the head of the
//! line can stand within a frame. Never understands a request: that is the dialect's
//! [`Conversation`](super::protocol::Conversation). Tested by `server/tests/streamr/`.

use std::{collections::VecDeque, rc::Rc, task::Waker};

use super::{
    protocol::StreamProtocol,
    reading::Reading,
    requests::Requests,
    slots::{Slots, Token},
};

/// Places of the line that are kept while nobody stands in it: everybody does when a client subscribes, and few do from then on.
const PLACES_KEPT: usize = 64;

/// See the module.
pub(crate) struct Session {
    pub(crate) protocol: Rc<dyn StreamProtocol>,
    pub(crate) requests: Rc<Requests>,
    readings: Slots<Reading>,
    /// Readings that may have something to send; the first one is served.
    line: VecDeque<Token>,
    /// The task that waits until everything said so far is sent.
    pub(crate) unsaid: Option<Waker>,
}

impl Session {
    pub(crate) fn new(protocol: Rc<dyn StreamProtocol>, requests: Rc<Requests>) -> Self {
        Self { protocol, requests, readings: Slots::new(), line: VecDeque::new(), unsaid: None }
    }

    /// Adds a reading at the end of the line.
    pub(crate) fn add(&mut self, reading: Reading) -> Token {
        let id = self.readings.insert_with(|_| reading);
        self.join_line(id);
        id
    }

    pub(crate) fn get_mut(&mut self, id: Token) -> Option<&mut Reading> {
        self.readings.get_mut(id)
    }

    pub(crate) fn remove(&mut self, id: Token) -> Option<Reading> {
        self.leave_line(id);
        self.readings.remove(id)
    }

    /// Every reading's id.
    pub(crate) fn ids(&self) -> Vec<Token> {
        self.readings.tokens()
    }

    /// The reading whose turn it is.
    pub(crate) fn first(&mut self) -> Option<(Token, &mut Reading)> {
        let id = *self.line.front()?;
        self.readings.get_mut(id).map(|reading| (id, reading))
    }

    /// Whether a reading has something to do.
    pub(crate) fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// Whether more than one has.
    pub(crate) fn is_shared(&self) -> bool {
        self.line.len() > 1
    }

    /// The first reading lets the others pass, if it stands between two frames.
    pub(crate) fn rotate(&mut self) {
        if self.is_shared() && self.first().is_some_and(|(_, reading)| reading.at_boundary()) {
            self.line.rotate_left(1);
        }
    }

    /// Puts a reading at the end of the line, unless it stands there.
    pub(crate) fn join_line(&mut self, id: Token) {
        if let Some(reading) = self.readings.get_mut(id)
            && !std::mem::replace(&mut reading.in_line, true)
        {
            self.line.push_back(id);
        }
    }

    /// Takes a reading out of the line.
    pub(crate) fn leave_line(&mut self, id: Token) {
        let Some(reading) = self.readings.get_mut(id) else {
            return;
        };
        if !std::mem::take(&mut reading.in_line) {
            return;
        }
        if self.line.front() == Some(&id) {
            self.line.pop_front();
        } else {
            self.line.retain(|other| *other != id);
        }
        if self.line.is_empty() && self.line.capacity() > PLACES_KEPT {
            self.line = VecDeque::new();
        }
    }
}
