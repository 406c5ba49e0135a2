//! Small groups of many feeds share a sync: who leads, what happens when a leader is gone, when the journal has no room, when it
//! fails.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use futures_lite::future::{block_on, poll_once};
use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tailwater_core::storage::fault::{Fault, FaultDisk};
use tailwater_core::storage::{InlineStorage, QueuedStorage, Storage};
use tailwater_core::*;

type Running<T> = Pin<Box<dyn Future<Output = T>>>;

/// Steps of a small group on its own: it is written to its segment and to the journal, which is synced.
const JOURNALED: u64 = 3;
/// The same when the journal takes none: the segment is written and synced.
const DIRECT: u64 = 2;
/// The first group in a file that is used again: two headers are written and synced, and a feed that has something in the other
/// file is asked to sync its segment.
const RECYCLED: u64 = JOURNALED + 4 + 1;

#[derive(Default)]
struct Reports(Mutex<Vec<String>>);

impl CommitListener for Reports {
    fn committed(&self, _feed: &Feed) {}
    fn state_changed(&self, _feed: &Feed) {}
    fn window_moved(&self, _feed: &Feed) {}
    fn journal_given_up(&self, reason: &str) {
        self.0.lock().unwrap().push(reason.to_owned());
    }
}

/// Feeds on a disk that can fail, whose writers and storage take their turns when the test says so.
struct Bench {
    store: Store,
    disk: FaultDisk,
    reports: Arc<Reports>,
    feeds: Vec<Arc<Feed>>,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(feeds: &[&str]) -> Bench {
        let dir = scratch();
        let reports = Arc::new(Reports::default());
        let store = Store::open(dir.path(), StoreOptions { listener: Some(reports.clone()), ..options() }).unwrap();
        let create = |name: &&str| store.create_feed(name, FeedOptions::default()).unwrap();
        let feeds = feeds.iter().map(create).collect();
        let disk = FaultDisk::new(dir.path()).unwrap();
        Bench { store, disk, reports, feeds, dir }
    }

    fn writer<S: Storage>(&self, feed: usize, storage: S) -> Running<()> {
        Box::pin(self.store.take_writer(&self.feeds[feed]).unwrap().attach(storage).run())
    }

    fn inline(&self, feed: usize) -> Running<()> {
        self.writer(feed, InlineStorage::new(Arc::new(self.disk.clone())))
    }

    fn queued(&self) -> QueuedStorage {
        QueuedStorage::new(Arc::new(self.disk.clone()))
    }

    /// Hands a batch in; it is not stored before the feed's writer has its turn.
    fn publish(&self, feed: usize, body: &[u8]) -> Running<Result<Appended, AppendError>> {
        let (feed, batch) = (Arc::clone(&self.feeds[feed]), batch(&[body]));
        let mut append: Running<_> = Box::pin(async move { feed.append(batch, SeqMode::Assign).await });
        assert!(turn(&mut append).is_none());
        append
    }

    /// Lets a writer store one batch; how many steps that took.
    fn steps_of(&self, writer: &mut Running<()>, feed: usize, body: &[u8]) -> u64 {
        let before = self.disk.steps();
        let mut append = self.publish(feed, body);
        turn(writer);
        turn(&mut append).expect("the writer has stored it").unwrap();
        self.disk.steps() - before
    }

    /// What every feed has after a power cut now, as the disk may be left in several ways.
    fn after_power_cut(&self, check: impl Fn(&Store)) {
        for seed in 1..=8 {
            let image = scratch();
            self.disk.write_image(seed, image.path()).unwrap();
            check(&open(image.path()));
        }
    }
}

/// Polls until nothing moves on its own any more.
fn turn<T>(future: &mut Running<T>) -> Option<T> {
    for _ in 0..8 {
        if let Some(done) = block_on(poll_once(&mut *future)) {
            return Some(done);
        }
    }
    None
}

fn all<'a>(writers: impl IntoIterator<Item = &'a mut Running<()>>) {
    for writer in writers {
        turn(writer);
    }
}

fn bodies(store: &Store, feed: &str) -> Vec<Vec<u8>> {
    let feed = store.feed(feed).unwrap();
    assert_eq!(feed.state(), FeedState::Open);
    read_all(&feed, 0).into_iter().map(|(_, body)| body).collect()
}

#[test]
fn groups_that_wait_together_share_a_sync() {
    let bench = Bench::new(&["a", "b", "c", "d"]);
    let storage = bench.queued();
    let mut appends: Vec<_> = (0..4).map(|feed| bench.publish(feed, b"x")).collect();
    let mut writers: Vec<_> = (0..4).map(|feed| bench.writer(feed, storage.clone())).collect();
    all(&mut writers);
    // The first leads at once, and makes the files.
    assert!(storage.run_next() && !storage.run_next());
    all(&mut writers);
    let before = bench.disk.steps();
    assert!(storage.run_next() && !storage.run_next());
    assert_eq!(bench.disk.steps() - before, 3 + 2, "three segments are written, and the journal, which is synced");
    all(&mut writers);
    assert!(appends.iter_mut().all(|append| turn(append).expect("it is answered").is_ok()));
    bench.after_power_cut(|store| assert!(["a", "b", "c", "d"].iter().all(|feed| bodies(store, feed) == [b"x"])));
}

#[test]
fn nobody_waits_for_a_leader_that_is_gone() {
    // Who is gone, when: while its job waits, once its job is done and it has answered, or before it hears that it leads.
    for (gone, job_is_done) in [(0, false), (0, true), (1, true), (2, true)] {
        let bench = Bench::new(&["a", "b", "c", "d"]);
        let storage = bench.queued();
        let mut appends: Vec<_> = (0..4).map(|feed| bench.publish(feed, b"x")).collect();
        let mut writers: Vec<_> = (0..4).map(|feed| Some(bench.writer(feed, storage.clone()))).collect();
        all(writers.iter_mut().flatten());
        if job_is_done {
            assert!(storage.run_next());
        }
        writers[gone] = None;
        for _ in 0..4 {
            all(writers.iter_mut().flatten());
            storage.run_next();
        }
        for (feed, append) in appends.iter_mut().enumerate() {
            let answer = turn(append).expect("it is answered");
            assert_eq!(answer.err(), (feed == gone).then_some(AppendError::Closed), "{gone} is gone, feed {feed}");
        }
    }
}

#[test]
fn a_job_that_is_lost_fails_its_feeds_and_no_others() {
    let bench = Bench::new(&["a", "b", "c"]);
    let storage = bench.queued();
    let mut appends: Vec<_> = (0..3).map(|feed| bench.publish(feed, b"x")).collect();
    let mut writers: Vec<_> = (0..3).map(|feed| bench.writer(feed, storage.clone())).collect();
    all(&mut writers);
    storage.lose();
    for _ in 0..3 {
        all(&mut writers);
        storage.run_next();
    }
    let answers: Vec<_> = appends.iter_mut().map(|append| turn(append).expect("it is answered")).collect();
    assert!(matches!(&answers[0], Err(AppendError::Failed { reason }) if reason.contains("job was lost")));
    assert!(answers[1].is_ok() && answers[2].is_ok(), "{answers:?}");
}

/// A writer that has no turn does not sync its segment: the file that has its group is not used again, and nobody waits.
#[test]
fn feeds_sync_for_themselves_while_the_journal_has_no_room() {
    let bench = Bench::new(&["slow", "busy"]);
    let (mut slow, mut busy) = (bench.inline(0), bench.inline(1));
    bench.steps_of(&mut slow, 0, b"the only one");
    let mut steps = Vec::new();
    let mut stored = Vec::new();
    let mut write = |busy: &mut Running<()>| {
        let body = vec![b'a' + stored.len() as u8; 12_000];
        steps.push(bench.steps_of(busy, 1, &body));
        stored.push(body);
        bench.after_power_cut(|store| {
            assert_eq!(bodies(store, "slow"), [b"the only one"]);
            assert_eq!(bodies(store, "busy"), stored);
        });
        *steps.last().unwrap()
    };
    while write(&mut busy) != DIRECT {}
    for _ in 0..3 {
        assert_eq!(write(&mut busy), DIRECT);
    }
    turn(&mut slow);
    assert_eq!(write(&mut busy), RECYCLED - 1, "there is nobody to ask: `busy` has synced for itself");
    assert_eq!(write(&mut busy), JOURNALED);
    let before = [JOURNALED, JOURNALED, JOURNALED, JOURNALED, JOURNALED, RECYCLED];
    assert_eq!(steps[..10], [&before[..], &[JOURNALED; 4]].concat());
}

#[test]
fn feeds_that_are_closed_or_deleted_are_not_waited_for() {
    for delete in [false, true] {
        let bench = Bench::new(&["gone", "busy"]);
        let (mut gone, mut busy) = (bench.inline(0), bench.inline(1));
        bench.steps_of(&mut gone, 0, b"x");
        if delete {
            // Its writer ends without a sync.
            drop(gone);
            bench.store.delete_feed("gone").unwrap();
        } else {
            let feed = Arc::clone(&bench.feeds[0]);
            let mut close: Running<_> = Box::pin(async move { feed.close().await });
            turn(&mut close);
            turn(&mut gone);
            turn(&mut close).unwrap().unwrap();
        }
        let recycled = (0..40).filter(|_| bench.steps_of(&mut busy, 1, &[b'y'; 12_000]) >= RECYCLED).count();
        assert!(recycled >= 7, "{recycled}");
    }
}

#[test]
fn a_feed_that_cannot_sync_keeps_what_the_journal_has_of_it() {
    let bench = Bench::new(&["failing", "busy"]);
    let (mut failing, mut busy) = (bench.inline(0), bench.inline(1));
    bench.steps_of(&mut failing, 0, b"acknowledged");
    bench.disk.fail_at(bench.disk.steps() + 1, Fault::Error(ErrorKind::Other));
    let feed = Arc::clone(&bench.feeds[0]);
    let mut flush: Running<_> = Box::pin(async move { feed.flush().await });
    turn(&mut flush);
    turn(&mut failing);
    assert!(matches!(turn(&mut flush), Some(Err(AppendError::Failed { .. }))));
    let steps: Vec<_> = (0..20).map(|_| bench.steps_of(&mut busy, 1, &[b'y'; 12_000])).collect();
    assert_eq!(steps[15..], [DIRECT; 5], "{steps:?}");
    bench.after_power_cut(|store| assert_eq!(bodies(store, "failing"), [b"acknowledged"]));
}

#[test]
fn a_journal_that_fails_fails_its_batch_and_is_given_up() {
    let bench = Bench::new(&["a", "b", "c"]);
    let storage = bench.queued();
    let mut writers: Vec<_> = (0..3).map(|feed| bench.writer(feed, storage.clone())).collect();
    let mut first = bench.publish(0, b"stored");
    turn(&mut writers[0]);
    storage.run_next();
    turn(&mut writers[0]);
    turn(&mut first).unwrap().unwrap();
    let mut second = bench.publish(0, b"alone");
    turn(&mut writers[0]);
    let mut third = bench.publish(1, b"failing");
    turn(&mut writers[1]);
    storage.run_next();
    turn(&mut writers[0]);
    turn(&mut second).unwrap().unwrap();
    // Its segment, the journal, the sync.
    bench.disk.fail_at(bench.disk.steps() + 3, Fault::Error(ErrorKind::Other));
    turn(&mut writers[1]);
    storage.run_next();
    turn(&mut writers[1]);
    let failed = turn(&mut third).unwrap().unwrap_err().to_string();
    assert!(failed.contains("journal/0.redo failed") && failed.contains("restart to recover"), "{failed}");
    assert_eq!(bench.reports.0.lock().unwrap().len(), 1);
    let before = bench.disk.steps();
    let mut others = [bench.publish(0, b"direct"), bench.publish(2, b"direct")];
    for _ in 0..2 {
        all(&mut writers);
        while storage.run_next() {}
    }
    assert!(others.iter_mut().all(|append| turn(append).expect("it is answered").is_ok()));
    assert_eq!(bench.disk.steps() - before, 2 * DIRECT);
    bench.after_power_cut(|store| {
        assert_eq!(bodies(store, "a"), [&b"stored"[..], b"alone", b"direct"]);
        assert_eq!(bodies(store, "c"), [b"direct"]);
        assert!(bodies(store, "b").len() <= 1);
    });
}

#[test]
fn a_segment_that_fails_fails_no_other_feed() {
    let bench = Bench::new(&["a", "b", "c"]);
    let storage = bench.queued();
    let mut writers: Vec<_> = (0..3).map(|feed| bench.writer(feed, storage.clone())).collect();
    let mut appends: Vec<_> = (0..3).map(|feed| bench.publish(feed, b"x")).collect();
    all(&mut writers);
    storage.run_next();
    bench.disk.fail_at(bench.disk.steps() + 1, Fault::Error(ErrorKind::Other));
    for _ in 0..2 {
        all(&mut writers);
        storage.run_next();
    }
    let answers: Vec<_> = appends.iter_mut().map(|append| turn(append).unwrap().is_ok()).collect();
    assert_eq!(answers, [true, false, true]);
    bench.after_power_cut(|store| {
        assert!(["a", "c"].iter().all(|feed| bodies(store, feed) == [b"x"]));
        assert!(bodies(store, "b").is_empty(), "nothing of it was written");
    });
}

#[test]
fn without_room_for_a_journal_feeds_sync_for_themselves() {
    let bench = Bench::new(&["a"]);
    let mut writer = bench.inline(0);
    // The folder, the file, its room.
    bench.disk.fail_at(bench.disk.steps() + 3, Fault::Error(ErrorKind::StorageFull));
    assert_eq!(bench.steps_of(&mut writer, 0, b"x"), 3 + DIRECT);
    assert_eq!(bench.steps_of(&mut writer, 0, b"y"), DIRECT);
    let reports = bench.reports.0.lock().unwrap().clone();
    assert!(
        matches!(&reports[..], [reason] if reason.contains("creating") && reason.contains("journal")),
        "{reports:?}"
    );
    assert!(!bench.dir.path().join("journal.tmp").exists());
    bench.after_power_cut(|store| assert_eq!(bodies(store, "a"), [b"x", b"y"]));
}

#[test]
fn a_disk_near_its_low_water_mark_is_not_filled_with_a_journal() {
    let dir = scratch();
    drop(open(dir.path()));
    let disk = FaultDisk::new(dir.path()).unwrap();
    disk.set_free_bytes((100 << 10) + 999);
    let options = StoreOptions { disk: Arc::new(disk.clone()), disk_low_water_bytes: 1000, ..options() };
    let store = Store::open(dir.path(), options).unwrap();
    disk.set_free_bytes(u64::MAX);
    let feed = store.create_feed("f", FeedOptions::default()).unwrap();
    disk.set_free_bytes((100 << 10) + 999);
    drive_on(&store, &[&feed], InlineStorage::new(Arc::new(disk.clone())), async {
        feed.append(batch(&[b"x"]), SeqMode::Assign).await.unwrap();
        assert_eq!(feed.state(), FeedState::Open);
    });
    assert!(!dir.path().join("journal").exists());
}

/// A feed that was deleted and created again has the same names on the disk; what the journal has of the old one is not its.
#[test]
fn what_is_left_of_a_deleted_feed_is_not_given_to_one_of_its_name() {
    let bench = Bench::new(&["f", "other"]);
    let mut old = bench.inline(0);
    for _ in 0..3 {
        bench.steps_of(&mut old, 0, &[b'o'; 9000]);
    }
    drop(old);
    bench.store.delete_feed("f").unwrap();
    let new = bench.store.create_feed("f", FeedOptions::default()).unwrap();
    drive(&bench.store, &[&new], async {
        // Large enough to sync its own segment, so that the journal has nothing of it.
        new.append(batch(&[&[b'n'; 20_000]]), SeqMode::Assign).await.unwrap();
    });
    let copy = scratch();
    copy_dir(bench.dir.path(), copy.path());
    let store = open(copy.path());
    assert_eq!(bodies(&store, "f"), [[b'n'; 20_000]]);
}

#[test]
fn a_damaged_journal_is_refused_by_name() {
    let bench = Bench::new(&["f"]);
    let mut writer = bench.inline(0);
    for _ in 0..3 {
        bench.steps_of(&mut writer, 0, &[b'x'; 9000]);
    }
    let copy = scratch();
    copy_dir(bench.dir.path(), copy.path());
    let path = copy.path().join("journal/0.redo");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 5000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(copy.path(), options()).unwrap_err();
    let expected = format!(
        "{}: a record that had been durable is damaged at offset 4096; restore the data directory from a backup, or move the \
         folder {} away: some of what was acknowledged last may then be missing",
        path.display(),
        path.parent().unwrap().display()
    );
    assert_eq!(error.to_string(), expected);
    std::fs::rename(copy.path().join("journal"), copy.path().join("away")).unwrap();
    assert_eq!(bodies(&open(copy.path()), "f").len(), 3, "the segments have it all: the power was never cut");
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
