//! `_bulk_get`: many documents, or revisions of them, in one answer.
//!
//! Owns that every element of the request has its result, in order, and that no more of the answer is held than is sent next.
//! Tested by `server/tests/couchdb/bulk.rs`.

use std::collections::VecDeque;

use tailwater_wire::{
    couchdb::{
        bulk::{BulkGetWriter, Wanted, parse_bulk_get},
        doc::query::DocQuery,
        errors::{Problem, Refusal},
        rev::Rev,
    },
    json::write_str,
};

use crate::{
    dialects::couchdb::{
        auth::Need,
        documents::shown::{Look, json},
        failure::failed,
        pieces::{Made, Maker, Piece},
        visit::{Subject, Visit},
    },
    documents::Found,
    http::Reply,
};

/// `POST /{db}/_bulk_get`
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str) -> Result<Reply, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let query = DocQuery::parse(&visit.request.head.query())?;
    let body = visit.read_json().await?;
    let wanted = glommio::executor().spawn_blocking(move || parse_bulk_get(&body)).await?;
    let look = Look::of(&query, subject.uid());
    let results = Results { subject, query, look, wanted: wanted.into(), begun: false };
    Ok(visit.stream("application/json", &[], Made::new(results)))
}

struct Results {
    subject: Subject,
    query: DocQuery,
    look: Look,
    wanted: VecDeque<Wanted>,
    begun: bool,
}

impl Maker for Results {
    fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
        let mut text = Vec::new();
        let begun = std::mem::replace(&mut self.begun, true);
        let mut writer = if begun { BulkGetWriter::resume(&mut text) } else { BulkGetWriter::new(&mut text) };
        match self.wanted.pop_front() {
            None => {
                writer.finish();
                parts.push_back(Piece::Text(text));
                return Ok(false);
            }
            Some(Wanted::Wrong { id, rev, refusal }) => {
                writer.result(&id);
                writer.error(&id, &rev, &refusal);
                writer.pause();
            }
            Some(Wanted::Document { id, rev, atts_since }) => {
                writer.result(&quoted(&id));
                self.write_document(&id, rev, atts_since, writer, parts)?;
            }
        }
        parts.push_back(Piece::Text(text));
        Ok(true)
    }
}

impl Results {
    fn write_document(
        &self,
        id: &str,
        rev: Option<Rev>,
        atts_since: Option<Vec<Rev>>,
        mut writer: BulkGetWriter<'_>,
        parts: &mut VecDeque<Piece>,
    ) -> Result<(), Refusal> {
        let Subject { db, database, .. } = &self.subject;
        let look = Look {
            attachments: self.look.attachments || atts_since.is_some(),
            atts_since: atts_since.or_else(|| self.look.atts_since.clone()),
            ..self.look.clone()
        };
        let revs = rev.as_ref().map(std::slice::from_ref);
        let found = database.open_revs(id, revs, look.asked(&self.query)).map_err(|error| failed(db, &error))?;
        let found = found.unwrap_or_default();
        if found.is_empty() {
            writer.error(&quoted(id), "\"undefined\"", &Problem::Missing.into());
        }
        for one in found {
            match one {
                Found::Missing(rev) => writer.error(&quoted(id), &quoted(&rev.to_string()), &Problem::Missing.into()),
                Found::Doc(doc) => {
                    writer.start_document();
                    parts.push_back(Piece::Text(writer.take()));
                    json(db, database, &doc, &look, parts)?;
                    writer.end_document();
                }
            }
        }
        writer.pause();
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    write_str(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}
