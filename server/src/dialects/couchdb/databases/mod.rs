//! Databases: creating, describing, deleting, and what is set for one.
//!
//! | request | answer |
//! | --- | --- |
//! | `PUT`, `GET`, `HEAD`, `DELETE /{db}` | create, describe, look, delete |
//! | `POST /{db}` | a document that gets an id |
//! | `GET`, `PUT /{db}/_security`, `/{db}/_revs_limit` | what is set |
//! | `POST /{db}/_purge` | revisions removed for good |
//! | `POST /{db}/_compact` | what nobody needs goes, in the background |
//! | `POST /{db}/_ensure_full_commit`, `_view_cleanup` | nothing: all is durable, and there is nothing to clean |
//!
//! Owns this table. Tested by `server/tests/couchdb/databases.rs`.

mod create;
pub(super) mod info;
mod purge;
mod settings;

use tailwater_wire::couchdb::errors::{Problem, Refusal};

use super::{auth::Need, documents, visit::Visit};
use crate::http::{Reply, Response};

/// Answers a request for a database itself.
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str) -> Reply {
    let answer = match visit.method() {
        "GET" | "HEAD" => info::answer(visit, db).await,
        "PUT" => create::create(visit, db).await,
        "DELETE" => create::delete(visit, db).await,
        "POST" => documents::post(visit, db).await,
        _ => Ok(visit.wrong_method("DELETE,GET,HEAD,POST,PUT")),
    };
    answer.unwrap_or_else(|refusal| visit.refuse(refusal)).into()
}

/// Answers a request for something of a database that is one of those above; `None` for another.
pub(super) async fn resource(visit: &mut Visit<'_>, db: &str, name: &str) -> Option<Reply> {
    let answer = match (name, visit.method()) {
        ("_security", "GET" | "HEAD") => settings::security(visit, db).await,
        ("_security", "PUT") => settings::set_security(visit, db).await,
        ("_revs_limit", "GET" | "HEAD") => settings::revs_limit(visit, db).await,
        ("_revs_limit", "PUT") => settings::set_revs_limit(visit, db).await,
        ("_security" | "_revs_limit", _) => Ok(visit.wrong_method("GET,HEAD,PUT")),
        ("_purge", "POST") => purge::purge(visit, db).await,
        ("_ensure_full_commit", "POST") => info::full_commit(visit, db).await,
        ("_compact", "POST") => compact(visit, db).await,
        ("_view_cleanup", "POST") => clean_views(visit, db).await,
        ("_purge" | "_ensure_full_commit" | "_compact" | "_view_cleanup", _) => Ok(visit.wrong_method("POST")),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|refusal| visit.refuse(refusal)).into())
}

/// Superseded bodies and attachments that nobody needs any more go, in the background.
async fn compact(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Admin).await?;
    visit.read_json().await?;
    // Where that is under way already, the answer is the same.
    subject.database.compact();
    Ok(visit.ok(202))
}

/// No view has anything on the disk.
async fn clean_views(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    visit.enter(db, Need::Admin).await?;
    visit.read_json().await?;
    Ok(visit.ok(202))
}

/// Refuses a name that no database can have.
fn check_name(db: &str) -> Result<(), Refusal> {
    match crate::config::is_database_name(db) {
        true => Ok(()),
        false => Err(Problem::DatabaseName(db.to_owned()).into()),
    }
}
