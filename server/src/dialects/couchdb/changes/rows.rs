//! The rows of an answer that is made for one request.
//!
//! Owns which changes become rows, what a row shows, and how many there were. Blocks where leaves have to be looked up.
//! Tested by `server/tests/couchdb/changes*.rs`.

use std::sync::Arc;

use tailwater_core::Event;
use tailwater_wire::couchdb::{
    changes::{
        ChangesRequest, Response, Style,
        row::{self, RowDoc, RowSeq},
    },
    event::{Change, json_body},
    selector::Fields,
    text::Value,
};

use super::{
    super::Database,
    ask::Ask,
    book::{BookError, Look},
    judge::{Judge, Verdict},
};
use crate::{dialects::couchdb::scripts::View, documents::PURGE};

/// See the module.
pub(super) struct Rows {
    pub(super) ask: Ask,
    pub(super) judge: Judge,
    pub(super) response: Response,
    fields: Fields,
    /// How many there were.
    pub(super) count: u64,
    /// The event of the last one.
    pub(super) last: Option<u64>,
}

impl Rows {
    pub(super) fn new(ask: Ask, view: Option<Arc<View>>) -> Self {
        let (judge, fields) = Judge::of(&ask.changes.filter, ask.changes.style, view);
        let response = Response::new(ask.changes.feed, ask.changes.wording);
        Self { ask, judge, response, fields, count: 0, last: None }
    }

    pub(super) fn changes(&self) -> &ChangesRequest {
        &self.ask.changes
    }

    pub(super) fn database(&self) -> &Database {
        &self.ask.database
    }

    /// Whether there are as many as there may be.
    pub(super) fn is_full(&self) -> bool {
        self.changes().limit.is_some_and(|limit| self.count >= limit)
    }

    /// Makes a row of an event, if it is wanted.
    pub(super) fn show(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), BookError> {
        if event.kind == PURGE {
            return Ok(());
        }
        let body = json_body(event);
        let change = Change::read(event, &body);
        let verdict = self.judge.verdict(event.seq, &change, self.ask.book())?;
        if verdict == Verdict::No {
            return Ok(());
        }
        let seq = match self.changes().row_has_seq(self.count) {
            true => RowSeq::Token(self.database().uid, event.seq),
            false => RowSeq::Null,
        };
        let attached = self.attached(&change)?;
        let (mut row, mut token) = (Vec::with_capacity(body.len() + 128), Vec::with_capacity(48));
        self.write(&change, seq, &verdict, attached.as_deref(), &mut row);
        seq.write(&mut token);
        self.response.row(&row, &token, out);
        self.count += 1;
        self.last = Some(event.seq);
        Ok(())
    }

    /// The document with what it has attached, where that is asked for. Without, if it is not stored any more.
    fn attached(&self, change: &Change<'_>) -> Result<Option<Vec<u8>>, BookError> {
        let ChangesRequest { include_docs, conflicts, attachments, att_encoding_info: encoding_info, .. } =
            *self.changes();
        if !include_docs || !(attachments || encoding_info) || !self.fields.is_all() {
            return Ok(None);
        }
        let winner = change.leaves().next().and_then(|(rev, _)| Value::new(rev).string());
        let look = Look { conflicts, attachments, encoding_info };
        self.ask.book().document(change.id(), &winner.unwrap_or_default(), look)
    }

    fn write(&self, change: &Change<'_>, seq: RowSeq, verdict: &Verdict, attached: Option<&[u8]>, out: &mut Vec<u8>) {
        let changes = self.changes();
        let doc = match (changes.include_docs, attached) {
            (false, _) => RowDoc::None,
            (true, Some(text)) => RowDoc::Text(text),
            (true, None) if self.fields.is_all() => RowDoc::Winner { conflicts: changes.conflicts },
            (true, None) => RowDoc::Fields(&self.fields),
        };
        match verdict {
            Verdict::Leaves(wanted) if changes.style == Style::AllDocs => {
                let leaves = change.leaves().enumerate();
                let revs = leaves.filter(|(at, _)| wanted.contains(at)).map(|(_, (rev, _))| rev);
                row::write_with(change, seq, revs, doc, out);
            }
            _ => row::write(change, seq, changes.style, doc, out),
        }
    }
}
