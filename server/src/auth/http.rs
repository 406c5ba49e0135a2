//! Keys in HTTP requests: where they stand, and how a request without the right one is refused.
//!
//! Owns the forms `Authorization: Bearer SECRET` and `Authorization: token SECRET`, and the refusals of the native API and
//! of XRPC, which are alike. Tested by `server/tests/keys.rs`.

use super::Who;
use crate::{
    feeds::FeedEntry,
    http::{Request, Response},
};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No key was shown, or one that is not configured.
    Unauthenticated,
    /// The key does not open this.
    Forbidden,
}

impl Denied {
    fn of(who: &Who) -> Self {
        if who.is_known() { Self::Forbidden } else { Self::Unauthenticated }
    }
}

impl From<Denied> for Response {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => {
                let message =
                    "A key is needed: send `Authorization: Bearer SECRET` with one that is configured ([[key]]).";
                Response::error(401, "AuthenticationRequired", message)
                    .header("WWW-Authenticate", "Bearer realm=\"tailwater\"")
            }
            Denied::Forbidden => Response::error(403, "Forbidden", "Your key does not open this ([[key]])."),
        }
    }
}

/// The secret in the request's `Authorization` header.
pub(crate) fn bearer<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let (scheme, secret) = request.head.header("authorization")?.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then(|| secret.trim())
}

fn who(request: &Request<'_>) -> Who {
    request.shard.appliance.keys.identify(bearer(request))
}

fn require(who: &Who, allowed: bool) -> Result<(), Denied> {
    if allowed { Ok(()) } else { Err(Denied::of(who)) }
}

/// Refuses whoever may not read the feed.
pub(crate) fn require_read(request: &Request<'_>, feed: &FeedEntry) -> Result<(), Denied> {
    let who = who(request);
    require(&who, who.may_read(feed))
}

/// Refuses whoever may not publish to the feed.
pub(crate) fn require_write(request: &Request<'_>, feed: &FeedEntry) -> Result<(), Denied> {
    let who = who(request);
    require(&who, who.may_write(feed))
}

/// Refuses whoever may not create, change and delete feeds.
pub(crate) fn require_admin(request: &Request<'_>) -> Result<(), Denied> {
    let who = who(request);
    require(&who, who.may_administer())?;
    tracing::info!(by = who.name(), method = request.head.method(), path = request.head.path(), "administered");
    Ok(())
}

/// Refuses whoever has not said who they are.
pub(crate) fn require_any(request: &Request<'_>) -> Result<(), Denied> {
    let who = who(request);
    require(&who, who.is_known())
}
