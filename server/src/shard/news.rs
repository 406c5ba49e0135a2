//! Streams that end with the first news: long polls.
//!
//! Owns their answer. All who wait at the tail in one group have seen the same, so what is news to one is news to all: the
//! answer is made once, however many they are. Never decides what an answer looks like. Tested by `server/tests/`.

use std::{collections::HashMap, rc::Rc};

use super::{
    Shard, State,
    groups::GroupId,
    reading::{Reader, ReadingId},
    slots::Token,
    sweep::After,
};
use crate::feeds::FeedEntry;

impl Shard {
    /// Answers those who wait for news of the feed.
    pub(super) fn tell_news(&self, feed: &FeedEntry) {
        let mut state = self.state.borrow_mut();
        for group in state.groups.for_news(feed.id()) {
            state.tell_group(group);
        }
    }
}

impl State {
    /// The turn of a reader that waits for news: there may be some before it has begun to wait.
    pub(super) fn turn_news(&mut self, token: Token, id: ReadingId) -> After {
        let Some(reading) = self.reading_mut(token, id) else {
            return After::Nothing;
        };
        let (group, waiting) = (reading.group, reading.waiting);
        let has_news = reading.cursor.as_ref().is_some_and(|cursor| !cursor.ready(1).is_empty());
        match (waiting, has_news) {
            (true, _) => {}
            (false, false) => return self.turn_hop(token, id),
            (false, true) => {
                self.wait_at_tail(token, id);
                self.tell_group(group);
            }
        }
        After::Nothing
    }

    fn tell_group(&mut self, id: GroupId) {
        let Some(protocol) = self.groups.get(id).map(|group| group.protocol.clone()) else {
            return;
        };
        // They came to the tail at different times, and may have different news.
        let mut answers: HashMap<u64, Option<Rc<[u8]>>> = HashMap::new();
        for reader in self.groups.take_waiting(id) {
            let Reader { token, reading } = reader;
            let Some(cursor) = self.reading_mut(token, reading).and_then(|reading| reading.cursor.as_ref()) else {
                continue;
            };
            let from_seq = cursor.next_seq();
            let answer = answers.entry(from_seq).or_insert_with(|| protocol.news(from_seq).map(Rc::from));
            match answer {
                Some(answer) => self.end_with(token, &answer.clone()),
                // Nothing of it was for them.
                None => self.groups.wait(id, reader),
            }
        }
    }
}
