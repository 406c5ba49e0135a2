//! `tailwater demo`: what it says can be copied, it serves what it promises, and it leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use common::{connect, eventually, process::tailwater};
use rustix::process::{Pid, Signal, kill_process};
use tungstenite::client::IntoClientRequest;

/// A running demo; killed when dropped.
struct Demo {
    child: Child,
    output: BufReader<ChildStdout>,
    lines: Vec<String>,
}

impl Demo {
    /// Starts it and reads its invitation.
    fn start(temporary: &Path, arguments: &[&str]) -> Self {
        let mut command = tailwater();
        command.args(["demo", "--plain", "--listen", "127.0.0.1:0"]).args(arguments).env("TMPDIR", temporary);
        let mut child = command.stderr(std::process::Stdio::inherit()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.starts_with("Ctrl-C")) {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "{lines:?}");
            lines.push(line);
        }
        Self { child, output, lines }
    }

    /// The line for a protocol, without its name.
    fn line(&self, name: &str) -> String {
        let line = self.lines.iter().find_map(|line| line.trim_start().strip_prefix(name));
        line.unwrap_or_else(|| panic!("no line for {name} in {:?}", self.lines)).trim().to_owned()
    }

    /// The address in the line for a protocol.
    fn url(&self, name: &str) -> String {
        let line = self.line(name);
        let url = line.split('\'').find(|part| part.starts_with("http://") || part.starts_with("ws://"));
        url.unwrap_or_else(|| panic!("no address in {line}")).to_owned()
    }

    /// Its exit code and what else it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The first message of a stream that is no ping.
fn first_message(url: &str, subprotocol: Option<&str>) -> tungstenite::Message {
    message_after(url, subprotocol, None)
}

/// The first message that is no ping and no answer to what was said.
fn message_after(url: &str, subprotocol: Option<&str>, said: Option<&str>) -> tungstenite::Message {
    let mut request = url.into_client_request().unwrap();
    if let Some(subprotocol) = subprotocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol.parse().unwrap());
    }
    let address = request.uri().authority().unwrap().as_str().parse().unwrap();
    let (mut socket, _) = tungstenite::client(request, connect(address)).unwrap();
    let mut answers = said.map_or(0, |said| {
        socket.send(said.into()).unwrap();
        1
    });
    loop {
        match socket.read().unwrap() {
            tungstenite::Message::Ping(_) => {}
            _ if answers > 0 => answers -= 1,
            message => return message,
        }
    }
}

/// The first bytes of a stream over HTTP that tell an event.
fn first_event(url: &str) -> String {
    let mut response = ureq::get(url).call().unwrap();
    let mut lines = BufReader::new(response.body_mut().as_reader()).lines();
    lines.find_map(|line| line.ok().filter(|line| line.contains("\"seq\":"))).unwrap()
}

/// What a line prints first when it is copied into a shell.
fn first_lines(line: &str, count: usize) -> Vec<String> {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {line}")]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(count).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[test]
fn every_line_to_copy_shows_its_stream() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &["--rate", "20"]);
    let commit = first_message(&demo.url("AT Protocol, JSON"), Some("xrpc.v1.json")).into_text().unwrap();
    assert!(demo.line("AT Protocol, JSON").contains("-s xrpc.v1.json"));
    assert!(commit.starts_with('{') && commit.contains("com.atproto.sync.subscribeRepos#"), "{commit}");
    let frame = first_message(&demo.url("AT Protocol, CBOR"), None).into_data();
    assert_eq!(frame[0], 0xa2, "a header of two entries: {frame:?}");
    assert!(first_event(&demo.url("NDJSON")).starts_with("{\"seq\":"));
    assert!(first_event(&demo.url("SSE, from the start")).starts_with("data: {\"seq\":1,"));
    let document = first_message(&demo.url("WebSocket, JSON"), None).into_text().unwrap();
    assert!(document.starts_with("{\"seq\":"), "{document}");
    let rows = first_lines(&demo.line("CouchDB"), 2);
    assert!(rows[0].starts_with("{\"seq\":\"1-") && rows[1].contains("\"doc\":{"), "{rows:?}");
    let streamr = demo.line("Streamr");
    let subscribe = streamr.split('\'').find(|part| part.starts_with('{')).unwrap();
    let message = message_after(&demo.url("Streamr"), None, Some(subscribe)).into_text().unwrap();
    assert!(message.starts_with("[0,0,\"\",[28,\"documents\",0,"), "{message}");
    let transaction = first_message(&demo.url("BigchainDB"), None).into_text().unwrap();
    assert!(transaction.starts_with("{\"height\": "), "{transaction}");
    let lines = first_lines(&demo.line("Fauna"), 3);
    assert!(lines[0].starts_with("{\"type\":\"status\",") && lines[2].contains("\"@mod\":\"sensor\""), "{lines:?}");
    eventually("there is a page of events", || {
        let page = ureq::get(demo.url("one page")).call().unwrap().body_mut().read_to_string().unwrap();
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        page["events"].as_array().unwrap().len() == 3
    });

    let publish = demo.line("publish");
    let body = publish.split('\'').find(|part| part.starts_with('{')).unwrap();
    let (status, answer) = common::call("POST", &demo.url("publish"), Some("application/x-ndjson"), body);
    assert_eq!((status, &answer["count"]), (200, &1.into()), "{answer}");

    assert_eq!(entries(temporary.path()).len(), 1);
    kill_process(Pid::from_child(&demo.child), Signal::INT).unwrap();
    let (code, _) = demo.end();
    assert_eq!((code, entries(temporary.path())), (Some(0), Vec::new()), "the directory is removed");
}

#[test]
fn it_ends_by_itself_when_asked_to() {
    let temporary = tempfile::tempdir().unwrap();
    let demo = Demo::start(temporary.path(), &["--seconds", "3", "--rate", "20"]);
    let (code, counters) = demo.end();
    assert_eq!(code, Some(0));
    let published = counters.lines().last().and_then(|line| line.split_once(" published (0 refused)"));
    let published = published.unwrap_or_else(|| panic!("{counters:?}")).0.replace(',', "");
    assert!(published.parse::<u64>().is_ok(), "{counters}");
    assert_eq!(entries(temporary.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_demo_that_cannot_start_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (listen, named) in [(address.as_str(), "in use by another process"), ("0.0.0.0:7070", "anonymous = true")] {
        let mut command: Command = tailwater();
        command.args(["demo", "--seconds", "1", "--listen", listen]).env("TMPDIR", temporary.path());
        let said = common::process::refusal(&mut command);
        assert!(said.contains(listen) && said.contains(named), "{said}");
        eventually("nothing is left", || entries(temporary.path()).is_empty());
    }
}
