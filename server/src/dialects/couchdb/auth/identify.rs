//! The ways to say who one is.
//!
//! Owns their order, which is CouchDB's: the headers of a proxy, the cookie of a session, a name and a password. A session that
//! is over, or a proxy's token that is wrong, is as good as none. A wrong password is refused. Keys of the other dialects are
//! good here too: as a bearer token, or with the key's name as the user's and its secret as the password. Tested by
//! `server/tests/couchdb/auth.rs`.

use tailwater_wire::{
    couchdb::{
        auth::{self, Credentials, PROXY_NAME, PROXY_ROLES, PROXY_TOKEN, UserCtx},
        cookie::{self, Session},
        errors::{Problem, Refusal},
    },
    http1::Head,
};

use super::{Caller, secret, timeout_s};
use crate::{appliance::Appliance, auth::Who, clock::now_us, dialects::couchdb::failure::not_logged_in};

/// Finds out who sends a request. The cookie of a session that comes over TLS is for TLS only.
pub(in crate::dialects::couchdb) async fn identify(
    appliance: &Appliance,
    head: &Head,
    is_tls: bool,
) -> Result<Caller, Refusal> {
    if appliance.keys.is_open() {
        return Ok(Caller::anybody());
    }
    if let Some(caller) = by_proxy(appliance, head) {
        return Ok(caller);
    }
    if let Some(caller) = by_cookie(appliance, head, is_tls)? {
        return Ok(caller);
    }
    let Some(authorization) = head.header("authorization") else { return Ok(Caller::default()) };
    match auth::basic(authorization)? {
        Some(credentials) => log_in(appliance, &credentials).await,
        None => by_key(appliance, authorization),
    }
}

/// Somebody with a name and a password, or the name of a key and its secret.
pub(super) async fn log_in(appliance: &Appliance, credentials: &Credentials) -> Result<Caller, Refusal> {
    let Credentials { name, password } = credentials;
    let holder = appliance.keys.identify(Some(password));
    if matches!(holder, Who::Known(_)) && holder.name() == name {
        return Ok(Caller::holder(holder, "default"));
    }
    let user = appliance.users.log_in(name, password).await.map_err(not_logged_in)?;
    Ok(Caller::user(ctx(user.name(), user.roles()), "default"))
}

fn ctx(name: &str, roles: &[String]) -> UserCtx {
    UserCtx { name: Some(name.to_owned()), roles: roles.to_vec() }
}

fn by_proxy(appliance: &Appliance, head: &Head) -> Option<Caller> {
    let secret = appliance.config.couchdb.secret.as_ref().filter(|_| appliance.config.couchdb.proxy_auth)?;
    let name = head.header(PROXY_NAME)?;
    let user = auth::proxy(name, head.header(PROXY_ROLES), head.header(PROXY_TOKEN), secret.as_bytes())?;
    Some(Caller::user(user, "proxy"))
}

fn by_cookie(appliance: &Appliance, head: &Head, is_tls: bool) -> Result<Option<Caller>, Problem> {
    let sessions = head.header_all("cookie").map(Session::from_header);
    let Some(session) = sessions.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().next() else {
        return Ok(None);
    };
    let Some((caller, salt)) = owner(appliance, &session.user) else { return Ok(None) };
    let (now_s, timeout_s) = (now_us() / 1_000_000, timeout_s(appliance));
    let left_s = session.check(secret(appliance), &salt, now_s, timeout_s);
    Ok(left_s.map(|left_s| {
        let is_due = cookie::is_due(left_s, timeout_s);
        caller.renewed(is_due.then(|| new_cookie(appliance, &session.user, &salt, is_tls)))
    }))
}

/// Whose session it says it is, and what it is signed with besides the secret.
fn owner(appliance: &Appliance, name: &str) -> Option<(Caller, String)> {
    if let Some(user) = appliance.users.get(name) {
        return Some((Caller::user(ctx(user.name(), user.roles()), "cookie"), user.salt()));
    }
    let (holder, salt) = appliance.keys.named(name)?;
    Some((Caller::holder(holder, "cookie"), salt))
}

/// The `Set-Cookie` field of a session that begins now.
pub(super) fn session_of(appliance: &Appliance, name: &str, is_tls: bool) -> Option<String> {
    let (_, salt) = owner(appliance, name)?;
    Some(new_cookie(appliance, name, &salt, is_tls))
}

fn new_cookie(appliance: &Appliance, name: &str, salt: &str, is_tls: bool) -> String {
    let now_s = now_us() / 1_000_000;
    let value = cookie::issue(name, secret(appliance), salt, now_s);
    cookie::set_cookie(&value, now_s, timeout_s(appliance), is_tls)
}

fn by_key(appliance: &Appliance, authorization: &str) -> Result<Caller, Refusal> {
    let bearer = authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"));
    let Some((_, secret)) = bearer else { return Ok(Caller::default()) };
    match appliance.keys.identify(Some(secret.trim())) {
        holder @ Who::Known(_) => Ok(Caller::holder(holder, "key")),
        _ => Err(Problem::Login.into()),
    }
}
