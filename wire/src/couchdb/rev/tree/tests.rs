use proptest::prelude::*;

use super::*;
use crate::couchdb::rev::{History, RevHash};

fn rev(text: &str) -> Rev {
    text.parse().unwrap()
}

fn revs(texts: &[&str]) -> Vec<Rev> {
    texts.iter().map(|text| rev(text)).collect()
}

fn shown<'a>(revs: impl IntoIterator<Item = &'a Rev>) -> Vec<String> {
    revs.into_iter().map(Rev::to_string).collect()
}

/// `"3-c b a"`: the newest revision and its ancestors' hashes.
fn history(text: &str) -> History {
    let mut words = text.split(' ');
    let newest = rev(words.next().unwrap());
    let ids = std::iter::once(newest.hash).chain(words.map(|id| RevHash::parse(id).unwrap())).collect();
    History::new(newest.pos, ids).unwrap()
}

fn put(tree: &mut RevTree, text: &str) -> Inserted {
    tree.insert(&history(text), Body { seq: tree.len() as u64 + 1, deleted: false }, 1_000)
}

fn delete(tree: &mut RevTree, text: &str) -> Inserted {
    tree.insert(&history(text), Body { seq: tree.len() as u64 + 1, deleted: true }, 1_000)
}

fn leaves(tree: &RevTree) -> Vec<String> {
    shown(tree.leaves().iter().map(|leaf| leaf.rev))
}

#[test]
fn the_captured_conflict() {
    let mut tree = RevTree::new();
    put(&mut tree, "2-bbb1 aaa0");
    put(&mut tree, "2-ccc2 aaa0");
    delete(&mut tree, "2-ddd3 aaa0");
    assert_eq!(leaves(&tree), ["2-ccc2", "2-bbb1", "2-ddd3"]);
    assert_eq!(shown(tree.conflicts()), ["2-bbb1"]);
    assert_eq!(shown(tree.deleted_conflicts()), ["2-ddd3"]);
    assert!(!tree.is_deleted());
    assert_eq!(tree.history(&rev("2-ccc2")), Some(history("2-ccc2 aaa0")));
    let info: Vec<_> = tree.revs_info(&rev("2-ddd3")).iter().map(|(rev, s)| format!("{rev} {}", s.as_str())).collect();
    assert_eq!(info, ["2-ddd3 deleted", "1-aaa0 missing"]);
}

#[test]
fn the_winner_is_live_then_long_then_large() {
    let table = [
        (&["1-a", "1-b"][..], &[][..], "1-b"),
        (&["1-z", "2-a z2"], &[], "2-a"),
        (&["1-a"], &["3-z y x"], "1-a"),
        (&[], &["3-z y x", "3-zz y x"], "3-zz"),
        (&["9-a", "10-a"], &["11-a"], "10-a"),
    ];
    for (live, deleted, winner) in table {
        let mut tree = RevTree::new();
        for text in live {
            put(&mut tree, text);
        }
        for text in deleted {
            delete(&mut tree, text);
        }
        assert_eq!(tree.winner().unwrap().rev.to_string(), winner);
    }
}

#[test]
fn interactive_edits() {
    let mut tree = RevTree::new();
    assert_eq!(tree.check_edit(None, false), Ok(None));
    assert_eq!(tree.check_edit(Some(&rev("1-a")), false), Err(Conflict));
    put(&mut tree, "1-a");
    put(&mut tree, "2-b a");
    assert_eq!(tree.check_edit(None, false), Err(Conflict));
    assert_eq!(tree.check_edit(Some(&rev("1-a")), false), Err(Conflict), "not a leaf any more");
    assert_eq!(tree.check_edit(Some(&rev("9-x")), false), Err(Conflict));
    assert_eq!(tree.check_edit(Some(&rev("2-b")), true), Ok(Some(rev("2-b"))));
    // Both sides of a conflict can be extended, deleted ones too.
    delete(&mut tree, "2-c a");
    assert_eq!(tree.check_edit(Some(&rev("2-c")), false), Ok(Some(rev("2-c"))));
    delete(&mut tree, "3-d b a");
    assert!(tree.is_deleted());
    assert_eq!(tree.check_edit(None, false), Ok(Some(rev("3-d"))), "created again on top of the winning tombstone");
    assert_eq!(tree.check_edit(None, true), Err(Conflict));
    assert_eq!(tree.check_edit(Some(&rev("3-d")), false), Err(Conflict));
}

#[test]
fn known_revisions_change_nothing() {
    let mut tree = RevTree::new();
    put(&mut tree, "3-c b a");
    let before = tree.clone();
    for text in ["3-c b a", "3-c", "2-b a", "1-a"] {
        assert_eq!(put(&mut tree, text), Inserted::Known, "{text}");
    }
    assert_eq!(tree, before);
    assert_eq!(put(&mut tree, "2-b2 a"), Inserted::Leaf);
    assert_eq!(tree.body(&rev("2-b")), None, "a history mentions it, nothing more");
}

#[test]
fn a_replicator_asks() {
    let mut tree = RevTree::new();
    put(&mut tree, "3-c b a");
    assert_eq!(shown(&tree.missing(&revs(&["4-d", "3-c", "2-b", "2-x", "10-e", "4-d"]))), ["2-x", "4-d", "10-e"]);
    assert_eq!(shown(tree.possible_ancestors(&revs(&["4-d"]))), ["3-c"]);
    assert_eq!(shown(tree.possible_ancestors(&revs(&["3-x"]))), [""; 0]);
    put(&mut tree, "2-y a");
    assert_eq!(shown(tree.possible_ancestors(&revs(&["2-x", "4-d"]))), ["3-c", "2-y"]);
    let opened = |wanted: &[&str], latest| -> Vec<String> {
        let opened = tree.open(&revs(wanted), latest).into_iter();
        let shown = opened.map(|opened| match opened {
            Opened::Found { rev, .. } => rev.to_string(),
            Opened::Missing(rev) => format!("!{rev}"),
        });
        shown.collect()
    };
    assert_eq!(opened(&["3-c", "2-b", "9-z"], false), ["3-c", "!2-b", "!9-z"]);
    assert_eq!(opened(&["2-b", "3-c", "9-z"], true), ["3-c", "!9-z"]);
    assert_eq!(opened(&["1-a"], true), ["3-c", "2-y"]);
    assert_eq!(tree.open_all().len(), 2);
}

#[test]
fn old_ancestors_are_forgotten() {
    let mut tree = RevTree::new();
    let body = Body { seq: 1, deleted: false };
    tree.insert(&history("5-e d c b a"), body, 3);
    assert_eq!(tree.history(&rev("5-e")), Some(history("5-e d c")));
    tree.insert(&history("4-x c b a"), body, 3);
    assert_eq!(tree.history(&rev("4-x")), Some(history("4-x c b")), "each leaf keeps its own");
    assert_eq!(tree.history(&rev("5-e")), Some(history("5-e d c b")), "what one keeps, all have");
    assert_eq!(tree.len(), 5);
    // An old revision comes again: nothing says any more that it was an ancestor.
    assert_eq!(tree.insert(&history("1-a"), body, 3), Inserted::Leaf);
    assert_eq!(leaves(&tree), ["5-e", "4-x", "1-a"]);
    // Until somebody does.
    tree.insert(&history("6-f e d c b a"), body, 2);
    assert_eq!(leaves(&tree), ["6-f", "4-x"]);
    assert_eq!(tree.history(&rev("6-f")), Some(history("6-f e")));
}

#[test]
fn bodies_of_ancestors_can_go() {
    let mut tree = RevTree::new();
    for text in ["1-a", "2-b a", "3-c b a"] {
        put(&mut tree, text);
    }
    let mut asked = Vec::new();
    tree.forget_bodies(|rev, seq| {
        asked.push(format!("{rev} {seq}"));
        rev.pos == 1
    });
    assert_eq!(asked, ["1-a 1", "2-b 2"]);
    assert_eq!((tree.body(&rev("1-a")), tree.body(&rev("2-b")).unwrap().seq), (None, 2));
}

/// A tree of more than 64 nodes is asked in another way.
#[test]
fn trees_of_every_size_have_their_leaves() {
    for generations in [1, 2, 63, 64, 65, 66, 200] {
        let mut tree = RevTree::new();
        let ids: Vec<String> = (1..=generations).rev().map(|pos| format!("x{pos}")).collect();
        put(&mut tree, &format!("{generations}-{}", ids.join(" ")));
        let last = format!("{generations}-x{generations}");
        assert_eq!((leaves(&tree), tree.len()), (vec![last.clone()], generations));
        put(&mut tree, "1-z");
        let expected = if generations == 1 { vec!["1-z".to_owned(), last] } else { vec![last, "1-z".to_owned()] };
        assert_eq!(leaves(&tree), expected);
        assert_eq!(tree.history(&rev(&expected[0])).map(|history| history.ids().len()), Some(generations));
    }
}

#[test]
fn a_very_long_history_is_one_merge() {
    let ids = (0..100_000_u64).rev().map(|n| RevHash::parse(&format!("x{n}")).unwrap()).collect();
    let history = History::new(100_000, ids).unwrap();
    let mut tree = RevTree::new();
    put(&mut tree, "1-x0");
    tree.insert(&history, Body { seq: 1, deleted: false }, 1_000);
    assert_eq!((leaves(&tree), tree.len()), (vec!["100000-x99999".to_owned()], 1_000));
}

/// A random tree of up to `count` revisions: each has a parent among those before it, or none.
fn histories(count: usize) -> impl Strategy<Value = Vec<(History, bool)>> {
    let node = (any::<prop::sample::Index>(), 0_u8..4, any::<bool>());
    prop::collection::vec(node, 1..count).prop_map(|nodes| {
        let mut paths: Vec<(Vec<Rev>, bool)> = Vec::new();
        for (at, (parent, kind, deleted)) in nodes.into_iter().enumerate() {
            let mut path = match kind {
                0 => Vec::new(),
                _ if at == 0 => Vec::new(),
                _ => paths[parent.index(at)].0.clone(),
            };
            let hash = RevHash::parse(&format!("h{at}")).unwrap();
            path.insert(0, Rev { pos: path.len() as u64 + 1, hash });
            paths.push((path, deleted));
        }
        let history =
            |path: Vec<Rev>| History::new(path[0].pos, path.into_iter().map(|rev| rev.hash).collect()).unwrap();
        paths.into_iter().map(|(path, deleted)| (history(path), deleted)).collect()
    })
}

fn built<'a>(histories: impl IntoIterator<Item = &'a (History, bool)>, limit: usize) -> RevTree {
    let mut tree = RevTree::new();
    for (history, deleted) in histories {
        tree.insert(history, Body { seq: history.start(), deleted: *deleted }, limit);
    }
    tree.forget_bodies(|_, _| true);
    tree
}

proptest! {
    #[test]
    fn the_order_of_merges_does_not_matter(
        (shuffled, sorted) in histories(24).prop_flat_map(|all| (Just(all.clone()).prop_shuffle(), Just(all)))
    ) {
        let (tree, other) = (built(&shuffled, 1_000), built(&sorted, 1_000));
        prop_assert_eq!(&tree, &other);
        // Every way round, leaves are those that are nobody's ancestor.
        let is_ancestor = |rev: &Rev| sorted.iter().any(|(history, _)| history.revs().skip(1).any(|old| old == *rev));
        let expected = sorted.iter().map(|(history, _)| history.rev()).filter(|rev| !is_ancestor(rev)).count();
        prop_assert_eq!(tree.leaves().len(), expected);
    }

    #[test]
    fn stemming_keeps_leaves_and_their_newest_ancestors(all in histories(24), limit in 1_usize..6) {
        let (whole, mut stemmed) = (built(&all, 1_000), built(&all, 1_000));
        stemmed.stem(limit);
        prop_assert_eq!(stemmed.leaves(), whole.leaves());
        for leaf in whole.leaves() {
            let (long, short) = (whole.history(leaf.rev).unwrap(), stemmed.history(leaf.rev).unwrap());
            prop_assert!(short.ids().len() >= limit.min(long.ids().len()));
            prop_assert_eq!(short.ids(), &long.ids()[..short.ids().len()]);
        }
    }

    #[test]
    fn a_tree_survives_its_bytes(all in histories(24), limit in 1_usize..30) {
        let tree = built(&all, limit);
        let mut bytes = Vec::new();
        crate::couchdb::rev::codec::encode(&tree, &mut bytes);
        prop_assert_eq!(crate::couchdb::rev::codec::decode(&bytes).unwrap(), tree);
    }
}
