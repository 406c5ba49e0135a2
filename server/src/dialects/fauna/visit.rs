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
use crate::{auth::Who, config::FaunaExposure};

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
        // Whether there is such a database is nobody's business who shows no valid secret.
        let database = appliance.fauna.get(&path).ok_or_else(|| match who.is_known() {
            true if path == FaunaExposure::ROOT => Answer::from(no_database(&path)),
            _ => unauthorized(endpoint),
        })?;
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
