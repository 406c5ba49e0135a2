//! Everything that can be missing when the binary starts: a sentence that says what to do, exit code 1, and no crash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{collections::BTreeMap, fs, net::TcpListener, path::Path, process::Command};

use common::process::{Serving, in_shell, refusal, said, serve, tailwater};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Asserts that each part is in what was said.
fn names(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

/// `tailwater serve` with a configuration file.
fn serve_with(config: &Path) -> Command {
    let mut command = tailwater();
    command.arg("serve").arg("--config").arg(config);
    command
}

#[test]
fn a_port_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = tailwater();
    let said = refusal(command.args(["serve", "--listen", &address, "--data"]).arg(directory.path()));
    names(&said, &[&address, "in use by another process", "--listen"]);
}

#[test]
fn an_address_that_is_not_here() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    fs::write(&config, "anonymous = true\n[[listen]]\naddress = \"192.0.2.1:7070\"\n").unwrap();
    names(&refusal(serve_with(&config).current_dir(directory.path())), &["192.0.2.1:7070", "another address"]);
}

#[test]
fn a_data_directory_that_another_process_holds() {
    let directory = tempfile::tempdir().unwrap();
    let first = Serving::start(&mut serve(directory.path()));
    let said = refusal(&mut serve(directory.path()));
    let pid = format!("in use by process {}", first.child.id());
    names(&said, &[directory.path().to_str().unwrap(), &pid, "stop that process or choose another directory"]);
}

#[test]
fn a_data_directory_that_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for data in [file.clone(), file.join("below")] {
        names(&refusal(&mut serve(&data)), &[data.to_str().unwrap(), "--data"]);
    }
}

#[test]
fn a_data_directory_that_cannot_be_written() {
    // Not even root can make a directory there.
    let said = refusal(&mut serve(Path::new("/proc/tailwater")));
    names(&said, &["/proc/tailwater", "--data"]);

    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    Serving::start(&mut serve(&data));
    let Some(_mounted) = common::mount::read_only(&data) else { return };
    let said = refusal(&mut serve(&data));
    names(&said, &[data.to_str().unwrap(), "Read-only file system", "--data"]);
}

#[test]
fn a_data_directory_of_another_version_or_a_damaged_one() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("FORMAT"), "tailwater-data 99\n").unwrap();
    let said = refusal(&mut serve(directory.path()));
    names(&said, &["FORMAT", "tailwater-data 99", "choose another directory or a matching version"]);

    let directory = tempfile::tempdir().unwrap();
    drop(Serving::start(&mut serve(directory.path())));
    let described = directory.path().join("feeds/repos/feed.json");
    fs::write(&described, "{").unwrap();
    let said = refusal(&mut serve(directory.path()));
    names(&said, &[described.to_str().unwrap(), "restore it from a backup or remove the feed's directory"]);
}

#[test]
fn a_configuration_with_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let at = config.to_str().unwrap().to_owned();
    fs::write(&config, "shards = 0\n[limits]\nfeeds_maxx = 3\nevent_bytes_max = \"lots\"\n").unwrap();
    let mistakes = [
        format!("{at}:1:10: shards: 0 is out of range"),
        format!("{at}:3:1: limits.feeds_maxx: "),
        "feeds_max?".to_owned(),
        format!("{at}:4:19: limits.event_bytes_max: "),
    ];
    let parts: Vec<&str> = mistakes.iter().map(String::as_str).collect();
    names(&refusal(&mut serve_with(&config)), &parts);
    names(&refusal(tailwater().arg("check").arg("--config").arg(&config)), &parts);

    fs::write(&config, "[limits\n").unwrap();
    names(&refusal(&mut serve_with(&config)), &[&at, ":1:"]);
    let missing = directory.path().join("missing.toml");
    names(&refusal(&mut serve_with(&missing)), &["missing.toml", "name an existing configuration file"]);
}

#[test]
fn the_environment_and_flags_are_named_too() {
    let directory = tempfile::tempdir().unwrap();
    let said = refusal(serve(directory.path()).env("TAILWATER_LIMITS__FEEDS_MAX", "none"));
    names(&said, &["TAILWATER_LIMITS__FEEDS_MAX", "\"none\""]);
    let said = refusal(tailwater().args(["serve", "--listen", "localhost:7070"]));
    names(&said, &["--listen", "127.0.0.1:7070"]);
}

#[test]
fn what_check_says() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    fs::write(&config, "[[feed]]\nname = \"news\"\n").unwrap();
    // The shell it is asked from has no say.
    let output =
        tailwater().arg("check").arg("--config").arg(&config).env("TAILWATER_SHARDS", "zero").output().unwrap();
    let expected = format!("{}: ok, 1 listener, 1 feed, 0 mirrors\n", config.display());
    assert_eq!((output.status.code(), said(&output)), (Some(0), expected));
    assert!(fs::read_dir(directory.path()).unwrap().count() == 1, "a check leaves nothing behind");
}

#[test]
fn an_address_that_others_can_reach() {
    let directory = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:7070", "[::]:7070", "192.0.2.1:7070"] {
        let mut command = tailwater();
        let said = refusal(command.args(["serve", "--listen", address, "--data"]).arg(directory.path()));
        names(&said, &[address, "anonymous = true", "everybody who reaches it may read, publish and delete"]);
    }
    let config = directory.path().join("config.toml");
    fs::write(&config, "anonymous = true\n[[listen]]\naddress = \"0.0.0.0:7070\"\n").unwrap();
    let output = tailwater().arg("check").arg("--config").arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn io_uring_forbidden() {
    /// `io_uring_setup`, the same on every architecture.
    const IO_URING_SETUP: i64 = 425;
    const EPERM: u32 = 1;
    let directory = tempfile::tempdir().unwrap();
    let forbid = || {
        let rules = BTreeMap::from([(IO_URING_SETUP, Vec::new())]);
        let here = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(EPERM), here).unwrap();
        // Of this thread, and of what it starts.
        seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
        refusal(&mut serve(directory.path()))
    };
    let said = std::thread::scope(|scope| scope.spawn(forbid).join().unwrap());
    names(&said, &["io_uring is not available here", "kernel.io_uring_disabled", "seccomp"]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was begun");
}

#[test]
fn too_few_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let limited = |variables: &[(&str, &str)]| {
        let serve = serve(directory.path());
        let mut command = in_shell("ulimit -n 2000; exec \"$0\" \"$@\"", &serve);
        command.envs(variables.iter().copied());
        command
    };
    let said = refusal(&mut limited(&[]));
    names(&said, &["limits.connections_max = 15000", "16024 file descriptors", "only 2000", "ulimit -n"]);
    Serving::start(&mut limited(&[("TAILWATER_LIMITS__CONNECTIONS_MAX", "500")]));
}

#[test]
fn processors_that_are_not_ours() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = tailwater();
    let said =
        refusal(command.args(["serve", "--listen", "127.0.0.1:0", "--cpus", "8191", "--data"]).arg(directory.path()));
    names(&said, &["cpus", "8191"]);
}
