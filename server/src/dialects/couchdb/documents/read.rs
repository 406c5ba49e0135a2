//! `GET` and `HEAD` of a document: its winner, or a revision.
//!
//! Owns the ETag and the form of the answer: JSON, or `multipart/related` for a client that takes it and asks for attachments.
//! Tested by `server/tests/couchdb/documents.rs` and `server/tests/couchdb/attachments.rs`.

use std::collections::VecDeque;

use tailwater_wire::couchdb::{doc::query::DocQuery, errors::Refusal, multipart::related_content_type};

use super::{
    open_revs,
    shown::{self, Look},
};
use crate::{
    dialects::couchdb::{
        auth::Need,
        failure::missing,
        pieces::{Made, Maker, Piece},
        server::new_id,
        visit::{Subject, Visit},
    },
    documents::Doc,
    http::Reply,
};

pub(super) async fn get(visit: &Visit<'_>, db: &str, id: &str) -> Result<Reply, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let query = DocQuery::parse(&visit.request.head.query())?;
    if query.open_revs.is_some() {
        return open_revs::answer(visit, subject, id, query).await;
    }
    let look = Look::of(&query, subject.uid());
    let (id, rev, asked) = (id.to_owned(), query.rev.clone(), look.asked(&query));
    let found = subject.blocking(move |database| database.get(&id, rev.as_ref(), asked)).await?;
    show(visit, subject, found.map_err(missing)?, look)
}

fn show(visit: &Visit<'_>, subject: Subject, doc: Doc, look: Look) -> Result<Reply, Refusal> {
    // What is said of other revisions changes while this one does not.
    let is_alone = doc.revs_info.is_none() && doc.conflicts.is_empty() && doc.deleted_conflicts.is_empty();
    let etag = format!("\"{}\"", doc.rev);
    let fields = match is_alone && look.local_seq.is_none() {
        true if visit.has_etag(&etag) => return Ok(visit.not_modified(&etag).into()),
        true => vec![("ETag", etag)],
        false => Vec::new(),
    };
    let brought = shown::brought(&doc, &look);
    if brought == 0 {
        let mut body = Vec::new();
        shown::write_stubbed(&doc, &look, &mut body);
        body.push(b'\n');
        let response = visit.json(200, body);
        return Ok(fields.into_iter().fold(response, |response, (name, value)| response.header(name, value)).into());
    }
    let boundary = visit.accepts("multipart/related").then(new_id);
    let look = if boundary.is_some() { look.in_parts() } else { look };
    let content_type = boundary.as_ref().map_or("application/json".to_owned(), |b| related_content_type(b, brought));
    let maker = WithAttachments { subject, doc: Some(doc), look, boundary };
    Ok(visit.stream(&content_type, &fields, Made::new(maker)))
}

/// One document with the bytes of what it has attached.
struct WithAttachments {
    subject: Subject,
    doc: Option<Doc>,
    look: Look,
    boundary: Option<String>,
}

impl Maker for WithAttachments {
    fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
        let Some(doc) = self.doc.take() else { return Ok(false) };
        let Subject { db, database, .. } = &self.subject;
        match &self.boundary {
            Some(boundary) => shown::related(db, database, &doc, &self.look, boundary, parts)?,
            None => {
                shown::json(db, database, &doc, &self.look, parts)?;
                parts.push_back(Piece::Text(b"\n".to_vec()));
            }
        }
        Ok(false)
    }
}
