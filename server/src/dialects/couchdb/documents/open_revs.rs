//! `open_revs`: several revisions of a document in one answer, as an array or as `multipart/mixed`.
//!
//! Owns the order and the form. Tested by `server/tests/couchdb/documents.rs` and `server/tests/couchdb/attachments.rs`.

use std::collections::VecDeque;

use tailwater_wire::{
    couchdb::{
        doc::query::{DocQuery, OpenRevs},
        errors::{Problem, Refusal},
        multipart::Mixed,
    },
    json::write_str,
};

use super::shown::{self, Look};
use crate::{
    dialects::couchdb::{
        pieces::{Made, Maker, Piece},
        server::new_id,
        visit::{Subject, Visit},
    },
    documents::Found,
    http::Reply,
};

/// Answers a request with `open_revs`.
pub(super) async fn answer(visit: &Visit<'_>, subject: Subject, id: &str, query: DocQuery) -> Result<Reply, Refusal> {
    let look = Look::of(&query, subject.uid());
    let asked = look.asked(&query);
    let id = id.to_owned();
    let revs = match query.open_revs {
        Some(OpenRevs::These(revs)) => Some(revs),
        _ => None,
    };
    let found = subject.blocking(move |database| database.open_revs(&id, revs.as_deref(), asked)).await?;
    let found: VecDeque<Found> = found.ok_or(Problem::Missing)?.into();
    let is_mixed = visit.accepts("multipart/mixed");
    if is_mixed {
        // Each document that has attachments is a multipart of its own.
        let (outer, inner) = (new_id(), new_id());
        let content_type = format!("multipart/mixed; boundary=\"{outer}\"");
        let look = look.in_parts();
        return Ok(visit.stream(
            &content_type,
            &[],
            Made::new(Parts { subject, found, look, outer, inner, begun: false }),
        ));
    }
    Ok(visit.stream("application/json", &[], Made::new(Array { subject, found, look, begun: false })))
}

/// `[{"ok":..},{"missing":..}]`
struct Array {
    subject: Subject,
    found: VecDeque<Found>,
    look: Look,
    begun: bool,
}

impl Maker for Array {
    fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
        let Some(found) = self.found.pop_front() else {
            parts.push_back(Piece::Text(if self.begun { b"]\n".to_vec() } else { b"[]\n".to_vec() }));
            return Ok(false);
        };
        let mut text = if std::mem::replace(&mut self.begun, true) { b",".to_vec() } else { b"[".to_vec() };
        match found {
            Found::Missing(rev) => {
                text.extend_from_slice(b"{\"missing\":");
                write_str(&mut text, &rev.to_string());
                text.push(b'}');
                parts.push_back(Piece::Text(text));
            }
            Found::Doc(doc) => {
                text.extend_from_slice(b"{\"ok\":");
                parts.push_back(Piece::Text(text));
                shown::json(&self.subject.db, &self.subject.database, &doc, &self.look, parts)?;
                parts.push_back(Piece::Text(b"}".to_vec()));
            }
        }
        Ok(true)
    }
}

/// A part for each revision.
struct Parts {
    subject: Subject,
    found: VecDeque<Found>,
    look: Look,
    outer: String,
    inner: String,
    begun: bool,
}

impl Maker for Parts {
    fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
        let (mut text, mut unused) = (Vec::new(), Vec::new());
        let begun = std::mem::replace(&mut self.begun, true);
        let mixed = Mixed::start(&self.outer, &self.inner, if begun { &mut unused } else { &mut text });
        match self.found.pop_front() {
            None => {
                mixed.end(&mut text);
                parts.push_back(Piece::Text(text));
                return Ok(false);
            }
            Some(Found::Missing(rev)) => mixed.missing(&rev.to_string(), &mut text),
            Some(Found::Doc(doc)) => {
                mixed.start_document(shown::brought(&doc, &self.look), &mut text);
                parts.push_back(Piece::Text(std::mem::take(&mut text)));
                let Subject { db, database, .. } = &self.subject;
                shown::related(db, database, &doc, &self.look, &self.inner, parts)?;
                mixed.end_document(&mut text);
            }
        }
        parts.push_back(Piece::Text(text));
        Ok(true)
    }
}
