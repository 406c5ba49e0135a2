//! Which feeds are the partitions of which Streamr stream.
//!
//! Owns the lookup by stream id, so that finding one among thousands costs one hash. Never decides who may read. Tests:
//! below.

use std::{collections::HashMap, sync::Arc};

use crate::{config::StreamrExposure, feeds::FeedEntry};

/// One stream's partitions.
type Partitions<T> = Arc<[Arc<T>]>;

/// All streams. A stream with a missing partition is not there: it is being created or deleted.
pub(crate) struct Streams<T = FeedEntry> {
    parts: HashMap<String, Vec<Option<Arc<T>>>>,
    whole: HashMap<String, Partitions<T>>,
}

impl<T> Default for Streams<T> {
    fn default() -> Self {
        Self { parts: HashMap::new(), whole: HashMap::new() }
    }
}

impl Streams {
    /// Adds a feed that is this partition.
    pub(crate) fn add(&mut self, streamr: &StreamrExposure, entry: &Arc<FeedEntry>) {
        self.set(&streamr.stream, streamr.partition, streamr.partitions, Some(entry.clone()));
    }

    /// Removes the feed that is this partition.
    pub(crate) fn remove(&mut self, streamr: &StreamrExposure) {
        self.set(&streamr.stream, streamr.partition, streamr.partitions, None);
    }
}

impl<T> Streams<T> {
    /// The partitions of a stream, in order.
    pub(crate) fn get(&self, stream: &str) -> Option<Partitions<T>> {
        self.whole.get(stream).cloned()
    }

    /// Every stream's id, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.whole.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }

    fn set(&mut self, stream: &str, partition: u64, partitions: u64, entry: Option<Arc<T>>) {
        let parts = self.parts.entry(stream.to_owned()).or_default();
        parts.resize(partitions.max(parts.len() as u64) as usize, None);
        parts[partition as usize] = entry;
        match parts.iter().cloned().collect::<Option<Partitions<T>>>() {
            Some(whole) => drop(self.whole.insert(stream.to_owned(), whole)),
            None => drop(self.whole.remove(stream)),
        }
        if parts.iter().all(Option::is_none) {
            self.parts.remove(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_there_when_all_its_partitions_are() {
        let mut streams = Streams::default();
        streams.set("s", 1, 2, Some(Arc::new("one")));
        assert!(streams.get("s").is_none() && streams.ids().is_empty());
        streams.set("s", 0, 2, Some(Arc::new("zero")));
        assert_eq!(streams.get("s").as_deref(), Some(&[Arc::new("zero"), Arc::new("one")][..]));
        streams.set("t", 0, 1, Some(Arc::new("only")));
        assert_eq!(streams.ids(), ["s", "t"]);
        streams.set("s", 0, 2, None);
        assert!(streams.get("s").is_none());
        streams.set("s", 1, 2, None);
        assert!(!streams.parts.contains_key("s"));
    }
}
