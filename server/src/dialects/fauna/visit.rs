//! Who asks, for which database.
//!
//! Owns what a secret opens: that of a configured key, narrowed to a database and a role. Tested by
//! `server/tests/fauna/secrets.rs`.

use std::sync::Arc;

use tailwater_wire::fauna::{
    errors::{ApiError, WWW_AUTHENTICATE},
    secret::{Role, Secret},
};

use super::{Database, Endpoint, answer::Answer, call::Call};
use crate::{auth::Who, config::FaunaExposure, feeds::FeedEntry};

/// A request that may be answered.
pub(super) struct Visit {
    pub(super) endpoint: Endpoint,
    pub(super) database: Arc<Database>,
    /// Whether it may write documents.
    pub(super) writes: bool,
    /// Whether it may create and delete databases.
    pub(super) administers: bool,
    pub(super) name: String,
}

impl Visit {
    /// Finds out who sends a request, and whether it may at least read.
    pub(super) fn of(call: &Call<'_>, endpoint: Endpoint) -> Result<Self, Answer> {
        let appliance = &call.shard.appliance;
        let authorization = call.headers.get("authorization");
        let secret = authorization.and_then(Secret::from_authorization);
        if authorization.is_some() && secret.is_none() && !appliance.keys.is_open() {
            return Err(unauthorized(endpoint));
        }
        let who = appliance.keys.identify(secret.as_ref().map(|secret| secret.key.as_str()));
        let path = match &secret {
            Some(secret) if !secret.database.is_empty() => secret.database.join("/"),
            _ => FaunaExposure::ROOT.to_owned(),
        };
        let Some(database) = appliance.fauna.get(&path) else {
            let before = appliance.fauna.switched_off(&path);
            return Err(not_there(&path, &before, &who, endpoint));
        };
        let role = secret.and_then(|secret| secret.role);
        let role_writes = role.as_ref().map_or(Some(true), Role::may_write);
        let (Some(role_writes), true) = (role_writes, who.may_read(database.entry())) else {
            return Err(denied(&who, endpoint));
        };
        let is_mirrored = appliance.mirrors.fills(database.entry().feed().name());
        Ok(Self {
            endpoint,
            writes: role_writes && !is_mirrored && who.may_write(database.entry()),
            administers: matches!(role, None | Some(Role::Admin)) && who.may_administer(),
            name: who.name().to_owned(),
            database,
        })
    }
}

/// Why there is no database of this path; `before` are the feeds that were one. Whether there is any is nobody's business who
/// shows no valid secret.
fn not_there(path: &str, before: &[Arc<FeedEntry>], who: &Who, endpoint: Endpoint) -> Answer {
    match before.iter().find(|feed| who.may_read(feed)) {
        Some(feed) => Answer::from(ApiError::switched_off(feed.feed().name())),
        None if path == FaunaExposure::ROOT && who.is_known() => Answer::from(no_database(path)),
        None => unauthorized(endpoint),
    }
}

fn no_database(path: &str) -> ApiError {
    ApiError::new(404, "not_found", format!("No feed is bound to the Fauna database {path:?} ([feed.fauna])."))
}

fn denied(who: &Who, endpoint: Endpoint) -> Answer {
    if who.is_known() { Answer::from(ApiError::forbidden()) } else { unauthorized(endpoint) }
}

fn unauthorized(endpoint: Endpoint) -> Answer {
    match endpoint {
        Endpoint::Query => {
            let (name, value) = WWW_AUTHENTICATE;
            Answer::from(ApiError::unauthorized_query()).field(name, value)
        }
        Endpoint::Stream | Endpoint::Feed => Answer::from(ApiError::unauthorized()),
    }
}
