//! JSON messages of Streamr, BigchainDB, CouchDB and Fauna, told apart by how they begin.

use proptest::prelude::*;

use crate::decode::{DecodeError, EventFields, Link, Message, Order, stream::Encoding};

const ID: &str = "4b77a3c5fa0b3a57cc6f9bd3dfd8a7a6a0b8a0b45f0e8a1f5c1d2e3f40516273";

fn message(text: &str) -> Result<Message<'_>, DecodeError> {
    Encoding::Json.message(text.as_bytes())
}

fn check(table: &[(&str, Option<Message<'_>>)]) {
    for (text, expected) in table {
        assert_eq!(message(text).ok(), *expected, "{text}");
    }
}

#[test]
fn streamr() {
    let event = |seq, published_us, partition, subscription, previous| {
        let order = Order::Linked(Link { stream: "S".into(), partition, subscription, previous });
        Some(Message::Event(EventFields { seq, published_us: Some(published_us), order }))
    };
    let error = |text: &'static str| Some(Message::Error(text.into()));
    check(&[
        (
            r#"[0,0,"",[28,"S",0,1491037200000,0,2,1,27,"{\"hello\":\"world\"}"]]"#,
            event(2, 1_491_037_200_000_000, 0, None, Some(1)),
        ),
        (
            r#"[0,0,"",[28,"S",7,5,0,2,null,27,"{\"t\":1783166400000001}"]]"#,
            event(2, 1_783_166_400_000_001, 7, None, None),
        ),
        (r#"[0,0,"",[28,"\u0053",0,5,0,2,null,27,"[{\"t\":9}]"]]"#, event(2, 5_000, 0, None, None)),
        (r#"[0,1,"0",[28,"S",0,5,0,2,1,27,"{}"]]"#, event(2, 5_000, 0, Some("\"0\""), Some(1))),
        (r#"[0,1,7,[28,"S",0,5,0,2,1,27,"null"]]"#, event(2, 5_000, 0, Some("7"), Some(1))),
        (r#"[0,2,"",{"stream":"S","partition":0}]"#, Some(Message::Other)),
        (r#"[0,3,"",{"stream":"S","partition":0}]"#, Some(Message::Other)),
        (r#"[0,4,"",{"stream":"S","partition":0,"sub":"0"}]"#, Some(Message::Other)),
        (r#"[0,5,"",{"stream":"S","partition":0,"sub":"0"}]"#, Some(Message::Other)),
        (r#"[0,6,"",{"stream":"S","partition":0,"sub":"0"}]"#, Some(Message::Other)),
        (r#"[0,7,"","Stream \"x\" not found."]"#, error("Stream \"x\" not found.")),
        (r#"[0,7,"",{"error":"Not subscribed","request":{}}]"#, error("Not subscribed")),
        (r#"[0,7,"",{"error":{}}]"#, error(r#"{"error":{}}"#)),
        // Another layer, content that is not JSON, offsets that are none, and what is no message at all.
        (r#"[1,0,"",[28,"S",0,5,0,2,1,27,"{}"]]"#, None),
        (r#"[0,0,"",[29,"S",0,5,0,2,1,27,"{}"]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,2,1,28,"{}"]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,2,1,27,"{"]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,2,1,27,{}]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,2,2,27,"{}"]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,9007199254740992,1,27,"{}"]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,2,1,27,"{}",""]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,2,1,27]]"#, None),
        (r#"[0,0,"",[28,"S",0,5,0,2,1,27,"{}"],1]"#, None),
        (r#"[0,2,""]"#, None),
        (r#"[0,2,"",{}"#, None),
    ]);
}

#[test]
fn bigchaindb() {
    let event = |fields| Some(Message::Event(fields));
    let table = [
        (r#"{"height": 1, "asset_id": "ID", "transaction_id": "ID"}"#, event(EventFields::grouped(1, None))),
        (r#"{"height": 9, "hash": "ID", "transaction_ids": []}"#, event(EventFields::increasing(9, None))),
        (r#"{"height": 9, "hash": "ID", "transaction_ids": ["ID", "ID"]}"#, event(EventFields::increasing(9, None))),
        (r#"{"height": 0, "asset_id": "ID", "transaction_id": "ID"}"#, None),
        (r#"{"height": "1", "asset_id": "ID", "transaction_id": "ID"}"#, None),
        (r#"{"height": 1, "asset_id": "ID", "transaction_id": "ID0"}"#, None),
        (r#"{"height": 1, "asset_id": "", "transaction_id": "ID"}"#, None),
        (r#"{"height": 1, "asset_id": "ID"}"#, None),
        (r#"{"height": 1, "asset_id": "ID", "transaction_id": "ID", "block_id": 1}"#, None),
        (r#"{"height": 1, "hash": "ID", "transaction_ids": ["x"]}"#, None),
        (r#"{"height": 1}"#, None),
    ];
    for (text, expected) in table {
        let text = text.replace("ID", ID);
        assert_eq!(message(&text).ok(), expected, "{text}");
    }
    assert!(message(&format!(r#"{{"height":1,"asset_id":"{ID}","transaction_id":"{}"}}"#, ID.to_uppercase())).is_err());
}

#[test]
fn couchdb() {
    let event = |seq, published_us| Some(Message::Event(EventFields::increasing(seq, published_us)));
    check(&[
        (r#"{"seq":"1-g1AAAA","id":"a","changes":[{"rev":"1-731b"}]}"#, event(1, None)),
        (r#"{"seq":"17-x","id":"\"","changes":[{"rev":"2-6b"},{"rev":"2-aa"}],"deleted":true}"#, event(17, None)),
        (
            r#"{"seq":"3-x-y","id":"c","changes":[{"rev":"1-2"}],"doc":{"_id":"c","_rev":"1-2","t":900}}"#,
            event(3, Some(900)),
        ),
        (r#"{"seq":"3-x","id":"c","changes":[{"rev":"1-2"}],"doc":null}"#, event(3, None)),
        (r#"{"last_seq":"4-g1","pending":0}"#, Some(Message::Other)),
        (r#"{"error":"timeout","reason":"x"}"#, Some(Message::Error("timeout".into()))),
        (r#"{"seq":"4","id":"a","changes":[]}"#, None),
        (r#"{"seq":"4-","id":"a","changes":[]}"#, None),
        (r#"{"seq":"-x","id":"a","changes":[]}"#, None),
        (r#"{"seq":"+4-x","id":"a","changes":[]}"#, None),
        (r#"{"seq":"0-x","id":"a","changes":[]}"#, None),
        (r#"{"seq":null,"id":"a","changes":[]}"#, None),
        (r#"{"seq":"4-x","id":"a"}"#, None),
        (r#"{"seq":"4-x","id":"a","changes":[],"x":1}"#, None),
        (r#"{"last_seq":4,"pending":0}"#, None),
    ]);
}

#[test]
fn fauna() {
    let event = |seq, published_us| Some(Message::Event(EventFields::grouped(seq, Some(published_us))));
    let stats = r#""stats":{"read_ops":8,"compute_ops":1}"#;
    let table = [
        (r#"{"type":"status","txn_ts":1710968002310000,"cursor":"gsG","STATS}"#, Some(Message::Other)),
        (
            r#"{"type":"add","data":{"@doc":{"id":"1","coll":{"@mod":"P"},"t":{"@long":"900"}}},"txn_ts":1710968002310000,"cursor":"g","STATS}"#,
            event(1_710_968_002_310_000, 900),
        ),
        (r#"{"type":"update","data":{"@doc":{"t":{"@int":"7"}}},"txn_ts":9,"cursor":"g","STATS}"#, event(9, 7)),
        (r#"{"type":"remove","data":{"@int":"0"},"txn_ts":9,"cursor":"g","STATS}"#, event(9, 9)),
        (
            r#"{"type":"error","error":{"code":"permission_loss","message":"m"},"STATS}"#,
            Some(Message::Error("permission_loss".into())),
        ),
        (r#"{"type":"add","data":{},"txn_ts":9,"STATS}"#, None),
        (r#"{"type":"add","txn_ts":9,"cursor":"g","STATS}"#, None),
        (r#"{"type":"add","data":{},"txn_ts":9,"cursor":"g"}"#, None),
        (r#"{"type":"add","data":{},"txn_ts":{"@int":"9"},"cursor":"g","STATS}"#, None),
        (r#"{"type":"start","txn_ts":9,"cursor":"g","STATS}"#, None),
        (r#"{"type":"status","txn_ts":9,"cursor":"g","seq":1,"STATS}"#, None),
        (r#"{"type":"error","error":{"code":"x"},"cursor":"g","STATS}"#, None),
    ];
    for (text, expected) in table {
        let text = text.replace("\"STATS", stats);
        assert_eq!(message(&text).ok(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn damage_is_answered(nth in 0usize..4, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let texts = [
            r#"[0,0,"",[28,"S",0,1491037200000,0,2,1,27,"{\"t\":1}"]]"#,
            r#"{"height": 1, "asset_id": "", "transaction_id": ""}"#,
            r#"{"seq":"1-g1","id":"a","changes":[{"rev":"1-7"}],"doc":{"t":1}}"#,
            r#"{"type":"add","data":{"@doc":{"t":{"@long":"9"}}},"txn_ts":1,"cursor":"g","stats":{}}"#,
        ];
        let mut bytes = texts[nth].as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Encoding::Json.message(&bytes);
    }

    #[test]
    fn any_text_is_answered(text in r#"(\[0,[0-9],|\{"height":|\{"seq":"|\{"last_seq":|\{"type":)[\[\]{}":,a-z0-9 .-]{0,60}"#) {
        let _ = message(&text);
    }
}
