//! A database as queries see it: the index, and what queries before in the same round have written.
//!
//! Owns reading for queries. Nothing here writes: what a query wants written comes back with its outcome. Blocks on the disk:
//! for a blocking pool or the database's thread. Tested by `server/tests/fauna/`.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound,
    time::Instant,
};

use tailwater_core::{Event, ReadError};
use tailwater_wire::fauna::{
    cursor::Cursor,
    fql::{CollectionInfo, DatabaseInfo, Store, StoreError, Stored, Write},
    place::DEFINITIONS,
    source::Source,
    token::Token,
};

use super::{
    Shared,
    body::Bodies,
    table::{Entry, Table, Version, collection_end, document_key, id_of_key},
};
use crate::index::{Index, IndexError};

/// Documents that queries of a round have written, not in the index yet.
#[derive(Default)]
pub(super) struct Pending {
    documents: BTreeMap<(String, String), Option<Stored>>,
}

impl Pending {
    /// Enters what a query writes to documents, at the time of its transaction.
    pub(super) fn enter(&mut self, writes: &[Write], time_us: u64) {
        for write in writes {
            let (at, stored) = match write {
                Write::Put { collection, id, body, .. } => {
                    let body = String::from_utf8_lossy(body).into_owned();
                    // Its seq is the log's to give; until then it is later than all there are.
                    ((collection.clone(), id.clone()), Some(Stored { seq: u64::MAX, time_us, body }))
                }
                Write::Delete { collection, id, .. } => ((collection.clone(), id.clone()), None),
                _ => continue,
            };
            self.documents.insert(at, stored);
        }
    }

    fn behind<'p>(
        &'p self,
        collection: &'p str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'p String, &'p Option<Stored>)> {
        let from = match after {
            Some(after) => Bound::Excluded((collection.to_owned(), after.to_owned())),
            None => Bound::Included((collection.to_owned(), String::new())),
        };
        let mine = self.documents.range((from, Bound::Unbounded));
        mine.take_while(move |((own, _), _)| own == collection).map(|((_, id), stored)| (id, stored))
    }
}

/// The database for one query.
pub(super) struct Reading<'a> {
    pub(super) shared: &'a Shared,
    pub(super) index: &'a Index<Table>,
    pub(super) pending: &'a Pending,
    /// Where tokens begin.
    pub(super) start: Cursor,
    pub(super) deadline: Instant,
}

impl Reading<'_> {
    fn check_time(&self) -> Result<(), StoreError> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(StoreError::TimeOut) }
    }

    fn entry(&self, collection: &str, id: &str) -> Result<Option<Stored>, StoreError> {
        let found =
            self.index.get(Table::Documents, &document_key(collection, id)).map_err(|error| self.fail(&error))?;
        let entry = found.as_deref().and_then(Entry::read).filter(|entry| self.is_held(collection, entry.version.seq));
        entry.map_or(Ok(None), |entry| self.stored(&entry))
    }

    /// The document of an entry; `None` if it is leaving the window at this moment.
    fn stored(&self, entry: &Entry<'_>) -> Result<Option<Stored>, StoreError> {
        let Version { seq, time_us } = entry.version;
        let mut bodies = Bodies::of(self.shared.feed());
        let body = bodies.of_entry(entry).map_err(|error| self.unreadable(&error))?;
        let event = body.map(|(format, body)| Event { seq, time_us, kind: "", key: "", format, body });
        Ok(event.map(|event| Stored::of_event(&event)))
    }

    /// What has left the window is gone, but for definitions.
    fn is_held(&self, collection: &str, seq: u64) -> bool {
        collection == DEFINITIONS || seq >= self.shared.feed().first_seq()
    }

    fn unreadable(&self, error: &ReadError) -> StoreError {
        tracing::error!(feed = self.shared.feed().name(), %error, "a document of a Fauna database cannot be read");
        StoreError::Internal("The database's documents cannot be read.".to_owned())
    }

    fn fail(&self, error: &IndexError) -> StoreError {
        self.shared.distrust(error);
        self.shared.unready()
    }

    /// At most `count` documents of the index behind `after`.
    fn held(
        &self,
        collection: &str,
        after: Option<&str>,
        count: usize,
        hidden: &HashSet<&String>,
    ) -> Result<Vec<(String, Stored)>, StoreError> {
        let (first, end) = (document_key(collection, after.unwrap_or_default()), collection_end(collection));
        let from = match after {
            Some(_) => Bound::Excluded(first.as_slice()),
            None => Bound::Included(first.as_slice()),
        };
        let rows = self.index.range(Table::Documents, (from, Bound::Excluded(end.as_slice())));
        let mut held = Vec::new();
        for row in rows.map_err(|error| self.fail(&error))? {
            let (key, value) = row.map_err(|error| self.fail(&error))?;
            let entry = Entry::read(&value).filter(|entry| self.is_held(collection, entry.version.seq));
            if let (Some(id), Some(entry)) = (id_of_key(collection, &key), entry)
                && !hidden.contains(&id)
                && let Some(stored) = self.stored(&entry)?
            {
                held.push((id, stored));
                if held.len() == count {
                    break;
                }
            }
        }
        Ok(held)
    }
}

impl Store for Reading<'_> {
    fn collection(&mut self, name: &str) -> Result<Option<CollectionInfo>, StoreError> {
        if name == self.shared.own() {
            return Ok(Some(CollectionInfo { created_us: 0, history_days: None }));
        }
        let definition = self.entry(DEFINITIONS, name)?;
        Ok(definition.map(|stored| CollectionInfo { created_us: stored.time_us, history_days: history_days(&stored) }))
    }

    fn database(&mut self, name: &str) -> Result<Option<DatabaseInfo>, StoreError> {
        let created_us = self.shared.child_created_us(name);
        Ok(created_us.map(|created_us| DatabaseInfo { created_us }))
    }

    fn document(&mut self, collection: &str, id: &str) -> Result<Option<Stored>, StoreError> {
        self.check_time()?;
        match self.pending.documents.get(&(collection.to_owned(), id.to_owned())) {
            Some(written) => Ok(written.clone()),
            None => self.entry(collection, id),
        }
    }

    fn documents(
        &mut self,
        collection: &str,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<(String, Stored)>, StoreError> {
        self.check_time()?;
        let hidden: HashSet<&String> = self.pending.behind(collection, after).map(|(id, _)| id).collect();
        let mut page = self.held(collection, after, count, &hidden)?;
        // Those of a full page that lie behind its last are for the next one.
        let last = (page.len() == count).then(|| page.last().map(|(id, _)| id.clone())).flatten();
        let written = self.pending.behind(collection, after);
        let written = written.take_while(|(id, _)| last.as_ref().is_none_or(|last| *id <= last));
        page.extend(written.filter_map(|(id, stored)| Some((id.clone(), stored.clone()?))));
        page.sort_by(|(one, _), (other, _)| one.cmp(other));
        page.truncate(count);
        Ok(page)
    }

    fn new_id(&mut self) -> u64 {
        self.shared.new_id()
    }

    fn token(&mut self, source: &Source) -> Result<String, StoreError> {
        Ok(Token { source: source.clone(), start: self.start }.sign(self.shared.token_key()))
    }
}

fn history_days(definition: &Stored) -> Option<u32> {
    let fields: serde_json::Value = serde_json::from_str(&definition.body).ok()?;
    fields.get("history_days")?.as_u64()?.try_into().ok()
}
