//! `_revisions` of a document that is sent.

use super::error::DocError;
use crate::couchdb::rev::{History, RevHash, RevSyntaxError};
use crate::couchdb::text::{Kind, Value};

/// Reads `{"start":N,"ids":[..]}`; `None` if it names no revision.
pub(super) fn parse(object: Value<'_>) -> Result<Option<History>, DocError> {
    let start = object.get("start").filter(|start| start.number().is_some_and(|number| number.is_integer()));
    let start = start.ok_or(DocError::RevisionsStart)?;
    let ids = object.get("ids").filter(|ids| ids.kind() == Kind::Array).ok_or(DocError::RevisionsIds)?;
    let ids = ids.elements().map(parse_id).collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() {
        return Ok(None);
    }
    let history = start.unsigned().and_then(|start| History::new(start, ids));
    history.map(Some).ok_or(DocError::Revisions)
}

fn parse_id(id: Value<'_>) -> Result<RevHash, DocError> {
    let text = id.string().ok_or(DocError::RevisionsType)?;
    RevHash::parse(&text).map_err(|error| match error {
        RevSyntaxError::Hex => DocError::RevisionsHex,
        RevSyntaxError::Format => DocError::Revisions,
    })
}
