//! The CouchDB dialect: databases of documents, over the HTTP interface its clients speak.
//!
//! | file | owns |
//! | --- | --- |
//! | [`paths`] | what a path is about |
//! | [`visit`] | one request: who sends it, what its answer carries |
//! | [`auth`], [`cors`] | who may do what, from where |
//! | [`server`] | the server as a whole, logins |
//! | [`databases`] | databases as such |
//! | [`documents`], [`many`] | documents, one by one and many at once |
//! | [`changes`], [`scripts`] | `_changes`, and filters in JavaScript |
//! | [`database`] | what is kept of a database for its changes |
//! | [`head`] | heads of answers |
//! | [`pieces`], [`encoded`] | bodies that are made while they are sent; bodies that come compressed |
//! | [`failure`] | what goes wrong |
//!
//! Tested by `server/tests/couchdb/`.

mod auth;
pub(crate) mod changes;
mod cors;
mod database;
mod databases;
mod documents;
mod encoded;
mod failure;
mod head;
mod many;
mod paths;
mod pieces;
pub(crate) mod scripts;
mod server;
mod visit;

use tailwater_wire::couchdb::{
    doc::id::is_database_name,
    errors::{Problem, Refusal},
};

use self::{auth::Need, cors::Trust, paths::Place, visit::Visit};
pub(crate) use self::{
    database::Database,
    server::{Updates, add_root_fields},
};
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
    let appliance = request.shard.appliance.clone();
    let head = request.head;
    let mut visit = Visit::new(request);
    if cors::is_preflight(head) {
        let origins = &appliance.config.couchdb.cors_origins;
        return Trust::of(head, origins, appliance.keys.is_open()).preflight(head).into();
    }
    let segments = match head.segments() {
        Ok(segments) => segments.into_iter().map(String::from).collect(),
        Err(error) => return visit.refuse(Refusal::from(error)).into(),
    };
    let place = Place::of(segments);
    match auth::identify(&appliance, head, visit.is_tls()).await {
        Ok(caller) => visit.welcome(caller),
        // Whoever logs in or out anew need not be in order before.
        Err(_) if place == Place::Server("_session".to_owned()) && matches!(head.method(), "POST" | "DELETE") => {}
        Err(refusal) => return visit.refuse(refusal).into(),
    }
    match place {
        // What becomes of the connection is the feed's to say.
        Place::Resource(db, name, rest) if name == "_changes" && rest.is_empty() => follow(visit, &db).await,
        place => route(&mut visit, place).await,
    }
}

async fn follow(visit: Visit<'_>, db: &str) -> Reply {
    match visit.enter(db, Need::Read).await {
        Ok(subject) => changes::answer(visit, subject).await,
        Err(refusal) => visit.refuse(refusal).into(),
    }
}

async fn route(visit: &mut Visit<'_>, place: Place) -> Reply {
    match place {
        Place::Root => server::root(visit),
        Place::Server(name) => server::answer(visit, &name).await,
        Place::Database(db) => databases::answer(visit, &db).await,
        Place::Resource(db, name, rest) if rest.is_empty() => resource(visit, &db, &name).await,
        Place::Resource(..) => visit.refuse(Problem::Missing).into(),
        Place::Document(db, id) => documents::answer(visit, &db, &id).await,
        Place::Attachment(db, id, name) => documents::answer_attachment(visit, &db, &id, &name).await,
    }
}

async fn resource(visit: &mut Visit<'_>, db: &str, name: &str) -> Reply {
    if let Some(reply) = databases::resource(visit, db, name).await {
        return reply;
    }
    if let Some(reply) = many::resource(visit, db, name).await {
        return reply;
    }
    // No document has such an id, and saying so is the document's business.
    documents::answer(visit, db, name).await
}
