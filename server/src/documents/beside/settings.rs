//! What an administrator sets for one database.
//!
//! Owns `settings.json`: its form, its defaults, the ranges. What a setting does is not decided here. Tested at the end of this
//! file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tailwater_wire::couchdb::rev::tree::REVS_LIMIT_DEFAULT;

use crate::documents::{disk, error::DocumentsError};

/// The largest `_revs_limit`.
const REVS_LIMIT_MAX: u64 = 100_000;

/// The text of `_security`, a JSON object.
pub type SecurityText = Box<serde_json::value::RawValue>;

/// The settings of one database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `_revs_limit`: generations of ancestors that a document keeps.
    pub revs_limit: u64,
    /// `_security`, as it was set; `None` if it never was.
    pub security: Option<SecurityText>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { revs_limit: REVS_LIMIT_DEFAULT as u64, security: None }
    }
}

impl Settings {
    fn check(&self) -> Result<(), DocumentsError> {
        match self.revs_limit {
            1..=REVS_LIMIT_MAX => Ok(()),
            value => Err(DocumentsError::Range { name: "revs_limit", value, min: 1, max: REVS_LIMIT_MAX }),
        }
    }
}

/// The settings, in memory and in their file.
#[derive(Debug)]
pub(in crate::documents) struct SettingsFile {
    path: PathBuf,
    /// Held for an instant only: shards ask for settings.
    settings: Mutex<Arc<Settings>>,
    changing: Mutex<()>,
}

impl SettingsFile {
    /// Reads them from the directory of a database; the defaults if there are none.
    pub(in crate::documents) fn open(dir: &Path) -> Result<Self, DocumentsError> {
        disk::remove_unfinished(dir)?;
        let path = dir.join("settings.json");
        let settings = match disk::read(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| DocumentsError::io(&path)(std::io::Error::other(error)))?,
            None => Settings::default(),
        };
        Ok(Self { path, settings: Mutex::new(Arc::new(settings)), changing: Mutex::default() })
    }

    pub(in crate::documents) fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes them, durably. Blocks on the disk.
    pub(in crate::documents) fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<(), DocumentsError> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Settings::clone(&self.get());
        change(&mut changed);
        changed.check()?;
        let text = serde_json::to_vec(&changed).map_err(|error| DocumentsError::io(&self.path)(error.into()))?;
        disk::replace(&self.path, &text)?;
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(changed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let file = SettingsFile::open(dir.path()).unwrap();
        assert_eq!((file.get().revs_limit, file.get().security.is_none()), (1_000, true));
        let security = r#"{"admins":{"names":["a"]},"x":1.50}"#;
        let set = |settings: &mut Settings| {
            settings.revs_limit = 7;
            settings.security = serde_json::from_str(security).ok();
        };
        file.change(set).unwrap();
        for file in [file, SettingsFile::open(dir.path()).unwrap()] {
            let settings = file.get();
            assert_eq!((settings.revs_limit, settings.security.as_ref().unwrap().get()), (7, security));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = SettingsFile::open(dir.path()).unwrap();
        let error = file.change(|settings| settings.revs_limit = 0).unwrap_err();
        assert_eq!(error.to_string(), "revs_limit is 0, at least 1 and at most 100000 are allowed");
        assert_eq!(file.get().revs_limit, 1_000);
        std::fs::write(dir.path().join("settings.json"), "{\"revs_limt\":1}").unwrap();
        assert!(SettingsFile::open(dir.path()).unwrap_err().to_string().contains("unknown field `revs_limt`"));
    }
}
