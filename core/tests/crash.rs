//! A power cut after every single storage step: of appending, rotating, retention, compaction, creating, changing and deleting
//! feeds.
//!
//! Each run cuts the power at one step; each of several seeds then makes another directory of what the disk may be left with,
//! and that is opened. The oracle knows what was acknowledged and what readers have seen. `TAILWATER_CRASH_SEED` adds a seed.
#![allow(clippy::unwrap_used)] // Helpers are tests too: what cannot go on fails.

mod common;

use common::*;
use futures_lite::future;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use tailwater_core::storage::fault::{Fault, FaultDisk};
use tailwater_core::storage::{InlineStorage, QueuedStorage, Storage};
use tailwater_core::*;

/// What must be true of a feed after the power cut.
struct Oracle {
    /// Every event that was ever handed in and may be found: seq to the size of its body.
    offered: BTreeMap<u64, usize>,
    /// Batches as ranges of seqs: all of it or none.
    batches: Vec<(u64, u64)>,
    /// The largest seq that was acknowledged or shown.
    promised: u64,
    /// The first seq that retention has left.
    first_seq: u64,
    /// What a compaction that was begun leaves out, and what one that was acknowledged has left out.
    droppable: BTreeSet<u64>,
    dropped: BTreeSet<u64>,
    /// Whether the feed's creation was acknowledged; whether its deletion was begun, or acknowledged.
    created: bool,
    deleting: bool,
    deleted: bool,
    /// Whether each file of the journal was used again.
    recycled: bool,
    /// The options that were acknowledged, and those that were asked for last; none where they do not change.
    options: Vec<FeedOptions>,
}

impl Default for Oracle {
    fn default() -> Self {
        Oracle {
            offered: BTreeMap::new(),
            batches: Vec::new(),
            promised: 0,
            first_seq: 1,
            droppable: BTreeSet::new(),
            dropped: BTreeSet::new(),
            created: false,
            deleting: false,
            deleted: false,
            recycled: false,
            options: Vec::new(),
        }
    }
}

/// What must be true of each feed.
type Oracles = BTreeMap<&'static str, Oracle>;

/// Bytes of the event that is appended after the power cut.
const AFTER: usize = 700;

fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (bytes + at % 251) as u8).collect()
}

/// Appends batches of events of these sizes at once, so that they are written and synced together, and remembers what may and
/// what must be found.
async fn append(feed: &Feed, oracle: &mut Oracle, batches: &[&[usize]]) -> bool {
    let mut pending = Vec::new();
    // Before this; perhaps with another durability.
    let shown = feed.last_seq();
    for sizes in batches {
        let mut batch = Batch::new();
        for size in *sizes {
            let body = body(*size);
            batch
                .push(&Draft { seq: None, time_us: 1, kind: "put", key: "k", format: BodyFormat::Json, body: &body })
                .unwrap();
        }
        pending.push(Box::pin(feed.append(batch, SeqMode::Assign)));
    }
    let mut next = feed.next_seq();
    // The first poll of each hands its batch in.
    let mut answers = Vec::new();
    for append in &mut pending {
        answers.push(future::poll_once(append).await);
    }
    let mut whole = true;
    for ((append, answer), sizes) in pending.into_iter().zip(answers).zip(batches) {
        let answer = match answer {
            Some(answer) => answer,
            None => append.await,
        };
        whole &= answer.is_ok();
        match answer {
            Ok(appended) => {
                assert_eq!(appended.first_seq, next);
                if feed.options().durability == Durability::Sync {
                    oracle.promised = appended.last_seq;
                }
            }
            // Refused before anything was written; the seqs are another batch's.
            Err(AppendError::ReadOnly { .. }) => continue,
            Err(_) => {}
        }
        let last = next + sizes.len() as u64 - 1;
        oracle.batches.push((next, last));
        oracle.offered.extend((next..).zip(sizes.iter().copied()));
        next = last + 1;
    }
    if feed.options().durability == Durability::Sync {
        assert!(feed.last_seq() <= oracle.promised.max(shown), "nothing is shown that was not acknowledged");
    }
    oracle.first_seq = feed.first_seq();
    whole
}

async fn flush(feed: &Feed, oracle: &mut Oracle) {
    let last = feed.last_seq();
    if feed.flush().await.is_ok() {
        oracle.promised = oracle.promised.max(last);
    }
    oracle.first_seq = feed.first_seq();
}

/// Compacts all that is sealed, without what `goes`.
async fn compact(feed: &Feed, oracle: &mut Oracle, goes: impl Fn(u64) -> bool) -> bool {
    let mut from = 0;
    while let Some(run) = feed.sealed_run(from) {
        let seqs = run.first_seq()..=run.last_seq();
        from = run.last_seq() + 1;
        oracle.droppable.extend(seqs.clone().filter(|seq| goes(*seq)));
        // What supersedes the events that go was appended before: a power cut must not take that and leave neither.
        let last = feed.last_seq();
        let done = match run.rewrite(|event| Ok::<_, CompactError>(!goes(event.seq))) {
            Ok(Some(rewritten)) => feed.replace(rewritten).await,
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => {}
            // Retention was faster.
            Err(CompactError::Changed) => continue,
            Err(_) => return false,
        }
        oracle.promised = oracle.promised.max(last);
        oracle.dropped.extend(seqs.filter(|seq| goes(*seq)));
    }
    true
}

/// A workload in which segments are compacted, some of them more than once. Without retention several become one.
fn work_compacting(
    store: &Store,
    storage: &InlineStorage,
    clock: &AtomicU64,
    durability: Durability,
    retention: Retention,
    oracles: &mut Oracles,
) {
    let oracle = oracles.entry("f").or_default();
    let feed_options = FeedOptions { retention, durability, segment_bytes_max: 1 << 20, ..FeedOptions::default() };
    let Ok(feed) = store.create_feed("f", feed_options) else { return };
    oracle.created = true;
    drive_on(store, &[&feed], storage.clone(), async {
        let rounds: [&[&[usize]]; 6] = [
            &[&[10, 20], &[3000, 30]],
            &[&[40, 50, 60], &[70]],
            &[&[2000], &[1000, 1], &[5]],
            &[&[600, 3000], &[5, 5000], &[2]],
            &[&[80]],
            &[&[90, 91], &[AFTER]],
        ];
        for (round, batches) in rounds.into_iter().enumerate() {
            if !append(&feed, oracle, batches).await || feed.seal().await.is_err() {
                return;
            }
            // What supersedes may lie behind what is compacted.
            if !append(&feed, oracle, &[&[25]]).await {
                return;
            }
            clock.fetch_add(300, Ordering::Relaxed);
            store.tick();
            // In the fourth round whole segments are left without an event.
            let goes = |seq| seq % 4 == 1 || (round >= 3 && (8..=14).contains(&seq));
            let compacted = compact(&feed, oracle, goes).await;
            oracle.first_seq = feed.first_seq();
            if !compacted {
                return;
            }
        }
        append(&feed, oracle, &[&[50, 60]]).await;
        feed.close().await.ok();
    });
}

fn store_options(disk: &FaultDisk, clock: &Arc<AtomicU64>) -> StoreOptions {
    StoreOptions { disk: Arc::new(disk.clone()), clock: Clock::Manual(Arc::clone(clock)), ..options() }
}

/// The workload; ends early when the power is cut.
fn work(store: &Store, storage: &InlineStorage, clock: &AtomicU64, durability: Durability, oracles: &mut Oracles) {
    let oracle = oracles.entry("f").or_default();
    let steadily = durability == Durability::Sync;
    let retention = Retention { age_ms: Some(1000), bytes: None };
    let feed_options = FeedOptions { retention, durability, segment_bytes_max: 1 << 20, ..FeedOptions::default() };
    let Ok(feed) = store.create_feed("f", feed_options) else { return };
    oracle.created = true;
    let closed = drive_on(store, &[&feed], storage.clone(), async {
        let large = 400_000;
        let groups: [&[&[usize]]; 9] = [
            &[&[10, 600, 3000]],
            &[&[1]],
            &[&[large, 20]],
            // As large as what is appended after the power cut: what is left of it must not be taken for more.
            &[&[AFTER], &[AFTER], &[AFTER]],
            &[&[large]],
            &[&[large, 1], &[5]],
            &[&[large, large]],
            &[&[700], &[3, 4], &[2000]],
            &[&[large], &[large], &[large], &[large], &[large]],
        ];
        for batches in groups {
            if !append(&feed, oracle, batches).await {
                return false;
            }
            clock.fetch_add(300, Ordering::Relaxed);
            store.tick();
            if steadily {
                flush(&feed, oracle).await;
            }
        }
        // Quiet for long: everything leaves the window, several segments at once; the next seq stays.
        clock.fetch_add(5000, Ordering::Relaxed);
        store.tick();
        flush(&feed, oracle).await;
        append(&feed, oracle, &[&[50, 60]]).await && feed.close().await.is_ok()
    });
    if closed {
        oracle.deleting = true;
        oracle.deleted = store.delete_feed("f").is_ok();
    }
}

/// Small and large batches between changes of everything that can be changed.
fn work_changing(store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracles: &mut Oracles) {
    let oracle = oracles.entry("f").or_default();
    let first = FeedOptions { durability: Durability::Os, segment_bytes_max: 4 << 20, ..FeedOptions::default() };
    let Ok(feed) = store.create_feed("f", first.clone()) else { return };
    oracle.created = true;
    oracle.options = vec![first];
    drive_on(store, &[&feed], storage.clone(), async {
        let age = |age_ms| Retention { age_ms: Some(age_ms), bytes: None };
        for (durability, retention) in [
            (Durability::Sync, Retention::default()),
            (Durability::Interval { ms: 3_600_000 }, age(600)),
            (Durability::Sync, age(1_000_000)),
            (Durability::Os, age(400)),
            (Durability::Sync, Retention::default()),
        ] {
            if !append(&feed, oracle, &[&[AFTER, 5], &[3000]]).await || !append(&feed, oracle, &[&[900_000]]).await {
                return;
            }
            let options = FeedOptions { durability, retention, segment_bytes_max: 1 << 20, ..FeedOptions::default() };
            oracle.options.push(options.clone());
            if store.change_feed("f", options, &[]).is_err() {
                return;
            }
            oracle.options.remove(0);
            clock.fetch_add(500, Ordering::Relaxed);
            store.tick();
            let large = if durability == Durability::Sync { 20 } else { 400_000 };
            if !append(&feed, oracle, &[&[AFTER]]).await || !append(&feed, oracle, &[&[large]]).await {
                return;
            }
        }
        append(&feed, oracle, &[&[7], &[8]]).await;
        feed.close().await.ok();
    });
}

/// A feed, and what must be true of it.
type Tracked<'a> = (Arc<Feed>, &'a mut Oracle);

/// Appends to each feed at the same time, each batch of its own; whether all are acknowledged.
async fn append_to_each(tracked: &mut [Tracked<'_>], batches: &[&[usize]]) -> bool {
    let mut appends = Vec::new();
    for ((feed, oracle), sizes) in tracked.iter_mut().zip(batches) {
        appends.push(Box::pin(async move { append(feed, oracle, &[sizes]).await }));
    }
    let mut whole = true;
    future::poll_fn(|context| {
        appends.retain_mut(|append| match append.as_mut().poll(context) {
            Poll::Ready(acknowledged) => {
                whole &= acknowledged;
                false
            }
            Poll::Pending => true,
        });
        if appends.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    whole
}

/// Several feeds whose small groups go into the journal together, so that its files are used again several times; some of their
/// groups are large, one loses its oldest segments, one is compacted, one is deleted and created again.
fn work_together(store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracles: &mut Oracles) {
    let storage = QueuedStorage::new(Arc::clone(storage.disk()));
    let create = |name: &str, oracle: &mut Oracle| {
        *oracle = Oracle::default();
        let age_ms = (name == "brief").then_some(1000);
        let retention = Retention { age_ms, bytes: None };
        let options = FeedOptions { retention, segment_bytes_max: 1 << 20, ..FeedOptions::default() };
        let feed = store.create_feed(name, options).ok();
        oracle.created = feed.is_some();
        feed
    };
    let mut tracked: Vec<Tracked<'_>> = Vec::new();
    oracles.extend(["brief", "calm", "doomed", "even"].map(|name| (name, Oracle::default())));
    for (name, oracle) in oracles.iter_mut() {
        let Some(feed) = create(name, oracle) else { return };
        tracked.push((feed, oracle));
    }
    let feeds: Vec<_> = tracked.iter().map(|(feed, _)| Arc::clone(feed)).collect();
    let created_again = RefCell::new(None);
    let work = async {
        for round in 0..7 {
            let (small, large) = (round + 7000, round + 400_000);
            if round == 3 {
                let (doomed, oracle) = &mut tracked[2];
                if doomed.close().await.is_err() {
                    return;
                }
                oracle.deleting = true;
                if store.delete_feed("doomed").is_err() {
                    return;
                }
                oracle.deleted = true;
                let Some(feed) = create("doomed", oracle) else { return };
                let writer = store.take_writer(&feed).unwrap().attach(storage.clone());
                *created_again.borrow_mut() = Some(Box::pin(writer.run()));
                *doomed = feed;
                // Where the small groups of the one before were; the journal gets nothing of this.
                if !append_to_each(&mut tracked[2..3], &[&[20_000, 1, 2]]).await {
                    return;
                }
            }
            let together: &[&[usize]] = &[&[small, 1], &[10, 20, 30], &[small], &[small, 50]];
            let alone: &[&[usize]] = &[&[large], &[small]];
            if !append_to_each(&mut tracked, together).await || !append_to_each(&mut tracked, alone).await {
                return;
            }
            let (even, oracle) = &mut tracked[3];
            let shrinks = round % 2 == 1;
            if shrinks && (even.seal().await.is_err() || !compact(even, oracle, |seq| seq % 3 == 1).await) {
                return;
            }
            clock.fetch_add(600, Ordering::Relaxed);
            store.tick();
        }
        tracked[0].1.recycled = ["0.redo", "1.redo"].iter().all(|name| {
            let file = std::fs::read(store.dir().join("journal").join(name));
            // The base seq of its first header.
            file.is_ok_and(|file| u64::from_le_bytes(file[24..32].try_into().unwrap()) > 10)
        });
    };
    let others = async {
        loop {
            storage.run_next();
            future::poll_fn(|context| {
                if let Some(writer) = created_again.borrow_mut().as_mut() {
                    assert!(writer.as_mut().poll(context).is_pending(), "nobody closes it");
                }
                Poll::Ready(())
            })
            .await;
            future::yield_now().await;
        }
    };
    let feeds: Vec<_> = feeds.iter().collect();
    drive_on(store, &feeds, storage.clone(), future::or(work, others));
}

/// Opens what is left and compares it with what was promised; then goes on appending, closes cleanly, and opens it again.
fn check(image: &Path, oracles: &Oracles, label: &str) {
    // Retention stands still from here on.
    let options = || StoreOptions { clock: Clock::Manual(Arc::new(AtomicU64::new(0))), ..options() };
    let store = Store::open(image, options()).unwrap_or_else(|error| panic!("{label}: {error}"));
    let mut expected = Vec::new();
    for (name, oracle) in oracles {
        let label = format!("{label}, feed {name}");
        let Some(feed) = store.feed(name) else {
            assert!(!oracle.created || oracle.deleting, "{label}: the feed is lost");
            continue;
        };
        assert!(!oracle.deleted, "{label}: the feed is back");
        assert_eq!(feed.state(), FeedState::Open, "{label}");
        let known = oracle.options.is_empty() || oracle.options.contains(&feed.options());
        assert!(known, "{label}: {:?} are nobody's options", feed.options());
        let segments = image.join("feeds").join(name).join("segments");
        let names = std::fs::read_dir(segments).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(
            names.into_iter().all(|name| name.to_string_lossy().ends_with(".seg")),
            "{label}: something is left behind"
        );
        let mut found = read_all(&feed, 0);
        check_events(&found, &feed, oracle, &label);
        let last = feed.last_seq();
        drive(&store, &[&feed], async {
            let appended = feed
                .append(batch(&[&[b'a'; AFTER]]), SeqMode::Assign)
                .await
                .unwrap_or_else(|error| panic!("{label}: {error}"));
            assert_eq!(appended.first_seq, last + 1, "{label}");
            feed.close().await.unwrap();
        });
        found.push((last + 1, vec![b'a'; AFTER]));
        expected.push((name, found));
    }
    drop(store);
    let store = Store::open(image, options()).unwrap();
    for (name, expected) in expected {
        let feed = store.feed(name).unwrap();
        assert_eq!(feed.state(), FeedState::Open, "{label}, feed {name}: second opening");
        assert!(read_all(&feed, 0) == expected, "{label}, feed {name}: second opening");
    }
}

fn check_events(found: &[(u64, Vec<u8>)], feed: &Feed, oracle: &Oracle, label: &str) {
    let follows = |a: u64, b: u64| a < b && (a + 1..b).all(|seq| oracle.droppable.contains(&seq));
    assert!(found.is_sorted_by(|a, b| follows(a.0, b.0)), "{label}: seqs do not follow each other");
    for (seq, body) in found {
        assert!(
            !oracle.dropped.contains(seq) && oracle.offered.get(seq).is_some_and(|size| *body == crate::body(*size)),
            "{label}: seq {seq} was never written like this"
        );
    }
    let seqs: Vec<u64> = found.iter().map(|(seq, _)| *seq).collect();
    for seq in (oracle.first_seq..=oracle.promised).filter(|seq| !oracle.droppable.contains(seq)) {
        assert!(seqs.binary_search(&seq).is_ok(), "{label}: seq {seq} was acknowledged and is lost");
    }
    for (first, last) in &oracle.batches {
        let kept = (*first..=*last).filter(|seq| !oracle.droppable.contains(seq));
        let (kept, present): (Vec<u64>, Vec<u64>) =
            (kept.clone().collect(), kept.filter(|seq| seqs.binary_search(seq).is_ok()).collect());
        assert!(present.is_empty() || present == kept, "{label}: half of the batch {first}..={last}");
    }
    assert!(feed.next_seq() > oracle.promised, "{label}: seq {} would be used again", feed.next_seq());
}

/// What is done until the power is cut.
type Workload<'a> = &'a dyn Fn(&Store, &InlineStorage, &AtomicU64, &mut Oracles);

/// Runs the workload on a new disk with a fault; returns the number of storage steps.
fn run(workload: Workload<'_>, fault: Option<(u64, Fault)>, examine: impl FnOnce(&FaultDisk, &Oracles)) -> u64 {
    let dir = scratch();
    drop(open(dir.path()));
    let disk = FaultDisk::new(dir.path()).unwrap();
    if let Some((step, fault)) = fault {
        disk.fail_at(step, fault);
    }
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let mut oracles = Oracles::new();
    let store = Store::open(dir.path(), store_options(&disk, &clock)).unwrap();
    workload(&store, &InlineStorage::new(Arc::new(disk.clone())), &clock, &mut oracles);
    let steps = disk.steps();
    examine(&disk, &oracles);
    steps
}

fn seeds() -> Vec<u64> {
    let extra = std::env::var("TAILWATER_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    (1..=5).chain(extra).collect()
}

fn cut_the_power_at_each_step(workload: Workload<'_>, what: &str, is_covered: impl FnOnce(&Oracles) -> bool) {
    let steps =
        run(workload, None, |_, oracles| assert!(is_covered(oracles), "{what}: the workload leaves something out"));
    assert!(steps > 60, "only {steps} steps");
    for step in 1..=steps {
        run(workload, Some((step, Fault::PowerCut)), |disk, oracles| {
            for seed in seeds() {
                let image = scratch();
                disk.write_image(seed, image.path()).unwrap();
                check(image.path(), oracles, &format!("{what}, step {step}, seed {seed}"));
            }
        });
    }
}

fn meet_an_error_at_each_step(workload: Workload<'_>) {
    use std::io::ErrorKind;
    let steps = run(workload, None, |_, _| {});
    for step in 1..=steps {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            run(workload, Some((step, Fault::Error(kind))), |disk, oracles| {
                let image = scratch();
                disk.write_image(step, image.path()).unwrap();
                check(image.path(), oracles, &format!("{kind} at step {step}, seed {step}"));
            });
        }
    }
}

fn steady(store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracles: &mut Oracles) {
    work(store, storage, clock, Durability::Sync, oracles);
}

fn keeping_all(store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracles: &mut Oracles) {
    work_compacting(store, storage, clock, Durability::Sync, Retention::default(), oracles);
}

fn is_deleted_in_the_end(oracles: &Oracles) -> bool {
    oracles["f"].deleted && oracles["f"].first_seq > 20
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_was_acknowledged() {
    cut_the_power_at_each_step(&steady, "sync", is_deleted_in_the_end);
}

#[test]
fn a_power_cut_without_syncs_leaves_whole_batches_without_gaps() {
    let workload = |store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracles: &mut Oracles| {
        work(store, storage, clock, Durability::Os, oracles);
    };
    cut_the_power_at_each_step(&workload, "os", is_deleted_in_the_end);
}

#[test]
fn a_power_cut_during_compaction_leaves_the_old_segments_or_the_new_one() {
    cut_the_power_at_each_step(&keeping_all, "compaction", |oracles| {
        let oracle = &oracles["f"];
        oracle.dropped == oracle.droppable && oracle.dropped.len() > 9 && oracle.first_seq == 1
    });
}

#[test]
fn a_power_cut_during_compaction_takes_nothing_that_what_was_dropped_waits_for() {
    let workload = |store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracles: &mut Oracles| {
        work_compacting(store, storage, clock, Durability::Os, Retention::default(), oracles);
    };
    cut_the_power_at_each_step(&workload, "compaction, os", |oracles| oracles["f"].dropped == oracles["f"].droppable);
}

#[test]
fn a_power_cut_during_compaction_and_retention() {
    let workload = |store: &Store, storage: &InlineStorage, clock: &AtomicU64, oracles: &mut Oracles| {
        let retention = Retention { age_ms: Some(800), bytes: None };
        work_compacting(store, storage, clock, Durability::Sync, retention, oracles);
    };
    cut_the_power_at_each_step(&workload, "compaction and retention", |oracles| {
        !oracles["f"].dropped.is_empty() && oracles["f"].first_seq > 10
    });
}

#[test]
fn a_power_cut_while_options_change_leaves_the_old_or_the_new_and_takes_nothing() {
    cut_the_power_at_each_step(&work_changing, "changes", |oracles| {
        let oracle = &oracles["f"];
        oracle.options.len() == 1 && oracle.first_seq > 5 && oracle.promised > 25
    });
}

#[test]
fn an_error_at_any_step_while_options_change_takes_nothing() {
    meet_an_error_at_each_step(&work_changing);
}

#[test]
fn an_error_at_any_step_loses_nothing_that_was_acknowledged() {
    meet_an_error_at_each_step(&steady);
}

#[test]
fn an_error_at_any_step_of_compaction_loses_nothing() {
    meet_an_error_at_each_step(&keeping_all);
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_the_journal_has() {
    cut_the_power_at_each_step(&work_together, "together", |oracles| {
        let (brief, doomed, even) = (&oracles["brief"], &oracles["doomed"], &oracles["even"]);
        brief.recycled && brief.first_seq > 5 && doomed.promised > 5 && even.dropped.len() > 3
    });
}

#[test]
fn an_error_at_any_step_of_feeds_that_share_the_journal_loses_nothing() {
    meet_an_error_at_each_step(&work_together);
}
