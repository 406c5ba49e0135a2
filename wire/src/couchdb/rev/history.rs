//! `_revisions`: a revision and its ancestors.

use super::id::{Rev, RevHash};
use crate::json;

/// A path of a revision tree, newest first, possibly cut off before the first generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    start: u64,
    ids: Vec<RevHash>,
}

impl History {
    /// The path that ends with generation `start`, whose hash is the first of `ids`. `None` if there is no hash, or
    /// more than generations.
    pub fn new(start: u64, ids: Vec<RevHash>) -> Option<Self> {
        (!ids.is_empty() && ids.len() as u64 <= start).then_some(Self { start, ids })
    }

    /// The path of one revision alone.
    pub fn of(rev: Rev) -> Self {
        Self { start: rev.pos, ids: vec![rev.hash] }
    }

    /// The generation of the newest.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The hashes, newest first; never empty.
    pub fn ids(&self) -> &[RevHash] {
        &self.ids
    }

    /// The newest revision.
    pub fn rev(&self) -> Rev {
        Rev { pos: self.start, hash: self.ids[0].clone() }
    }

    /// The revision before the newest.
    pub fn parent(&self) -> Option<Rev> {
        self.ids.get(1).map(|hash| Rev { pos: self.start - 1, hash: hash.clone() })
    }

    /// All of its revisions, newest first.
    pub fn revs(&self) -> impl Iterator<Item = Rev> {
        (0..).zip(&self.ids).map(|(age, hash)| Rev { pos: self.start - age, hash: hash.clone() })
    }

    /// The same, oldest first.
    pub(super) fn revs_oldest_first(&self) -> impl Iterator<Item = Rev> {
        let oldest = self.start + 1 - self.ids.len() as u64;
        (oldest..).zip(self.ids.iter().rev()).map(|(pos, hash)| Rev { pos, hash: hash.clone() })
    }

    /// The same without all but its newest `limit` revisions.
    pub fn truncate(&mut self, limit: usize) {
        self.ids.truncate(limit.max(1));
    }

    /// Appends `{"start":N,"ids":[..]}`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"start\":");
        json::write_u64(out, self.start);
        out.extend_from_slice(b",\"ids\":[");
        for (at, hash) in self.ids.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
            hash.write(out);
            out.push(b'"');
        }
        out.extend_from_slice(b"]}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let ids = |ids: &[&str]| ids.iter().map(|id| RevHash::parse(id).unwrap()).collect::<Vec<_>>();
        let mut history = History::new(3, ids(&["c", "b"])).unwrap();
        let revs: Vec<_> = history.revs().map(|rev| rev.to_string()).collect();
        assert_eq!(revs, ["3-c", "2-b"]);
        assert_eq!(history.parent().unwrap().to_string(), "2-b");
        let mut out = Vec::new();
        history.write(&mut out);
        assert_eq!(out, br#"{"start":3,"ids":["c","b"]}"#);
        history.truncate(0);
        assert_eq!((history.rev().to_string(), history.parent()), ("3-c".to_owned(), None));
        assert_eq!(History::new(1, ids(&["b", "a"])), None);
        assert_eq!(History::new(1, Vec::new()), None);
    }
}
