//! One group: a batch of the log, and what has to be known of it.
//!
//! Owns the foresight of seqs. Events are numbered here before the log does it, so that what they change is ready when the disk
//! has them. Where another protocol has published in between, the numbers are wrong; then all that is thrown away, and the
//! group is read from the log like everything else.

use std::pin::pin;

use futures_lite::future::{block_on, poll_once};
use tailwater_core::{Batch, BodyFormat, Draft, DraftError, Event, SeqMode};
use tailwater_wire::couchdb::event::{DELETE, PUT};

use crate::{
    clock::now_us,
    documents::{
        Database,
        edit::NewAttachment,
        error::DocumentsError,
        layer::LastEvent,
        staging::Staging,
        stored::{StoredDoc, read_doc},
    },
};

/// See the module.
pub(super) struct Group<'d> {
    pub(super) database: &'d Database,
    pub(super) staging: Staging<'d>,
    pub(super) revs_limit: usize,
    /// The events' bodies, one behind the other.
    pub(super) bodies: Vec<u8>,
    batch: Batch,
    first_seq: u64,
    time_us: u64,
    events: Vec<Written>,
    /// The id of the last event's document.
    last_id: String,
    /// What must not be swept before the events that name it are durable.
    held: Vec<NewAttachment>,
}

/// An event of the group.
struct Written {
    kind: &'static str,
    /// Where its body ends.
    end: usize,
}

impl<'d> Group<'d> {
    /// An empty group, behind what is known now.
    pub(super) fn new(database: &'d Database) -> Self {
        Self {
            database,
            staging: Staging::new(&database.shelf),
            revs_limit: database.revs_limit(),
            bodies: Vec::new(),
            batch: Batch::new(),
            first_seq: database.known_seq() + 1,
            time_us: now_us(),
            events: Vec::new(),
            last_id: String::new(),
            held: Vec::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        let limits = &self.database.options.write;
        self.batch.byte_len() >= limits.group_bytes_max || self.events.len() >= limits.group_edits_max
    }

    /// The seq the next event gets.
    pub(super) fn next_seq(&self) -> u64 {
        self.first_seq + self.events.len() as u64
    }

    /// Keeps what an edit has attached until its event is durable.
    pub(super) fn hold(&mut self, attachments: Vec<NewAttachment>) {
        self.held.extend(attachments);
    }

    /// Makes an event of what was appended to `bodies`. What does not fit is taken away again.
    pub(super) fn push(&mut self, kind: &'static str, id: &str) -> Result<(), DraftError> {
        let start = self.bodies_end();
        let body = &self.bodies[start..];
        let draft = Draft { seq: None, time_us: self.time_us, kind, key: id, format: BodyFormat::Json, body };
        if let Err(error) = self.batch.push(&draft) {
            self.bodies.truncate(start);
            return Err(error);
        }
        self.events.push(Written { kind, end: self.bodies.len() });
        id.clone_into(&mut self.last_id);
        Ok(())
    }

    fn bodies_end(&self) -> usize {
        self.events.last().map_or(0, |event| event.end)
    }

    /// Bytes of the body of the last event.
    pub(super) fn last_bytes(&self) -> u64 {
        let before = self.events.iter().rev().nth(1).map_or(0, |event| event.end);
        (self.bodies_end() - before) as u64
    }

    /// The document that an event brought, of this group or of the log.
    pub(super) fn doc(&self, seq: u64) -> Result<Option<StoredDoc>, DocumentsError> {
        let Some(at) = seq.checked_sub(self.first_seq) else { return self.database.stored(seq) };
        let at = at as usize;
        let start = at.checked_sub(1).and_then(|before| self.events.get(before)).map_or(0, |event| event.end);
        let event = self.events.get(at);
        Ok(event.map(|event| read_doc(&self.bodies[start..event.end], event.kind == DELETE)))
    }

    /// Makes everything durable, then shows it. Fails only if nothing was made durable.
    pub(super) fn commit(self) -> Result<(), DocumentsError> {
        let Self { database, staging, bodies, batch, first_seq, time_us, events, last_id, held, .. } = self;
        let Some((last, before)) = events.split_last() else { return Ok(()) };
        let last = LastEvent::of(&Event {
            seq: first_seq + before.len() as u64,
            time_us,
            kind: last.kind,
            key: &last_id,
            format: BodyFormat::Json,
            body: &bodies[before.last().map_or(0, |event| event.end)..],
        });
        let mut appending = pin!(database.feed.append(batch, SeqMode::Assign));
        // Sets the log going; it works while the rest is made ready.
        let early = block_on(poll_once(&mut appending));
        let news = staging.news(Some(last));
        let appended = early.unwrap_or_else(|| block_on(appending))?;
        let shown = match news {
            Ok(news) if appended.first_seq == first_seq => database.shelf.show(news),
            _ => database.catch_up(),
        };
        if let Err(error) = shown {
            // The documents are stored. Whoever reads next meets the same error, or finds it mended.
            tracing::error!(feed = database.feed.name(), %error, "the index of a database cannot be read");
        }
        // A sweep asks what is known first.
        drop(held);
        Ok(())
    }
}

/// The kind of an event that stores a revision.
pub(super) fn kind_of(deleted: bool) -> &'static str {
    if deleted { DELETE } else { PUT }
}
