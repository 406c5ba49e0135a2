//! Documents that are never replicated: `_local/`, where replications note how far they have come.
//!
//! Owns their files, `local/<2 digits>/<SHA-256 of the id>`: the id, the counter of writes and the text, a line each. The last
//! write wins, as in CouchDB, so two at once need no order. Tested at the end of this file.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::documents::{disk, error::DocumentsError};

/// The local documents of one database. All of it blocks on the disk.
#[derive(Clone, Debug)]
pub struct LocalDocs {
    root: PathBuf,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDoc {
    /// Its id, `_local/` included.
    pub id: String,
    /// The number behind `0-` in its revision.
    pub count: u64,
    /// Its own members, as compact JSON object text.
    pub body: String,
}

impl LocalDocs {
    /// Those below the directory of a database. Removes what an earlier process did not finish.
    pub(in crate::documents) fn open(dir: &Path) -> Result<Self, DocumentsError> {
        let root = dir.join("local");
        for dir in disk::entries(&root)? {
            disk::remove_unfinished(&dir)?;
        }
        Ok(Self { root })
    }

    /// One of them; `None` if it is not there.
    pub fn get(&self, id: &str) -> Result<Option<LocalDoc>, DocumentsError> {
        let found = disk::read(&self.path(id))?;
        found.map(|bytes| LocalDoc::read(&bytes).ok_or_else(|| DocumentsError::damaged(id))).transpose()
    }

    /// Stores one, durably. `before` is the count the client says it replaces, whether it does or not; returns the new one.
    pub fn put(&self, id: &str, before: Option<u64>, body: &str) -> Result<u64, DocumentsError> {
        let doc = LocalDoc { id: id.to_owned(), count: before.unwrap_or(0).saturating_add(1), body: body.to_owned() };
        disk::replace(&self.path(id), &doc.to_bytes())?;
        Ok(doc.count)
    }

    /// Removes one, durably; false if it is not there.
    pub fn delete(&self, id: &str) -> Result<bool, DocumentsError> {
        disk::remove(&self.path(id))
    }

    /// All of them, in the order of their ids.
    pub fn all(&self) -> Result<Vec<LocalDoc>, DocumentsError> {
        let mut docs = Vec::new();
        for dir in disk::entries(&self.root)? {
            for path in disk::entries(&dir)? {
                let bytes = disk::read(&path)?;
                docs.extend(bytes.and_then(|bytes| LocalDoc::read(&bytes)));
            }
        }
        docs.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(docs)
    }

    fn path(&self, id: &str) -> PathBuf {
        let name = HEXLOWER.encode(&Sha256::digest(id));
        self.root.join(&name[..2]).join(name)
    }
}

impl LocalDoc {
    /// The id may contain line breaks, the count and the text may not; so the id is last.
    fn to_bytes(&self) -> Vec<u8> {
        format!("{}\n{}\n{}", self.count, self.body, self.id).into_bytes()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.splitn(3, '\n');
        let (count, body, id) = (lines.next()?.parse().ok()?, lines.next()?, lines.next()?);
        Some(Self { id: id.to_owned(), count, body: body.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_counter_is_what_the_client_says() {
        let dir = tempfile::tempdir().unwrap();
        let local = LocalDocs::open(dir.path()).unwrap();
        assert_eq!(local.get("_local/chk").unwrap(), None);
        assert!(local.all().unwrap().is_empty());
        assert_eq!(local.put("_local/chk", None, r#"{"v":1}"#).unwrap(), 1);
        assert_eq!(local.put("_local/chk", None, r#"{"v":2}"#).unwrap(), 1, "a first write wins as well");
        assert_eq!(local.put("_local/chk", Some(1), r#"{"v":3}"#).unwrap(), 2);
        assert_eq!(local.put("_local/a\nb", Some(u64::MAX), "{}").unwrap(), u64::MAX);
        let chk = LocalDoc { id: "_local/chk".into(), count: 2, body: r#"{"v":3}"#.into() };
        assert_eq!(local.get("_local/chk").unwrap(), Some(chk.clone()));
        let ids: Vec<_> = local.all().unwrap().into_iter().map(|doc| doc.id).collect();
        assert_eq!(ids, ["_local/a\nb", "_local/chk"]);
        let reopened = LocalDocs::open(dir.path()).unwrap();
        assert_eq!(reopened.get("_local/chk").unwrap(), Some(chk));
        assert!(reopened.delete("_local/chk").unwrap());
        assert!(!reopened.delete("_local/chk").unwrap());
        assert_eq!(local.get("_local/chk").unwrap(), None);
    }

    #[test]
    fn a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let local = LocalDocs::open(dir.path()).unwrap();
        local.put("_local/chk", None, "{}").unwrap();
        fs::write(local.path("_local/chk"), "nonsense").unwrap();
        assert!(local.get("_local/chk").unwrap_err().to_string().contains("_local/chk"));
        assert!(local.all().unwrap().is_empty());
    }
}
