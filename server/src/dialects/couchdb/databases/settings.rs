//! `_security` and `_revs_limit`.
//!
//! Owns how they are read and set. What a security object opens is `auth`'s. Tested by `server/tests/couchdb/auth.rs` and
//! `server/tests/couchdb/databases.rs`.

use serde_json::value::RawValue;
use tailwater_wire::couchdb::{
    errors::Refusal,
    security::{self, Security},
    text::parse_body,
};

use crate::{
    dialects::couchdb::{auth::Need, visit::Visit},
    http::Response,
};

pub(super) async fn security(visit: &Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let settings = subject.database.settings();
    let text = settings.security.as_ref().map_or(security::DEFAULT, |text| text.get());
    Ok(visit.json(200, [text.as_bytes(), b"\n"].concat()))
}

pub(super) async fn set_security(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Admin).await?;
    let body = visit.read_body().await?;
    Security::parse(&body)?;
    let text = RawValue::from_string(parse_body(&body)?).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let set = move |settings: &mut crate::documents::Settings| settings.security = Some(text);
    subject.blocking(|database| database.change_settings(set)).await?;
    tracing::info!(by = visit.caller.user.name.as_deref().unwrap_or("anybody"), db, "a security object was set");
    Ok(visit.ok(200))
}

pub(super) async fn revs_limit(visit: &Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let revs_limit = subject.database.settings().revs_limit;
    Ok(visit.json(200, format!("{revs_limit}\n").into_bytes()))
}

pub(super) async fn set_revs_limit(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Admin).await?;
    let body = visit.read_body().await?;
    let revs_limit =
        serde_json::from_slice(&body).map_err(|_| Refusal::bad_request("`rev_limit` must be a positive integer"))?;
    let set = move |settings: &mut crate::documents::Settings| settings.revs_limit = revs_limit;
    subject.blocking(move |database| database.change_settings(set)).await?;
    Ok(visit.ok(200))
}
