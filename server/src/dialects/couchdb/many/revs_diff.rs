//! `_revs_diff` and `_missing_revs`: which revisions a replicator has to bring.
//!
//! Owns the requests. Tested by `server/tests/couchdb/bulk.rs`.

use tailwater_wire::{
    couchdb::{
        doc::shown::write_revs,
        errors::Refusal,
        revs_diff::{self, DiffWriter},
    },
    json::write_str,
};

use crate::{
    dialects::couchdb::{auth::Need, visit::Visit},
    http::Response,
};

/// `POST /{db}/_revs_diff`
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let body = visit.read_json().await?;
    let asked = revs_diff::parse(&body)?;
    let comparing = move |database: &std::sync::Arc<crate::documents::Database>| {
        let mut out = Vec::new();
        let mut writer = DiffWriter::new(&mut out);
        for (id, revs) in asked {
            let difference = database.revs_diff(&id, &revs)?;
            writer.difference(&id, &difference.missing, &difference.possible_ancestors);
        }
        writer.finish();
        Ok(out)
    };
    Ok(visit.json(200, subject.blocking(comparing).await?))
}

/// `POST /{db}/_missing_revs`
pub(super) async fn answer_missing(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let body = visit.read_json().await?;
    let asked = revs_diff::parse(&body)?;
    let comparing = move |database: &std::sync::Arc<crate::documents::Database>| {
        let mut out = b"{\"missing_revs\":{".to_vec();
        let start = out.len();
        for (id, revs) in asked {
            let missing = database.revs_diff(&id, &revs)?.missing;
            if !missing.is_empty() {
                out.extend_from_slice(if out.len() > start { b"," } else { b"" });
                write_str(&mut out, &id);
                out.push(b':');
                write_revs(&missing, &mut out);
            }
        }
        out.extend_from_slice(b"}}\n");
        Ok(out)
    };
    Ok(visit.json(200, subject.blocking(comparing).await?))
}
