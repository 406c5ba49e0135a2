//! Who sends a request: the headers of Basic and proxy authentication, logins, and what `/_session` answers.
//!
//! Whether a password is right is decided elsewhere. Cookies are in [`super::cookie`].

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::cookie;
use super::errors::{Problem, Refusal, SESSION_CONTENT_TYPES};
use super::text::{Value, parse_object};
use crate::http1::Query;
use crate::json::write_str;

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    /// The password is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Somebody, or nobody: who a request is from, once that has been found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserCtx {
    /// The name; nobody without one.
    pub name: Option<String>,
    /// What they may be.
    pub roles: Vec<String>,
}

/// The role of administrators of the server.
pub const ADMIN_ROLE: &str = "_admin";

impl UserCtx {
    /// Whether it is an administrator of the server.
    pub fn is_server_admin(&self) -> bool {
        self.roles.iter().any(|role| role == ADMIN_ROLE)
    }
}

/// Reads `Authorization: Basic`. Other schemes, and `_:_` which browsers send to log out, are nobody.
///
/// # Errors
/// The scheme is right and the rest is no base64.
pub fn basic(authorization: &str) -> Result<Option<Credentials>, Problem> {
    let Some(encoded) = authorization.strip_prefix("Basic ") else { return Ok(None) };
    let bytes = BASE64.decode(encoded.trim().as_bytes()).map_err(|_| Problem::Authorization)?;
    let text = String::from_utf8(bytes).map_err(|_| Problem::Authorization)?;
    let pair = text.split_once(':').filter(|pair| *pair != ("_", "_"));
    Ok(pair.map(|(name, password)| Credentials { name: name.to_owned(), password: password.to_owned() }))
}

/// The header with the name of a user whom a proxy has authenticated.
pub const PROXY_NAME: &str = "x-auth-couchdb-username";
/// The header with their roles.
pub const PROXY_ROLES: &str = "x-auth-couchdb-roles";
/// The header with the proof.
pub const PROXY_TOKEN: &str = "x-auth-couchdb-token";

/// Whom a proxy says it has authenticated. The token must be the MAC of the name with the shared secret, in hexadecimal
/// digits; anything else is nobody, not an error. The user need not exist.
pub fn proxy(name: &str, roles: Option<&str>, token: Option<&str>, secret: &[u8]) -> Option<UserCtx> {
    let mac = HEXLOWER_PERMISSIVE.decode(token?.as_bytes()).ok()?;
    let is_right = !secret.is_empty() && cookie::verify(secret, name.as_bytes(), &mac);
    let roles = roles.unwrap_or_default().split(',').map(str::trim).filter(|role| !role.is_empty());
    is_right.then(|| UserCtx { name: Some(name.to_owned()), roles: roles.map(str::to_owned).collect() })
}

/// Reads the body of `POST /_session`, a form or a JSON object.
///
/// # Errors
/// Another content type, no JSON, or no name.
pub fn login(content_type: &str, body: &[u8]) -> Result<Credentials, Refusal> {
    let (name, username, password) = if content_type.starts_with("application/x-www-form-urlencoded") {
        let text = String::from_utf8_lossy(body);
        let form = Query::parse(&text);
        let field = |name: &str| form.get(name).map(str::to_owned);
        (field("name"), field("username"), field("password"))
    } else if content_type.starts_with("application/json") {
        let text = parse_object(body)?;
        let value = Value::new(text.as_bytes());
        let member = |name: &str| value.get(name).and_then(Value::string).map(|text| text.into_owned());
        (member("name"), member("username"), member("password"))
    } else {
        return Err(Problem::ContentType(SESSION_CONTENT_TYPES).into());
    };
    let name = match (name, username) {
        (Some(name), Some(username)) if name != username => {
            return Err(Refusal::bad_request("request body contains different usernames"));
        }
        (name, username) => name.or(username),
    };
    let name = name.ok_or_else(|| Refusal::bad_request("request body must contain a username"))?;
    Ok(Credentials { name, password: password.unwrap_or_default() })
}

/// Appends the answer to a login that succeeded.
pub fn write_login(user: &UserCtx, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"ok\":true,");
    write_user(user, out);
    out.extend_from_slice(b"}\n");
}

/// Appends the answer to `GET /_session`. `handlers` are the ways to authenticate that are on, `used` is the one that
/// found out who it is.
pub fn write_session(user: &UserCtx, handlers: &[&str], used: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"ok\":true,\"userCtx\":{");
    write_user(user, out);
    out.extend_from_slice(b"},\"info\":{\"authentication_handlers\":");
    write_strings(handlers, out);
    if let Some(used) = used {
        out.extend_from_slice(b",\"authenticated\":");
        write_str(out, used);
    }
    out.extend_from_slice(b"}}\n");
}

fn write_user(user: &UserCtx, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"name\":");
    match &user.name {
        Some(name) => write_str(out, name),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"roles\":");
    write_strings(&user.roles, out);
}

fn write_strings(strings: &[impl AsRef<str>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, string) in strings.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        write_str(out, string.as_ref());
    }
    out.push(b']');
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
