//! A configuration in the making: the values so far, where each was written, and what was wrong with it.
//!
//! Owns the bookkeeping between the layers. Tested through `tests.rs`.

use std::collections::{HashMap, HashSet};

use super::Config;
use super::mistake::{Mistake, Place, Wrong};

/// Where a setting got its value, and what it is called there.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    place: Place,
    key: String,
}

impl Origin {
    /// The setting is called `key` (a key path, a variable, a flag) at `place`.
    pub fn new(place: Place, key: impl Into<String>) -> Self {
        Self { place, key: key.into() }
    }
}

/// The state that every layer adds to.
#[derive(Default)]
pub(super) struct Draft {
    /// The values so far.
    pub config: Config,
    /// What was wrong so far.
    pub mistakes: Vec<Mistake>,
    origins: HashMap<String, Origin>,
    unsound: HashSet<String>,
}

impl Draft {
    /// Notes where the setting `path` was written last.
    pub fn written(&mut self, path: &str, origin: Origin) {
        self.unsound.remove(path);
        self.origins.insert(path.to_owned(), origin);
    }

    /// Notes a mistake in the setting `path`; its value in [`Draft::config`] means nothing then.
    pub fn mistaken(&mut self, origin: Origin, path: &str, wrong: Wrong) {
        self.unsound.insert(path.to_owned());
        self.mistakes.push(Mistake::new(origin.place, origin.key, wrong));
    }

    /// Whether somebody wrote the setting `path`.
    pub fn is_written(&self, path: &str) -> bool {
        self.origins.contains_key(path)
    }

    /// Whether all of `paths` mean something, so that they can be compared.
    pub fn sound<P: AsRef<str>>(&self, paths: impl IntoIterator<Item = P>) -> bool {
        paths.into_iter().all(|path| !self.unsound.contains(path.as_ref()))
    }

    /// Notes a conflict. It is told at the first of `paths` that somebody wrote, and told of nobody's making when none
    /// was: then two defaults contradict each other.
    pub fn conflict(&mut self, paths: &[&str], wrong: Wrong) {
        let written = paths.iter().find_map(|path| self.origins.get(*path));
        let origin = written.cloned().unwrap_or_else(|| Origin::new(Place::Default, *paths.first().unwrap_or(&"")));
        self.mistakes.push(Mistake::new(origin.place, origin.key, wrong));
    }
}
