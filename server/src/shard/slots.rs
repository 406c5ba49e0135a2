//! Where a shard keeps its sockets: one slab, addressed by tokens that cannot outlive their socket.
//!
//! Owns the numbering and nothing of what happens on a socket. A token carries a generation, so that a readiness or a
//! deadline of a socket that is gone never reaches the one that took its place. Tests: below.

use std::num::NonZeroU32;

use slab::Slab;

use crate::sys;

/// Names one socket of a shard for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    index: u32,
    /// Never 0, so that something may be a token or not in no more room.
    generation: NonZeroU32,
}

impl Token {
    /// The 64 bits that travel through the kernel.
    pub(crate) fn pack(self) -> u64 {
        u64::from(self.generation.get()) << 32 | u64::from(self.index)
    }

    /// The reverse of [`Token::pack`]; bits that it does not make become a token of the last generation there can be.
    pub(crate) fn unpack(bits: u64) -> Self {
        let generation = NonZeroU32::new((bits >> 32) as u32).unwrap_or(NonZeroU32::MAX);
        Self { index: (bits & u64::from(u32::MAX)) as u32, generation }
    }
}

struct Entry<T> {
    generation: NonZeroU32,
    value: T,
}

/// A slab whose keys know when they are stale.
pub(crate) struct Slots<T> {
    entries: Slab<Entry<T>>,
    /// Of the newest entry.
    generation: NonZeroU32,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Slab::new(), generation: NonZeroU32::MIN }
    }

    /// Puts in what `make` returns for the token it will have.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Token) -> T) -> Token {
        self.generation = self.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let vacant = self.entries.vacant_entry();
        let index = u32::try_from(vacant.key()).expect("a process cannot hold 2^32 descriptors");
        let token = Token { index, generation: self.generation };
        vacant.insert(Entry { generation: self.generation, value: make(token) });
        token
    }

    /// It will be looked at soon.
    pub(crate) fn expect(&self, token: Token) {
        self.entries.get(token.index as usize).into_iter().for_each(sys::prefetch);
    }

    pub(crate) fn get(&self, token: Token) -> Option<&T> {
        let entry = self.entries.get(token.index as usize)?;
        (entry.generation == token.generation).then_some(&entry.value)
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.entries
            .get_mut(token.index as usize)
            .filter(|entry| entry.generation == token.generation)
            .map(|entry| &mut entry.value)
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        self.get_mut(token)?;
        Some(self.entries.remove(token.index as usize).value)
    }

    /// Every token in use, in no particular order.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.entries.iter().map(|(index, entry)| Token { index: index as u32, generation: entry.generation }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::reading::Reader;

    #[test]
    fn a_stale_token_never_reaches_the_successor() {
        let mut slots = Slots::new();
        let first = slots.insert_with(|_| "first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert_with(|_| "second");
        assert_eq!(first.index, second.index);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "second"));
    }

    /// Everybody who waits at a tail is one of these, for each subscription.
    #[test]
    fn a_token_or_none_takes_no_more_room() {
        assert_eq!((size_of::<Option<Token>>(), size_of::<Reader>()), (8, 16));
    }

    #[test]
    fn tokens_survive_the_kernel() {
        let mut slots = Slots::new();
        let tokens: Vec<Token> = (0..5).map(|n| slots.insert_with(|_| n)).collect();
        for token in tokens {
            assert_eq!(Token::unpack(token.pack()), token);
        }
    }
}
