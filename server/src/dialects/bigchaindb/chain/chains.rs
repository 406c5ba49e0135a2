//! Which chain there is: that of the feed that is bound to the dialect, of which there is at most one.
//!
//! Owns its coming and going with the feed. Tested by `server/tests/bigchaindb/life.rs`.

use std::sync::{Arc, PoisonError, RwLock};

use super::Chain;
use crate::{feeds::FeedEntry, index::Indexes};

/// The chain of the appliance.
#[derive(Default)]
pub(crate) struct Chains {
    current: RwLock<Option<Arc<Chain>>>,
}

impl Chains {
    /// The chain, if there is one.
    pub(crate) fn current(&self) -> Option<Arc<Chain>> {
        // It is replaced in one step, so a poisoned lock still guards a whole one.
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins the chain of a feed that is bound to the dialect. One that holds blocks is looked through at once, an empty one
    /// when somebody needs it.
    pub(crate) fn begin(&self, entry: &Arc<FeedEntry>, indexes: &Indexes) {
        if entry.exposure().bigchaindb.is_none() {
            return;
        }
        let chain = Arc::new(Chain::new(entry.clone(), indexes.clone()));
        if entry.feed().event_count() > 0
            && let Err(error) = chain.thread.start()
        {
            tracing::error!(feed = entry.feed().name(), %error, "the chain's thread could not be started yet");
        }
        self.replace(Some(chain));
    }

    /// Takes the chain of a feed that is about to be closed; it is the caller's to stop.
    pub(crate) fn take(&self, entry: &FeedEntry) -> Option<Arc<Chain>> {
        let current = self.current()?;
        if current.entry().id() == entry.id() { self.replace(None) } else { None }
    }

    fn replace(&self, chain: Option<Arc<Chain>>) -> Option<Arc<Chain>> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, chain)
    }
}
