//! Somebody who asks, and what they may do in a database.
//!
//! Owns how keys and security objects go together: whoever either of them opens a database to may enter. A key's holder may
//! read or write what the key says, and everything with an administrator's key. A user may what the database's security object
//! says. A public database may be read by everybody. Tests: below.

use tailwater_wire::couchdb::{
    auth::{ADMIN_ROLE, UserCtx},
    errors::{Problem, Refusal},
    security::{Access, Security},
};

use crate::{auth::Who, feeds::FeedEntry};

/// What somebody wants to do in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialects::couchdb) enum Need {
    /// Read documents.
    Read,
    /// Write documents.
    Write,
    /// Change its design or who may enter.
    Admin,
}

/// Somebody, or nobody.
#[derive(Clone, Debug)]
pub(in crate::dialects::couchdb) struct Caller {
    /// Who they are, as CouchDB says it.
    pub(in crate::dialects::couchdb) user: UserCtx,
    /// How that was found out: the name of a handler.
    pub(in crate::dialects::couchdb) handler: Option<&'static str>,
    key: Who,
    renewal: Option<String>,
}

impl Default for Caller {
    fn default() -> Self {
        Self { user: UserCtx::default(), handler: None, key: Who::Anonymous, renewal: None }
    }
}

impl Caller {
    /// Whoever asks where nobody has to say who they are.
    pub(super) fn anybody() -> Self {
        let user = UserCtx { name: None, roles: vec![ADMIN_ROLE.to_owned()] };
        Self { user, key: Who::Anybody, ..Self::default() }
    }

    /// A user.
    pub(super) fn user(user: UserCtx, handler: &'static str) -> Self {
        Self { user, handler: Some(handler), ..Self::default() }
    }

    /// The holder of a key.
    pub(super) fn holder(key: Who, handler: &'static str) -> Self {
        let roles = if key.may_administer() { vec![ADMIN_ROLE.to_owned()] } else { Vec::new() };
        let user = UserCtx { name: Some(key.name().to_owned()), roles };
        Self { user, handler: Some(handler), key, renewal: None }
    }

    /// The same with a new cookie, which the answer brings.
    pub(super) fn renewed(self, cookie: Option<String>) -> Self {
        Self { renewal: cookie, ..self }
    }

    /// The new cookie.
    pub(in crate::dialects::couchdb) fn renewal(&self) -> Option<String> {
        self.renewal.clone()
    }

    /// Refuses whoever may not do with a database what they need.
    pub(in crate::dialects::couchdb) fn require(
        &self,
        entry: &FeedEntry,
        security: &Security,
        need: Need,
    ) -> Result<(), Refusal> {
        let by_key = match need {
            Need::Read => self.key.may_read(entry) || entry.is_public(),
            Need::Write => self.key.may_write(entry),
            Need::Admin => self.key.may_administer(),
        };
        if by_key { Ok(()) } else { self.require_security(security, need) }
    }

    fn require_security(&self, security: &Security, need: Need) -> Result<(), Refusal> {
        let needed = if need == Need::Admin { Access::Admin } else { Access::Member };
        match security.check(&self.user, needed) {
            Err(Problem::NotAdmin) if self.user.name.is_none() => {
                Err(Refusal::new(401, "unauthorized", Problem::NotAdmin.to_string()))
            }
            checked => checked.map_err(Refusal::from),
        }
    }

    /// Refuses whoever is no administrator of the server.
    pub(in crate::dialects::couchdb) fn require_server_admin(&self) -> Result<(), Refusal> {
        if self.user.is_server_admin() {
            return Ok(());
        }
        Err(Refusal::new(401, "unauthorized", "You are not a server admin."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_is_missing() {
        let open = Security::parse(b"{}").unwrap();
        let closed = Security::parse(br#"{"members":{"roles":["readers"]}}"#).unwrap();
        let bob = |roles: &[&str]| {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            Caller::user(UserCtx { name: Some("bob".to_owned()), roles }, "default")
        };
        let nobody = Caller::default();
        let table = [
            (&nobody, &open, Need::Write, None),
            (&nobody, &open, Need::Admin, Some((401, "You are not a db or server admin."))),
            (&nobody, &closed, Need::Read, Some((401, "You are not authorized to access this db."))),
            (&bob(&[]), &closed, Need::Read, Some((403, "You are not allowed to access this db."))),
            (&bob(&["readers"]), &closed, Need::Write, None),
            (&bob(&["readers"]), &closed, Need::Admin, Some((403, "You are not a db or server admin."))),
            (&bob(&["_admin"]), &closed, Need::Admin, None),
            (&Caller::anybody(), &closed, Need::Admin, None),
        ];
        for (caller, security, need, expected) in table {
            let refused = caller.require_security(security, need).err();
            let refused = refused.as_ref().map(|refusal| (refusal.status, refusal.reason.as_str()));
            assert_eq!(refused, expected, "{caller:?} {need:?}");
        }
        assert_eq!(nobody.require_server_admin().unwrap_err().status, 401);
        assert!(Caller::anybody().require_server_admin().is_ok());
    }
}
