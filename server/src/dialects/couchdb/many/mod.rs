//! Many documents at once.
//!
//! | request | file |
//! | --- | --- |
//! | `POST /{db}/_bulk_docs` | [`bulk_docs`] |
//! | `POST /{db}/_bulk_get` | [`bulk_get`] |
//! | `GET`, `POST /{db}/_all_docs`, `_design_docs`, `_local_docs` | [`all_docs`] |
//! | `POST /{db}/_revs_diff`, `_missing_revs` | [`revs_diff`] |
//! | `POST /{db}/_find` | [`find`] |
//!
//! Owns this table. Tested by `server/tests/couchdb/bulk.rs` and `server/tests/couchdb/lists.rs`.

mod all_docs;
mod bulk_docs;
mod bulk_get;
mod find;
mod revs_diff;

use self::all_docs::Kind;
use super::visit::Visit;
use crate::http::Reply;

/// Answers a request for something of a database that is one of those above; `None` for another.
pub(super) async fn resource(visit: &mut Visit<'_>, db: &str, name: &str) -> Option<Reply> {
    let answer = match (name, visit.method()) {
        ("_bulk_docs", "POST") => bulk_docs::answer(visit, db).await.map(Reply::from),
        ("_bulk_get", "POST") => bulk_get::answer(visit, db).await,
        ("_revs_diff", "POST") => revs_diff::answer(visit, db).await.map(Reply::from),
        ("_missing_revs", "POST") => revs_diff::answer_missing(visit, db).await.map(Reply::from),
        ("_find", "POST") => find::answer(visit, db).await,
        ("_bulk_docs" | "_bulk_get" | "_revs_diff" | "_missing_revs" | "_find", _) => {
            Ok(visit.wrong_method("POST").into())
        }
        ("_all_docs", "GET" | "HEAD" | "POST") => all_docs::answer(visit, db, Kind::All).await,
        ("_design_docs", "GET" | "HEAD" | "POST") => all_docs::answer(visit, db, Kind::Design).await,
        ("_local_docs", "GET" | "HEAD" | "POST") => all_docs::answer(visit, db, Kind::Local).await,
        ("_all_docs" | "_design_docs" | "_local_docs", _) => Ok(visit.wrong_method("GET,HEAD,POST").into()),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|refusal| visit.refuse(refusal).into()))
}
