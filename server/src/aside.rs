//! A thread that one part of the server has to itself, started when it is first needed.
//!
//! Owns its start and its end, each once; never what it does. Tests: below, and those of the chain and of Fauna's databases.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
};

type Work = Arc<dyn Fn() + Send + Sync>;

enum State {
    NotStarted(Work),
    Running(JoinHandle<()>),
    Ended,
}

/// See the module.
pub(crate) struct Aside {
    name: &'static str,
    state: Mutex<State>,
}

impl Aside {
    /// A thread of this name that will do this, once.
    pub(crate) fn new(name: &'static str, work: impl Fn() + Send + Sync + 'static) -> Self {
        Self { name, state: Mutex::new(State::NotStarted(Arc::new(work))) }
    }

    /// Starts it unless it runs, or has ended.
    ///
    /// # Errors
    /// The system's; another attempt may succeed.
    pub(crate) fn start(&self) -> io::Result<()> {
        let mut state = self.lock();
        if let State::NotStarted(work) = &*state {
            let work = work.clone();
            *state = State::Running(Builder::new().name(self.name.to_owned()).spawn(move || work())?);
        }
        Ok(())
    }

    /// Wakes it and waits for its end; it is not started any more. Tell it to end before. `false` if it had failed.
    pub(crate) fn join(&self) -> bool {
        let before = std::mem::replace(&mut *self.lock(), State::Ended);
        match before {
            State::Running(running) => {
                running.thread().unpark();
                running.join().is_ok()
            }
            State::NotStarted(_) | State::Ended => true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // It is replaced in one step, so a poisoned lock still guards a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn it_starts_once_and_ends_once() {
        let (told, heard) = mpsc::sync_channel(2);
        let aside = Aside::new("aside", move || told.send(()).unwrap());
        aside.start().unwrap();
        aside.start().unwrap();
        assert!(aside.join() && aside.join());
        assert_eq!(heard.iter().count(), 1);
        aside.start().unwrap();
    }

    #[test]
    fn one_that_was_never_needed_does_nothing() {
        let aside = Aside::new("aside", || panic!("nobody wanted it"));
        assert!(aside.join());
        aside.start().unwrap();
    }

    #[test]
    fn a_failure_is_told() {
        let aside = Aside::new("aside", || panic!("as the test wants it"));
        aside.start().unwrap();
        assert!(!aside.join());
    }
}
