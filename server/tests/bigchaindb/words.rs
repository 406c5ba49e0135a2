//! Refusals of transactions, word for word, that nothing in `refusals` provokes.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json, value::RawValue};

use super::{
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, create, data, golden},
    },
    refusals::{changed, refused},
};

/// A line of `signed.jsonl`: a transaction and the words of the original, empty where it accepts, null where it has none.
#[derive(serde::Deserialize)]
struct Signed<'a> {
    about: &'a str,
    parents: Vec<&'a str>,
    /// As text: its numbers must stay as they are written.
    #[serde(borrow)]
    transaction: &'a RawValue,
    message: Option<&'a str>,
}

#[test]
fn what_the_original_refuses_for_what_it_spends_or_says() {
    let mut cases = 0;
    for line in data("signed.jsonl").lines() {
        // No text of the file but those of transactions has an escape.
        let Ok(signed) = serde_json::from_str::<Signed<'_>>(line) else { continue };
        let Some(message) = signed.message.filter(|message| !message.is_empty()) else { continue };
        let appliance = Appliance::start();
        signed.parents.iter().for_each(|parent| accepted(&appliance, &golden(parent)));
        assert_eq!(refused(&appliance, signed.transaction.get()), (400, message.to_owned()), "{}", signed.about);
        cases += 1;
    }
    assert!(cases > 12, "{cases}");
}

/// `tag`, length and contents.
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let short = length.iter().position(|byte| *byte != 0).map_or(&length[7..], |at| &length[at..]);
    let head = if contents.len() < 0x80 { vec![tag] } else { vec![tag, 0x80 | short.len() as u8] };
    [&head, short, contents].concat()
}

/// What is refused before anybody looks at a signature, in our own words where the original has none.
#[test]
fn what_breaks_a_rule() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let made = create(&owner, json!({ "a": 1 }), &[1]);
    let transaction: Value = serde_json::from_str(&made.json).unwrap();
    let (input, output) = (&transaction["inputs"][0], &transaction["outputs"][0]);
    let details = &output["condition"]["details"];
    let threshold = |threshold: u64, subconditions: Value| json!({ "type": "threshold-sha-256", "threshold": threshold, "subconditions": subconditions });
    let deep = (0..33).fold(details.clone(), |inner, _| threshold(1, json!([inner])));
    let signature = BASE64URL_NOPAD.decode(input["fulfillment"].as_str().unwrap().as_bytes()).unwrap();
    let many = der(0xa2, &[der(0xa0, &signature.repeat(1_001)), der(0xa1, &[])].concat());
    let uri = output["condition"]["uri"].as_str().unwrap();
    let other_uri = uri.replace("cost=131072", "cost=131073");
    let no_key = "1".repeat(44);
    let set_details = |it: &mut Value, details: &Value| it["outputs"][0]["condition"]["details"] = details.clone();
    type Change<'a> = &'a dyn Fn(&mut Value);
    let table: [(Change<'_>, &str); 12] = [
        (
            &|it| it["inputs"][0]["owners_before"][0] = no_key.clone().into(),
            &format!("Invalid transaction (InvalidPublicKey): Invalid base58 ed25519 key `{no_key}`"),
        ),
        (
            &|it| set_details(it, &deep),
            "Invalid transaction (ThresholdTooDeep): thresholds are nested deeper than 32 levels",
        ),
        (
            &|it| set_details(it, &threshold(2, json!([details]))),
            "Invalid transaction (ValidationError): Insufficient number of subconditions to meet the threshold, or too many \
             of them",
        ),
        (
            &|it| it["outputs"][0]["condition"]["uri"] = other_uri.clone().into(),
            &format!(
                "Invalid transaction (ValidationError): the condition's uri `{other_uri}` is not that of its details, `{uri}`"
            ),
        ),
        (
            &|it| it["outputs"] = vec![output.clone(); 1_001].into(),
            "Invalid transaction (ValidationError): more than 1000 outputs",
        ),
        (
            &|it| {
                it["operation"] = "TRANSFER".into();
                it["asset"] = json!({ "id": made.id });
                let spent = json!({ "fulfillment": input["fulfillment"], "fulfills": { "transaction_id": made.id, "output_index": 0 }, "owners_before": null });
                it["inputs"] = vec![spent; 1_001].into();
            },
            "Invalid transaction (ValidationError): more than 1000 inputs",
        ),
        (
            &|it| it["inputs"][0]["fulfillment"] = BASE64URL_NOPAD.encode(&many).into(),
            "Invalid transaction (ValidationError): more than 1000 signatures",
        ),
        (&|it| it["metadata"] = json!({}), "Invalid transaction schema: {} does not have enough properties"),
        (&|it| it["inputs"] = json!([]), "Invalid transaction schema: [] is too short"),
        (
            &|it| it["operation"] = "PASS".into(),
            "Invalid transaction schema: 'PASS' is not one of ['CREATE', 'TRANSFER', 'VALIDATOR_ELECTION', 'CHAIN_MIGRATION_ELECTION', 'VOTE']",
        ),
        (
            &|it| set_details(it, &json!({ "threshold": 101, "subconditions": [details] })),
            "Invalid transaction schema: 101 is greater than the maximum of 100",
        ),
        (
            &|it| it["more"] = 1.into(),
            "Invalid transaction schema: Additional properties are not allowed ('more' was unexpected)",
        ),
    ];
    for (change, message) in table {
        assert_eq!(refused(&appliance, &changed(&made, change)), (400, message.to_owned()));
    }
    let (status, message) = refused(&appliance, &changed(&made, |it| it["inputs"] = json!([input, input])));
    assert!(
        status == 400 && message.starts_with("Invalid transaction schema: [{") && message.ends_with(" is too long"),
        "{message}"
    );
    let values = format!("[{}0]", "0,".repeat(100_000));
    assert_eq!(refused(&appliance, &values), (400, "Failed to decode JSON object: more than 100000 values".to_owned()));
}
