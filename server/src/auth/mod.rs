//! Who may do what: the configured keys, and what each opens.
//!
//! Owns the decision, the same for all dialects. Without keys and users everybody may do everything. With them, whoever shows none
//! may read the feeds that are public, and whoever shows a wrong one may do nothing. Never sees a secret for longer than
//! its comparison takes: what is kept is its SHA-256. How a dialect asks for a secret and how it says no is the dialect's
//! business. Tests: below and `server/tests/keys.rs`.

mod http;
pub(crate) mod password;
pub(crate) mod users;

use std::{collections::HashMap, sync::Arc};

use sha2::{Digest, Sha256};

pub(crate) use self::http::{Denied, bearer, require_admin, require_any, require_read, require_write};
use crate::{config::Key, feeds::FeedEntry};

/// Some or all feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    All,
    Named(Vec<String>),
}

impl Scope {
    fn of(names: &[String]) -> Self {
        if names.iter().any(|name| name == "*") { Self::All } else { Self::Named(names.to_vec()) }
    }

    fn holds(&self, feed: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == feed),
        }
    }
}

/// The holder of a key.
#[derive(Debug)]
pub(crate) struct Holder {
    name: String,
    read: Scope,
    write: Scope,
    admin: bool,
}

/// Whoever asks for something.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// There are no keys, so nobody has to show one.
    Anybody,
    /// There are keys, and none was shown.
    Anonymous,
    /// The holder of a configured key.
    Known(Arc<Holder>),
    /// A key was shown that is not configured.
    Unknown,
}

impl Who {
    /// Whether they may read the feed.
    pub(crate) fn may_read(&self, feed: &FeedEntry) -> bool {
        match self {
            Self::Anybody => true,
            Self::Anonymous => feed.is_public(),
            Self::Known(holder) => feed.is_public() || holder.admin || holder.read.holds(feed.scope()),
            Self::Unknown => false,
        }
    }

    /// Whether they may publish to the feed.
    pub(crate) fn may_write(&self, feed: &FeedEntry) -> bool {
        match self {
            Self::Anybody => true,
            Self::Known(holder) => holder.admin || holder.write.holds(feed.scope()),
            Self::Anonymous | Self::Unknown => false,
        }
    }

    /// Whether they may create, change and delete feeds.
    pub(crate) fn may_administer(&self) -> bool {
        match self {
            Self::Anybody => true,
            Self::Known(holder) => holder.admin,
            Self::Anonymous | Self::Unknown => false,
        }
    }

    /// Whether they have said who they are, or need not.
    pub(crate) fn is_known(&self) -> bool {
        matches!(self, Self::Anybody | Self::Known(_))
    }

    /// What they are called in the log.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Anybody => "anybody",
            Self::Anonymous => "anonymous",
            Self::Known(holder) => &holder.name,
            Self::Unknown => "unknown",
        }
    }
}

/// All configured keys.
#[derive(Debug)]
pub(crate) struct Keys {
    holders: HashMap<[u8; 32], Arc<Holder>>,
    open: bool,
}

impl Keys {
    /// `users` says whether there are users, who show no key.
    pub(crate) fn new(keys: &[Key], users: bool) -> Self {
        let holder = |key: &Key| {
            let (name, admin) = (key.name.clone(), key.admin);
            let holder = Holder { name, read: Scope::of(&key.read), write: Scope::of(&key.write), admin };
            Some((key.secret_sha256?, Arc::new(holder)))
        };
        let holders: HashMap<_, _> = keys.iter().filter_map(holder).collect();
        Self { open: holders.is_empty() && !users, holders }
    }

    /// Whether everybody may do everything.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Who has the key of this name, and what changes when its secret does.
    pub(crate) fn named(&self, name: &str) -> Option<(Who, String)> {
        let (digest, holder) = self.holders.iter().find(|(_, holder)| holder.name == name)?;
        Some((Who::Known(holder.clone()), data_encoding::HEXLOWER.encode(&Sha256::digest(digest))))
    }

    /// Who shows this secret.
    pub(crate) fn identify(&self, secret: Option<&str>) -> Who {
        if self.open {
            return Who::Anybody;
        }
        let Some(secret) = secret else {
            return Who::Anonymous;
        };
        // Comparing digests tells nothing about the secret by the time it takes.
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.holders.get(&digest).cloned().map_or(Who::Unknown, Who::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let sha256 = |secret: &str| Some(Sha256::digest(secret.as_bytes()).into());
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let keys = [
            Key { name: "reader".to_owned(), secret_sha256: sha256("r"), read: names(&["a", "b"]), ..Key::default() },
            Key { name: "admin".to_owned(), secret_sha256: sha256("x"), admin: true, ..Key::default() },
            Key {
                name: "all".to_owned(),
                secret_sha256: sha256("w"),
                read: names(&["*"]),
                write: names(&["a"]),
                ..Key::default()
            },
        ];
        Keys::new(&keys, false)
    }

    #[test]
    fn a_key_is_recognised_by_its_secret_alone() {
        let keys = keys();
        let table = [
            (Some("r"), "reader"),
            (Some("x"), "admin"),
            (Some("R"), "unknown"),
            (Some(""), "unknown"),
            (None, "anonymous"),
        ];
        for (secret, name) in table {
            assert_eq!(keys.identify(secret).name(), name, "{secret:?}");
        }
        assert_eq!(Keys::new(&[], false).identify(Some("anything")).name(), "anybody");
        assert_eq!(Keys::new(&[], true).identify(None).name(), "anonymous");
        assert_eq!(keys.named("all").map(|(who, _)| who.name().to_owned()).as_deref(), Some("all"));
        assert!(keys.named("other").is_none());
    }

    #[test]
    fn scopes_hold_what_they_name() {
        let scope = Scope::of(&["a".to_owned(), "b".to_owned()]);
        assert!(scope.holds("a") && scope.holds("b") && !scope.holds("c") && !scope.holds("*"));
        assert!(Scope::of(&["*".to_owned()]).holds("anything"));
        assert!(!Scope::of(&[]).holds("a"));
    }

    #[test]
    fn only_an_admin_administers() {
        let keys = keys();
        for (secret, administers) in [(Some("x"), true), (Some("w"), false), (Some("?"), false), (None, false)] {
            assert_eq!(keys.identify(secret).may_administer(), administers, "{secret:?}");
        }
    }
}
