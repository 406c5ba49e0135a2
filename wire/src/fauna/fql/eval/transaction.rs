//! Reads that show the query's own writes, and what is written in the end.
//!
//! A document that is written several times is written once in the end, as it is then: one transaction shows one event
//! for each document. One that was created and deleted again is not written at all.

use std::collections::{HashMap, HashSet};

use tailwater_core::BODY_BYTES_MAX;

use super::Effects;
use super::store::{CollectionInfo, DatabaseInfo, Store, Stored, Write};
use crate::fauna::document::{read_fields, write_fields};
use crate::fauna::fql::{FqlError, Limits};
use crate::fauna::source::Source;
use crate::fauna::value::{Document, DocumentRef, Fields, Moment};

/// How many documents are asked of the store at once.
const PAGE: usize = 128;

/// A document that was written.
#[derive(Debug)]
struct Written {
    /// What was there before the query.
    seen_seq: Option<u64>,
    /// The fields now; `None` once deleted.
    fields: Option<Fields>,
}

/// A database and what a query has changed in it.
pub(super) struct Transaction<'a> {
    store: &'a mut dyn Store,
    time: Moment,
    limits: Limits,
    documents: HashMap<DocumentRef, Written>,
    /// Documents in the order in which they were first written.
    order: Vec<DocumentRef>,
    /// Writes of collections and databases, in order.
    schema: Vec<Write>,
    collections: HashMap<String, Option<CollectionInfo>>,
    databases: HashMap<String, Option<DatabaseInfo>>,
    /// Collections that were created or deleted: what the store has of them does not count.
    emptied: HashSet<String>,
    effects: Effects,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(store: &'a mut dyn Store, time: Moment, limits: &Limits) -> Self {
        Self {
            store,
            time,
            limits: *limits,
            documents: HashMap::new(),
            order: Vec::new(),
            schema: Vec::new(),
            collections: HashMap::new(),
            databases: HashMap::new(),
            emptied: HashSet::new(),
            effects: Effects::default(),
        }
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.store.new_id()
    }

    pub(super) fn token(&mut self, source: &Source) -> Result<String, FqlError> {
        Ok(self.store.token(source)?)
    }

    pub(super) fn collection(&mut self, name: &str) -> Result<Option<CollectionInfo>, FqlError> {
        match self.collections.get(name) {
            Some(known) => Ok(*known),
            None => Ok(self.store.collection(name)?),
        }
    }

    pub(super) fn database(&mut self, name: &str) -> Result<Option<DatabaseInfo>, FqlError> {
        match self.databases.get(name) {
            Some(known) => Ok(*known),
            None => Ok(self.store.database(name)?),
        }
    }

    pub(super) fn document(&mut self, at: &DocumentRef) -> Result<Option<Document>, FqlError> {
        if let Some(written) = self.documents.get(at) {
            let fields = written.fields.clone();
            return Ok(fields.map(|fields| Document { at: at.clone(), time: self.time, fields }));
        }
        let stored = self.stored(at)?;
        Ok(stored.map(|stored| document(at.clone(), &stored)))
    }

    /// Whether the query itself deleted the document.
    pub(super) fn was_deleted(&self, at: &DocumentRef) -> bool {
        self.documents.get(at).is_some_and(|written| written.fields.is_none())
    }

    fn stored(&mut self, at: &DocumentRef) -> Result<Option<Stored>, FqlError> {
        if self.emptied.contains(&at.collection) {
            return Ok(None);
        }
        let stored = self.store.document(&at.collection, &at.id)?;
        self.count_read(stored.as_ref())?;
        Ok(stored)
    }

    fn count_read(&mut self, stored: Option<&Stored>) -> Result<(), FqlError> {
        self.effects.reads += 1;
        self.effects.read_bytes += stored.map_or(0, |stored| stored.body.len() as u64);
        if self.effects.reads > self.limits.reads_max {
            return Err(FqlError::limit("what the query reads", format_args!("{} documents", self.limits.reads_max)));
        }
        if self.effects.read_bytes > self.limits.read_bytes_max {
            return Err(FqlError::limit("what the query reads", format_args!("{} bytes", self.limits.read_bytes_max)));
        }
        Ok(())
    }

    /// The documents of a collection behind `after`, and whether the store may have more. Those that the query created
    /// are left out: see [`Self::created`].
    pub(super) fn page(
        &mut self,
        collection: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Document>, Option<String>), FqlError> {
        if self.emptied.contains(collection) {
            return Ok((Vec::new(), None));
        }
        let page = self.store.documents(collection, after, PAGE)?;
        let last = page.last().map(|(id, _)| id.clone());
        let mut documents = Vec::with_capacity(page.len());
        for (id, stored) in page {
            self.count_read(Some(&stored))?;
            let at = DocumentRef { collection: collection.into(), id };
            match self.documents.get(&at) {
                None => documents.push(document(at, &stored)),
                Some(Written { fields: Some(fields), .. }) => {
                    documents.push(Document { at, time: self.time, fields: fields.clone() });
                }
                Some(_) => {}
            }
        }
        Ok((documents, last))
    }

    /// The documents of a collection that the query created, as they are now.
    pub(super) fn created(&self, collection: &str) -> Vec<Document> {
        let mine = self.order.iter().filter(|at| at.collection == collection);
        let written = mine.filter_map(|at| self.documents.get(at).map(|written| (at, written)));
        let created = written.filter(|(_, written)| written.seen_seq.is_none());
        created
            .filter_map(|(at, written)| {
                let fields = written.fields.clone()?;
                Some(Document { at: at.clone(), time: self.time, fields })
            })
            .collect()
    }

    /// Sets the fields of a document, or deletes it.
    pub(super) fn write(&mut self, at: &DocumentRef, fields: Option<Fields>) -> Result<(), FqlError> {
        if let Some(written) = self.documents.get_mut(at) {
            written.fields = fields;
            return Ok(());
        }
        self.check_writes()?;
        let seen_seq = self.stored(at)?.map(|stored| stored.seq);
        self.order.push(at.clone());
        self.documents.insert(at.clone(), Written { seen_seq, fields });
        Ok(())
    }

    fn check_writes(&self) -> Result<(), FqlError> {
        if self.order.len() + self.schema.len() < self.limits.writes_max {
            return Ok(());
        }
        Err(FqlError::limit("what the query writes", format_args!("{} documents", self.limits.writes_max)))
    }

    pub(super) fn create_collection(&mut self, name: &str, history_days: Option<u32>) -> Result<(), FqlError> {
        self.check_writes()?;
        let created_us = u64::try_from(self.time.us()).unwrap_or(0);
        self.collections.insert(name.into(), Some(CollectionInfo { created_us, history_days }));
        // The store has nothing of it.
        self.emptied.insert(name.into());
        self.schema.push(Write::CreateCollection { name: name.into(), history_days });
        Ok(())
    }

    pub(super) fn delete_collection(&mut self, name: &str) -> Result<(), FqlError> {
        self.check_writes()?;
        self.collections.insert(name.into(), None);
        self.emptied.insert(name.into());
        self.order.retain(|at| at.collection != name);
        self.documents.retain(|at, _| at.collection != name);
        self.schema.push(Write::DeleteCollection { name: name.into() });
        Ok(())
    }

    pub(super) fn create_database(&mut self, name: &str) -> Result<(), FqlError> {
        self.check_writes()?;
        let created_us = u64::try_from(self.time.us()).unwrap_or(0);
        self.databases.insert(name.into(), Some(DatabaseInfo { created_us }));
        self.schema.push(Write::CreateDatabase { name: name.into() });
        Ok(())
    }

    pub(super) fn delete_database(&mut self, name: &str) -> Result<(), FqlError> {
        self.check_writes()?;
        self.databases.insert(name.into(), None);
        self.schema.push(Write::DeleteDatabase { name: name.into() });
        Ok(())
    }

    /// What is to be written in the end: collections first, then documents in the order of their first writes.
    pub(super) fn finish(self) -> Result<Effects, FqlError> {
        let Self { mut documents, order, schema, mut effects, limits, .. } = self;
        effects.writes = schema;
        for at in order {
            let Some(Written { seen_seq, fields }) = documents.remove(&at) else { continue };
            let DocumentRef { collection, id } = at;
            match fields {
                Some(fields) => {
                    let mut body = Vec::new();
                    write_fields(&fields, &mut body);
                    if body.len() > BODY_BYTES_MAX {
                        return Err(FqlError::limit("a document", format_args!("{BODY_BYTES_MAX} bytes")));
                    }
                    effects.write_bytes += body.len() as u64;
                    effects.writes.push(Write::Put { collection, id, body, seen_seq });
                }
                None if seen_seq.is_some() => effects.writes.push(Write::Delete { collection, id, seen_seq }),
                None => {}
            }
        }
        if effects.write_bytes > limits.write_bytes_max as u64 {
            return Err(FqlError::limit("what the query writes", format_args!("{} bytes", limits.write_bytes_max)));
        }
        Ok(effects)
    }
}

fn document(at: DocumentRef, stored: &Stored) -> Document {
    Document { at, time: Moment::from_us(stored.time_us), fields: read_fields(&stored.body) }
}
