//! The CouchDB dialect: databases, each under its own name.
//!
//! | request | answer | file |
//! | --- | --- | --- |
//! | `GET`, `POST`, `HEAD /{db}/_changes` | what has changed, and what changes | `changes/` |
//!
//! Owns this table, and which feed is which database. Tested by `server/tests/couchdb/`.

pub(crate) mod changes;
mod database;
mod head;
pub(crate) mod scripts;

use tailwater_wire::couchdb::{doc::id::is_database_name, errors::Problem};

pub(crate) use self::database::Database;
use self::head::refused;
use crate::http::{Reply, Request};

/// Whether a path can be this dialect's: it begins with the name of a database, or with one of those that CouchDB reserves.
pub(crate) fn owns(request: &Request<'_>) -> bool {
    request
        .head
        .segments()
        .is_ok_and(|segments| segments.first().is_some_and(|first| first.starts_with('_') || is_database_name(first)))
}

/// Answers a request of this dialect.
pub(crate) async fn answer(request: Request<'_>) -> Reply {
    let segments: Vec<String> = match request.head.segments() {
        Ok(segments) => segments.into_iter().map(String::from).collect(),
        Err(error) => return refused(error.into()).into(),
    };
    let (db, rest) = match &segments[..] {
        [db, rest @ ..] => (db.as_str(), rest),
        [] => ("", &[][..]),
    };
    let Some(entry) = request.shard.appliance.feeds.database(db) else {
        return refused(Problem::DatabaseMissing.into()).into();
    };
    match rest {
        [changes] if changes == "_changes" => changes::answer(request, entry).await,
        _ => refused(Problem::Missing.into()).into(),
    }
}
