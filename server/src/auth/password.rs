//! Passwords as they are kept: Argon2 hashes.
//!
//! Owns the form of a hash and what a new one costs. Both take tens of milliseconds and megabytes of memory, by design: never
//! call them on a shard. Tests: below.

use argon2::{
    Argon2, Params, PasswordHasher, PasswordVerifier,
    password_hash::{self, phc::PasswordHash},
};

/// Most memory that the check of one password may take, in KiB.
const MEMORY_KIB_MAX: u32 = 1 << 20;
/// Most passes over it.
const PASSES_MAX: u32 = 100;

/// The hash of a password, checked.
#[derive(Clone, Debug)]
pub(crate) struct Hash {
    hash: PasswordHash,
}

impl Hash {
    /// Reads a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`. `None` if it is none, or costs too much.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let is_bearable = params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX;
        let is_argon2 = hash.algorithm.as_str().starts_with("argon2");
        let is_whole = hash.salt.is_some() && hash.hash.is_some();
        (is_argon2 && is_bearable && is_whole).then_some(Self { hash })
    }

    /// One that costs as much as any new one and that no password has: for users that do not exist.
    pub(crate) fn of_nobody() -> Result<Self, password_hash::Error> {
        let password: [u8; 32] = rand::random();
        Argon2::default().hash_password(&password).map(|hash| Self { hash })
    }

    /// Whether it is that of this password.
    pub(crate) fn is_of(&self, password: &str) -> bool {
        Argon2::default().verify_password(password.as_bytes(), &self.hash).is_ok()
    }

    /// What no other hash has, not even a new one of the same password.
    pub(crate) fn salt(&self) -> String {
        self.hash.salt.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// Whether a text is a hash that can be checked.
pub(crate) fn is_hash(text: &str) -> bool {
    Hash::parse(text).is_some()
}

/// The hash of a new password.
pub(crate) fn hash(password: &str) -> Result<String, password_hash::Error> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let text = hash("pä:ss").unwrap();
        let other = hash("pä:ss").unwrap();
        let parsed = Hash::parse(&text).unwrap();
        assert!(parsed.is_of("pä:ss") && !parsed.is_of("pä:s") && !parsed.is_of(""));
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert_ne!(parsed.salt(), Hash::parse(&other).unwrap().salt());
        assert!(!Hash::of_nobody().unwrap().is_of(""));
    }

    #[test]
    fn what_is_no_hash() {
        let salt = "MDEyMzQ1Njc4OWFiY2RlZg";
        let out = "A".repeat(43);
        assert!(is_hash(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${out}")));
        for text in [
            String::new(),
            "secret".to_owned(),
            format!("$argon2id$v=19$m=19456,t=2,p=1${salt}"),
            format!("$argon2id$v=19$m=4294967295,t=2,p=1${salt}${out}"),
            format!("$argon2id$v=19$m=19456,t=1000000,p=1${salt}${out}"),
            format!("$scrypt$ln=16,r=8,p=1${salt}${out}"),
            "$2b$12$abcdefghijklmnopqrstuu".to_owned(),
        ] {
            assert!(!is_hash(&text), "{text}");
        }
    }
}
