//! `_security`: who may read a database, and who may change its design.

use super::auth::{ADMIN_ROLE, UserCtx};
use super::errors::Problem;
use super::text::{BodyError, Kind, Value, parse_body};

/// What a new database has: administrators of the server only.
pub const DEFAULT: &str = r#"{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}"#;

/// Names and roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Users by name.
    pub names: Vec<String>,
    /// Users by what they may be.
    pub roles: Vec<String>,
}

/// A security object. What else it has is kept by whoever keeps its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Who may change design documents and this object.
    pub admins: Group,
    /// Who may read and write. If nobody is named, everybody may.
    pub members: Group,
}

/// Why a security object is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecurityError {
    /// Not JSON, or no object.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// `names` is something else.
    #[error("names must be a JSON list of strings")]
    Names,
    /// `roles` is something else.
    #[error("roles must be a JSON list of strings")]
    Roles,
    /// `admins` or `members` is no object.
    #[error("admins or members must be a JSON list of strings")]
    Group,
}

/// What somebody may do in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    None,
    /// Read and write documents.
    Member,
    /// Everything, design documents and the security object included.
    Admin,
}

impl Group {
    fn parse(value: Option<Value<'_>>) -> Result<Self, SecurityError> {
        let Some(value) = value else { return Ok(Self::default()) };
        if value.kind() != Kind::Object {
            return Err(SecurityError::Group);
        }
        let names = strings(value.get("names")).ok_or(SecurityError::Names)?;
        let roles = strings(value.get("roles")).ok_or(SecurityError::Roles)?;
        Ok(Self { names, roles })
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.roles.is_empty()
    }

    fn has(&self, user: &UserCtx) -> bool {
        let by_role = user.roles.iter().any(|role| self.roles.contains(role));
        by_role || user.name.as_ref().is_some_and(|name| self.names.contains(name))
    }
}

fn strings(value: Option<Value<'_>>) -> Option<Vec<String>> {
    let Some(value) = value else { return Some(Vec::new()) };
    let strings = value.elements().map(|element| element.string().map(|text| text.into_owned()));
    if value.kind() == Kind::Array { strings.collect() } else { None }
}

impl Security {
    /// Reads a security object. `readers` is the old name of `members`.
    ///
    /// # Errors
    /// See [`SecurityError`].
    pub fn parse(body: &[u8]) -> Result<Self, SecurityError> {
        let text = parse_body(body)?;
        let value = Value::new(text.as_bytes());
        if value.kind() != Kind::Object {
            return Err(BodyError::NotAnObject.into());
        }
        let members = value.get("members").or_else(|| value.get("readers"));
        Ok(Self { admins: Group::parse(value.get("admins"))?, members: Group::parse(members)? })
    }

    /// What somebody may do.
    pub fn access(&self, user: &UserCtx) -> Access {
        if user.is_server_admin() || self.admins.has(user) {
            Access::Admin
        } else if self.members.is_empty() || self.members.has(user) {
            Access::Member
        } else {
            Access::None
        }
    }

    /// Whether somebody may do what needs `needed`.
    ///
    /// # Errors
    /// The refusal: another one for somebody than for nobody.
    pub fn check(&self, user: &UserCtx, needed: Access) -> Result<(), Problem> {
        let access = self.access(user);
        match (access, &user.name) {
            _ if access >= needed => Ok(()),
            (Access::None, None) => Err(Problem::Unauthorized),
            (Access::None, Some(_)) => Err(Problem::Forbidden),
            _ => Err(Problem::NotAdmin),
        }
    }
}

/// Whether a role may be given to users: those with an underscore are the server's.
pub fn is_system_role(role: &str) -> bool {
    role == ADMIN_ROLE || role.starts_with('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, roles: &[&str]) -> UserCtx {
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        UserCtx { name, roles: roles.iter().map(|role| (*role).to_owned()).collect() }
    }

    #[test]
    fn who_may_do_what() {
        let readers =
            r#"{"admins":{"names":["ann"],"roles":["chief"]},"members":{"names":["bob"],"roles":["readers"]}}"#;
        let table = [
            (DEFAULT, user("", &[]), Access::None),
            (DEFAULT, user("bob", &[]), Access::None),
            (DEFAULT, user("adm", &["_admin"]), Access::Admin),
            ("{}", user("", &[]), Access::Member),
            (r#"{"members":{"names":[],"roles":[]}}"#, user("", &[]), Access::Member),
            (readers, user("", &[]), Access::None),
            (readers, user("bob", &[]), Access::Member),
            (readers, user("eve", &["x", "readers"]), Access::Member),
            (readers, user("ann", &[]), Access::Admin),
            (readers, user("eve", &["chief"]), Access::Admin),
            (readers, user("eve", &["Readers"]), Access::None),
            (r#"{"readers":{"names":["bob"]}}"#, user("eve", &[]), Access::None),
        ];
        for (text, user, expected) in table {
            assert_eq!(Security::parse(text.as_bytes()).unwrap().access(&user), expected, "{text} {user:?}");
        }
    }

    #[test]
    fn captured_refusals() {
        let security = Security::parse(br#"{"members":{"roles":["readers"]}}"#).unwrap();
        let table = [
            (user("", &[]), Access::Member, Err(Problem::Unauthorized)),
            (user("bob", &["other"]), Access::Member, Err(Problem::Forbidden)),
            (user("bob", &["readers"]), Access::Member, Ok(())),
            (user("bob", &["readers"]), Access::Admin, Err(Problem::NotAdmin)),
            (user("adm", &["_admin"]), Access::Admin, Ok(())),
        ];
        for (user, needed, expected) in table {
            assert_eq!(security.check(&user, needed), expected, "{user:?}");
        }
    }

    #[test]
    fn refused_objects() {
        let table = [
            ("[]", "Request body must be a JSON object"),
            ("{", "invalid UTF-8 JSON"),
            (r#"{"admins":[]}"#, "admins or members must be a JSON list of strings"),
            (r#"{"admins":{"names":"a"}}"#, "names must be a JSON list of strings"),
            (r#"{"members":{"roles":[1]}}"#, "roles must be a JSON list of strings"),
        ];
        for (text, reason) in table {
            assert_eq!(Security::parse(text.as_bytes()).unwrap_err().to_string(), reason, "{text}");
        }
        assert!(is_system_role("_admin") && is_system_role("_replicator") && !is_system_role("readers"));
    }
}
