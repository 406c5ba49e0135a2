//! SIGKILL: what was acknowledged is there, and times, cursors and events go on without a gap.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::Client,
    common::{
        eventually,
        process::{Serving, serve},
    },
};

fn start(directory: &std::path::Path) -> (Serving, Client) {
    let serving = Serving::start(&mut serve(directory));
    let client = Client::at(serving.address);
    (serving, client)
}

#[test]
fn killed_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let (mut serving, mut client) = start(directory.path());
    client.ok("Collection.create({ name: 'A' })");
    let token = client.token("A.all().eventSource()");
    let mut acknowledged = BTreeSet::new();
    let mut seen: Vec<Value> = Vec::new();
    let mut cursor = None;
    for round in 0..4 {
        let (written, read) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (client, written) = (client.clone(), written.clone());
                thread::spawn(move || writes(&client, 10_000 * (round + 1) + 1_000 * writer, &written))
            })
            .collect();
        let reader = {
            let (client, token, cursor, read) = (client.clone(), token.clone(), cursor.clone(), read.clone());
            thread::spawn(move || reads(&client, &token, cursor, read))
        };
        let are_busy = || written.load(Ordering::Relaxed) >= 30 && read.load(Ordering::Relaxed) >= 10;
        eventually("writing and reading are under way", are_busy);
        serving.signal(Signal::KILL);
        serving.end();
        writers.into_iter().for_each(|writer| acknowledged.extend(writer.join().unwrap()));
        let events = reader.join().unwrap();
        cursor = events.last().map(|event| event["cursor"].clone()).or(cursor);
        seen.extend(events);
        (serving, client) = start(directory.path());
    }
    assert!(acknowledged.len() > 20, "{} writes were acknowledged", acknowledged.len());
    // What is left, from the last cursor on; then all of it anew.
    let last = seen.last().unwrap()["cursor"].clone();
    seen.extend(all_behind(&client, &token, Some(last)));
    let anew = all_behind(&client, &token, None);
    assert_eq!(seen.len(), anew.len());
    for (one, other) in seen.iter().zip(&anew) {
        assert_eq!(
            (&one["data"], &one["txn_ts"], &one["cursor"]),
            (&other["data"], &other["txn_ts"], &other["cursor"])
        );
    }
    let ids: BTreeSet<u64> = anew.iter().map(id).collect();
    assert_eq!(ids.len(), anew.len(), "nothing is there twice");
    assert!(acknowledged.is_subset(&ids), "what was acknowledged is there");
    let times: Vec<_> = anew.iter().map(|event| event["txn_ts"].as_u64().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one < other), "times go on");
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": ids.len().to_string() }));
}

fn id(event: &Value) -> u64 {
    event["data"]["@doc"]["id"].as_str().unwrap().parse().unwrap()
}

/// Writes until the server is gone; the ids whose writes were acknowledged.
fn writes(client: &Client, first: u64, written: &AtomicUsize) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for id in first.. {
        let body = json!({ "query": { "fql": [format!("A.create({{ id: '{id}' }})")] } }).to_string();
        let client = client.clone();
        let answered = thread::spawn(move || client.call("POST", "/query/1", body).status).join();
        match answered {
            Ok(200) => acknowledged.push(id),
            _ => break,
        }
        written.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// Reads until the server is gone.
fn reads(client: &Client, token: &str, cursor: Option<Value>, read: Arc<AtomicUsize>) -> Vec<Value> {
    let mut body = json!({ "token": token });
    if let Some(cursor) = cursor {
        body["cursor"] = cursor;
    }
    let client = client.clone();
    let (sender, events) = std::sync::mpsc::channel();
    let reading = thread::spawn(move || {
        let mut stream = client.stream_with(body);
        while let Some(event) = stream.try_next() {
            read.fetch_add(1, Ordering::Relaxed);
            sender.send(event).unwrap();
        }
    });
    // It fails when the connection ends in the middle of the body.
    let _killed = reading.join();
    events.try_iter().filter(|event| event["type"] != "status").collect()
}

fn all_behind(client: &Client, token: &str, cursor: Option<Value>) -> Vec<Value> {
    let mut body = json!({ "token": token, "page_size": 1000 });
    let mut events = Vec::new();
    if let Some(cursor) = cursor {
        body["cursor"] = cursor;
    }
    loop {
        let page = client.page(body.clone());
        events.extend(page["events"].as_array().unwrap().iter().cloned());
        if page["has_next"] == false {
            return events;
        }
        body["cursor"] = page["cursor"].clone();
    }
}
