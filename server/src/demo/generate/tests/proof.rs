//! What a verifier of commits asks of a `#commit`: that its archive proves what its operations say.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::decode::{Item, archive};

type Blocks = HashMap<Vec<u8>, Item>;

/// Checks a `#commit` in itself.
pub fn check_commit(payload: &Item) {
    assert_eq!(
        payload.keys(),
        ["ops", "rev", "seq", "repo", "time", "blobs", "since", "blocks", "commit", "rebase", "tooBig", "prevData"]
    );
    let (commit, blocks) = commit_of(payload);
    assert_eq!(commit.keys(), ["did", "rev", "sig", "data", "prev", "version"]);
    assert_eq!(commit.get("did"), payload.get("repo"));
    assert_eq!(commit.get("rev"), payload.get("rev"));
    assert_eq!(commit.get("sig").bytes().len(), 64);
    assert_eq!((commit.get("version"), commit.get("prev")), (&Item::Int(3), &Item::Null));
    let operations = payload.get("ops").list();
    assert!(!operations.is_empty());
    for operation in operations {
        check_operation(operation, commit.get("data").link(), &blocks);
    }
}

/// The link to the tree's root after the commit.
pub fn data_of(payload: &Item) -> Item {
    commit_of(payload).0.get("data").clone()
}

/// The commit's block, and all blocks.
fn commit_of(payload: &Item) -> (Item, Blocks) {
    let (roots, blocks) = archive(payload.get("blocks").bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let count = blocks.len();
    let blocks: Blocks = blocks.into_iter().collect();
    assert_eq!(blocks.len(), count, "each block once");
    assert_eq!(roots, [payload.get("commit").clone()]);
    (blocks[payload.get("commit").link()].clone(), blocks)
}

/// The tree says of the path what the operation says, and the record is there.
fn check_operation(operation: &Item, root: &[u8], blocks: &Blocks) {
    let (action, path) = (operation.get("action").text(), operation.get("path").text());
    assert_eq!(operation.find("prev").is_some(), action != "create", "{operation:?}");
    let found = look_up(path, root, blocks);
    if action == "delete" {
        assert_eq!((operation.get("cid"), found), (&Item::Null, None));
        return;
    }
    let link = operation.get("cid").link();
    assert_eq!(found.as_deref(), Some(link));
    let collection = path.split('/').next().expect("a path has a collection");
    assert_eq!(blocks[link].get("$type").text(), collection);
}

/// What the tree holds under `path`. Every node on the way, and on the way to the neighbours, must be there.
fn look_up(path: &str, root: &[u8], blocks: &Blocks) -> Option<Vec<u8>> {
    let mut at = Some(root.to_vec());
    let mut above = None;
    while let Some(link) = at {
        let node = &blocks[&link];
        let leaves = leaves(node);
        above = check_layer(&leaves, above);
        let position = leaves.partition_point(|leaf| leaf.key.as_str() < path);
        let before = if position == 0 { node.get("l").clone() } else { leaves[position - 1].right.clone() };
        if let Some(leaf) = leaves.get(position).filter(|leaf| leaf.key == path) {
            check_edge(before, blocks, |node| {
                self::leaves(node).pop().map_or(node.get("l").clone(), |leaf| leaf.right)
            });
            check_edge(leaf.right.clone(), blocks, |node| node.get("l").clone());
            return Some(leaf.value.clone());
        }
        at = (before != Item::Null).then(|| before.link().to_vec());
    }
    None
}

/// The nodes along one edge of a subtree are there.
fn check_edge(mut subtree: Item, blocks: &Blocks, next: impl Fn(&Item) -> Item) {
    while let Item::Link(link) = &subtree {
        subtree = next(&blocks[link]);
    }
}

/// All keys of a node have one layer, one below that of the node above.
fn check_layer(leaves: &[Leaf], above: Option<u32>) -> Option<u32> {
    let mut layers = leaves.iter().map(|leaf| layer(&leaf.key));
    let expected = above.map(|above| above - 1).or_else(|| layers.clone().next());
    assert!(layers.all(|layer| Some(layer) == expected));
    expected
}

fn layer(key: &str) -> u32 {
    let hash = Sha256::digest(key);
    u64::from_be_bytes(*hash.first_chunk().expect("32 bytes")).leading_zeros() / 2
}

struct Leaf {
    key: String,
    value: Vec<u8>,
    right: Item,
}

/// The leaves of a node, their keys written out and in order.
fn leaves(node: &Item) -> Vec<Leaf> {
    assert_eq!(node.keys(), ["e", "l"]);
    let mut key = Vec::new();
    let leaves: Vec<_> = node
        .get("e")
        .list()
        .iter()
        .map(|entry| {
            assert_eq!(entry.keys(), ["k", "p", "t", "v"]);
            key.truncate(usize::try_from(entry.get("p").int()).expect("a length"));
            key.extend_from_slice(entry.get("k").bytes());
            let key = String::from_utf8(key.clone()).expect("keys are ASCII");
            Leaf { key, value: entry.get("v").link().to_vec(), right: entry.get("t").clone() }
        })
        .collect();
    assert!(leaves.is_sorted_by(|a, b| a.key < b.key));
    leaves
}
