//! Streams that end with the first news: long polls.
//!
//! Owns their answer. All who wait at the tail in one group have seen the same, so what is news to one is news to all: the
//! answer is made once, however many they are. Their cursors say whether there is any: events that are not for them have no
//! frame, or are passed over. Never decides what an answer looks like. Tested by `server/tests/couchdb/`.

use std::{collections::HashMap, rc::Rc};

use tailwater_core::{Cursor, Step};

use super::{
    Shard, Slot, State,
    groups::GroupId,
    reading::{Reader, ReadingId},
    slots::Token,
    sweep::After,
    views::ViewId,
};
use crate::feeds::FeedEntry;

/// What a cursor that waits for news finds.
enum Found {
    Nothing,
    /// The first event that is for it.
    News(u64),
    /// Its next segment's frames have to be found or built first.
    Elsewhere,
    /// There will be nothing more.
    End,
}

impl Shard {
    /// Answers those who wait for news of the feed, or of that view of it.
    pub(super) fn tell_news(&self, feed: &FeedEntry, view: Option<ViewId>) {
        let mut state = self.state.borrow_mut();
        for group in state.groups.for_news(feed.id(), view) {
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
            let cursor = self.reading_mut(token, reading).and_then(|reading| reading.cursor.as_mut());
            match cursor.map(look) {
                None => {}
                Some(Found::Nothing) => self.wait_on(id, reader),
                Some(Found::End) => self.end_in_order(token),
                Some(Found::Elsewhere) => self.wait_no_more(reader),
                Some(Found::News(from_seq)) => {
                    let answer = answers.entry(from_seq).or_insert_with(|| protocol.news(from_seq).map(Rc::from));
                    match answer {
                        Some(answer) => self.end_with(token, &answer.clone()),
                        None => self.wait_on(id, reader),
                    }
                }
            }
        }
    }

    /// Nothing of it was for the reader.
    fn wait_on(&mut self, group: GroupId, reader: Reader) {
        let now = self.wheel.now();
        if let Some(Slot::Subscriber(subscriber)) = self.slots.get_mut(reader.token) {
            subscriber.hear(now);
        }
        self.groups.wait(group, reader);
    }

    fn wait_no_more(&mut self, Reader { token, reading }: Reader) {
        if let Some(reading) = self.reading_mut(token, reading) {
            reading.waiting = false;
        }
        self.rejoin_line(token, reading);
        self.make_ready(token);
    }
}

fn look(cursor: &mut Cursor) -> Found {
    loop {
        if !cursor.ready(1).is_empty() {
            return Found::News(cursor.next_seq());
        }
        match cursor.step() {
            Step::More => {}
            Step::AtTail => return Found::Nothing,
            Step::Done => return Found::End,
            // Whoever fetches what comes next finds out that it is gone.
            Step::NeedSegment | Step::Gone => return Found::Elsewhere,
        }
    }
}
