//! Subscribers that follow one feed in one encoding the same way: who of them waits at the tail.
//!
//! Owns the lists that a commit wakes. Never looks at a cursor. A commit costs one message per shard and one push per
//! waiting subscriber, nothing per subscriber that is still busy. Tested by `server/tests/`.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use tailwater_core::{EncodingId, FeedId};

use super::{protocol::StreamProtocol, reading::Reader, views::ViewId};
use crate::feeds::FeedEntry;

/// Index of a group on its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupId(u32);

/// The members of one (feed, encoding, protocol).
pub(crate) struct Group {
    pub(crate) feed: Arc<FeedEntry>,
    pub(crate) protocol: Rc<dyn StreamProtocol>,
    encoding: EncodingId,
    members: usize,
    /// Caught up with the tail; woken by the next commit. May name subscribers that have gone.
    waiting: Vec<Reader>,
}

impl Group {
    fn forget_gone(&mut self, mut alive: impl FnMut(Reader) -> bool) {
        if self.waiting.len() > 2 * self.members {
            self.waiting.retain(|reader| alive(*reader));
        }
    }
}

/// All groups of a shard.
#[derive(Default)]
pub(crate) struct Groups {
    groups: Vec<Option<Group>>,
    of_feed: HashMap<FeedId, Vec<GroupId>>,
}

impl Groups {
    /// Adds a member to the group of this feed, encoding and protocol, which begins with its first member.
    pub(crate) fn join(
        &mut self,
        feed: &Arc<FeedEntry>,
        encoding: EncodingId,
        protocol: &Rc<dyn StreamProtocol>,
    ) -> GroupId {
        let id =
            self.find(feed.id(), encoding, protocol.name()).unwrap_or_else(|| self.begin(feed, encoding, protocol));
        if let Some(group) = &mut self.groups[id.0 as usize] {
            group.members += 1;
        }
        id
    }

    /// Removes a member; the last one ends the group. Waiting members that are not `alive` any more are forgotten once
    /// they outnumber the others, so that coming and going on a silent feed holds no memory.
    pub(crate) fn leave(&mut self, id: GroupId, alive: impl FnMut(Reader) -> bool) {
        let slot = &mut self.groups[id.0 as usize];
        let Some(group) = slot else {
            return;
        };
        group.members -= 1;
        if group.members > 0 {
            group.forget_gone(alive);
        } else if let Some(group) = slot.take() {
            self.end(id, group.feed.id());
        }
    }

    fn end(&mut self, id: GroupId, feed: FeedId) {
        if let Some(of_feed) = self.of_feed.get_mut(&feed) {
            of_feed.retain(|other| *other != id);
            if of_feed.is_empty() {
                self.of_feed.remove(&feed);
            }
        }
    }

    pub(crate) fn get(&self, id: GroupId) -> Option<&Group> {
        self.groups[id.0 as usize].as_ref()
    }

    /// Files a member that has caught up.
    pub(crate) fn wait(&mut self, id: GroupId, reader: Reader) {
        if let Some(group) = &mut self.groups[id.0 as usize] {
            group.waiting.push(reader);
        }
    }

    /// Hands over everybody who waits for the feed, or for that view of it, and is sent frames.
    pub(crate) fn wake(&mut self, feed: FeedId, view: Option<ViewId>, mut each: impl FnMut(Reader)) {
        for id in self.of_feed.get(&feed).into_iter().flatten() {
            if let Some(group) = &mut self.groups[id.0 as usize]
                && !group.protocol.waits_for_news()
                && group.protocol.view() == view
            {
                group.waiting.drain(..).for_each(&mut each);
            }
        }
    }

    /// The groups of the feed, or of that view of it, whose members wait for news.
    pub(crate) fn for_news(&self, feed: FeedId, view: Option<ViewId>) -> Vec<GroupId> {
        let waits = |protocol: &dyn StreamProtocol| protocol.waits_for_news() && protocol.view() == view;
        let waits = |id: &GroupId| self.get(*id).is_some_and(|group| waits(&*group.protocol));
        self.of_feed(feed).iter().copied().filter(waits).collect()
    }

    /// Takes everybody who waits in a group.
    pub(crate) fn take_waiting(&mut self, id: GroupId) -> Vec<Reader> {
        self.groups[id.0 as usize].as_mut().map(|group| std::mem::take(&mut group.waiting)).unwrap_or_default()
    }

    /// The groups of one feed.
    pub(crate) fn of_feed(&self, feed: FeedId) -> &[GroupId] {
        self.of_feed.get(&feed).map_or(&[], Vec::as_slice)
    }

    fn find(&self, feed: FeedId, encoding: EncodingId, protocol: &str) -> Option<GroupId> {
        self.of_feed(feed).iter().copied().find(|id| {
            self.get(*id).is_some_and(|group| group.encoding == encoding && group.protocol.name() == protocol)
        })
    }

    fn begin(&mut self, feed: &Arc<FeedEntry>, encoding: EncodingId, protocol: &Rc<dyn StreamProtocol>) -> GroupId {
        let group = Group { feed: feed.clone(), protocol: protocol.clone(), encoding, members: 0, waiting: Vec::new() };
        let free = self.groups.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.groups.push(None);
            self.groups.len() - 1
        });
        self.groups[index] = Some(group);
        let id = GroupId(index as u32);
        self.of_feed.entry(feed.id()).or_default().push(id);
        id
    }
}
