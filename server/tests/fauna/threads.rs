//! A database whose thread cannot be started: the process has as many threads as it may have.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::Command,
};

use rustix::process::{Resource, Signal, getrlimit, getuid};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Client, refused},
    common::process::{Serving, in_shell, serve},
    frames::{GO, Http2, body},
};

/// A user that the limit on threads holds for; for root it does not.
const NOBODY: u32 = 65_534;

/// A command of such a user.
fn limited(mut command: Command) -> Command {
    if getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// A directory of such a user's, and a copy of the binary there: whose it is, it may lie where nobody else can read.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(env!("CARGO_BIN_EXE_tailwater"), directory.path().join("tailwater")).unwrap();
    if getuid().is_root() {
        chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    directory
}

fn start(directory: &Path) -> (Serving, Client) {
    let command = in_shell(r#"exec ./tailwater "$@""#, &serve(Path::new("log")));
    let serving = Serving::start(limited(command).current_dir(directory));
    let client = Client::at(serving.address);
    (serving, client)
}

/// Sets how many threads the process's user may have for the process to begin another; those that run go on.
fn allow_threads(serving: &Serving, threads: Option<u64>) {
    let soft = threads.map_or("unlimited".to_owned(), |threads| threads.to_string());
    let mut command = limited(Command::new("prlimit"));
    let set = command.args(["--pid", &serving.child.id().to_string()]).arg(format!("--nproc={soft}:")).status();
    assert!(set.expect("util-linux is there").success());
}

/// The same answer as while the index is not ready; the log says which. Once there can be a thread, all is well.
#[test]
fn a_database_whose_thread_cannot_be_started() {
    let directory = directory();
    let (serving, client) = start(directory.path());
    let token = client.token("Event.all().eventSource()");
    drop(serving);
    let (serving, client) = start(directory.path());
    allow_threads(&serving, Some(1));
    let request = json!({ "token": token });
    let expected = (503, "time_out".to_owned(), "The service timed out".to_owned());
    for (path, asked) in [("/query/1", json!({ "query": "1" })), ("/stream/1", request.clone()), ("/feed/1", request)] {
        let answer = client.call("POST", path, asked.to_string());
        assert_eq!((refused(&answer), answer.header("Retry-After")), (expected.clone(), Some("1")), "{path}");
        let mut http2 = Http2::open(client.address);
        let (is_ok, answer) = http2.answer("POST", path, GO, &body(asked));
        let error: Value = json!({ "code": expected.1, "message": expected.2 });
        assert!(!is_ok && answer["error"] == error, "{path}: {answer}");
    }
    allow_threads(&serving, getrlimit(Resource::Nproc).maximum);
    assert_eq!(client.ok("1"), json!({ "@int": "1" }));
    serving.signal(Signal::TERM);
    let (_, log) = serving.end();
    assert_eq!(log.matches("the Fauna database's thread could not be started").count(), 6, "{log}");
}
