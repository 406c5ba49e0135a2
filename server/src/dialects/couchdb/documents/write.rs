//! `PUT`, `POST` and `DELETE` of a document.
//!
//! Owns which revision a write replaces, and the answers. Tested by `server/tests/couchdb/documents.rs`.

use tailwater_wire::{
    couchdb::{
        bulk::write_stored,
        doc::{DocError, id, query::DocQuery, target},
        errors::Refusal,
        rev::{History, Rev},
    },
    json::write_str,
};

use super::{
    edit::{Sent, SentError, limits},
    local, need_to_write,
};
use crate::{
    dialects::couchdb::{
        auth::Need,
        failure::{failed, not_written},
        server::new_id,
        visit::{Subject, Visit},
    },
    documents::{Edit, Mode, Update},
    http::Response,
};

/// Bodies above this are parsed on the blocking pool, so that one large document does not hold up a sweep.
const PARSE_HERE_BYTES_MAX: usize = 16 << 10;

/// `PUT /{db}/{id}`
pub(super) async fn put(visit: &mut Visit<'_>, db: &str, id: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, need_to_write(id)).await?;
    id::check(id)?;
    let query = DocQuery::parse(&visit.request.head.query())?;
    let body = visit.read_body().await?;
    let edit = edit_of(visit, &subject, body, Some(id.to_owned()), &query).await?;
    write(visit, &subject, edit, &query).await
}

/// `POST /{db}`
pub(in crate::dialects::couchdb) async fn post(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Write).await?;
    let query = DocQuery::parse(&visit.request.head.query())?;
    let body = visit.read_json().await?;
    let edit = edit_of(visit, &subject, body, None, &query).await?;
    visit.require(&subject, need_to_write(&edit.id))?;
    if edit.id.starts_with(id::LOCAL) {
        return local::store(visit, &subject, &edit.id, None, edit.body).await;
    }
    write(visit, &subject, edit, &query).await
}

/// `DELETE /{db}/{id}`
pub(super) async fn delete(visit: &mut Visit<'_>, db: &str, id: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, need_to_write(id)).await?;
    id::check(id)?;
    let query = DocQuery::parse(&visit.request.head.query())?;
    let history = named(visit, None)?;
    let edit = Edit { id: id.to_owned(), history, deleted: true, body: "{}".to_owned(), attachments: Vec::new() };
    let rev = update(&subject, edit, mode(&query)).await?;
    Ok(stored(visit, 200, id, &rev))
}

/// The document that was sent, as an edit.
async fn edit_of(
    visit: &Visit<'_>,
    subject: &Subject,
    body: Vec<u8>,
    id: Option<String>,
    query: &DocQuery,
) -> Result<Edit, Refusal> {
    let content_type = visit.request.head.header("content-type").unwrap_or_default().to_owned();
    let limits = limits(&visit.appliance().config);
    let rev = visit.request.head.query().last("rev").map(str::to_owned);
    let if_match = visit.request.head.header("if-match").map(str::to_owned);
    let (database, keeps) = (subject.database.clone(), query.keep_rev);
    let is_small = body.len() <= PARSE_HERE_BYTES_MAX;
    let parse = move |blocks: bool| -> Result<Option<Edit>, SentError> {
        let sent = Sent::parse(&content_type, &body, &limits)?;
        if !blocks && !sent.document.attachments.is_empty() {
            return Ok(None);
        }
        let history = target::resolve(sent.document.history.clone(), rev.as_deref(), if_match.as_deref())?;
        if keeps && history.is_none() {
            return Err(DocError::NeedsRev.into());
        }
        let id = id.clone().or_else(|| sent.document.id.clone()).unwrap_or_else(new_id);
        sent.into_edit(&database, id, history).map(Some)
    };
    let edit = match is_small.then(|| parse(false)) {
        Some(Ok(Some(edit))) => Ok(Some(edit)),
        Some(Err(error)) => Err(error),
        // What is attached has to be stored.
        None | Some(Ok(None)) => glommio::executor().spawn_blocking(move || parse(true)).await,
    };
    let edit = edit.map_err(|error| refused(&subject.db, error))?;
    edit.ok_or_else(|| Refusal::bad_request("the document could not be read"))
}

/// What is wrong with what was sent.
pub(in crate::dialects::couchdb) fn refused(db: &str, error: SentError) -> Refusal {
    match error {
        SentError::Multipart(error) => error.into(),
        SentError::Engine(error) => failed(db, &error),
    }
}

/// The revision that `?rev=` and `If-Match` name.
pub(super) fn named(visit: &Visit<'_>, document: Option<History>) -> Result<Option<History>, Refusal> {
    let query = visit.request.head.query();
    Ok(target::resolve(document, query.last("rev"), visit.request.head.header("if-match"))?)
}

fn mode(query: &DocQuery) -> Mode {
    if query.keep_rev { Mode::KeepRevs } else { Mode::NewEdits }
}

/// Makes one edit.
pub(super) async fn update(subject: &Subject, edit: Edit, mode: Mode) -> Result<Rev, Refusal> {
    let outcomes = subject.database.update(Update { edits: vec![edit], mode }).await;
    let outcome = outcomes.map_err(|error| failed(&subject.db, &error))?.pop();
    let outcome = outcome.ok_or_else(|| Refusal::new(500, "internal_server_error", "the edit was not made"))?;
    outcome.result.map_err(|error| not_written(&error))
}

async fn write(visit: &Visit<'_>, subject: &Subject, edit: Edit, query: &DocQuery) -> Result<Response, Refusal> {
    let id = edit.id.clone();
    let location = visit.location(&subject.db, Some(&id));
    let written = update(subject, edit, mode(query)).await;
    if query.batch {
        // Whoever does not wait is not told of conflicts.
        if let Err(refusal) = written
            && refusal.status != 409
        {
            return Err(refusal);
        }
        let mut body = b"{\"ok\":true,\"id\":".to_vec();
        write_str(&mut body, &id);
        body.extend_from_slice(b"}\n");
        return Ok(visit.json(202, body).header("Location", location));
    }
    let rev = written?;
    let response = stored(visit, 201, &id, &rev).header("Location", location);
    Ok(response)
}

/// `{"ok":true,"id":..,"rev":..}`
pub(super) fn stored(visit: &Visit<'_>, status: u16, id: &str, rev: &Rev) -> Response {
    let rev = rev.to_string();
    let mut body = Vec::new();
    write_stored(id, &rev, &mut body);
    body.push(b'\n');
    visit.json(status, body).header("ETag", format!("\"{rev}\""))
}
