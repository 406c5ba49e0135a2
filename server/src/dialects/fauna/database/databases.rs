//! Which databases there are: one for each feed that is bound to the dialect, by their paths.
//!
//! Owns their coming and going with their feeds, and which feeds were databases and are none any more. Tested by `server/tests/fauna/`.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use sha2::{Digest, Sha256};
use tailwater_wire::fauna::token::TokenKey;

use super::Database;
use crate::{appliance::Identity, config::FaunaExposure, feeds::FeedEntry, index::Indexes};

/// The option of a feed that holds when its database was created, in microseconds since the Unix epoch.
pub(crate) const CREATED_OPTION: &str = "fauna_created_us";

/// The option of a feed that was a database and is not bound to the dialect any more: the path it had.
pub(crate) const SWITCHED_OFF_OPTION: &str = "fauna_switched_off";

/// The databases by their paths.
#[derive(Default)]
pub(super) struct Registry {
    by_path: RwLock<BTreeMap<String, Arc<Database>>>,
}

impl Registry {
    // The map is only ever inserted into or removed from, so a poisoned lock still guards a whole one.

    pub(super) fn get(&self, path: &str) -> Option<Arc<Database>> {
        self.by_path.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Arc<Database>>) -> T) -> T {
        change(&mut self.by_path.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The databases of the appliance.
pub(crate) struct Databases {
    registry: Arc<Registry>,
    /// Feeds that were databases of these paths and are none now.
    switched_off: RwLock<BTreeMap<String, Vec<Arc<FeedEntry>>>>,
    token_key: TokenKey,
}

impl Databases {
    /// None yet.
    pub(crate) fn new(identity: &Identity) -> Self {
        let secret = [b"fauna tokens\0", identity.secret.as_bytes()].concat();
        Self {
            registry: Arc::default(),
            switched_off: RwLock::default(),
            token_key: TokenKey::new(Sha256::digest(secret).into()),
        }
    }

    pub(super) fn registry(&self) -> Weak<Registry> {
        Arc::downgrade(&self.registry)
    }

    pub(super) fn token_key(&self) -> TokenKey {
        self.token_key.clone()
    }

    /// The database of a path.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Database>> {
        self.registry.get(path)
    }

    /// The history of a feed that is a database.
    pub(crate) fn history_of(&self, entry: &FeedEntry) -> Option<Arc<FeedEntry>> {
        let database = self.get(&entry.exposure().fauna.as_ref()?.database)?;
        (database.entry().id() == entry.id()).then(|| database.history().clone())
    }

    /// The databases below one.
    pub(crate) fn below(&self, path: &str) -> Vec<Arc<Database>> {
        let prefix = child_path(path, "");
        self.registry.change(|all| {
            let below = all.iter().filter(|(path, _)| path.starts_with(&prefix) && *path != FaunaExposure::ROOT);
            below.map(|(_, database)| database.clone()).collect()
        })
    }

    /// Adds the database of a feed that is bound to the dialect. One that was used before is looked through at once.
    pub(crate) fn begin(&self, entry: &Arc<FeedEntry>, history: Arc<FeedEntry>, indexes: &Indexes) {
        let was_used = history.feed().event_count() > 0;
        let database = Arc::new(Database::new(entry.clone(), history, self, indexes.clone()));
        if was_used && let Err(error) = database.thread.start() {
            tracing::error!(feed = entry.feed().name(), %error, "the Fauna database's thread could not be started yet");
        }
        self.registry.change(|all| all.insert(database.path().to_owned(), database));
    }

    /// Remembers a feed that is bound to the dialect no more, if it ever was.
    pub(crate) fn switch_off(&self, entry: &Arc<FeedEntry>) {
        if let Some(path) = path_before(entry) {
            self.change_switched_off(|all| all.entry(path).or_default().push(entry.clone()));
        }
    }

    /// The reverse of [`Databases::switch_off`].
    fn forget(&self, entry: &FeedEntry) {
        let Some(path) = path_before(entry) else { return };
        self.change_switched_off(|all| {
            let Some(feeds) = all.get_mut(&path) else { return };
            feeds.retain(|feed| feed.id() != entry.id());
            if feeds.is_empty() {
                all.remove(&path);
            }
        });
    }

    fn change_switched_off(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<Arc<FeedEntry>>>)) {
        // No change leaves it half done, so a poisoned lock still guards a whole one.
        change(&mut self.switched_off.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The feeds that were the database of a path before they were switched off.
    pub(crate) fn switched_off(&self, path: &str) -> Vec<Arc<FeedEntry>> {
        let all = self.switched_off.read().unwrap_or_else(PoisonError::into_inner);
        all.get(path).cloned().unwrap_or_default()
    }

    /// Takes the database of a feed that is about to be closed or bound otherwise; it is the caller's to stop. What the feed was
    /// before is forgotten.
    pub(crate) fn take(&self, entry: &FeedEntry) -> Option<Arc<Database>> {
        self.forget(entry);
        let exposure = entry.exposure();
        let path = &exposure.fauna.as_ref()?.database;
        let found = self.get(path).filter(|database| database.entry().id() == entry.id())?;
        self.registry.change(|all| all.remove(path));
        Some(found)
    }
}

/// The path of the database that a feed was before it was switched off.
fn path_before(entry: &FeedEntry) -> Option<String> {
    Some(entry.feed().options().extra.get(SWITCHED_OFF_OPTION)?.as_str()?.to_owned())
}

/// The path of a database below another.
pub(crate) fn child_path(path: &str, name: &str) -> String {
    if path == FaunaExposure::ROOT { name.to_owned() } else { format!("{path}/{name}") }
}
