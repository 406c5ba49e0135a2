//! A captured session with CouchDB 3.5.0, held again over a socket: status, headers that matter and body of every answer.
//!
//! The capture lies outside the repository, in `$TAILWATER_SHARED` or in `shared` beside the checkout; without it this test
//! passes without testing, unless `TAILWATER_REQUIRE_SHARED=1` is set.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    client::{Client, appliance},
    common::raw::Answer,
};

const CAPTURE: &str = "captures/couchdb/doc-endpoints-couchdb-3.5.0.txt";
/// What ids of documents that were given none begin with in the capture.
const GIVEN: &str = "329a1639f97df363a4d94b5f667b";

fn capture() -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("TAILWATER_SHARED").map_or(beside, PathBuf::from);
    let text = std::fs::read_to_string(shared.join(CAPTURE)).ok();
    let required = std::env::var_os("TAILWATER_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(text.is_some() || !required, "the session is not in {}", shared.display());
    text
}

/// One request and its answer.
struct Step<'a> {
    request: &'a str,
    method: &'a str,
    path: &'a str,
    headers: Vec<&'a str>,
    body: &'a str,
    status: u16,
    reason: &'a str,
    answered: Vec<(&'a str, &'a str)>,
    text: String,
}

fn step(block: &str) -> Step<'_> {
    let (request, response) = block.split_once('\n').unwrap();
    let (line, body) = request.split_once(" -d ").unwrap_or((request, ""));
    let mut words = line.split(" -H ");
    let first = words.next().unwrap();
    let (method, path) = match (first.strip_prefix("-X "), first.strip_prefix("-I ")) {
        (Some(rest), _) => rest.split_once(' ').unwrap(),
        (_, Some(path)) => ("HEAD", path),
        _ => ("GET", first),
    };
    let mut lines = response.trim_end().lines();
    let status_line = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
    let (status, reason) = status_line.split_once(' ').unwrap();
    let is_header = |line: &&str| {
        line.split_once(": ").is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'))
    };
    let rest: Vec<&str> = lines.collect();
    let headers = rest.iter().take_while(|line| is_header(line)).count();
    Step {
        request,
        method,
        path,
        headers: words.collect(),
        body,
        status: status.parse().unwrap(),
        reason,
        answered: rest[..headers].iter().map(|line| line.split_once(": ").unwrap()).collect(),
        text: rest[headers..].join("\n"),
    }
}

/// Replaces what is drawn at random by what the capture has in its place.
struct Given {
    pairs: Vec<(String, String)>,
}

impl Given {
    /// The ids that an answer gives, in order, are those of the capture.
    fn learn(&mut self, expected: &str, answered: &str) {
        let ids = |text: &str| -> Vec<String> {
            let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
            let one = |value: &Value| value["id"].as_str().map(str::to_owned);
            value
                .as_array()
                .map_or_else(|| one(&value).into_iter().collect(), |all| all.iter().filter_map(one).collect())
        };
        for (expected, answered) in ids(expected).into_iter().zip(ids(answered)) {
            if expected.starts_with(GIVEN) {
                assert_eq!(answered.len(), 32, "{answered}");
                self.pairs.push((answered, expected));
            }
        }
    }

    fn apply(&self, text: &str) -> String {
        self.pairs.iter().fold(text.to_owned(), |text, (ours, theirs)| text.replace(ours, theirs))
    }
}

/// Whose bodies are compared by other tests.
fn is_particular(path: &str) -> bool {
    ["/_all_dbs", "/_dbs_info", "/_uuids?count=2", "/t5/_ensure_full_commit", "/t5/_revs_limit"].contains(&path)
}

#[test]
fn the_captured_session() {
    let Some(capture) = capture() else { return };
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    assert_eq!(client.put("/t5", "").status, 201);
    let mut given = Given { pairs: Vec::new() };
    let mut count = 0;
    for block in
        capture.split("\n$ ").map(|block| block.trim_start_matches("$ ")).filter(|block| !block.trim().is_empty())
    {
        let step = step(block);
        let client = step.headers.iter().fold(Client::new(&appliance), |client, header| client.with(header));
        let (reason, answer) = call(&client, &step);
        assert_eq!((answer.status, reason.as_str()), (step.status, step.reason), "{}: {}", step.request, answer.text());
        given.learn(&step.text, answer.text());
        headers(&step, &answer, &given);
        if !is_particular(step.path) {
            body(&step, &answer, &given);
        }
        count += 1;
    }
    assert_eq!(count, 59, "requests of the session");
}

fn call(client: &Client, step: &Step<'_>) -> (String, Answer) {
    let mut connection = client.send(step.method, step.path, step.body);
    let mut first = [0; 64];
    let read = connection.stream.peek(&mut first).unwrap();
    let line = String::from_utf8_lossy(&first[..read]).into_owned();
    let reason = line.lines().next().unwrap_or_default().get(13..).unwrap_or_default().trim().to_owned();
    (reason, if step.method == "HEAD" { connection.head() } else { connection.answer() })
}

fn headers(step: &Step<'_>, answer: &Answer, given: &Given) {
    let path_of = |location: &str| location.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
    for (name, expected) in &step.answered {
        let got = given.apply(answer.header(name).unwrap_or_else(|| panic!("{}: no {name}", step.request)));
        match *name {
            "Location" => assert_eq!(path_of(&got), path_of(expected), "{}", step.request),
            // What is random, or stands for bytes that are.
            "Content-Type" if expected.starts_with("multipart/mixed") => {
                assert!(got.starts_with("multipart/mixed; boundary=\""))
            }
            "ETag" if !expected.contains('-') => assert!(got.starts_with('"') && got.ends_with('"'), "{got}"),
            _ => assert_eq!(&got, expected, "{}: {name}", step.request),
        }
    }
    assert_eq!(answer.header("Cache-Control"), Some("must-revalidate"), "{}", step.request);
    let id = answer.header("X-Couch-Request-ID").unwrap();
    assert!(id.len() == 10 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert!(answer.header("Server").is_some_and(|server| server.starts_with("Tailwater/")));
    assert!(
        answer.header("ETag").is_none()
            || step.answered.iter().any(|(name, _)| *name == "ETag")
            || step.method == "POST"
            || step.status != 200,
        "{}",
        step.request
    );
}

fn body(step: &Step<'_>, answer: &Answer, given: &Given) {
    if step.method == "HEAD" {
        return;
    }
    let text = given.apply(answer.text());
    if step.text.starts_with("--") {
        let boundary = text[2..].lines().next().unwrap().to_owned();
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let expected: Vec<String> =
            step.text.lines().map(|line| line.replace("0945d16e092e19afb29963ec60df92fa", &boundary)).collect();
        assert_eq!(lines, expected, "{}", step.request);
        return;
    }
    let text = text.trim_end_matches('\n').replace("\r\n", "\n");
    // The capture has lists without their last line.
    let is_list = step.text.starts_with("{\"total_rows\"");
    let text = if is_list { text.strip_suffix("\n]}").unwrap_or_else(|| panic!("{text}")) } else { &text };
    assert_eq!(text, step.text, "{}", step.request);
}
