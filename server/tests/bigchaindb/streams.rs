//! The stream of transactions: exact messages, in batches, and what clients may say meanwhile.

use serde_json::json;

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, create, transfer},
        eventually,
        frames::{client_frame, client_header, closed_with, server_frame, upgrade},
        raw::Connection,
    },
    follow, message,
};

#[test]
fn a_message_for_each_transaction_in_the_order_of_the_block() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let (alice, bob) = (Owner::new(1), Owner::new(2));
    let created = create(&alice, json!({ "a": 1 }), &[5]);
    let passed = transfer(&alice, &created.id, &[(&created.id, 0)], &[(&bob, 5)]);
    let another = create(&bob, json!({ "b": 2 }), &[1]);
    // A block as another node of the protocol would have made it, published as an event.
    let block = format!("{{\"transactions\":[{},{},{}]}}", created.json, passed.json, another.json);
    let line = format!("{{\"kind\":\"block\",\"body\":{block}}}\n");
    assert_eq!(appliance.publish("blocks", &line).0, 200);
    for made in [&created, &passed, &another] {
        assert_eq!(server_frame(&mut stream), (0x81, made.message(1).into_bytes()));
    }
    let last = create(&alice, json!({ "c": 3 }), &[1]);
    accepted(&appliance, &last.json);
    assert_eq!(server_frame(&mut stream), (0x81, last.message(2).into_bytes()));
}

#[test]
fn blocks_without_transactions_say_nothing() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let empty = "{\"kind\":\"block\",\"body\":{\"transactions\":[]}}\n";
    assert_eq!(appliance.publish("blocks", &empty.repeat(3)).0, 200);
    let made = create(&Owner::new(1), json!(null), &[1]);
    accepted(&appliance, &made.json);
    assert_eq!(message(&mut stream), made.message(4));
}

#[test]
fn events_of_other_protocols_are_transactions_too() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let key = "0f".repeat(32);
    let lines = format!(
        "{{\"kind\":\"put\",\"key\":\"{key}\",\"body\":1}}\n{{\"kind\":\"put\",\"key\":\"k\",\"body\":\"x\"}}\n"
    );
    assert_eq!(appliance.publish("blocks", &lines).0, 200);
    assert_eq!(
        message(&mut stream),
        format!("{{\"height\": 1, \"asset_id\": \"{key}\", \"transaction_id\": \"{key}\"}}")
    );
    // Its time, its seq, and the XXH3-128 of `"x"`.
    let other: serde_json::Value = serde_json::from_str(&message(&mut stream)).unwrap();
    let id = other["transaction_id"].as_str().unwrap();
    assert_eq!((&id[16..32], &id[32..]), ("0000000000000002", "7f8fc1d3fe132fcdbbc5544a8f0ed47d"));
    assert_eq!((&other["height"], &other["asset_id"]), (&2.into(), &other["transaction_id"]));
}

#[test]
fn an_election_has_itself_for_its_asset() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let id = "0f".repeat(32);
    let election =
        format!("{{\"id\":\"{id}\",\"operation\":\"VALIDATOR_ELECTION\",\"asset\":{{\"data\":{{\"power\":1}}}}}}");
    let line = format!("{{\"kind\":\"block\",\"body\":{{\"transactions\":[{election}]}}}}\n");
    assert_eq!(appliance.publish("blocks", &line).0, 200);
    let expected = format!("{{\"height\": 1, \"asset_id\": \"{id}\", \"transaction_id\": \"{id}\"}}");
    assert_eq!(message(&mut stream), expected);
}

#[test]
fn a_stream_is_live_and_begins_without_a_word() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    accepted(&appliance, &create(&owner, json!({ "n": 1 }), &[1]).json);
    let mut stream = follow(&appliance, STREAM);
    // The answer to a ping shows that nothing came before it.
    stream.send(client_frame(0x89, b"anybody?"));
    assert_eq!(server_frame(&mut stream), (0x8a, b"anybody?".to_vec()));
    let second = create(&owner, json!({ "n": 2 }), &[1]);
    accepted(&appliance, &second.json);
    assert_eq!(message(&mut stream), second.message(2));
}

#[test]
fn subprotocols_and_extensions_are_not_taken_up() {
    let appliance = Appliance::start();
    let fields =
        "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let head = Connection::open(appliance.address).send(format!("{}{fields}\r\n", upgrade(STREAM))).head();
    assert_eq!(head.status, 101);
    assert_eq!((head.header("Sec-WebSocket-Protocol"), head.header("Sec-WebSocket-Extensions")), (None, None));
}

#[test]
fn unknown_parameters_are_ignored() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, &format!("{STREAM}?x=y&since_heigh=7&&="));
    let made = create(&Owner::new(1), json!(null), &[1]);
    accepted(&appliance, &made.json);
    assert_eq!(message(&mut stream), made.message(1));
}

#[test]
fn what_clients_send_is_ignored_and_their_pings_are_answered() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let largest = vec![b'x'; 4 << 20];
    for (first, payload) in
        [(0x81, &b"{\"a\":1}"[..]), (0x82, &[0xff; 3]), (0x82, &largest), (0x01, b"in"), (0x80, b"parts")]
    {
        stream.send(client_frame(first, payload));
    }
    let payload = vec![7; 125];
    for payload in [&b""[..], b"still there?", &payload] {
        stream.send(client_frame(0x89, payload));
        assert_eq!(server_frame(&mut stream), (0x8a, payload.to_vec()));
    }
    let made = create(&Owner::new(1), json!(null), &[1]);
    accepted(&appliance, &made.json);
    assert_eq!(message(&mut stream), made.message(1));
}

#[test]
fn a_message_of_a_client_has_a_limit() {
    let appliance = Appliance::start();
    // The length in front is enough to refuse it.
    let mut stream = follow(&appliance, STREAM);
    stream.send([client_header(0x82, (4 << 20) + 1), vec![0; 4]].concat());
    assert_eq!(closed_with(server_frame(&mut stream)).0, 1009);
    // So are the parts of one that grows too long.
    let mut stream = follow(&appliance, STREAM);
    let part = vec![b'x'; 1 << 20];
    stream.send(client_frame(0x02, &part));
    for _ in 0..4 {
        stream.send(client_frame(0x00, &part));
    }
    assert_eq!(closed_with(server_frame(&mut stream)).0, 1009);
}

#[test]
fn a_silent_stream_is_kept_alive() {
    let appliance = Appliance::start_with(|config| config.serve.ping_interval_ms = 1_000);
    let mut stream = follow(&appliance, STREAM);
    for _ in 0..2 {
        assert_eq!(server_frame(&mut stream), (0x89, Vec::new()));
    }
}

#[test]
fn whoever_comes_and_goes_disturbs_nobody_and_leaves_nothing() {
    const BLOCKS: u64 = 40;
    let appliance = Appliance::start();
    let mut stays = follow(&appliance, STREAM);
    let owner = Owner::new(1);
    let made: Vec<_> = (0..BLOCKS).map(|n| create(&owner, json!({ "n": n }), &[1])).collect();
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| made.iter().for_each(|made| accepted(&appliance, &made.json)));
        while !publishing.is_finished() {
            let streams: Vec<_> = (0..8).map(|_| follow(&appliance, STREAM)).collect();
            for (number, mut stream) in streams.into_iter().enumerate() {
                // Some say goodbye, some are just gone, some have not read what they were sent.
                if number % 2 == 0 {
                    stream.send(client_frame(0x88, &1000_u16.to_be_bytes()));
                }
            }
        }
    });
    for (height, made) in (1..).zip(&made) {
        assert_eq!(message(&mut stays), made.message(height));
    }
    eventually("the end of those who have gone", || appliance.running().subscribers() == 1);
}
