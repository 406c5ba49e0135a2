//! Turns of streams that are tasks of their own.
//!
//! Owns the line they stand in. The executor runs whoever is ready in the order in which they became so: a thousand streams that
//! are always ready would keep a publisher waiting for all of them at each of its steps. So only a few of them are ready at a
//! time, and everybody else comes between. One that goes gives up its place. Tested at the end of this file and by `server/tests/fauna/http2.rs`; measured by `fanout` of `bench/`.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

/// Streams that are called up together: about a millisecond of large sends.
const CALLED_TOGETHER: usize = 16;

/// See the module.
#[derive(Default)]
pub(super) struct Turns {
    /// By the numbers they were given when they came, so that each can be found.
    line: RefCell<BTreeMap<u64, Place>>,
    last: Cell<u64>,
}

struct Place {
    is_called: Rc<Cell<bool>>,
    waker: Waker,
}

/// Somebody who waits, or has just been called.
struct Standing<'a> {
    turns: &'a Turns,
    is_called: Rc<Cell<bool>>,
    /// Its place, once it has one.
    number: Option<u64>,
}

impl Drop for Standing<'_> {
    /// Whoever goes before it is called gives up its place: another is called instead.
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let _place = self.turns.line.borrow_mut().remove(&number);
        }
    }
}

impl Turns {
    /// Waits in line.
    pub(super) async fn wait(&self) {
        let mut standing = Standing { turns: self, is_called: Rc::default(), number: None };
        poll_fn(|cx| {
            if standing.is_called.get() {
                return Poll::Ready(());
            }
            if standing.number.is_none() {
                let place = Place { is_called: standing.is_called.clone(), waker: cx.waker().clone() };
                standing.number = Some(self.join(place));
            }
            Poll::Pending
        })
        .await;
    }

    fn join(&self, place: Place) -> u64 {
        self.last.set(self.last.get() + 1);
        self.line.borrow_mut().insert(self.last.get(), place);
        self.last.get()
    }

    /// Calls up the first in line.
    pub(super) fn call(&self) {
        let mut called = Vec::new();
        while called.len() < CALLED_TOGETHER
            && let Some((_, place)) = self.line.borrow_mut().pop_first()
        {
            called.push(place);
        }
        // To wake one may be to end it, and with it another's place.
        for place in called {
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

    #[test]
    fn whoever_goes_gives_up_its_place_to_the_next() {
        let turns = Turns::default();
        let mut waiting: Vec<_> = (0..CALLED_TOGETHER + 3).map(|_| Box::pin(turns.wait())).collect();
        let is_called = |wait: &mut _| future::block_on(future::poll_once(wait)).is_some();
        assert!(!waiting.iter_mut().any(is_called));
        // From the front, from the middle, and the last.
        for gone in [0, 5, CALLED_TOGETHER] {
            drop(waiting.remove(gone));
        }
        assert_eq!(turns.line.borrow().len(), CALLED_TOGETHER);
        turns.call();
        assert!(turns.is_empty());
        // One that has been called and goes takes nobody's place.
        drop(waiting.remove(0));
        assert!(waiting.iter_mut().all(is_called));
        drop(turns.wait());
        assert!(turns.is_empty(), "one that has not begun to wait stands nowhere");
    }
}
