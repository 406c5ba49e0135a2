//! A database in memory, for the tests of evaluation.

use std::collections::BTreeMap;

use super::*;
use crate::fauna::tagged::write_tagged;

/// When its first query comes.
const NOW_US: u64 = 1_711_024_518_680_000;

/// A database in memory, which commits what queries want written.
#[derive(Default)]
pub(super) struct Memory {
    collections: BTreeMap<String, CollectionInfo>,
    databases: BTreeMap<String, DatabaseInfo>,
    documents: BTreeMap<(String, String), Stored>,
    next_id: u64,
    seq: u64,
    pub(super) fails: Option<StoreError>,
}

impl Store for Memory {
    fn collection(&mut self, name: &str) -> Result<Option<CollectionInfo>, StoreError> {
        match &self.fails {
            Some(error) => Err(error.clone()),
            None => Ok(self.collections.get(name).copied()),
        }
    }

    fn database(&mut self, name: &str) -> Result<Option<DatabaseInfo>, StoreError> {
        Ok(self.databases.get(name).copied())
    }

    fn document(&mut self, collection: &str, id: &str) -> Result<Option<Stored>, StoreError> {
        Ok(self.documents.get(&(collection.into(), id.into())).cloned())
    }

    fn documents(
        &mut self,
        collection: &str,
        after: Option<&str>,
        count: usize,
    ) -> Result<Vec<(String, Stored)>, StoreError> {
        let mine = self
            .documents
            .iter()
            .filter(|((own, id), _)| own == collection && after.is_none_or(|after| id.as_str() > after));
        Ok(mine.take(count).map(|((_, id), stored)| (id.clone(), stored.clone())).collect())
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn token(&mut self, source: &Source) -> Result<String, StoreError> {
        Ok(format!("token of {}", source.text()))
    }
}

impl Memory {
    /// With a collection `A` of the documents `{n: 1}` to `{n: 3}`, their ids 101 to 103, and an empty `B`.
    pub(super) fn new() -> Self {
        let mut memory = Self { next_id: 100, ..Self::default() };
        memory.ok("Collection.create({ name: 'A' }); Collection.create({ name: 'B', history_days: 0 })");
        memory.ok("Set.sequence(1, 4).forEach(n => A.create({ n: n }))");
        memory
    }

    pub(super) fn run(&mut self, text: &str) -> Result<Value, FqlError> {
        self.run_with(text, vec![], &Limits::default()).map(|outcome| outcome.value)
    }

    pub(super) fn run_with(
        &mut self,
        text: &str,
        arguments: Vec<(String, Value)>,
        limits: &Limits,
    ) -> Result<Outcome, FqlError> {
        let template = Template::from_text(text).unwrap();
        let now_us = NOW_US + self.seq;
        let outcome = evaluate(&template, arguments, self, now_us, limits)?;
        for write in &outcome.effects.writes {
            self.commit(write.clone());
        }
        Ok(outcome)
    }

    fn commit(&mut self, write: Write) {
        self.seq += 1;
        let (seq, time_us) = (self.seq, NOW_US);
        match write {
            Write::CreateCollection { name, history_days } => {
                self.collections.insert(name, CollectionInfo { created_us: time_us, history_days });
            }
            Write::DeleteCollection { name } => {
                assert!(self.collections.remove(&name).is_some());
                self.documents.retain(|(collection, _), _| *collection != name);
            }
            Write::CreateDatabase { name } => drop(self.databases.insert(name, DatabaseInfo { created_us: time_us })),
            Write::DeleteDatabase { name } => assert!(self.databases.remove(&name).is_some()),
            Write::Put { collection, id, body, seen_seq } => {
                let stored = Stored { seq, time_us, body: String::from_utf8(body).unwrap() };
                let before = self.documents.insert((collection, id), stored);
                assert_eq!(before.map(|before| before.seq), seen_seq);
            }
            Write::Delete { collection, id, seen_seq } => {
                let before = self.documents.remove(&(collection, id));
                assert_eq!(before.map(|before| before.seq), seen_seq);
                assert!(seen_seq.is_some());
            }
        }
    }

    /// The answer in the tagged format.
    pub(super) fn ok(&mut self, text: &str) -> String {
        match self.run(text) {
            Ok(value) => tagged(&value),
            Err(error) => panic!("{text}\n{}", crate::fauna::fql::summary::summary(&error, text)),
        }
    }

    pub(super) fn err(&mut self, text: &str) -> (&'static str, String) {
        match self.run(text) {
            Ok(value) => panic!("{text}: {value:?}"),
            Err(error) => (error.code, error.message),
        }
    }

    /// Ids and bodies of a collection.
    pub(super) fn bodies(&self, collection: &str) -> Vec<(&str, &str)> {
        let mine = self.documents.iter().filter(|((own, _), _)| own == collection);
        mine.map(|((_, id), stored)| (id.as_str(), stored.body.as_str())).collect()
    }
}

fn tagged(value: &Value) -> String {
    let mut out = Vec::new();
    write_tagged(value, &mut out);
    String::from_utf8(out).unwrap()
}
