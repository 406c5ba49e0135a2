//! What the index has of a database: which event made each document what it is.
//!
//! Owns the entries' bytes, what an event changes of them, and its record in the history. The document itself is that event's
//! body, and stands in the log ([`super::body`]). Tests: below and `server/tests/fauna/`.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `Documents` | collection, a zero byte, id | seq, 8 bytes; time, 8 bytes; of a definition also: format of the body, 1 byte; body |
//!
//! Integers are big-endian. A document whose event has left the window is not there for anybody, and is removed in passing
//! ([`Broom`]). Definitions of collections never leave it, so they have their bodies with them.

use std::ops::Bound;

use tailwater_core::{BodyFormat, Event, Feed};
use tailwater_wire::fauna::{
    change::{BeforeDocument, KIND_DELETE},
    history::write_record,
    place::{DEFINITIONS, Place},
};

use super::{body::Bodies, follow::Trouble, recent::Recent};
use crate::index::{Index, IndexError, Tables, WriteBatch};

/// The tables of the index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    Documents,
}

impl Tables for Table {
    const NAME: &str = "fauna";
    const LAYOUT: u32 = 3;

    fn number(self) -> u8 {
        self as u8
    }
}

/// What ends the name of a collection in a key.
const SEPARATOR: u8 = 0;
/// Behind every key of a collection.
const BEHIND: u8 = SEPARATOR + 1;

/// The key of a document.
pub(super) fn document_key(collection: &str, id: &str) -> Vec<u8> {
    [collection.as_bytes(), &[SEPARATOR], id.as_bytes()].concat()
}

/// Behind the key of every document of a collection.
pub(super) fn collection_end(collection: &str) -> Vec<u8> {
    [collection.as_bytes(), &[BEHIND]].concat()
}

/// The id in a document's key.
pub(super) fn id_of_key(collection: &str, key: &[u8]) -> Option<String> {
    String::from_utf8(key.get(collection.len() + 1..)?.to_vec()).ok()
}

/// Which event made a document what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) seq: u64,
    /// The event's time, but never before that of an earlier event.
    pub(super) time_us: u64,
}

/// A document as the index has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) version: Version,
    /// The body of a definition.
    pub(super) own_body: Option<(BodyFormat, &'a [u8])>,
}

impl<'a> Entry<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (seq, rest) = bytes.split_first_chunk()?;
        let (time_us, rest) = rest.split_first_chunk()?;
        let own_body = match rest.split_first() {
            Some((format, body)) => Some((BodyFormat::from_code(*format)?, body)),
            None => None,
        };
        let version = Version { seq: u64::from_be_bytes(*seq), time_us: u64::from_be_bytes(*time_us) };
        Some(Self { version, own_body })
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = [self.version.seq.to_be_bytes(), self.version.time_us.to_be_bytes()].concat();
        if let Some((format, body)) = self.own_body {
            bytes.push(format.code());
            bytes.extend_from_slice(body);
        }
        bytes
    }
}

/// Whether an event ends or begins a collection.
pub(super) fn is_definition(event: &Event<'_>, own: &str) -> bool {
    Place::of_key(event.key, own).collection == DEFINITIONS
}

/// Enters events of a feed into a batch, in order.
pub(super) struct Entrance<'a, 'b> {
    pub(super) feed: &'a Feed,
    /// The feed's own collection.
    pub(super) own: &'a str,
    /// Documents of seqs before it have left the window: they are not there any more.
    pub(super) first_seq: u64,
    pub(super) index: &'a Index<Table>,
    pub(super) recent: &'a mut Recent,
    pub(super) batch: &'a mut WriteBatch<'b, Table>,
}

impl Entrance<'_, '_> {
    /// Enters an event: what it changes, and its record in the history, which is appended to `record`.
    pub(super) fn enter(&mut self, event: &Event<'_>, record: &mut Vec<u8>) -> Result<(), Trouble> {
        let Place { collection, id } = Place::of_key(event.key, self.own);
        let key = match id {
            "" => document_key(collection, &event.seq.to_string()),
            id => document_key(collection, id),
        };
        match collection {
            DEFINITIONS => self.define(id, &key, event, record),
            collection => self.change(collection, key, event, record),
        }
    }

    /// A document.
    fn change(
        &mut self,
        collection: &str,
        key: Vec<u8>,
        event: &Event<'_>,
        record: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        let before = match self.recent.get(&key) {
            Some(known) => known,
            None => self.batch.get(Table::Documents, &key)?.as_deref().and_then(Entry::read).map(|it| it.version),
        };
        let after = (event.kind != KIND_DELETE).then_some(Version { seq: event.seq, time_us: event.time_us });
        match after {
            None => self.batch.remove(Table::Documents, &key)?,
            Some(version) => {
                self.batch.put(Table::Documents, &key, &Entry { version, own_body: None }.write())?;
            }
        }
        self.recent.put(key, after);
        let mut bodies = Bodies::of(self.feed);
        let before = match before.filter(|before| before.seq >= self.first_seq) {
            None => None,
            // Where compaction has been faster than this thread, the body is gone, but the document was there.
            Some(Version { seq, time_us }) => {
                let (format, body) = bodies.of_event(seq)?.unwrap_or((BodyFormat::Json, b"{}"));
                Some(BeforeDocument { time_us, format, body })
            }
        };
        write_record(collection, before.as_ref(), event.format, event.body, record);
        Ok(())
    }

    /// The definition of the collection `id`, which is there for ever and has its body with it, or the end of one.
    fn define(&mut self, id: &str, key: &[u8], event: &Event<'_>, record: &mut Vec<u8>) -> Result<(), Trouble> {
        let found = self.batch.get(Table::Documents, key)?;
        if event.kind == KIND_DELETE {
            self.batch.remove(Table::Documents, key)?;
            drop_collection(id, self.index, self.batch)?;
            self.recent.clear();
        } else {
            let version = Version { seq: event.seq, time_us: event.time_us };
            let entry = Entry { version, own_body: Some((event.format, event.body)) };
            self.batch.put(Table::Documents, key, &entry.write())?;
        }
        let before = found.as_deref().and_then(Entry::read).and_then(|entry| {
            let (format, body) = entry.own_body?;
            Some(BeforeDocument { time_us: entry.version.time_us, format, body })
        });
        write_record(DEFINITIONS, before.as_ref(), event.format, event.body, record);
        Ok(())
    }
}

/// When the newest of the collections that are there was defined; 0 if there is none.
pub(super) fn last_definition_us(index: &Index<Table>) -> Result<u64, IndexError> {
    let (from, to) = (document_key(DEFINITIONS, ""), collection_end(DEFINITIONS));
    let mut last_us = 0;
    for row in index.range(Table::Documents, (bound(&from), Bound::Excluded(to.as_slice())))? {
        last_us = last_us.max(Entry::read(&row?.1).map_or(0, |entry| entry.version.time_us));
    }
    Ok(last_us)
}

/// Removes every document of a collection. The batch must not have touched any.
fn drop_collection(
    collection: &str,
    index: &Index<Table>,
    batch: &mut WriteBatch<'_, Table>,
) -> Result<(), IndexError> {
    let (from, to) = (document_key(collection, ""), collection_end(collection));
    for row in index.range(Table::Documents, (bound(&from), Bound::Excluded(to.as_slice())))? {
        batch.remove(Table::Documents, &row?.0)?;
    }
    Ok(())
}

/// Goes through the documents, again and again while the window moves, and removes those that have left it. It looks at more
/// of them than events come, so it gets round.
#[derive(Debug)]
pub(super) struct Broom {
    /// Behind which document it goes on; `None` between two rounds.
    at: Option<Vec<u8>>,
    /// The first seq in the window when the round began.
    first_seq: u64,
}

/// Documents that are looked at for each event, and for each batch of events besides.
const LOOKS_PER_EVENT: usize = 2;
const LOOKS_PER_BATCH: usize = 100;

impl Broom {
    /// One for a feed whose events began with `first_seq`: as long as that is in the window, there is nothing to do.
    pub(super) fn new(first_seq: u64) -> Self {
        Self { at: None, first_seq }
    }

    /// Goes on as far as so many events are worth. `first_seq` is the first in the window now.
    pub(super) fn sweep(
        &mut self,
        events: usize,
        first_seq: u64,
        index: &Index<Table>,
        batch: &mut WriteBatch<'_, Table>,
    ) -> Result<(), IndexError> {
        if self.at.is_none() && first_seq <= self.first_seq {
            return Ok(());
        }
        let at = self.at.take().unwrap_or_else(|| {
            self.first_seq = first_seq;
            Vec::new()
        });
        let looks = events * LOOKS_PER_EVENT + LOOKS_PER_BATCH;
        let rows = index.range(Table::Documents, (Bound::Excluded(at.as_slice()), Bound::Unbounded))?;
        for (looked, row) in rows.enumerate() {
            let (key, value) = row?;
            let has_left = |value: &[u8]| Entry::read(value).is_some_and(|entry| entry.version.seq < self.first_seq);
            // The batch may have given it a later event.
            if !is_definition_key(&key)
                && has_left(&value)
                && batch.get(Table::Documents, &key)?.is_some_and(|now| has_left(&now))
            {
                batch.remove(Table::Documents, &key)?;
            }
            if looked + 1 == looks {
                self.at = Some(key.to_vec());
                break;
            }
        }
        Ok(())
    }
}

/// Whether a document is the definition of a collection.
fn is_definition_key(key: &[u8]) -> bool {
    key.strip_prefix(DEFINITIONS.as_bytes()).is_some_and(|rest| rest.first() == Some(&SEPARATOR))
}

fn bound(key: &[u8]) -> Bound<&[u8]> {
    Bound::Included(key)
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;
    use tailwater_core::{Batch, Draft, FeedOptions, SeqMode, Store, StoreOptions, storage::InlineStorage};
    use tailwater_wire::fauna::history::read_record;

    use super::*;
    use crate::index::{IndexOptions, Indexes};

    #[test]
    fn keys_keep_collections_apart() {
        let table = [("A", ""), ("A", "1"), ("A", "\u{1}"), ("AB", ""), ("A_", "1"), ("B", "1")];
        for (collection, id) in table {
            let key = document_key(collection, id);
            for (other, _) in table {
                let inside = key >= document_key(other, "") && key < collection_end(other);
                assert_eq!(inside, collection == other, "{collection} {id:?} {other}");
            }
            assert_eq!(id_of_key(collection, &key).as_deref(), Some(id));
        }
    }

    #[test]
    fn what_has_left_the_window_is_swept_out() {
        const DOCUMENTS: u64 = 500;
        let dir = tempfile::tempdir().unwrap();
        let store =
            Store::open(dir.path(), StoreOptions { disk_low_water_bytes: 0, ..StoreOptions::default() }).unwrap();
        let feed = store.create_feed("a", FeedOptions::default()).unwrap();
        let index: Index<Table> = Indexes::new(dir.path()).open(&feed, feed.uid(), IndexOptions::default()).unwrap();
        let put = |seq, key: &str, batch: &mut WriteBatch<'_, Table>| {
            let event = Event { seq, time_us: seq, kind: "put", key, format: BodyFormat::Json, body: b"{}" };
            let recent = &mut Recent::default();
            let mut entrance = Entrance { feed: &feed, own: "A", first_seq: 1, index: &index, recent, batch };
            entrance.enter(&event, &mut Vec::new()).unwrap();
            batch.applied(&event);
        };
        let mut batch = index.batch();
        put(1, "Collection/A", &mut batch);
        (2..=DOCUMENTS + 1).for_each(|seq| put(seq, &seq.to_string(), &mut batch));
        let mut broom = Broom::new(1);
        broom.sweep(10_000, 1, &index, &mut batch).unwrap();
        batch.commit().unwrap();
        assert_eq!(index.range(Table::Documents, ..).unwrap().count(), DOCUMENTS as usize + 1);
        let mut left = Vec::new();
        for seq in (DOCUMENTS + 2..).take(6) {
            let mut batch = index.batch();
            // The oldest document has new events: it stays, although the index still has the old one when it is looked at.
            put(seq, "2", &mut batch);
            broom.sweep(10, 301, &index, &mut batch).unwrap();
            batch.commit().unwrap();
            assert!(index.get(Table::Documents, &document_key("A", "2")).unwrap().is_some(), "{seq}");
            left.push(index.range(Table::Documents, ..).unwrap().count());
        }
        // Documents of seqs from 301 on, the one with new events, and the definition.
        let kept = DOCUMENTS as usize + 1 - 300 + 2;
        assert!(left[0] > kept && left[5] == kept, "all of them, and not at once: {left:?}");
        assert!(index.get(Table::Documents, &document_key(DEFINITIONS, "A")).unwrap().is_some());
    }

    #[test]
    fn the_document_before_stands_in_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { disk_low_water_bytes: 0, ..StoreOptions::default() };
        let store = Store::open(dir.path(), options).unwrap();
        let feed = store.create_feed("a", FeedOptions::default()).unwrap();
        let index: Index<Table> = Indexes::new(dir.path()).open(&feed, feed.uid(), IndexOptions::default()).unwrap();
        let (mut stored, body) = (Batch::new(), &b"{\"n\":1}"[..]);
        let draft = Draft { seq: None, time_us: 1, kind: "put", key: "1", format: BodyFormat::Json, body };
        stored.push(&draft).unwrap();
        let writer = store.take_writer(&feed).unwrap().attach(InlineStorage::default());
        let write = async { feed.append(stored, SeqMode::Assign).await.map(|_| feed.close()).unwrap().await };
        let (written, ()) = block_on(futures_lite::future::zip(write, writer.run()));
        written.unwrap();
        let (batch, recent) = (&mut index.batch(), &mut Recent::default());
        let mut entrance = Entrance { feed: &feed, own: "A", first_seq: 1, index: &index, recent, batch };
        // The first event is in the log; the others are as if compaction had dropped them.
        let table: [(u64, &str, &str, Option<&[u8]>); 9] = [
            (1, "put", "1", None),
            (2, "put", "1", Some(body)),
            (3, "put", "9", None),
            (4, "put", "9", Some(b"{}")),
            (5, "put", "Collection/B", None),
            (6, "put", "Collection/B", Some(body)),
            (7, "delete", "9", Some(b"{}")),
            (8, "put", "9", None),
            (9, "delete", "Collection/B", Some(body)),
        ];
        for (seq, kind, key, before) in table {
            // What was changed lately is known with the index and without it.
            if seq % 2 == 0 {
                entrance.recent.clear();
            }
            let event = Event { seq, time_us: seq, kind, key, format: BodyFormat::Json, body };
            let mut record = Vec::new();
            entrance.enter(&event, &mut record).unwrap();
            let recorded = read_record(&Event { body: &record, ..event }).unwrap();
            assert_eq!(recorded.change.before.map(|before| before.body), before, "{seq}");
        }
    }

    #[test]
    fn entries_are_read_as_written() {
        for own_body in [None, Some((BodyFormat::DagCbor, &b"\xa0"[..])), Some((BodyFormat::Json, b""))] {
            let entry = Entry { version: Version { seq: 7, time_us: 9 }, own_body };
            assert_eq!(Entry::read(&entry.write()), Some(entry));
            assert!(Entry::read(&entry.write()[..15]).is_none());
        }
    }
}
