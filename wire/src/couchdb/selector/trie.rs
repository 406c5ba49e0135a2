//! All paths a selector reads, found in one pass over a document.

use crate::couchdb::text::{Kind, Value};

/// The most names below one name: what a selector may have of conditions.
const CHILDREN_MAX: usize = 1_024;

/// What is at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot<'a> {
    /// An object on the way lacks the name.
    Missing,
    /// The way leads through something that is neither an object nor an array with that element.
    BadPath,
    /// This value.
    Found(Value<'a>),
}

/// A name, and what is read below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Trie {
    slot: Option<usize>,
    /// Sorted by name.
    children: Vec<Child>,
}

#[derive(Clone, Debug)]
struct Child {
    name: Box<str>,
    /// The element it names if it is met in an array.
    index: Option<usize>,
    trie: Trie,
}

impl Trie {
    /// The slot of a path, which gets `next` if it has none yet.
    pub(super) fn slot(&mut self, path: &[Box<str>], next: usize) -> usize {
        let Some((name, rest)) = path.split_first() else { return *self.slot.get_or_insert(next) };
        let at = match self.children.binary_search_by(|child| (*child.name).cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                let child = Child { name: name.clone(), index: element_index(name), trie: Self::default() };
                self.children.insert(at, child);
                at
            }
        };
        self.children[at].trie.slot(rest, next)
    }

    /// Whether a path begins with `name`, or is empty.
    pub(super) fn reads(&self, name: &str) -> bool {
        self.slot.is_some() || self.children.iter().any(|child| &*child.name == name)
    }

    /// Puts what is at the end of every path into its slot. All slots must say [`Slot::Missing`] before.
    pub(super) fn fill<'a>(&self, value: Value<'a>, slots: &mut [Slot<'a>]) {
        if let Some(slot) = self.slot {
            slots[slot] = Slot::Found(value);
        }
        if self.children.is_empty() {
            return;
        }
        match value.kind() {
            Kind::Object => self.fill_from_object(value, slots),
            Kind::Array => self.fill_from_array(value, slots),
            _ => self.children.iter().for_each(|child| child.trie.mark_bad(slots)),
        }
    }

    fn fill_from_object<'a>(&self, object: Value<'a>, slots: &mut [Slot<'a>]) {
        let mut seen = [0_u64; CHILDREN_MAX / 64];
        let mut left = self.children.len();
        for member in object.members() {
            let found = self.children.binary_search_by(|child| member.key.compare(&child.name).reverse());
            let Ok(at) = found else { continue };
            let (word, bit) = (at / 64, 1 << (at % 64));
            // Of members with the same name the first counts.
            if seen[word] & bit == 0 {
                seen[word] |= bit;
                self.children[at].trie.fill(member.value, slots);
                left -= 1;
            }
            if left == 0 {
                return;
            }
        }
    }

    fn fill_from_array<'a>(&self, array: Value<'a>, slots: &mut [Slot<'a>]) {
        self.children.iter().for_each(|child| child.trie.mark_bad(slots));
        let last = self.children.iter().filter_map(|child| child.index).max();
        for (at, element) in array.elements().enumerate().take_while(|(at, _)| Some(*at) <= last) {
            for child in self.children.iter().filter(|child| child.index == Some(at)) {
                child.trie.fill_again(element, slots);
            }
        }
    }

    /// Fills slots that have been marked.
    fn fill_again<'a>(&self, value: Value<'a>, slots: &mut [Slot<'a>]) {
        self.mark(Slot::Missing, slots);
        self.fill(value, slots);
    }

    fn mark_bad(&self, slots: &mut [Slot<'_>]) {
        self.mark(Slot::BadPath, slots);
    }

    fn mark<'a>(&self, mark: Slot<'a>, slots: &mut [Slot<'a>]) {
        if let Some(slot) = self.slot {
            slots[slot] = mark;
        }
        self.children.iter().for_each(|child| child.trie.mark(mark, slots));
    }
}

/// The element a name stands for in an array, as Erlang reads integers.
fn element_index(name: &str) -> Option<usize> {
    crate::couchdb::text::erlang_integer(name).and_then(|index| usize::try_from(index).ok())
}
