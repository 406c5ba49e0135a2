//! What an event of one dialect is in the others; `docs/one-feed.md` has the same as tables.

use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::WebSocket;

use crate::{
    NAME, NSID, bind,
    common::{
        Appliance,
        atproto::{receive_frame, told},
        call,
    },
    readers::beginning,
    writers::WRITERS,
};

/// What an event is called and what it says, in each dialect.
#[derive(Debug, PartialEq)]
struct Shown {
    /// Kind, key and body.
    native: (Value, Value, Value),
    /// The type of the message.
    atproto: String,
    /// Id and members, without `_id` and `_rev`.
    couchdb: (Value, Value),
    /// Id and fields, without those every document has.
    fauna: (Value, Value),
    /// The content.
    streamr: Value,
}

fn without(object: &Value, names: &[&str]) -> Value {
    let mut object = object.clone();
    names.iter().for_each(|name| drop(object.as_object_mut().unwrap().remove(*name)));
    object
}

/// The event with this seq, which is the last.
fn shown(appliance: &Appliance, seq: u64, token: &Value, atproto: &mut WebSocket<TcpStream>) -> Shown {
    let native = appliance.get(&format!("/v1/feeds/{NAME}/events?format=json&limit=1&cursor={seq}")).1;
    let native = &native["events"][0];
    let rows = appliance.get(&format!("/{NAME}/_changes?include_docs=true&descending=true&limit=1")).1;
    let row = &rows["results"][0];
    let (_, page) = call("POST", &appliance.url("/feed/1"), Some("application/json"), token.to_string());
    let document = &page["events"].as_array().unwrap().last().unwrap()["data"]["@doc"];
    let messages = appliance.get(&format!("/api/v1/streams/{NAME}/data/partitions/0/last?count=1")).1;
    let frame = told(&receive_frame(atproto));
    assert_eq!((&native["seq"], frame.seq, &messages[0][5]), (&json!(seq), seq, &json!(seq)));
    Shown {
        native: (native["kind"].clone(), native["key"].clone(), native["body"].clone()),
        atproto: frame.t,
        couchdb: (row["id"].clone(), without(&row["doc"], &["_id", "_rev"])),
        fauna: (document["id"].clone(), without(document, &["id", "coll", "ts"])),
        streamr: serde_json::from_str(messages[0][8].as_str().unwrap()).unwrap(),
    }
}

#[test]
fn each_dialect_has_its_own_words_for_it() {
    let appliance = Appliance::start_with(bind);
    let token = beginning(&appliance, "fauna");
    let mut atproto = appliance.websocket(&format!("/xrpc/{NSID}?cursor=0"));
    for (n, (name, write)) in WRITERS.into_iter().enumerate() {
        write(&appliance, n as u64);
        let seq = n as u64 + 1;
        let found = shown(&appliance, seq, &token, &mut atproto);
        let (kind, key, body) = &found.native;
        // Whatever has no key is called by its seq where it needs a name.
        let id = if key == "" { json!(seq.to_string()) } else { key.clone() };
        assert_eq!((&found.couchdb.0, &found.fauna.0, &found.streamr), (&id, &id, body), "{name}");
        let document = match name {
            "atproto" => json!({ "text": n.to_string() }),
            "bigchaindb" => json!({ "transactions": body["transactions"] }),
            _ => json!({ "n": n }),
        };
        assert_eq!(found.couchdb.1, document, "{name}");
        match name {
            "atproto" => {
                assert_eq!((kind, found.atproto.as_str(), &found.fauna.1), (&json!("#test"), "#test", &document))
            }
            "bigchaindb" => {
                assert_eq!((kind, found.atproto.as_str()), (&json!("block"), "#block"));
                let asset = &found.fauna.1["transactions"][0]["asset"];
                assert_eq!(asset, &json!({ "data": { "n": { "@int": n.to_string() } } }));
            }
            _ => {
                assert_eq!((kind, found.atproto.as_str()), (&json!("put"), "#put"), "{name}");
                assert_eq!(found.fauna.1["n"], json!({ "@int": n.to_string() }), "{name}");
            }
        }
    }
}
