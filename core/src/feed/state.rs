//! Whether a feed takes events, and why not.
//!
//! Owns the transitions: `Open` and `ReadOnly` change into each other, `Failed` only into `Closed`, `Closed` is the end.

use crate::error::AppendError;
use std::sync::{Mutex, PoisonError};

/// Whether a feed takes events. Reading is possible in every state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedState {
    /// Takes events.
    Open,
    /// Takes no events for now; leaves this state by itself when an append finds that the reason is gone.
    ReadOnly {
        /// What has to change.
        reason: String,
    },
    /// Takes no events until the process is restarted.
    Failed {
        /// What failed.
        reason: String,
    },
    /// Closed, or being deleted.
    Closed,
}

impl FeedState {
    /// The refusal that an append meets in this state.
    pub(crate) fn refusal(&self) -> Option<AppendError> {
        match self {
            FeedState::Open => None,
            FeedState::ReadOnly { reason } => Some(AppendError::ReadOnly { reason: reason.clone() }),
            FeedState::Failed { reason } => Some(AppendError::Failed { reason: reason.clone() }),
            FeedState::Closed => Some(AppendError::Closed),
        }
    }
}

/// The state of a feed, shared.
#[derive(Debug)]
pub(crate) struct StateCell {
    state: Mutex<FeedState>,
}

impl StateCell {
    pub(crate) fn new(state: FeedState) -> StateCell {
        StateCell { state: Mutex::new(state) }
    }

    pub(crate) fn get(&self) -> FeedState {
        self.with(|state| state.clone())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.with(|state| *state == FeedState::Open)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.with(|state| *state == FeedState::Closed)
    }

    /// The refusal for a state that does not end by itself.
    pub(crate) fn final_refusal(&self) -> Option<AppendError> {
        self.with(|state| match state {
            FeedState::Open | FeedState::ReadOnly { .. } => None,
            FeedState::Failed { .. } | FeedState::Closed => state.refusal(),
        })
    }

    /// Changes the state if the rules allow it; says whether it is another one now.
    pub(crate) fn set(&self, new: FeedState) -> bool {
        self.with(|state| {
            let allowed = match state {
                FeedState::Open | FeedState::ReadOnly { .. } => true,
                FeedState::Failed { .. } => new == FeedState::Closed,
                FeedState::Closed => false,
            };
            let changes = allowed && *state != new;
            if changes {
                *state = new;
            }
            changes
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut FeedState) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_feed_can_only_be_closed_and_a_closed_one_stays_so() {
        let cell = StateCell::new(FeedState::Open);
        let failed = FeedState::Failed { reason: "sync failed".into() };
        assert!(cell.set(FeedState::ReadOnly { reason: "disk full".into() }));
        assert!(!cell.is_open() && !cell.is_closed());
        assert_eq!(cell.final_refusal(), None);
        assert!(cell.set(FeedState::Open) && cell.is_open());
        assert!(!cell.set(FeedState::Open), "no change is not reported as one");
        assert!(cell.set(failed.clone()));
        assert!(!cell.set(FeedState::Open));
        assert_eq!(cell.final_refusal(), Some(AppendError::Failed { reason: "sync failed".into() }));
        assert!(cell.set(FeedState::Closed) && cell.is_closed());
        assert!(!cell.set(failed));
        assert_eq!(cell.get().refusal(), Some(AppendError::Closed));
    }
}
