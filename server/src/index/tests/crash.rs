//! Killed half-way.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use super::*;

/// Set for the process that is killed: the data directory.
const VICTIM: &str = "TAILWATER_TEST_INDEX_VICTIM";

/// What a kill leaves is what is in the files at that moment: here without any close, at every stage of filling.
#[test]
fn what_was_written_is_there_without_a_close() {
    let (dir, left) = (scratch(), scratch());
    let log = Log::open(dir.path());
    let index = open(dir.path(), &log);
    for round in 0..10 {
        log.append_many("again", 50);
        log.append_many(&format!("once-{round}"), 50);
        catch_up(&index, &log);
        let killed = left.path().join(round.to_string());
        copy(&Indexes::new(dir.path()).dir(UID, Documents::NAME), &Indexes::new(&killed).dir(UID, Documents::NAME));
        let found = open(&killed, &log);
        assert_eq!((found.origin(), found.applied_seq()), (&Origin::Kept, index.applied_seq()));
        assert_true(&found, &log);
    }
}

/// Fills an index until it is killed.
#[test]
#[ignore = "it is the process that the test below kills"]
fn victim() {
    let dir = PathBuf::from(env::var_os(VICTIM).expect("the test below says where"));
    let log = Log::open(&dir);
    let index = open(&dir, &log);
    for round in 0.. {
        log.append_many(&format!("victim-{}", round % 7), 300);
        catch_up(&index, &log);
        println!("applied {}", index.applied_seq());
    }
}

#[test]
fn a_killed_process_leaves_an_index_that_goes_on() {
    let dir = scratch();
    for lines in [1, 20, 60] {
        let victim = env::current_exe().unwrap();
        let mut victim = Command::new(victim)
            .args(["--exact", "index::tests::crash::victim", "--ignored", "--nocapture"])
            .env(VICTIM, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(victim.stdout.take().unwrap()).lines();
        let said = output.map(Result::unwrap).filter(|line| line.starts_with("applied ")).nth(lines);
        victim.kill().unwrap();
        victim.wait().unwrap();
        let said: u64 = said.unwrap()["applied ".len()..].parse().unwrap();

        let log = Log::open(dir.path());
        let index = open(dir.path(), &log);
        assert_eq!(index.origin(), &Origin::Kept);
        assert!(index.applied_seq() >= said, "{} after {said}", index.applied_seq());
        catch_up(&index, &log);
        assert_true(&index, &log);
    }
}
