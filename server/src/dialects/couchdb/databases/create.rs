//! Databases come and go.
//!
//! Owns which feed a new database becomes: one of its name where that is free and a feed can have it. Nothing of a database is
//! dropped by age or size, for that would be a purge without a word. Tested by `server/tests/couchdb/databases.rs`.

use sha2::{Digest, Sha256};
use tailwater_core::{FeedOptions, Retention};
use tailwater_wire::couchdb::errors::{Problem, Refusal};

use super::check_name;
use crate::{
    appliance::{Appliance, FeedsError},
    config::{CouchdbExposure, is_feed_name},
    dialects::couchdb::{failure::not_moved, visit::Visit},
    exposure::Exposure,
    http::Response,
};

/// `PUT /{db}`
pub(super) async fn create(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    visit.caller.require_server_admin()?;
    check_name(db)?;
    let appliance = visit.appliance().clone();
    let name = feed_name(&appliance, db);
    let couchdb = Some(CouchdbExposure { db: db.to_owned(), ..CouchdbExposure::default() });
    let exposure = Exposure { couchdb, ..Exposure::default() };
    let creating = move || {
        let options = FeedOptions { retention: Retention { age_ms: None, bytes: None }, ..appliance.default_options() };
        appliance.create(&name, &options, &exposure)
    };
    glommio::executor().spawn_blocking(creating).await.map_err(|error| not_moved(db, &error))?;
    tracing::info!(by = visit.caller.user.name.as_deref().unwrap_or("anybody"), db, "a database was created");
    Ok(visit.ok(201).header("Location", visit.location(db, None)))
}

/// `DELETE /{db}`
pub(super) async fn delete(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    if visit.request.head.query().get("rev").is_some() {
        return Err(Problem::DatabaseRev.into());
    }
    visit.caller.require_server_admin()?;
    let entry = visit.appliance().feeds.database(db).ok_or(Problem::DatabaseMissing)?;
    match visit.appliance().delete(entry.feed().name()).await {
        Ok(()) => {}
        Err(FeedsError::Unknown { .. }) => return Err(Problem::DatabaseMissing.into()),
        Err(error) => return Err(not_moved(db, &error)),
    }
    tracing::info!(by = visit.caller.user.name.as_deref().unwrap_or("anybody"), db, "a database was deleted");
    Ok(visit.ok(200))
}

/// The feed of a new database. A database's name may have characters that a feed's may not.
fn feed_name(appliance: &Appliance, db: &str) -> String {
    let is_same = |couchdb: &CouchdbExposure| couchdb.db == db;
    let is_free = appliance.feeds.get(db).is_none_or(|other| other.exposure().couchdb.as_ref().is_some_and(is_same));
    if is_feed_name(db) && is_free {
        return db.to_owned();
    }
    format!("couchdb-{}", data_encoding::HEXLOWER.encode(&Sha256::digest(db.as_bytes())[..12]))
}
