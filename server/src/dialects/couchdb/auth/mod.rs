//! Who sends a request, and what they may do.
//!
//! | file | owns |
//! | --- | --- |
//! | [`mod@caller`] | somebody, and what they may do in a database |
//! | [`identify`] | the ways to say who one is, in CouchDB's order |
//! | [`session`] | `/_session` |
//!
//! Whether a password is right is `crate::auth::users`' to say. Tested by `server/tests/couchdb/auth.rs`.

mod caller;
mod identify;
pub(super) mod session;

pub(super) use self::{
    caller::{Caller, Need},
    identify::identify,
};

use crate::appliance::Appliance;

/// What sessions are signed with.
fn secret(appliance: &Appliance) -> &[u8] {
    appliance.config.couchdb.secret.as_ref().unwrap_or(&appliance.identity.secret).as_bytes()
}

/// How long a session lasts.
fn timeout_s(appliance: &Appliance) -> u64 {
    appliance.config.couchdb.session_timeout_ms / 1_000
}
