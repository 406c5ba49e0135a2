//! What is appended to a feed.

use futures_lite::future::block_on;
use tailwater_core::{Batch, Draft, Event, Feed, SeqMode};

/// Appends and waits as the feed's durability demands.
pub fn append_to(feed: &Feed, batch: Batch) {
    block_on(feed.append(batch, SeqMode::Assign)).expect("the disk takes it");
}

/// A batch of `count` times the same event, to be numbered by the feed.
pub fn batch_of(event: &Event<'_>, count: usize) -> Batch {
    let Event { time_us, kind, key, format, body, .. } = *event;
    let mut batch = Batch::new();
    for _ in 0..count {
        batch.push(&Draft { seq: None, time_us, kind, key, format, body }).expect("the sample is within every limit");
    }
    batch
}
