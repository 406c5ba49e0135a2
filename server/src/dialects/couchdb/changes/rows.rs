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
};

use super::{
    super::Database,
    ask::Ask,
    book::BookError,
    judge::{Judge, Verdict},
};
use crate::dialects::couchdb::scripts::View;

/// The kind of an event that is no change.
pub(in crate::dialects::couchdb) const PURGE: &str = "purge";

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
        let verdict = self.judge.verdict(event.seq, &change, &*self.database().book)?;
        if verdict == Verdict::No {
            return Ok(());
        }
        let seq = match self.changes().row_has_seq(self.count) {
            true => RowSeq::Token(self.database().uid, event.seq),
            false => RowSeq::Null,
        };
        let (mut row, mut token) = (Vec::with_capacity(body.len() + 128), Vec::with_capacity(48));
        self.write(&change, seq, &verdict, &mut row);
        seq.write(&mut token);
        self.response.row(&row, &token, out);
        self.count += 1;
        self.last = Some(event.seq);
        Ok(())
    }

    fn write(&self, change: &Change<'_>, seq: RowSeq, verdict: &Verdict, out: &mut Vec<u8>) {
        let changes = self.changes();
        let doc = match changes.include_docs {
            false => RowDoc::None,
            true if self.fields.is_all() => RowDoc::Winner { conflicts: changes.conflicts },
            true => RowDoc::Fields(&self.fields),
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
