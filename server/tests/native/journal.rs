//! A journal that cannot be made: the log says so once, and publishing goes on.

use std::fs;

use rustix::process::Signal;

use super::common::{
    call,
    process::{Serving, tailwater},
};

#[test]
fn a_journal_that_cannot_be_made_is_told_once_and_missed_by_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let config = tempfile::NamedTempFile::new().unwrap();
    // Where Streamr is served, a first start tells of its streams, and makes the journal.
    fs::write(&config, "[[listen]]\naddress = \"127.0.0.1:0\"\ndialects = [\"native\", \"atproto\"]\n").unwrap();
    let start = || {
        let mut command = tailwater();
        command.args(["serve", "--shards", "1", "--data"]).arg(directory.path()).arg("--config").arg(config.path());
        Serving::start(&mut command)
    };
    let serving = start();
    // It is made with the first event that needs it. A file in its place stands in for a disk that will not have it.
    let journal = directory.path().join("journal");
    assert!(!journal.exists());
    fs::write(&journal, "").unwrap();
    for seq in 1..=3 {
        for feed in ["repos", "labels"] {
            let url = format!("http://{}/v1/feeds/{feed}/events", serving.address);
            let (status, answer) = call("POST", &url, Some("application/x-ndjson"), r#"{"kind":"put","body":1}"#);
            assert_eq!((status, &answer["last_seq"]), (200, &seq.into()), "{answer}");
        }
    }
    serving.signal(Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("journal")).collect();
    let expected = format!(
        "WARN tailwater::feeds: the journal is not used any more: every feed syncs for itself until the next start \
         reason=\"creating {} failed: Not a directory (os error 20)\"",
        journal.display()
    );
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].ends_with(&expected), "{log}");
    // The next start has one again.
    fs::remove_file(&journal).unwrap();
    let serving = start();
    let url = format!("http://{}/v1/feeds/repos/events", serving.address);
    let (_, answer) = call("POST", &url, Some("application/x-ndjson"), r#"{"kind":"put","body":1}"#);
    assert_eq!((&answer["last_seq"], journal.is_dir()), (&4.into(), true));
}
