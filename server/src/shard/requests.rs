//! What one connection has asked for and nobody has answered yet.
//!
//! Owns the order of requests and how many may wait. They outlive their connection: what a client asked for before it
//! closed is done, although it is not there to hear of it. Never understands a request. Tested by
//! `server/tests/streamr/`.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::protocol::Conversation;

/// Bytes of requests that may wait; beyond that the connection is not read until some are answered.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Requests that may wait, however short.
const REQUESTS_MAX: usize = 4_096;

/// See the module.
pub(crate) struct Requests {
    pub(crate) conversation: Rc<dyn Conversation>,
    waiting: RefCell<Vec<String>>,
    waiting_bytes: Cell<usize>,
    /// A task answers them.
    answering: Cell<bool>,
}

impl Requests {
    pub(crate) fn new(conversation: Rc<dyn Conversation>) -> Self {
        Self { conversation, waiting: RefCell::default(), waiting_bytes: Cell::new(0), answering: Cell::new(false) }
    }

    /// Files a request.
    pub(crate) fn ask(&self, request: String) {
        self.waiting_bytes.set(self.waiting_bytes.get() + request.len());
        self.waiting.borrow_mut().push(request);
    }

    /// Whether so much is asked that nothing more is read for now.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting_bytes.get() >= REQUEST_BYTES_MAX || self.waiting.borrow().len() >= REQUESTS_MAX
    }

    /// Whether the caller is to answer them: only one does at a time, so that they are answered in their order.
    pub(crate) fn begin(&self) -> bool {
        !self.answering.replace(true)
    }

    /// Takes all that wait, in order. With `None` the caller answers them no longer.
    pub(crate) fn take(&self) -> Option<Vec<String>> {
        self.waiting_bytes.set(0);
        let taken = self.waiting.take();
        self.answering.set(!taken.is_empty());
        self.answering.get().then_some(taken)
    }
}
