//! Ways into the feed: one event each.

use serde_json::{Value, json};

use crate::{
    NAME,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, create},
        call, frame,
    },
    streamr::Client,
};

/// Publishes an event that says a number, and waits until it is stored.
pub type Write = fn(&Appliance, u64);

/// Every way.
pub const WRITERS: [(&str, Write); 6] = [
    ("native", native),
    ("atproto", atproto),
    ("couchdb", couchdb),
    ("fauna", fauna),
    ("streamr", streamr),
    ("bigchaindb", bigchaindb),
];

fn native(appliance: &Appliance, n: u64) {
    let line = json!({ "kind": "put", "key": format!("native-{n}"), "body": { "n": n } });
    assert_eq!(appliance.publish(NAME, &format!("{line}\n")).0, 200);
}

/// The AT Protocol has no requests that publish: its frames come from another server.
fn atproto(appliance: &Appliance, n: u64) {
    let (status, answer) = appliance.publish_frames(NAME, "assign", &[frame(1, &n.to_string())]);
    assert_eq!(status, 200, "{answer}");
}

fn couchdb(appliance: &Appliance, n: u64) {
    let (status, answer) = appliance.put(&format!("/{NAME}/couchdb-{n}"), &json!({ "n": n }).to_string());
    assert_eq!(status, 201, "{answer}");
}

fn fauna(appliance: &Appliance, n: u64) {
    query(appliance, &format!("Event.create({{ n: {n} }})"));
}

fn streamr(appliance: &Appliance, n: u64) {
    Client::open(appliance).publish(NAME, &json!({ "n": n }));
}

fn bigchaindb(appliance: &Appliance, n: u64) {
    accepted(appliance, &create(&Owner::new(n), json!({ "n": n }), &[1]).json);
}

/// What a query of Fauna comes to.
pub fn query(appliance: &Appliance, fql: &str) -> Value {
    let body = json!({ "query": { "fql": [fql] } }).to_string();
    let (status, answer) = call("POST", &appliance.url("/query/1"), Some("application/json"), body);
    assert_eq!(status, 200, "{fql}: {answer}");
    answer["data"].clone()
}
