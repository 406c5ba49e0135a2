//! Turns of streams that are tasks of their own.
//!
//! Owns the line they stand in. The executor runs whoever is ready in the order in which they became so: a thousand streams that
//! are always ready would keep a publisher waiting for all of them at each of its steps. So only a few of them are ready at a
//! time, and everybody else comes between. Tested by `server/tests/fauna/http2.rs`; measured by `fanout` of `bench/`.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

/// Streams that are called up together: about a millisecond of large sends.
const CALLED_TOGETHER: usize = 16;

/// See the module.
#[derive(Default)]
pub(super) struct Turns {
    line: RefCell<VecDeque<Place>>,
}

struct Place {
    is_called: Rc<Cell<bool>>,
    waker: Waker,
}

impl Turns {
    /// Waits in line.
    pub(super) async fn wait(&self) {
        let is_called = Rc::new(Cell::new(false));
        let mut stands = false;
        poll_fn(|cx| {
            if is_called.get() {
                return Poll::Ready(());
            }
            if !std::mem::replace(&mut stands, true) {
                let place = Place { is_called: is_called.clone(), waker: cx.waker().clone() };
                self.line.borrow_mut().push_back(place);
            }
            Poll::Pending
        })
        .await;
    }

    /// Calls up the first in line.
    pub(super) fn call(&self) {
        let mut line = self.line.borrow_mut();
        let called = CALLED_TOGETHER.min(line.len());
        for place in line.drain(..called) {
            place.is_called.set(true);
            place.waker.wake();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future;

    use super::*;

    #[test]
    fn whoever_comes_first_is_called_first_and_few_at_a_time() {
        let turns = Turns::default();
        let mut waiting: Vec<_> = (0..CALLED_TOGETHER + 2).map(|number| (number, Box::pin(turns.wait()))).collect();
        let mut called = || {
            turns.call();
            let mut called: Vec<usize> = Vec::new();
            waiting.retain_mut(|(number, wait)| {
                let is_called = future::block_on(future::poll_once(wait)).is_some();
                if is_called {
                    called.push(*number);
                }
                !is_called
            });
            called
        };
        assert_eq!(called(), Vec::<usize>::new(), "nobody stood in line yet");
        assert_eq!(called(), (0..CALLED_TOGETHER).collect::<Vec<_>>());
        assert_eq!(called(), [CALLED_TOGETHER, CALLED_TOGETHER + 1]);
        assert!(turns.is_empty());
    }
}
