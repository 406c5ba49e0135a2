//! Functions of a design document that this server does not run: views and what goes with them.
//!
//! Owns the refusals: what is not there is said to be missing, as CouchDB says it, so that clients can tell it from what is
//! not served. Filters are `scripts`'. Tested by `server/tests/couchdb/documents.rs`.

use tailwater_wire::couchdb::{
    errors::{Problem, Refusal},
    text::Value,
};

use crate::{
    dialects::couchdb::{auth::Need, failure::missing, visit::Visit},
    documents::Asked,
    http::Response,
};

/// What is asked of a design document, and where it keeps that.
const KINDS: [(&str, &str); 5] =
    [("_view", "views"), ("_show", "shows"), ("_list", "lists"), ("_update", "updates"), ("_search", "indexes")];
const NOT_SERVED: &str = "Of the functions of design documents, this server runs filters of _changes only.";

/// Whether something asked of a design document is no attachment.
pub(super) fn is_function(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    first == "_info" || first == "_rewrite" || KINDS.iter().any(|(kind, _)| *kind == first)
}

/// Answers a request for a function.
pub(super) async fn answer(visit: &Visit<'_>, db: &str, design: &str, name: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let id = design.to_owned();
    let doc = subject.blocking(move |database| database.get(&id, None, Asked::default())).await?;
    let doc = doc.map_err(missing)?;
    let (kind, function) = name.split_once('/').unwrap_or((name, ""));
    let function = function.split('/').next().unwrap_or_default();
    if let Some((_, member)) = KINDS.iter().find(|(of, _)| *of == kind) {
        let functions = Value::new(doc.body.as_bytes()).get(member);
        if functions.and_then(|functions| functions.get(function)).is_none() {
            let is_view = *member == "views";
            let reason = if is_view { "missing_named_view" } else { "missing" };
            return Err(Refusal::new(404, "not_found", reason));
        }
    }
    Err(Problem::NotImplemented(NOT_SERVED).into())
}
