//! Documents: one at a time.
//!
//! | file | owns |
//! | --- | --- |
//! | [`write`] | `PUT`, `POST`, `DELETE` of a document |
//! | [`edit`] | a document as sent, on its way to the engine |
//! | [`read`] | `GET`, `HEAD`: the winner or a revision |
//! | [`open_revs`] | several revisions at once |
//! | [`shown`] | a document as it is shown, with what it has attached |
//! | [`blob`] | the bytes of an attachment |
//! | [`attachment`] | attachments by themselves |
//! | [`functions`] | views and other functions of design documents, which are not run |
//! | [`local`] | documents that are never replicated |
//!
//! Owns this table and the two below. Tested by `server/tests/couchdb/documents.rs` and
//! `server/tests/couchdb/attachments.rs`.

mod attachment;
mod blob;
pub(super) mod edit;
mod functions;
pub(super) mod local;
mod open_revs;
mod read;
pub(super) mod shown;
mod write;

use tailwater_wire::couchdb::doc::id::{DESIGN, LOCAL};

use super::{auth::Need, visit::Visit};
use crate::http::Reply;

pub(super) use self::write::post;

/// Answers a request for a document.
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str, id: &str) -> Reply {
    if id.starts_with(LOCAL) {
        return local::answer(visit, db, id).await;
    }
    let answer = match visit.method() {
        "GET" | "HEAD" => read::get(visit, db, id).await,
        "PUT" => write::put(visit, db, id).await.map(Reply::from),
        "DELETE" => write::delete(visit, db, id).await.map(Reply::from),
        _ => Ok(visit.wrong_method("DELETE,GET,HEAD,PUT").into()),
    };
    answer.unwrap_or_else(|refusal| visit.refuse(refusal).into())
}

/// Answers a request for an attachment.
pub(super) async fn answer_attachment(visit: &mut Visit<'_>, db: &str, id: &str, name: &str) -> Reply {
    if id.starts_with(DESIGN) && functions::is_function(name) {
        let answer = functions::answer(visit, db, id, name).await;
        return answer.unwrap_or_else(|refusal| visit.refuse(refusal)).into();
    }
    let answer = match visit.method() {
        "GET" | "HEAD" => attachment::get(visit, db, id, name).await,
        "PUT" => attachment::put(visit, db, id, name).await.map(Reply::from),
        "DELETE" => attachment::delete(visit, db, id, name).await.map(Reply::from),
        _ => Ok(visit.wrong_method("DELETE,GET,HEAD,PUT").into()),
    };
    answer.unwrap_or_else(|refusal| visit.refuse(refusal).into())
}

/// What one has to be to write a document.
fn need_to_write(id: &str) -> Need {
    if id.starts_with(DESIGN) { Need::Admin } else { Need::Write }
}
