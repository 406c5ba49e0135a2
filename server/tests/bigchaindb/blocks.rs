//! The stream of blocks, which the original does not have.

use data_encoding::HEXLOWER;
use serde_json::json;
use sha3::{Digest, Sha3_256};

use super::{
    BLOCKS, STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, ask, create},
        frames::upgrade,
    },
    follow, message,
};

fn expected(height: u64, ids: &[&str]) -> String {
    let hash = HEXLOWER.encode(&Sha3_256::digest(ids.concat()));
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    format!("{{\"height\": {height}, \"hash\": \"{hash}\", \"transaction_ids\": [{}]}}", ids.join(", "))
}

#[test]
fn a_message_for_each_block() {
    let appliance = Appliance::start();
    let mut blocks = follow(&appliance, BLOCKS);
    let mut transactions = follow(&appliance, STREAM);
    let owner = Owner::new(1);
    let made: Vec<_> = (0..3).map(|n| create(&owner, json!({ "n": n }), &[1])).collect();
    accepted(&appliance, &made[0].json);
    let body = format!("{{\"transactions\":[{},{}]}}", made[1].json, made[2].json);
    assert_eq!(appliance.publish("blocks", &format!("{{\"kind\":\"block\",\"body\":{body}}}\n")).0, 200);
    assert_eq!(appliance.publish("blocks", "{\"kind\":\"block\",\"body\":{\"transactions\":[]}}\n").0, 200);
    assert_eq!(message(&mut blocks), expected(1, &[&made[0].id]));
    assert_eq!(message(&mut blocks), expected(2, &[&made[1].id, &made[2].id]));
    assert_eq!(message(&mut blocks), expected(3, &[]));
    for (made, height) in made.iter().zip([1, 2, 2]) {
        assert_eq!(message(&mut transactions), made.message(height));
    }
}

#[test]
fn they_can_be_replayed_but_not_filtered() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let made: Vec<_> = (0..3).map(|n| create(&owner, json!({ "n": n }), &[1])).collect();
    made.iter().for_each(|made| accepted(&appliance, &made.json));
    let mut blocks = follow(&appliance, &format!("{BLOCKS}?since_height=1"));
    for (height, made) in (2..).zip(&made[1..]) {
        assert_eq!(message(&mut blocks), expected(height, &[&made.id]));
    }
    for parameter in ["asset_id", "operation", "public_key"] {
        let answer = ask(&appliance, upgrade(&format!("{BLOCKS}?{parameter}=x")) + "\r\n");
        assert_eq!(
            (answer.status, answer.text()),
            (400, &*format!("400: {parameter}: Only valid_transactions can be filtered"))
        );
    }
}
