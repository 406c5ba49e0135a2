//! A crash between any two steps of a write leaves a log and an index that agree once they are opened again.
//!
//! The steps are: the bytes of attachments, the log, the index. So a crash leaves attachments that no event names, or a log
//! the index has not heard of; a power cut can also leave an index that knows more than the log. Each is put together from
//! copies of what was there before and after. And a process is killed for real, again and again.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::common::{Running, copy, edit, lose_index};
use crate::documents::{Edit, Mode, NewAttachment, Order, Source, Swept};

/// Where the process that is to be killed works.
const CHILD_DIR: &str = "TAILWATER_DOCUMENTS_CRASH_DIR";

/// All that a database says of itself.
fn view(db: &Running) -> impl PartialEq + std::fmt::Debug + use<> {
    let changes = db.changes(0, Order::Ascending);
    let leaves: Vec<_> = changes.iter().map(|(_, id)| (db.leaves(id), db.shown(id))).collect();
    let pending = db.database.changes(0, Order::Ascending).unwrap().pending().unwrap();
    (changes, leaves, pending, db.all(), db.database.summary().unwrap())
}

/// A few writes of every kind, different in each round.
fn write(db: &Running, round: u64) {
    let edits = (0..20).map(|n| {
        let id = format!("d{}", (n * 7 + round * 3) % 40);
        let rev = db.get(&id).ok().map(|doc| doc.rev.to_string());
        edit(&id, rev.as_deref(), n % 5 == 0 && rev.is_some(), &format!("{{\"n\":{round}}}"))
    });
    let edits = edits.collect();
    db.update(edits, Mode::NewEdits);
    db.replicate(&format!("d{round}"), 2, &format!("r{round} a"), false, "{}");
    db.publish("put", "theirs", &format!("{{\"n\":{round}}}"));
    let leaf = db.leaves("d0").first().map(|leaf| leaf.split(' ').next().unwrap().to_owned());
    if let Some(leaf) = leaf.filter(|_| round % 3 == 2) {
        db.purge("d0", &[&leaf]);
    }
}

/// After `write`, and in some rounds compaction, what `restored` of the directory is as it was before; says what the database is then, and what it would be
/// with a new index.
fn crash(restored: &str) {
    let (dir, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Running::open(dir.path()).close();
    for round in 0..9 {
        copy(&dir.path().join(restored), before.path());
        let db = Running::open(dir.path());
        write(&db, round);
        if round % 2 == 1 {
            db.compact();
        }
        db.close();
        copy(before.path(), &dir.path().join(restored));
        let db = Running::open(dir.path());
        let opened = view(&db);
        db.close();
        lose_index(dir.path());
        let db = Running::open(dir.path());
        assert_eq!(view(&db), opened, "round {round}");
        db.close();
    }
}

#[test]
fn the_index_was_not_written() {
    crash("index");
}

#[test]
fn the_log_was_cut() {
    crash("feeds");
}

#[test]
fn an_attachment_was_stored_and_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    drop(db.database.blobs().store(b"nobody's").unwrap());
    let mut writer = db.database.blobs().writer().unwrap();
    writer.write(b"half").unwrap();
    std::mem::forget(writer);
    db.close();
    let db = Running::open(dir.path());
    assert_eq!(db.database.sweep_attachments().unwrap(), Swept { seen: 1, removed: 1, removed_bytes: 8 });
    db.close();
}

#[test]
fn local_documents_and_settings_outlive_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.database.local().put("_local/chk", None, r#"{"seq":3}"#).unwrap();
    db.database.change_settings(|settings| settings.revs_limit = 5).unwrap();
    db.close();
    lose_index(dir.path());
    let db = Running::open(dir.path());
    assert_eq!(db.database.local().get("_local/chk").unwrap().unwrap().body, r#"{"seq":3}"#);
    assert_eq!(db.database.settings().revs_limit, 5);
    assert_eq!(db.database.summary().unwrap().update_seq, 0, "they are no changes");
    let (home, uid) = (db.home.clone(), db.feed.uid());
    db.close();
    home.remove(uid).unwrap();
    let db = Running::open(dir.path());
    assert_eq!(db.database.local().get("_local/chk").unwrap(), None);
    assert_eq!(db.database.settings().revs_limit, 1_000);
    db.close();
}

#[test]
fn a_process_is_killed() {
    if env::var_os(CHILD_DIR).is_some() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut stored = HashMap::new();
    let rounds = if env::var_os("TAILWATER_LONG").is_some() { 40 } else { 4 };
    for round in 0..rounds {
        kill_one(dir.path(), Duration::from_millis(20 + 37 * (round % 7)), &mut stored);
        let db = Running::open(dir.path());
        for (id, rev) in &stored {
            // The next one may have been stored as well.
            let missing = db.database.revs_diff(id, &[rev.parse().unwrap()]).unwrap().missing;
            assert!(missing.is_empty(), "{id} {rev}");
            let doc = db.get(id).unwrap();
            assert!(db.database.blobs().read(doc.attachments[0].info.digest).unwrap().is_some());
        }
        let killed = view(&db);
        db.close();
        lose_index(dir.path());
        let db = Running::open(dir.path());
        assert_eq!(view(&db), killed);
        db.close();
    }
    assert!(!stored.is_empty());
}

/// Lets a process write for a while; notes what it says it has stored.
fn kill_one(dir: &Path, after: Duration, stored: &mut HashMap<String, String>) {
    let child = Command::new(env::current_exe().unwrap())
        .args(["documents::tests::crash::the_process_that_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.by_ref().find(|line| line.starts_with("stored "));
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in first.into_iter().chain(lines) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["stored", id, rev, "."] = words[..] {
            stored.insert(id.to_owned(), rev.to_owned());
        }
    }
}

#[test]
#[ignore = "it writes and compacts until it is killed; the test above starts it"]
fn the_process_that_is_killed() {
    let Some(dir) = env::var_os(CHILD_DIR) else { return };
    let db = Running::open(Path::new(&dir));
    for n in 0.. {
        let blob = db.database.blobs().store(format!("bytes {n}").as_bytes()).unwrap();
        let attachments = vec![NewAttachment {
            name: "x".into(),
            content_type: "text/plain".into(),
            revpos: None,
            source: Source::Stored(blob),
        }];
        let id = format!("k{}", n % 30);
        let rev = db.get(&id).ok().map(|doc| doc.rev.to_string());
        let edit = Edit { attachments, ..edit(&id, rev.as_deref(), false, &format!("{{\"n\":{n}}}")) };
        let rev = db.one(edit, Mode::NewEdits).unwrap();
        if n % 3 == 0 {
            db.database.compact();
        }
        // A line that is cut off has no full stop.
        writeln!(std::io::stdout(), "stored {id} {rev} .").unwrap();
    }
}
