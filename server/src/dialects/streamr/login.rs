//! Sessions: newer clients exchange their key for a token before they do anything else.
//!
//! Owns the exchange. A session's token is the key itself: there is nothing about a session that would have to be kept.
//! Tested by `server/tests/streamr/http.rs`.

use tailwater_wire::streamr::{errors::StreamrError, http::parse_login, rest::write_session};

use super::refused;
use crate::{
    auth::Who,
    clock::now_us,
    http::{Request, Response},
};

/// Bytes a login may have.
const LOGIN_BYTES_MAX: u64 = 16 << 10;

/// How long clients may believe in a session before they ask again: three hours, as in the original.
const SESSION_US: u64 = 3 * 3_600 * 1_000_000;

/// `POST /api/v1/login/apikey`
pub(super) async fn login(request: &mut Request<'_>) -> Response {
    let body = match request.inbound.read_body(LOGIN_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            let body = serde_json::json!({ "error": error.to_string() });
            return Response::json(error.status().unwrap_or(400), &body).closing();
        }
    };
    let key = match parse_login(&body) {
        Ok(key) => key,
        Err(error) => return refused(&error),
    };
    if let Who::Unknown = request.shard.appliance.keys.identify(Some(&key)) {
        return refused(&StreamrError::AuthenticationFailed);
    }
    let mut session = Vec::new();
    write_session(&key, now_us() + SESSION_US, &mut session);
    Response::new(200, "application/json", session)
}
