//! Users: who logs in with a name and a password, and whether the password is right.
//!
//! Owns the configured users and one thread that checks passwords: that takes tens of milliseconds by design, and neither a
//! shard nor the threads that read from the disk may wait for it. So many checks run at a time that a flood of wrong passwords
//! costs one processor at most, and what waits is limited. A right password is remembered for a while, as a digest under a key
//! of this process. Tested below and by `server/tests/couchdb/auth.rs`.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use async_channel::{Receiver, Sender, TrySendError};
use sha2::{Digest, Sha256};

use super::password::Hash;
use crate::config;

/// How long a password that was right is right without being checked again.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Passwords that are remembered at most; then all are forgotten.
const REMEMBERED_MAX: usize = 4_096;

/// Somebody who can log in.
#[derive(Debug)]
pub(crate) struct User {
    name: String,
    roles: Vec<String>,
    hash: Hash,
}

impl User {
    /// What they log in with.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What they may be.
    pub(crate) fn roles(&self) -> &[String] {
        &self.roles
    }

    /// What changes when their password does.
    pub(crate) fn salt(&self) -> String {
        self.hash.salt()
    }
}

/// Why nobody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginError {
    /// There is nobody of that name with that password.
    #[error("Name or password is incorrect.")]
    Wrong,
    /// More logins wait than may (`couchdb.logins_waiting_max`).
    #[error("More logins are under way than this server takes on. Try again in a moment.")]
    Overloaded,
}

/// All users.
#[derive(Debug)]
pub(crate) struct Users {
    users: HashMap<String, Arc<User>>,
    checks: Sender<Check>,
    remembered: Arc<Remembered>,
}

/// A password to be checked.
struct Check {
    /// Nobody: then it takes as long, and is wrong.
    user: Option<Arc<User>>,
    password: String,
    digest: [u8; 32],
    reply: Sender<bool>,
}

impl Users {
    /// Those of the configuration. Starts the thread if there are any.
    pub(crate) fn start(users: &[config::User], waiting_max: u64) -> io::Result<Self> {
        let user = |user: &config::User| {
            let (name, roles) = (user.name.clone(), user.roles.clone());
            let hash = Hash::parse(&user.password_argon2)?;
            Some((name.clone(), Arc::new(User { name, roles, hash })))
        };
        let users: HashMap<_, _> = users.iter().filter_map(user).collect();
        let (checks, waiting) = async_channel::bounded(waiting_max.clamp(1, 1 << 20) as usize);
        let remembered = Arc::new(Remembered::new());
        if !users.is_empty() {
            let nobody = Hash::of_nobody().map_err(|error| io::Error::other(error.to_string()))?;
            let remembered = remembered.clone();
            let checking = move || check_all(&waiting, &nobody, &remembered);
            thread::Builder::new().name("tailwater-logins".to_owned()).spawn(checking)?;
        }
        Ok(Self { users, checks, remembered })
    }

    /// Whoever has this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// Whoever has this name and this password.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Result<Arc<User>, LoginError> {
        if self.users.is_empty() {
            return Err(LoginError::Wrong);
        }
        let user = self.users.get(name);
        let digest = self.remembered.digest(name, password);
        if let Some(user) = user.filter(|_| self.remembered.has(&digest)) {
            return Ok(user.clone());
        }
        let (reply, answer) = async_channel::bounded(1);
        let check = Check { user: user.cloned(), password: password.to_owned(), digest, reply };
        match self.checks.try_send(check) {
            Err(TrySendError::Full(_)) => Err(LoginError::Overloaded),
            Err(TrySendError::Closed(_)) => Err(LoginError::Wrong),
            Ok(()) if answer.recv().await == Ok(true) => user.cloned().ok_or(LoginError::Wrong),
            Ok(()) => Err(LoginError::Wrong),
        }
    }
}

/// Checks passwords until there is nobody left who could ask.
fn check_all(waiting: &Receiver<Check>, nobody: &Hash, remembered: &Remembered) {
    while let Ok(check) = waiting.recv_blocking() {
        if check.reply.is_closed() {
            continue;
        }
        // Many connections of one client come back at once: the first of them pays.
        let known = check.user.is_some() && remembered.has(&check.digest);
        let hash = check.user.as_ref().map_or(nobody, |user| &user.hash);
        let right = known || hash.is_of(&check.password) && check.user.is_some();
        if right && !known {
            remembered.remember(check.digest);
        }
        // Whoever has gone meanwhile needs no answer.
        let _gone = check.reply.try_send(right);
    }
}

/// Passwords that were right.
#[derive(Debug)]
struct Remembered {
    key: [u8; 32],
    until: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Remembered {
    fn new() -> Self {
        Self { key: rand::random(), until: Mutex::default() }
    }

    /// What stands for a name and a password.
    fn digest(&self, name: &str, password: &str) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.key).chain_update((name.len() as u64).to_le_bytes());
        hash.chain_update(name).chain_update(password).finalize().into()
    }

    fn has(&self, digest: &[u8; 32]) -> bool {
        self.lock().get(digest).is_some_and(|until| Instant::now() < *until)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut until = self.lock();
        if until.len() >= REMEMBERED_MAX {
            until.clear();
        }
        until.insert(digest, Instant::now() + REMEMBERED);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        // Whatever is in it is whole.
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, zip};

    use super::*;
    use crate::auth::password;

    fn users(waiting_max: u64) -> Users {
        let user = |name: &str, word: &str| config::User {
            name: name.to_owned(),
            password_argon2: password::hash(word).unwrap(),
            roles: vec!["readers".to_owned()],
        };
        Users::start(&[user("bob", "bobpw"), user("eve", "evepw")], waiting_max).unwrap()
    }

    #[test]
    fn a_name_and_its_password() {
        let users = users(9);
        let log_in = |name, password| block_on(users.log_in(name, password)).map(|user| user.name().to_owned());
        for _ in 0..2 {
            assert_eq!(log_in("bob", "bobpw"), Ok("bob".to_owned()));
            assert_eq!(log_in("eve", "bobpw"), Err(LoginError::Wrong));
            assert_eq!(log_in("nobody", "bobpw"), Err(LoginError::Wrong));
        }
        assert!(users.remembered.has(&users.remembered.digest("bob", "bobpw")));
        assert_eq!(users.remembered.lock().len(), 1);
        let none = Users::start(&[], 9).unwrap();
        assert_eq!(block_on(none.log_in("bob", "bobpw")).err(), Some(LoginError::Wrong));
    }

    #[test]
    fn too_many_at_once_are_told_so() {
        let users = users(1);
        // Of several at once one is being checked and one waits at most.
        let all = zip(
            zip(users.log_in("bob", "1"), users.log_in("bob", "2")),
            zip(users.log_in("bob", "3"), users.log_in("bob", "4")),
        );
        let ((one, two), (three, four)) = block_on(all);
        let overloaded =
            [one, two, three, four].into_iter().filter(|result| matches!(result, Err(LoginError::Overloaded)));
        assert!(overloaded.count() >= 1);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let remembered = Remembered::new();
        for number in 0..=REMEMBERED_MAX {
            remembered.remember(remembered.digest("a", &number.to_string()));
        }
        assert_eq!(remembered.lock().len(), 1);
        assert_ne!(remembered.digest("a", "bc"), remembered.digest("ab", "c"));
    }
}
