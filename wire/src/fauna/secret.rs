//! Secrets: how they come in `Authorization`, and how one is narrowed to a database and a role.

use std::fmt;

/// The longest value of `Authorization` that is looked at.
const BYTES_MAX: usize = 2048;

/// A secret, perhaps narrowed: `secret`, `secret:role` or `secret:database:role`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The secret itself, to be compared in constant time.
    pub key: String,
    /// The path of the child database it is narrowed to, from the secret's own database on; empty for that one.
    pub database: Vec<String>,
    /// The role it is narrowed to, if it is.
    pub role: Option<Role>,
}

/// What a narrowed secret may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// `admin`: everything.
    Admin,
    /// `server`: read and write.
    Server,
    /// `server-readonly`: read.
    ServerReadOnly,
    /// Any other, such as `@role/name`: one that is not known here.
    Other(String),
}

impl fmt::Debug for Secret {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("database", &self.database).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Secret {
    /// Reads the value of `Authorization`: `Bearer secret`, or `Basic` with the secret for a user name. `None` if it is
    /// neither.
    pub fn from_authorization(value: &str) -> Option<Self> {
        if value.len() > BYTES_MAX {
            return None;
        }
        let (scheme, rest) = value.trim().split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Self::parse(rest);
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = data_encoding::BASE64.decode(rest.as_bytes()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        // A user name ends at the last colon here: those before it narrow the secret. The password is empty.
        Self::parse(text.strip_suffix(':').unwrap_or(&text))
    }

    /// Reads a secret as drivers are given it. `None` if it has more than three parts, or an empty one.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        if parts.iter().any(|part| part.is_empty() || part.chars().any(|c| c.is_whitespace() || c.is_control())) {
            return None;
        }
        let (key, database, role) = match parts.as_slice() {
            [key] => (*key, None, None),
            [key, role] => (*key, None, Some(Role::parse(role))),
            [key, database, role] => (*key, Some(*database), Some(Role::parse(role))),
            _ => return None,
        };
        let database: Vec<String> = database.map_or(Vec::new(), |path| path.split('/').map(str::to_owned).collect());
        let named = database.iter().all(|name| !name.is_empty());
        named.then(|| Self { key: key.into(), database, role })
    }
}

impl Role {
    fn parse(text: &str) -> Self {
        match text {
            "admin" => Self::Admin,
            "server" => Self::Server,
            "server-readonly" => Self::ServerReadOnly,
            other => Self::Other(other.into()),
        }
    }

    /// Whether the role may write; `None` if the role is not known.
    pub fn may_write(&self) -> Option<bool> {
        match self {
            Self::Admin | Self::Server => Some(true),
            Self::ServerReadOnly => Some(false),
            Self::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(key: &str, database: &[&str], role: Option<Role>) -> Option<Secret> {
        Some(Secret { key: key.into(), database: database.iter().map(|name| (*name).into()).collect(), role })
    }

    #[test]
    fn secrets() {
        let basic = |text: &str| format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()));
        let table = [
            ("Bearer secret".to_owned(), secret("secret", &[], None)),
            ("bearer  secret ".to_owned(), secret("secret", &[], None)),
            ("Bearer secret:StreamTestDB:admin".to_owned(), secret("secret", &["StreamTestDB"], Some(Role::Admin))),
            ("Bearer secret:a/b:server".to_owned(), secret("secret", &["a", "b"], Some(Role::Server))),
            ("Bearer secret:server-readonly".to_owned(), secret("secret", &[], Some(Role::ServerReadOnly))),
            ("Bearer secret:@role/x".to_owned(), secret("secret", &[], Some(Role::Other("@role/x".into())))),
            (basic("secret:"), secret("secret", &[], None)),
            (basic("secret"), secret("secret", &[], None)),
            (basic("secret:db:admin:"), secret("secret", &["db"], Some(Role::Admin))),
            ("secret".to_owned(), None),
            ("Bearer".to_owned(), None),
            ("Bearer ".to_owned(), None),
            ("Digest secret".to_owned(), None),
            ("Bearer a:b:c:d".to_owned(), None),
            ("Bearer a::admin".to_owned(), None),
            ("Bearer a:b//c:admin".to_owned(), None),
            ("Bearer :admin".to_owned(), None),
            ("Bearer a b".to_owned(), None),
            ("Basic !".to_owned(), None),
            (basic(":"), None),
            (format!("Bearer {}", "a".repeat(BYTES_MAX)), None),
        ];
        for (value, expected) in table {
            assert_eq!(Secret::from_authorization(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::parse("hunter2:db:admin").unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(secret.role.unwrap().may_write(), Some(true));
        assert_eq!((Role::ServerReadOnly.may_write(), Role::Other("x".into()).may_write()), (Some(false), None));
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "(Bearer|Basic|basic) [a-zA-Z0-9:/@=+]{0,30}|\\PC{0,30}") {
            Secret::from_authorization(&value);
        }
    }
}
