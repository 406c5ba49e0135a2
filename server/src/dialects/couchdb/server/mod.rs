//! What is asked of the server and of no database.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /` | who this is |
//! | `GET /_up`, `GET /_uuids`, `GET /_active_tasks` | alive; fresh ids; databases that are being compacted |
//! | `GET /_all_dbs`, `GET`, `POST /_dbs_info` | the databases |
//! | `GET /_db_updates` | databases that come, change and go |
//! | `GET`, `POST`, `DELETE /_session` | logins |
//!
//! Owns this table. Tested by `server/tests/couchdb/server.rs`.

mod list;
mod small;
mod updates;

use tailwater_wire::couchdb::errors::Problem;

pub(in crate::dialects::couchdb) use self::small::new_id;
pub(crate) use self::{small::add_root_fields, updates::Updates};
use super::{auth::session, visit::Visit};
use crate::http::Reply;

/// Answers a request whose first segment begins with an underscore.
pub(super) async fn answer(visit: &mut Visit<'_>, name: &str) -> Reply {
    match (name, visit.method()) {
        ("_session", _) => session::answer(visit).await.into(),
        ("_up", "GET" | "HEAD") => small::up(visit).into(),
        ("_uuids", "GET" | "HEAD") => small::uuids(visit).into(),
        ("_active_tasks", "GET" | "HEAD") => small::active_tasks(visit).into(),
        ("_all_dbs", "GET" | "HEAD") => list::all_dbs(visit).into(),
        ("_dbs_info", "GET" | "HEAD" | "POST") => list::dbs_info(visit).await.into(),
        ("_db_updates", "GET" | "HEAD") => updates::answer(visit),
        ("_dbs_info", _) => visit.wrong_method("GET,HEAD,POST").into(),
        ("_up" | "_uuids" | "_active_tasks" | "_all_dbs" | "_db_updates", _) => visit.wrong_method("GET,HEAD").into(),
        (_, "PUT") => visit.refuse(Problem::DatabaseName(name.to_owned())).into(),
        _ => visit.refuse(Problem::DatabaseMissing).into(),
    }
}

/// Answers a request for `/` where nothing but CouchDB is spoken.
pub(super) fn root(visit: &Visit<'_>) -> Reply {
    match visit.method() {
        "GET" | "HEAD" => small::welcome(visit).into(),
        _ => visit.wrong_method("GET,HEAD").into(),
    }
}
