//! Indexes that do not fit the log they are opened with.

use tailwater_core::Retention;

use super::*;

/// The index is thrown away for this reason, and true once it has caught up.
fn assert_rebuilt(dir: &Path, log: &Log, reason: Discarded) {
    let index = open(dir, log);
    assert_eq!((index.origin(), index.applied_seq()), (&Origin::Rebuilt(reason), 0));
    assert!(rows(&index, Documents::ById).is_empty() && rows(&index, Documents::BySeq).is_empty());
    catch_up(&index, log);
    assert_true(&index, log);
    drop(index);
    assert_eq!(open(dir, log).origin(), &Origin::Kept, "it fits now");
    assert_eq!(fs::read_dir(dir.join("index")).unwrap().count(), 1, "nothing is left of the old one");
}

/// Two data directories: the first one's log and index have 20 events; the second's log has the first 10 of these.
fn cut() -> (TempDir, TempDir) {
    let (long, short) = (scratch(), scratch());
    drop({
        let log = Log::open(long.path());
        log.append_many("both", 10);
        log
    });
    copy(long.path(), short.path());
    let log = Log::open(long.path());
    log.append_many("lost", 10);
    catch_up(&open(long.path(), &log), &log);
    copy(&long.path().join("index"), &short.path().join("index"));
    (long, short)
}

#[test]
fn an_index_ahead_of_its_log_is_built_anew() {
    let (_long, short) = cut();
    let log = Log::open(short.path());
    assert_rebuilt(short.path(), &log, Discarded::Ahead { applied_seq: 20, last_seq: 10 });
}

#[test]
fn a_log_that_was_cut_and_has_grown_again_is_noticed() {
    let (_long, short) = cut();
    let log = Log::open(short.path());
    log.append_many("other", 10);
    assert_rebuilt(short.path(), &log, Discarded::OtherEvent { seq: 20 });
}

#[test]
fn a_log_that_has_grown_past_the_index_is_noticed_as_well() {
    let (_long, short) = cut();
    let log = Log::open(short.path());
    log.append_many("other", 30);
    assert_rebuilt(short.path(), &log, Discarded::OtherEvent { seq: 20 });
}

#[test]
fn the_index_of_another_feed_is_not_taken() {
    let dir = scratch();
    let log = Log::open(dir.path());
    log.append_many("a", 10);
    let indexes = Indexes::new(dir.path());
    let other = indexes.open::<Documents>(&log.feed, 0xabc, SMALL).unwrap();
    catch_up(&other, &log);
    drop(other);
    fs::rename(indexes.dir(0xabc, Documents::NAME), indexes.dir(UID, Documents::NAME)).unwrap();
    assert_rebuilt(dir.path(), &log, Discarded::OtherFeed { uid: 0xabc });
}

#[test]
fn an_index_of_another_layout_is_not_taken() {
    #[derive(Clone, Copy)]
    struct Older;
    impl Tables for Older {
        const NAME: &str = Documents::NAME;
        const LAYOUT: u32 = 2;
        fn number(self) -> u8 {
            0
        }
    }

    let dir = scratch();
    let log = Log::open(dir.path());
    log.append_many("a", 10);
    drop(Indexes::new(dir.path()).open::<Older>(&log.feed, UID, SMALL).unwrap());
    assert_rebuilt(dir.path(), &log, Discarded::OtherLayout { layout: 2 });
}

#[test]
fn events_that_left_the_window_unseen_are_noticed() {
    let dir = scratch();
    let retention = Retention { age_ms: None, bytes: Some(8 << 20) };
    let log = Log::with(dir.path(), FeedOptions { retention, segment_bytes_max: 1 << 20, ..FeedOptions::default() });
    log.append_many("seen", 10);
    catch_up(&open(dir.path(), &log), &log);
    let body = vec![b'x'; 100_000];
    while log.feed.first_seq() <= 11 {
        log.append(&[("large", Some(&body))]);
        log.store.as_ref().unwrap().tick();
    }
    let first_seq = log.feed.first_seq();
    let index = open(dir.path(), &log);
    assert_eq!(index.origin(), &Origin::Rebuilt(Discarded::Gap { applied_seq: 10, first_seq }));
    catch_up(&index, &log);
    assert_eq!(rows(&index, Documents::ById).len(), 1, "there is only what the log still has");
}
