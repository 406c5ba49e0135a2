//! The binary as a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// The binary, with nothing of the tester's own configuration in its environment.
pub fn tailwater() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailwater"));
    let ours =
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("TAILWATER_"));
    ours.for_each(|name| {
        command.env_remove(name);
    });
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `tailwater serve` on a directory and a free port.
pub fn serve(data: &Path) -> Command {
    let mut command = tailwater();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "1", "--data"]).arg(data);
    command
}

/// The same command, begun by a shell.
pub fn in_shell(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// Runs a command that has to fail, and returns what it says.
///
/// # Panics
/// When it does not exit with code 1, or when what it says looks like a crash.
pub fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for crash in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
        assert!(!said.contains(crash), "{said}");
    }
    said
}

/// Both outputs.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A serving process; killed when dropped.
pub struct Serving {
    pub child: Child,
    pub address: SocketAddr,
    /// Its log until it served.
    pub said: String,
    log: BufReader<ChildStderr>,
}

impl Serving {
    /// Starts it and waits until it serves.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it did not serve: {said}");
            if let Some((_, rest)) = line.split_once("serving address=") {
                break rest.split_whitespace().next().unwrap().parse().unwrap();
            }
            said.push_str(&line);
        };
        Self { child, address, said, log }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: the exit code and the rest of its log.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
