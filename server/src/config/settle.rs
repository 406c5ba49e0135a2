//! Defaults that follow from other settings.
//!
//! A setting nobody wrote must not contradict one that somebody did: lowering the send buffer alone lowers the low-water
//! mark below it, and so on. What is written stays as it is; `validate` judges it. Tested by `tests.rs`.

use super::draft::Draft;
use super::sections::Retention;

/// Segments a feed of bounded size consists of at least, so that dropping the oldest one leaves most of it.
const SEGMENTS_MIN: u64 = 4;
/// Smallest segment there is.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// Settles what feeds and mirrors will inherit.
pub(super) fn settle_sections(draft: &mut Draft) {
    if !draft.is_written("serve.not_sent_low_water_bytes") {
        let serve = &mut draft.config.serve;
        serve.not_sent_low_water_bytes = serve.not_sent_low_water_bytes.min(serve.socket_send_buffer_bytes);
    }
    if !draft.is_written("limits.event_bytes_max") {
        let limits = &mut draft.config.limits;
        limits.event_bytes_max = limits.event_bytes_max.min(limits.request_body_bytes_max);
    }
    if !draft.is_written("storage.segment_bytes_max") {
        let storage = &mut draft.config.storage;
        storage.segment_bytes_max = segment_bytes(storage.segment_bytes_max, storage.retention);
    }
}

/// Settles the segments of feeds that have a retention of their own.
pub(super) fn settle_feeds(draft: &mut Draft) {
    for index in 0..draft.config.feeds.len() {
        if !draft.is_written(&format!("feed[{index}].segment_bytes_max")) {
            let feed = &mut draft.config.feeds[index];
            feed.segment_bytes_max = segment_bytes(feed.segment_bytes_max, feed.retention);
        }
    }
}

/// The segment size for a retention, at most `bytes_max`.
fn segment_bytes(bytes_max: u64, retention: Retention) -> u64 {
    retention.bytes.map_or(bytes_max, |bytes| bytes_max.min((bytes / SEGMENTS_MIN).max(SEGMENT_BYTES_MIN)))
}
