//! What was noticed of the databases.
//!
//! Owns the entries and their numbers. A database that has changed gets a new number, behind all others. Tests: below.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use tailwater_wire::couchdb::changes::token::DbUid;

use crate::feeds::Feeds;

/// Databases that are gone and still told of.
const GONE_MAX: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Updates {
    run: DbUid,
    noticed: Mutex<Noticed>,
    /// When somebody looked who waits.
    looked: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Noticed {
    last: u64,
    /// What became of which database, by number.
    rows: BTreeMap<u64, (String, Kind)>,
    known: HashMap<String, Known>,
    gone: usize,
}

/// A database as it was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    row: u64,
    /// None of one that is gone.
    state: Option<State>,
}

/// What tells that a database has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) uid: u64,
    pub(super) last_seq: u64,
    pub(super) is_empty: bool,
}

/// What became of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Created,
    Updated,
    Deleted,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// An entry as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// A JSON object.
    pub(super) text: String,
    /// From where a client goes on behind it.
    pub(super) token: String,
}

impl Default for Updates {
    fn default() -> Self {
        Self { run: DbUid(rand::random()), noticed: Mutex::default(), looked: Mutex::default() }
    }
}

impl Updates {
    /// Looks at all databases.
    pub(super) fn look(&self, feeds: &Feeds) {
        let now = feeds.databases().into_iter().filter_map(|entry| {
            let (db, feed) = (entry.exposure().couchdb.as_ref()?.db.clone(), entry.feed());
            let is_empty = feed.last_seq() < feed.options().first_seq;
            Some((db, State { uid: feed.uid(), last_seq: feed.last_seq(), is_empty }))
        });
        self.lock().notice(now.collect());
    }

    /// The same for those who wait, of whom there may be many: one of them is enough.
    pub(super) fn look_again(&self, feeds: &Feeds, pause: Duration) {
        let is_due = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = looked.is_none_or(|looked| looked.elapsed() >= pause);
            if is_due {
                *looked = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            self.look(feeds);
        }
    }

    /// The entries behind a number, at most so many, and the number of the last.
    pub(super) fn rows(&self, after: u64, limit: usize) -> (Vec<Row>, u64) {
        let (noticed, mut last) = (self.lock(), after);
        let rows = noticed.rows.range(after.saturating_add(1)..).take(limit).map(|(number, (db, kind))| {
            last = *number;
            let token = self.run.token(*number);
            Row { text: json!({ "db_name": db, "type": kind.name(), "seq": token }).to_string(), token }
        });
        (rows.collect(), last)
    }

    /// The number of the last entry.
    pub(super) fn last(&self) -> u64 {
        self.lock().last
    }

    /// What a client goes on with behind a number.
    pub(super) fn token(&self, number: u64) -> String {
        self.run.token(number)
    }

    /// The number behind which a client goes on; 0 for a token of an earlier run.
    pub(super) fn number(&self, token: &str) -> u64 {
        self.run.parse(token).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Noticed> {
        self.noticed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noticed {
    /// Compares what there is with what there was.
    fn notice(&mut self, now: Vec<(String, State)>) {
        let is_there: HashSet<&str> = now.iter().map(|(db, _)| db.as_str()).collect();
        let is_gone = |(db, known): &(&String, &Known)| known.state.is_some() && !is_there.contains(db.as_str());
        let mut gone: Vec<String> = self.known.iter().filter(is_gone).map(|(db, _)| db.clone()).collect();
        gone.sort_unstable();
        for db in gone {
            self.gone += 1;
            self.tell(db, Kind::Deleted, None);
        }
        for (db, state) in now {
            let kind = match self.known.get(&db).and_then(|known| known.state) {
                Some(known) if known == state => continue,
                Some(known) if known.uid == state.uid => Kind::Updated,
                _ if state.is_empty => Kind::Created,
                _ => Kind::Updated,
            };
            if self.known.get(&db).is_some_and(|known| known.state.is_none()) {
                self.gone -= 1;
            }
            self.tell(db, kind, Some(state));
        }
        self.forget_gone();
    }

    fn tell(&mut self, db: String, kind: Kind, state: Option<State>) {
        self.last += 1;
        let before = self.known.insert(db.clone(), Known { row: self.last, state });
        before.map(|known| self.rows.remove(&known.row));
        self.rows.insert(self.last, (db, kind));
    }

    fn forget_gone(&mut self) {
        let Some(too_many) = self.gone.checked_sub(GONE_MAX).filter(|count| *count > 0) else { return };
        let is_gone = |(_, (_, kind)): &(&u64, &(String, Kind))| *kind == Kind::Deleted;
        let oldest: Vec<u64> = self.rows.iter().filter(is_gone).take(too_many).map(|(number, _)| *number).collect();
        for number in oldest {
            if let Some((db, _)) = self.rows.remove(&number) {
                self.known.remove(&db);
                self.gone -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(noticed: &Noticed) -> Vec<(u64, &str, &str)> {
        noticed.rows.iter().map(|(number, (db, kind))| (*number, db.as_str(), kind.name())).collect()
    }

    fn state(db: &str, uid: u64, last_seq: u64) -> (String, State) {
        (db.to_owned(), State { uid, last_seq, is_empty: last_seq == 0 })
    }

    #[test]
    fn one_entry_for_each_database() {
        let mut noticed = Noticed::default();
        noticed.notice(vec![state("a", 1, 7), state("b", 2, 0)]);
        assert_eq!(told(&noticed), [(1, "a", "updated"), (2, "b", "created")]);
        noticed.notice(vec![state("a", 1, 7), state("b", 2, 0)]);
        assert_eq!(noticed.last, 2);
        noticed.notice(vec![state("a", 1, 8), state("b", 2, 0)]);
        assert_eq!(told(&noticed), [(2, "b", "created"), (3, "a", "updated")]);
        noticed.notice(vec![state("b", 3, 0), state("c", 4, 0)]);
        assert_eq!(told(&noticed), [(4, "a", "deleted"), (5, "b", "created"), (6, "c", "created")]);
        noticed.notice(vec![state("a", 5, 0), state("b", 3, 0), state("c", 4, 0)]);
        assert_eq!(told(&noticed), [(5, "b", "created"), (6, "c", "created"), (7, "a", "created")]);
        assert_eq!(noticed.gone, 0);
    }

    #[test]
    fn what_is_gone_is_forgotten_in_the_end() {
        let mut noticed = Noticed::default();
        noticed.notice((0..GONE_MAX + 3).map(|n| state(&format!("{n:05}"), n as u64, 0)).collect());
        noticed.notice(vec![]);
        assert_eq!((noticed.rows.len(), noticed.known.len(), noticed.gone), (GONE_MAX, GONE_MAX, GONE_MAX));
        assert_eq!(told(&noticed)[0].1, "00003");
    }
}
