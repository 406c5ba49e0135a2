//! `/_session`: logging in, asking who one is, logging out.
//!
//! Owns these answers. Tested by `server/tests/couchdb/auth.rs`.

use tailwater_wire::couchdb::{
    auth::{login, write_login, write_session},
    cookie::set_cookie,
    errors::{Problem, Refusal},
};

use super::{identify::log_in, identify::session_of, timeout_s};
use crate::{
    clock::now_us,
    dialects::couchdb::{encoded::decoded, visit::Visit},
    http::Response,
};

/// Bytes a login may have.
const LOGIN_BYTES_MAX: u64 = 64 << 10;

/// Answers a request for the session.
pub(in crate::dialects::couchdb) async fn answer(visit: &mut Visit<'_>) -> Response {
    match visit.method() {
        "GET" | "HEAD" => show(visit),
        "POST" => begin(visit).await,
        "DELETE" => visit.ok(200).header("Set-Cookie", no_cookie(visit)),
        _ => visit.wrong_method("GET,HEAD,POST,DELETE"),
    }
}

fn show(visit: &Visit<'_>) -> Response {
    let wants_login = visit.request.head.query().get("basic") == Some("true");
    if wants_login && visit.caller.user.name.is_none() {
        return visit.refuse(Refusal::new(401, "unauthorized", "Please login."));
    }
    let has_proxy = visit.appliance().config.couchdb.proxy_auth;
    let handlers: &[&str] = if has_proxy { &["proxy", "cookie", "default"] } else { &["cookie", "default"] };
    let mut body = Vec::new();
    write_session(&visit.caller.user, handlers, visit.caller.handler, &mut body);
    visit.json(200, body)
}

async fn begin(visit: &mut Visit<'_>) -> Response {
    let body = match visit.request.inbound.read_body(LOGIN_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => return visit.refuse(crate::dialects::couchdb::failure::unreadable(&error)).closing(),
    };
    let body = match decoded(visit.request.head, body, LOGIN_BYTES_MAX).await {
        Ok(body) => body,
        Err(refusal) => return visit.refuse(refusal),
    };
    let credentials = match login(visit.request.head.header("content-type").unwrap_or_default(), &body) {
        Ok(credentials) => credentials,
        Err(refusal) => return visit.refuse(refusal),
    };
    match log_in(visit.appliance(), &credentials).await {
        Ok(caller) => {
            let cookie = session_of(visit.appliance(), &credentials.name, visit.is_tls());
            let mut body = Vec::new();
            write_login(&caller.user, &mut body);
            let response = visit.json(200, body);
            cookie.into_iter().fold(response, |response, cookie| response.header("Set-Cookie", cookie))
        }
        Err(refusal) if refusal.reason == Problem::Login.to_string() => {
            visit.refuse(refusal).header("Set-Cookie", no_cookie(visit))
        }
        Err(refusal) => visit.refuse(refusal),
    }
}

/// The cookie that takes the place of any other, and is none.
fn no_cookie(visit: &Visit<'_>) -> String {
    set_cookie("", now_us() / 1_000_000, timeout_s(visit.appliance()), visit.is_tls())
}
