//! `_purge`: revisions removed for good.
//!
//! Owns the request and its limits; what it does is the engine's. Tested by `server/tests/couchdb/databases.rs`.

use tailwater_wire::{
    couchdb::{doc::shown::write_revs, errors::Refusal, revs_diff},
    json::write_str,
};

use crate::{
    dialects::couchdb::{auth::Need, failure::failed, visit::Visit},
    http::Response,
};

/// Documents and revisions of one request at most, as CouchDB has it.
const DOCS_MAX: usize = 100;
const REVS_MAX: usize = 1_000;

pub(super) async fn purge(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Admin).await?;
    let body = visit.read_json().await?;
    let docs = revs_diff::parse(&body)?;
    if docs.len() > DOCS_MAX {
        return Err(Refusal::bad_request("Exceeded maximum number of documents."));
    }
    if docs.iter().map(|(_, revs)| revs.len()).sum::<usize>() > REVS_MAX {
        return Err(Refusal::bad_request("Exceeded maximum number of revisions."));
    }
    let purged = subject.database.purge(docs).await.map_err(|error| failed(db, &error))?;
    let mut out = b"{\"purge_seq\":null,\"purged\":{".to_vec();
    for (at, one) in purged.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        write_str(&mut out, &one.id);
        out.push(b':');
        write_revs(&one.revs, &mut out);
    }
    out.extend_from_slice(b"}}\n");
    Ok(visit.json(201, out))
}
