//! A revision tree without some of its leaves, or with no others than some.
//!
//! Owns what becomes of ancestors: those stay that a path to a leaf that stays needs. Tested at the end of this file.

use tailwater_wire::couchdb::rev::{Body, History, Rev, RevTree};

/// The tree without the leaves for which `goes` says so.
pub(super) fn without_leaves(tree: &RevTree, mut goes: impl FnMut(&Rev) -> bool) -> RevTree {
    let leaves = tree.leaves();
    with_leaves(tree, leaves.iter().map(|leaf| leaf.rev).filter(|rev| !goes(rev)), |rev| tree.body(rev))
}

/// The tree with these leaves and no others, whatever comes from them in it now. One that it does not know is none. Where
/// revisions are stored, `body_of` may say otherwise.
pub(super) fn with_leaves<'r>(
    tree: &RevTree,
    leaves: impl IntoIterator<Item = &'r Rev>,
    body_of: impl Fn(&Rev) -> Option<Body>,
) -> RevTree {
    let mut stored: Vec<(History, Body)> = Vec::new();
    for rev in leaves {
        if let Some(history) = tree.history(rev) {
            stored.extend(bodies(&history, &body_of));
        }
    }
    // Ancestors first: what has descendants already is not stored any more.
    stored.sort_by_key(|(history, _)| history.start());
    let mut pruned = RevTree::new();
    for (history, body) in stored {
        pruned.insert(&history, body, usize::MAX);
    }
    pruned
}

/// Every stored revision of a path, with its own path.
fn bodies<'a>(
    history: &'a History,
    body_of: &'a impl Fn(&Rev) -> Option<Body>,
) -> impl Iterator<Item = (History, Body)> + 'a {
    let ages = history.revs().enumerate();
    ages.filter_map(move |(age, rev)| {
        let ids = history.ids()[age..].to_vec();
        Some((History::new(rev.pos, ids)?, body_of(&rev)?))
    })
}

#[cfg(test)]
mod tests {
    use tailwater_wire::couchdb::rev::RevHash;

    use super::*;

    fn tree(paths: &[(u64, &str, u64)]) -> RevTree {
        let mut tree = RevTree::new();
        for (pos, ids, seq) in paths {
            let ids = ids.split(' ').map(|id| RevHash::parse(id).unwrap()).collect();
            tree.insert(&History::new(*pos, ids).unwrap(), Body { seq: *seq, deleted: false }, 100);
        }
        tree
    }

    fn without(tree: &RevTree, revs: &[&str]) -> RevTree {
        without_leaves(tree, |leaf| revs.contains(&leaf.to_string().as_str()))
    }

    #[test]
    fn what_only_a_leaf_that_goes_came_from_goes_with_it() {
        let whole = tree(&[(1, "a", 1), (2, "b a", 2), (2, "c a", 3), (3, "d c a", 4), (3, "e c a", 5), (4, "z", 6)]);
        assert_eq!(without(&whole, &[]), whole);
        assert_eq!(without(&whole, &["1-a", "9-x"]), whole, "only leaves go");
        let without_b = tree(&[(1, "a", 1), (2, "c a", 3), (3, "d c a", 4), (3, "e c a", 5), (4, "z", 6)]);
        assert_eq!(without(&whole, &["2-b"]), without_b);
        let one_path = tree(&[(1, "a", 1), (2, "c a", 3), (3, "d c a", 4)]);
        assert_eq!(without(&whole, &["2-b", "3-e", "4-z"]), one_path);
        assert!(without(&whole, &["2-b", "3-e", "3-d", "4-z"]).is_empty());
    }

    #[test]
    fn what_comes_from_a_leaf_goes() {
        let whole = tree(&[(1, "a", 1), (2, "b a", 2), (3, "d b a", 4), (3, "e b a", 5), (4, "z", 6)]);
        let revs: Vec<Rev> = ["2-b", "4-z", "9-x"].iter().map(|rev| rev.parse().unwrap()).collect();
        let with = |body_of: &dyn Fn(&Rev) -> Option<Body>| with_leaves(&whole, &revs, body_of);
        assert_eq!(with(&|rev| whole.body(rev)), tree(&[(1, "a", 1), (2, "b a", 2), (4, "z", 6)]));
        let newer = Some(Body { seq: 9, deleted: false });
        let body_of = |rev: &Rev| if rev == &revs[0] { newer } else { whole.body(rev) };
        assert_eq!(with(&body_of), tree(&[(1, "a", 1), (2, "b a", 9), (4, "z", 6)]));
    }
}
