//! CouchDB's rules, once more.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};

type Rev = (u64, String);

/// A database.
#[derive(Debug, Default)]
pub(super) struct Model {
    docs: BTreeMap<String, Doc>,
    pub(super) seq: u64,
    pub(super) purges: u64,
}

/// A document.
#[derive(Clone, Debug, Default)]
pub(super) struct Doc {
    seq: u64,
    revs: BTreeMap<Rev, Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    parent: Option<Rev>,
    stored: Option<(String, bool)>,
}

impl Doc {
    fn has_children(&self, rev: &Rev) -> bool {
        self.revs.values().any(|node| node.parent.as_ref() == Some(rev))
    }

    /// The winner first: live, long, large.
    fn leaves(&self) -> Vec<(&Rev, bool)> {
        let stored = self.revs.iter().filter(|(rev, _)| !self.has_children(rev));
        let mut leaves: Vec<_> = stored.filter_map(|(rev, node)| Some((rev, node.stored.as_ref()?.1))).collect();
        leaves.sort_by_key(|(rev, deleted)| Reverse((!deleted, rev.0, sort_key(&rev.1))));
        leaves
    }

    fn winner(&self) -> Option<(&Rev, bool)> {
        self.leaves().first().copied()
    }

    pub(super) fn leaves_shown(&self) -> Vec<String> {
        let leaves = self.leaves().into_iter();
        leaves.map(|(rev, deleted)| format!("{}{}", text(rev), if deleted { " deleted" } else { "" })).collect()
    }

    /// The winner if it is live, and how many others are.
    pub(super) fn winner_shown(&self) -> Option<(String, usize)> {
        let (winner, deleted) = self.winner()?;
        let live = self.leaves().iter().filter(|(_, deleted)| !deleted).count();
        (!deleted).then(|| (text(winner), live - 1))
    }

    pub(super) fn stored(&self) -> impl Iterator<Item = (String, &str, bool)> {
        self.revs.iter().filter_map(|(rev, node)| {
            let (body, deleted) = node.stored.as_ref()?;
            Some((text(rev), body.as_str(), *deleted))
        })
    }

    /// Adds a path, newest first; false if its newest is there already.
    fn add(&mut self, path: &[Rev], deleted: bool, body: &str) -> bool {
        let newest = &path[0];
        let is_known = self.revs.get(newest).is_some_and(|node| node.stored.is_some()) || self.has_children(newest);
        if is_known {
            return false;
        }
        for (at, rev) in path.iter().enumerate() {
            let node = self.revs.entry(rev.clone()).or_default();
            if node.parent.is_none() {
                node.parent = path.get(at + 1).cloned();
            }
        }
        self.revs.entry(newest.clone()).or_default().stored = Some((body.to_owned(), deleted));
        true
    }

    /// Keeps what the leaves that are left need.
    fn keep(&mut self, leaves: &BTreeSet<Rev>) {
        let mut needed = BTreeSet::new();
        for leaf in leaves {
            let mut next = Some(leaf.clone());
            while let Some(rev) = next {
                next = self.revs[&rev].parent.clone();
                needed.insert(rev);
            }
        }
        self.revs.retain(|rev, _| needed.contains(rev));
    }
}

impl Model {
    pub(super) fn docs(&self) -> impl Iterator<Item = (&String, &Doc)> {
        self.docs.iter()
    }

    /// One of a document's revisions.
    pub(super) fn some_rev(&self, id: &str, number: u8) -> Option<String> {
        let revs: Vec<&Rev> = self.docs.get(id)?.revs.keys().collect();
        (!revs.is_empty()).then(|| text(revs[usize::from(number) % revs.len()]))
    }

    /// A path, newest first, of new revisions and the ancestors of the one they are said to come from.
    pub(super) fn path_for(&self, id: &str, from: u8, generations: u8, name: u8) -> Vec<Rev> {
        let from = self.some_rev(id, from).filter(|_| !from.is_multiple_of(4)).map(|rev| parse(&rev));
        let base = from.as_ref().map_or(0, |rev| rev.0);
        // A revision has one parent: its name tells which.
        let parent = from.as_ref().map_or_else(String::new, text);
        let parent = &HEXLOWER.encode(&Md5::digest(parent))[..8];
        let mut path: Vec<Rev> =
            (1..=u64::from(generations)).rev().map(|age| (base + age, format!("{name}-{age}-{parent}"))).collect();
        let mut next = from;
        while let Some(rev) = next {
            next = self.docs[id].revs[&rev].parent.clone();
            path.push(rev);
        }
        path
    }

    /// An edit, and the revision it was said to have made.
    pub(super) fn put(&mut self, id: &str, parent: Option<&str>, deleted: bool, body: &str, made: Option<String>) {
        let doc = self.docs.entry(id.to_owned()).or_default();
        let parent = parent.map(parse);
        let extends: Option<Option<Rev>> = match (doc.winner(), parent) {
            (None, None) => Some(None),
            (None, Some(_)) => None,
            (Some((winner, true)), None) => (!deleted).then(|| Some(winner.clone())),
            (Some((_, true)), Some(_)) | (Some((_, false)), None) => None,
            (Some((_, false)), Some(parent)) => {
                doc.leaves().iter().any(|(leaf, _)| **leaf == parent).then_some(Some(parent))
            }
        };
        assert_eq!(made.is_some(), extends.is_some(), "{id} {body}");
        let (Some(made), Some(parent)) = (made, extends) else { return };
        let made = parse(&made);
        assert_eq!(made.0, parent.as_ref().map_or(0, |parent| parent.0) + 1);
        let path: Vec<Rev> = [made].into_iter().chain(parent).collect();
        self.store(id, &path, deleted, body);
    }

    pub(super) fn replicate(&mut self, id: &str, path: &[Rev], deleted: bool, body: &str) {
        self.store(id, path, deleted, body);
    }

    /// Removes leaves; returns those that were there.
    pub(super) fn purge(&mut self, id: &str, revs: &[String]) -> Vec<String> {
        let Some(doc) = self.docs.get_mut(id) else { return Vec::new() };
        let asked: BTreeSet<Rev> = revs.iter().map(|rev| parse(rev)).collect();
        let leaves: BTreeSet<Rev> = doc.leaves().iter().map(|(rev, _)| (*rev).clone()).collect();
        let purged: Vec<&Rev> = leaves.intersection(&asked).collect();
        if purged.is_empty() {
            return Vec::new();
        }
        self.purges += 1;
        self.seq += 1;
        doc.keep(&leaves.difference(&asked).cloned().collect());
        if !doc.revs.is_empty() {
            self.seq += 1;
            doc.seq = self.seq;
        }
        let mut purged: Vec<String> = purged.into_iter().map(text).collect();
        purged.sort();
        purged
    }

    pub(super) fn publish(&mut self, id: &str, seq: u64, deleted: bool, body: &str) {
        self.seq += 1;
        assert_eq!(self.seq, seq);
        let doc = self.docs.entry(id.to_owned()).or_default();
        *doc = Doc { seq, ..Doc::default() };
        doc.add(&[parse(&super::super::foreign::rev(seq, body))], deleted, body);
    }

    /// Seq and id of every change.
    pub(super) fn changes(&self) -> Vec<(u64, String)> {
        let there = self.docs.iter().filter(|(_, doc)| !doc.revs.is_empty());
        let mut rows: Vec<_> = there.map(|(id, doc)| (doc.seq, id.clone())).collect();
        rows.sort();
        rows
    }

    /// Documents that are not deleted, with their winners.
    pub(super) fn live_docs(&self) -> Vec<(String, String)> {
        let shown = self.docs.iter().filter_map(|(id, doc)| Some((id.clone(), doc.winner_shown()?.0)));
        shown.collect()
    }

    fn store(&mut self, id: &str, path: &[Rev], deleted: bool, body: &str) {
        let doc = self.docs.entry(id.to_owned()).or_default();
        if doc.add(path, deleted, body) {
            self.seq += 1;
            doc.seq = self.seq;
        }
    }
}

/// Hashes are compared as the bytes that their digits stand for.
fn sort_key(hash: &str) -> Vec<u8> {
    if hash.len() == 32 { HEXLOWER.decode(hash.as_bytes()).unwrap() } else { hash.as_bytes().to_vec() }
}

fn text((pos, hash): &Rev) -> String {
    format!("{pos}-{hash}")
}

fn parse(rev: &str) -> Rev {
    let (pos, hash) = rev.split_once('-').unwrap();
    (pos.parse().unwrap(), hash.to_owned())
}
