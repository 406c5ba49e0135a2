//! Which views there are.
//!
//! Owns how many there may be, and which is given up for another: the least recently asked for that nobody reads. Never runs a
//! function. Tested by `server/tests/couchdb/changes_functions.rs`.

use std::{collections::HashMap, sync::Arc};

use tailwater_core::FeedId;
use tailwater_wire::couchdb::changes::Style;

use super::{engine::Script, view::View};

/// What tells views apart.
type Key = (FeedId, Style, Script);

/// See the module.
#[derive(Default)]
pub(super) struct Views {
    known: HashMap<Key, (Arc<View>, u64)>,
    /// Counts questions.
    moment: u64,
}

impl Views {
    /// The view of a function; made if there is none and there is room for it.
    pub(super) fn get(
        &mut self,
        key: Key,
        views_max: usize,
        make: impl FnOnce(Script) -> Arc<View>,
    ) -> Option<Arc<View>> {
        self.moment += 1;
        self.known.retain(|_, (view, _)| view.entry.upgrade().is_some_and(|entry| !entry.is_deleted()));
        if let Some((view, used)) = self.known.get_mut(&key) {
            *used = self.moment;
            return Some(view.clone());
        }
        if self.known.len() >= views_max && !self.give_up() {
            return None;
        }
        let view = make(key.2.clone());
        self.known.insert(key, (view.clone(), self.moment));
        Some(view)
    }

    /// Forgets a view that is of no more use.
    pub(super) fn forget(&mut self, view: &Arc<View>) {
        self.known.retain(|_, (known, _)| !Arc::ptr_eq(known, view));
    }

    fn give_up(&mut self) -> bool {
        let unread = self.known.iter().filter(|(_, (view, _))| !view.is_read());
        let oldest = unread.min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
        oldest.is_some_and(|key| self.known.remove(&key).is_some())
    }
}
