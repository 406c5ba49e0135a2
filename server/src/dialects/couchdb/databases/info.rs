//! What a database is: counts, sizes, where its changes end.
//!
//! Owns the description. Tested by `server/tests/couchdb/databases.rs`.

use serde_json::json;
use tailwater_wire::couchdb::errors::Refusal;

use crate::{
    appliance::CREATED_OPTION,
    dialects::couchdb::{
        auth::Need,
        visit::{Subject, Visit},
    },
    http::Response,
};

/// The version of the files, as CouchDB counts its own.
const DISK_FORMAT_VERSION: u64 = 8;

/// `GET /{db}`
pub(super) async fn answer(visit: &Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let mut body = describe(&subject).await?;
    body.push(b'\n');
    Ok(visit.json(200, body))
}

/// The description, without a line end.
pub(in crate::dialects::couchdb) async fn describe(subject: &Subject) -> Result<Vec<u8>, Refusal> {
    let summary = subject.blocking(|database| database.summary()).await?;
    let uid = subject.uid();
    let description = json!({
        "instance_start_time": created(subject),
        "db_name": subject.db,
        "purge_seq": uid.token(summary.purge_seq),
        "update_seq": uid.token(summary.update_seq),
        "sizes": {
            "file": summary.file_bytes,
            "external": summary.external_bytes,
            "active": summary.active_bytes,
        },
        "props": {},
        "doc_del_count": summary.doc_del_count,
        "doc_count": summary.doc_count,
        "disk_format_version": DISK_FORMAT_VERSION,
        "compact_running": subject.database.compacting().is_some(),
        "cluster": { "q": 1, "n": 1, "w": 1, "r": 1 },
    });
    Ok(description.to_string().into_bytes())
}

/// `POST /{db}/_ensure_full_commit`: everything that was answered is durable.
pub(super) async fn full_commit(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    visit.read_json().await?;
    let mut body = json!({ "ok": true, "instance_start_time": created(&subject) }).to_string().into_bytes();
    body.push(b'\n');
    Ok(visit.json(201, body))
}

/// When it was created, in seconds since the Unix epoch: replicators tell by it whether it is still the same.
fn created(subject: &Subject) -> String {
    let created = subject.entry.feed().options().extra.get(CREATED_OPTION).and_then(serde_json::Value::as_u64);
    created.unwrap_or_default().to_string()
}
