//! Who asks: the header `Authorization`, and the login that newer clients begin with.

use std::borrow::Cow;

use serde_json::Value;

use super::super::errors::StreamrError;
use super::super::request::Credentials;

/// Reads the header `Authorization`: `token KEY`, or `Bearer TOKEN` of a session. Without it nobody in particular asks.
///
/// # Errors
/// [`StreamrError::AuthorizationMalformed`]
pub fn parse_authorization(header: Option<&str>) -> Result<Credentials<'_>, StreamrError> {
    let Some(header) = header else { return Ok(Credentials::default()) };
    let (scheme, secret) = header.trim().split_once([' ', '\t']).unwrap_or((header.trim(), ""));
    let secret = Some(secret.trim()).filter(|secret| !secret.is_empty()).map(Cow::Borrowed);
    if scheme.eq_ignore_ascii_case("token") {
        Ok(Credentials { key: secret, session_token: None })
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Credentials { key: None, session_token: secret })
    } else {
        Err(StreamrError::AuthorizationMalformed)
    }
}

/// Reads the body of a login: `{"apiKey":"KEY"}`.
///
/// # Errors
/// [`StreamrError::LoginWithoutKey`]
pub fn parse_login(body: &[u8]) -> Result<String, StreamrError> {
    match serde_json::from_slice::<Value>(body).ok().as_ref().and_then(|body| body.get("apiKey")?.as_str()) {
        Some(key) if !key.is_empty() => Ok(key.to_owned()),
        _ => Err(StreamrError::LoginWithoutKey),
    }
}
