//! A feed's options as they are now.
//!
//! Owns the one place they are read from. They are put here once they are on the disk; who acts on them asks again each time, so
//! that a change is in force with the next group, the next segment, the next look at retention. Never checks them.

use super::options::FeedOptions;
use std::sync::{Arc, PoisonError, RwLock};

/// See the module.
#[derive(Debug)]
pub(crate) struct CurrentOptions {
    options: RwLock<Arc<FeedOptions>>,
}

impl CurrentOptions {
    pub(crate) fn new(options: FeedOptions) -> CurrentOptions {
        CurrentOptions { options: RwLock::new(Arc::new(options)) }
    }

    // They are replaced in one step, so a poisoned lock still guards whole ones.

    pub(crate) fn get(&self) -> Arc<FeedOptions> {
        Arc::clone(&self.options.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, options: FeedOptions) {
        *self.options.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(options);
    }
}
