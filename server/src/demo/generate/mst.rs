//! The Merkle search tree of a repository: record paths to links.
//!
//! Owns the tree in memory, its blocks and its covering proofs. A key's layer is half the number of leading zero bits of
//! its hash; a node holds the keys of one layer between two keys of a higher one, and its subtrees lie exactly one layer
//! below. The tree follows from its content alone, whatever the order of changes. Tested here, against roots that the
//! protocol's reference implementation pins.

use sha2::{Digest, Sha256};

use super::car::Block;
use super::cbor::Value;
use super::link::Link;

/// A tree.
#[derive(Debug, Default)]
pub(super) struct Tree(Subtree);

type Subtree = Option<Box<Node>>;

#[derive(Debug)]
struct Node {
    layer: u32,
    /// What lies before the first leaf.
    left: Subtree,
    leaves: Vec<Leaf>,
    /// The link to this node's block, once it was asked for; none after a change below.
    link: Option<Link>,
}

#[derive(Debug)]
struct Leaf {
    key: Box<str>,
    value: Link,
    /// What lies between this leaf and the next.
    right: Subtree,
}

impl Tree {
    /// Sets the value of a key; gives the one it had.
    pub fn put(&mut self, key: &str, value: Link) -> Option<Link> {
        let mut previous = None;
        self.0 = Some(put(self.0.take(), layer_of(key), key, value, &mut previous));
        previous
    }

    /// Removes a key; gives the value it had.
    pub fn remove(&mut self, key: &str) -> Option<Link> {
        let mut previous = None;
        self.0 = remove(self.0.take(), layer_of(key), key, &mut previous);
        // A root without leaves has one subtree, which is the root then.
        while self.0.as_ref().is_some_and(|root| root.leaves.is_empty()) {
            self.0 = self.0.take().and_then(|root| root.left);
        }
        previous
    }

    /// The link to the root's block.
    pub fn link(&mut self) -> Link {
        match &mut self.0 {
            Some(root) => root.seal(),
            None => Link::to(&Node::empty(0).block()),
        }
    }

    /// The blocks that prove what `key` is now, and from which its change can be taken back: the nodes on the way to it,
    /// and those to the keys beside it.
    pub fn cover(&mut self, key: &str, out: &mut Vec<Block>) {
        match &mut self.0 {
            Some(root) => {
                root.seal();
                cover(root, key, out);
            }
            None => {
                let block = Node::empty(0).block();
                out.push((Link::to(&block), block));
            }
        }
    }
}

impl Node {
    fn empty(layer: u32) -> Self {
        Self { layer, left: None, leaves: Vec::new(), link: None }
    }

    /// A node with one leaf.
    fn single(layer: u32, leaf: Leaf, left: Subtree) -> Box<Self> {
        Box::new(Self { layer, left, leaves: vec![leaf], link: None })
    }

    /// Where `key` is, or would be.
    fn position(&self, key: &str) -> usize {
        self.leaves.partition_point(|leaf| *leaf.key < *key)
    }

    fn has(&self, at: usize, key: &str) -> bool {
        self.leaves.get(at).is_some_and(|leaf| *leaf.key == *key)
    }

    /// What lies before the leaf at `at`.
    fn before(&self, at: usize) -> &Subtree {
        if at == 0 { &self.left } else { &self.leaves[at - 1].right }
    }

    fn before_mut(&mut self, at: usize) -> &mut Subtree {
        if at == 0 { &mut self.left } else { &mut self.leaves[at - 1].right }
    }

    /// The node itself, unless nothing is left of it.
    fn unless_empty(self: Box<Self>) -> Subtree {
        (self.left.is_some() || !self.leaves.is_empty()).then_some(self)
    }

    /// Makes the links of this node and of everything below that changed.
    fn seal(&mut self) -> Link {
        if let Some(link) = self.link {
            return link;
        }
        for at in 0..=self.leaves.len() {
            if let Some(subtree) = self.before_mut(at) {
                subtree.seal();
            }
        }
        let link = Link::to(&self.block());
        self.link = Some(link);
        link
    }

    /// The node's block; what is below it has been sealed.
    fn block(&self) -> Vec<u8> {
        let link_of = |subtree: &Subtree| Value::maybe(subtree.as_ref().and_then(|node| node.link));
        let mut previous = "";
        let mut entries = Vec::with_capacity(self.leaves.len());
        for leaf in &self.leaves {
            let shared = previous.bytes().zip(leaf.key.bytes()).take_while(|(a, b)| a == b).count();
            entries.push(Value::Map(vec![
                ("k", Value::Bytes(leaf.key.as_bytes()[shared..].to_vec())),
                ("p", Value::Int(shared as i64)),
                ("t", link_of(&leaf.right)),
                ("v", Value::Link(leaf.value)),
            ]));
            previous = &leaf.key;
        }
        Value::Map(vec![("e", Value::List(entries)), ("l", link_of(&self.left))]).to_bytes()
    }
}

/// Half the leading zero bits of the key's hash.
fn layer_of(key: &str) -> u32 {
    let hash = Sha256::digest(key);
    let zeros = hash
        .iter()
        .position(|byte| *byte != 0)
        .map_or(hash.len() as u32 * 8, |byte| byte as u32 * 8 + hash[byte].leading_zeros());
    zeros / 2
}

fn put(tree: Subtree, layer: u32, key: &str, value: Link, previous: &mut Option<Link>) -> Box<Node> {
    let leaf = |right| Leaf { key: key.into(), value, right };
    let Some(mut node) = tree else { return Node::single(layer, leaf(None), None) };
    node.link = None;
    let at = node.position(key);
    if node.has(at, key) {
        *previous = Some(std::mem::replace(&mut node.leaves[at].value, value));
    } else if layer > node.layer {
        let (left, right) = split(Some(node), key);
        return Node::single(layer, leaf(raise(right, layer - 1)), raise(left, layer - 1));
    } else if layer == node.layer {
        let (left, right) = split(node.before_mut(at).take(), key);
        *node.before_mut(at) = left;
        node.leaves.insert(at, leaf(right));
    } else {
        let below = node.layer - 1;
        let subtree = put(node.before_mut(at).take(), layer, key, value, previous);
        *node.before_mut(at) = raise(Some(subtree), below);
    }
    node
}

fn remove(tree: Subtree, layer: u32, key: &str, previous: &mut Option<Link>) -> Subtree {
    let mut node = tree?;
    let at = node.position(key);
    if node.has(at, key) {
        let leaf = node.leaves.remove(at);
        *previous = Some(leaf.value);
        let left = node.before_mut(at).take();
        *node.before_mut(at) = merge(left, leaf.right);
    } else if layer < node.layer {
        let subtree = node.before_mut(at).take();
        *node.before_mut(at) = remove(subtree, layer, key, previous);
    }
    if previous.is_some() {
        node.link = None;
    }
    node.unless_empty()
}

/// Puts nodes without leaves above a tree until its root has this layer.
fn raise(tree: Subtree, layer: u32) -> Subtree {
    let mut node = tree?;
    while node.layer < layer {
        node = Box::new(Node { left: Some(node), ..Node::empty(0) });
        node.layer = node.left.as_ref().map_or(0, |below| below.layer + 1);
    }
    Some(node)
}

/// What lies before `key`, and what lies after it.
fn split(tree: Subtree, key: &str) -> (Subtree, Subtree) {
    let Some(mut left) = tree else { return (None, None) };
    let at = left.position(key);
    let (before, after) = split(left.before_mut(at).take(), key);
    let right = Box::new(Node { left: after, leaves: left.leaves.split_off(at), ..Node::empty(left.layer) });
    *left.before_mut(at) = before;
    left.link = None;
    (left.unless_empty(), right.unless_empty())
}

/// Two neighbouring trees of one layer as one.
fn merge(left: Subtree, right: Subtree) -> Subtree {
    let (mut left, mut right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (left, right) => return left.or(right),
    };
    let end = left.leaves.len();
    let middle = merge(left.before_mut(end).take(), right.left.take());
    *left.before_mut(end) = middle;
    left.leaves.append(&mut right.leaves);
    left.link = None;
    Some(left)
}

fn cover(node: &Node, key: &str, out: &mut Vec<Block>) {
    push(node, out);
    let at = node.position(key);
    if node.has(at, key) {
        spine(node.before(at), |node| node.before(node.leaves.len()), out);
        spine(node.before(at + 1), |node| node.before(0), out);
    } else if let Some(below) = node.before(at) {
        cover(below, key, out);
    }
}

/// The nodes of one edge of a tree.
fn spine(mut tree: &Subtree, next: fn(&Node) -> &Subtree, out: &mut Vec<Block>) {
    while let Some(node) = tree {
        push(node, out);
        tree = next(node);
    }
}

fn push(node: &Node, out: &mut Vec<Block>) {
    let block = node.block();
    out.push((node.link.expect("a tree is sealed before it is covered"), block));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::super::Rng;
    use super::*;

    /// The record that all keys of the published trees point to.
    fn published_record() -> Link {
        let cid: cid::Cid = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454".parse().expect("a CID");
        Link::from_digest(cid.hash().digest().try_into().expect("32 bytes"))
    }

    #[test]
    fn published_roots() {
        for (keys, root) in [
            (&[][..], "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm"),
            (&["3jqfcqzm3fo2j"], "bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu"),
            (&["3jqfcqzm3fx2j"], "bafyreih7wfei65pxzhauoibu3ls7jgmkju4bspy4t2ha2qdjnzqvoy33ai"),
            (
                &["3jqfcqzm3fp2j", "3jqfcqzm3fr2j", "3jqfcqzm3fs2j", "3jqfcqzm3ft2j", "3jqfcqzm4fc2j"],
                "bafyreicmahysq4n6wfuxo522m6dpiy7z7qzym3dzs756t5n7nfdgccwq7m",
            ),
        ] {
            let mut tree = Tree::default();
            for key in keys {
                tree.put(&format!("com.example.record/{key}"), published_record());
            }
            assert_eq!(tree.link().to_string(), root, "{keys:?}");
        }
    }

    #[derive(Clone, Debug)]
    enum Change {
        Put(u8),
        Remove(u8),
    }

    proptest! {
        #[test]
        fn only_the_content_counts(
            changes in prop::collection::vec(
                prop_oneof![any::<u8>().prop_map(Change::Put), any::<u8>().prop_map(Change::Remove)],
                0..200,
            ),
        ) {
            let mut rng = Rng::seed_from_u64(1);
            let (mut tree, mut content) = (Tree::default(), BTreeMap::new());
            for (index, change) in changes.into_iter().enumerate() {
                match change {
                    Change::Put(key) => {
                        let value = Link::anywhere(&mut rng);
                        prop_assert_eq!(tree.put(&name(key), value), content.insert(key, value));
                    }
                    Change::Remove(key) => prop_assert_eq!(tree.remove(&name(key)), content.remove(&key)),
                }
                // Links are sealed on the way, so that a change that forgets to unseal a node is found.
                if index % 3 == 0 {
                    tree.link();
                }
            }
            let mut fresh = Tree::default();
            for (key, value) in content.iter().rev() {
                fresh.put(&name(*key), *value);
            }
            prop_assert_eq!(tree.link(), fresh.link());
        }
    }

    fn name(key: u8) -> String {
        format!("com.example.record/{key}")
    }
}
