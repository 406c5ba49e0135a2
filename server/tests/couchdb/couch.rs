//! What the tests of this dialect share: a database that is filled over the native API, and answers with short seqs.

use serde_json::{Value, json};

use crate::common::{
    Appliance,
    raw::{Answer, Connection},
};

/// The database of the default configuration, and its feed.
pub const DB: &str = "events";

/// A row's document without a revision of its own has `{seq}-{XXH3-128 of the body}`. Of `{}`:
pub const HASH_OF_EMPTY: &str = "dc7048f8f8747f561349cde127705c16";

/// An event of this dialect: a document with one revision.
pub fn doc(id: &str, rev: &str, members: &Value) -> Value {
    event("put", id, rev, &json!({}), members)
}

/// One that deletes its document.
pub fn tombstone(id: &str, rev: &str) -> Value {
    event("delete", id, rev, &json!({}), &json!({ "_deleted": true }))
}

/// One with what else is known of the document: `_leaves`, `_winner_doc`.
pub fn event(kind: &str, id: &str, rev: &str, known: &Value, members: &Value) -> Value {
    let (start, hash) = rev.split_once('-').unwrap();
    let start: u64 = start.parse().unwrap();
    let mut body = json!({ "_id": id, "_rev": rev, "_revisions": { "start": start, "ids": [hash] } });
    for (name, value) in known.as_object().unwrap().iter().chain(members.as_object().unwrap()) {
        body[name] = value.clone();
    }
    json!({ "kind": kind, "key": id, "body": body })
}

/// Documents without revisions.
pub fn foreign(ids: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Value> {
    ids.into_iter().map(|id| json!({ "kind": "put", "key": id.as_ref(), "body": {} })).collect()
}

/// The captured database `t3`: a document with three leaves, one with an attachment, a design document.
pub fn t3() -> Vec<Value> {
    let leaves = json!({ "_leaves": [["2-ccc2", false], ["2-bbb1", false], ["2-ddd3", true]] });
    let attachment = json!({
        "content_type": "text/plain",
        "revpos": 1,
        "digest": "md5-cpJNZyVlrRCi4ZvPqokXhQ==",
        "length": 47,
        "stub": true,
    });
    let design = json!({
        "filters": {
            "odd": "function(doc,req){ return doc.v%2==1 || (req.query.all==\"1\") ; }",
            "boom": "function(doc,req){ throw({forbidden:\"x\"}); }",
        },
        "views": { "k": { "map": "function(doc){ if(doc.k) emit(doc.k); }" } },
    });
    vec![
        event("put", "cf", "2-ccc2", &leaves, &json!({ "v": 2 })),
        doc("att", "1-dd70e172b0089d96e206aa7e181d9382", &json!({ "k": 1, "_attachments": { "h.txt": attachment } })),
        doc("_design/f", "1-74f5c2d62dda9846bb017cf3e7779e80", &design),
    ]
}

/// Publishes events; the seq of the last one.
pub fn publish(appliance: &Appliance, events: &[Value]) -> u64 {
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let (status, answer) = appliance.publish(DB, &lines);
    assert_eq!(status, 200, "{answer}");
    answer["last_seq"].as_u64().unwrap()
}

/// An appliance whose database has these events.
pub fn with(events: &[Value]) -> Appliance {
    let appliance = Appliance::start();
    if !events.is_empty() {
        publish(&appliance, events);
    }
    appliance
}

/// Sends a request for the changes of the database.
pub fn ask(appliance: &Appliance, query: &str) -> Connection {
    ask_with(appliance, query, "")
}

/// The same with further header lines.
pub fn ask_with(appliance: &Appliance, query: &str, headers: &str) -> Connection {
    let mut connection = Connection::open(appliance.address);
    connection.send(format!("GET /{DB}/_changes?{query} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
    connection
}

/// Sends one with a body.
pub fn ask_post(appliance: &Appliance, query: &str, body: &str) -> Connection {
    let mut connection = Connection::open(appliance.address);
    let length = body.len();
    connection.send(format!(
        "POST /{DB}/_changes?{query} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    connection
}

/// The answer to a request for changes, whole.
pub fn get(appliance: &Appliance, query: &str) -> Answer {
    ask(appliance, query).answer()
}

/// The body of the answer, with short seqs.
pub fn body(appliance: &Appliance, query: &str) -> String {
    let answer = get(appliance, query);
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    short(answer.text())
}

/// The same of a POST.
pub fn body_post(appliance: &Appliance, query: &str, body: &str) -> String {
    let answer = ask_post(appliance, query, body).answer();
    assert_eq!(answer.status, 200, "{query} {body}: {}", answer.text());
    short(answer.text())
}

/// The token of a seq.
pub fn token(appliance: &Appliance, seq: u64) -> String {
    let answer = get(appliance, "limit=0&since=now");
    let last = answer.json()["last_seq"].as_str().unwrap().to_owned();
    if last.starts_with(&format!("{seq}-")) {
        return last;
    }
    let rows = get(appliance, "").json();
    let rows = rows["results"].as_array().unwrap();
    let mut seqs = rows.iter().map(|row| row["seq"].as_str().unwrap().to_owned());
    seqs.find(|token| token.starts_with(&format!("{seq}-"))).unwrap()
}

/// A text in which the opaque parts of seqs are left out: `"14-abc..."` is `"14"`.
pub fn short(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let opaque = rest[digits..].strip_prefix('-').and_then(|opaque| opaque.get(..25));
        if digits > 0 && opaque.is_some_and(|opaque| opaque.ends_with('"') && !opaque[..24].contains(['"', ' '])) {
            out.push_str(&rest[..digits]);
            rest = &rest[digits + 25..];
        }
    }
    out + rest
}

/// The chunks of an answer to its end, with short seqs.
pub fn chunks(connection: &mut Connection) -> Vec<String> {
    std::iter::from_fn(|| connection.chunk()).map(|chunk| short(&String::from_utf8(chunk).unwrap())).collect()
}

/// The next chunk, with short seqs.
pub fn chunk(connection: &mut Connection) -> String {
    short(&String::from_utf8(connection.chunk().unwrap()).unwrap())
}

/// The next chunk that is no sign of life.
pub fn row(connection: &mut Connection) -> String {
    loop {
        let chunk = chunk(connection);
        if chunk != "\n" && chunk != "event: heartbeat\ndata: \n\n" && chunk != ": heartbeat\n\n" {
            return chunk;
        }
    }
}
