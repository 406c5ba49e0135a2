use super::*;

fn common(text: &str) -> Result<(), String> {
    check_common(&Value::parse(text, 50, 1000).unwrap()).map_err(|error| error.to_string())
}

/// A transaction whose parts are replaced by name.
fn transaction(name: &str, part: &str) -> String {
    let parts = [
        ("id", "null"),
        ("operation", "\"CREATE\""),
        ("asset", "{}"),
        ("inputs", "[]"),
        ("outputs", "[]"),
        ("metadata", "null"),
        ("version", "\"2.0\""),
    ];
    let parts = parts.map(|(this, default)| format!("\"{this}\":{}", if this == name { part } else { default }));
    format!("{{{}}}", parts.join(","))
}

fn output(condition: &str, amount: &str, keys: &str) -> String {
    transaction("outputs", &format!(r#"[{{"amount":{amount},"condition":{condition},"public_keys":{keys}}}]"#))
}

#[test]
fn the_most_telling_mistake_is_reported() {
    let key = "2".repeat(44);
    let ed25519 = format!(r#"{{"type":"ed25519-sha-256","public_key":"{key}"}}"#);
    let threshold = |threshold: &str, subconditions: &str| {
        let details =
            format!(r#"{{"type":"threshold-sha-256","threshold":{threshold},"subconditions":[{subconditions}]}}"#);
        output(&format!(r#"{{"details":{details},"uri":"ni:///sha-256;?cost=1&cost=1"}}"#), "\"1\"", "null")
    };
    let fulfills = |index: &str| {
        let link = format!(r#"{{"transaction_id":"{}","output_index":{index}}}"#, "ab".repeat(32));
        transaction("inputs", &format!(r#"[{{"owners_before":[],"fulfillment":"","fulfills":{link}}}]"#))
    };
    let table = [
        (transaction("", ""), None),
        (threshold("1", &ed25519), None),
        (threshold("100", ""), None),
        // The least deep mistake goes before those within.
        (transaction("outputs", "5"), Some("5 is not of type 'array'")),
        (
            r#"{"x":1,"y":2,"outputs":5}"#.to_owned(),
            Some("Additional properties are not allowed ('x', 'y' were unexpected)"),
        ),
        (transaction("outputs", "[5,{}]"), Some("5 is not of type 'object'")),
        // Of alternatives, the deepest mistake within them counts.
        (transaction("metadata", "{}"), Some("{} does not have enough properties")),
        (transaction("metadata", "5"), Some("5 is not of type 'object'")),
        (transaction("inputs", r#"[{"owners_before":[5],"fulfillment":""}]"#), Some("5 is not of type 'string'")),
        (
            transaction("inputs", r#"[{"owners_before":["x"],"fulfillment":""}]"#),
            Some("'x' does not match '[1-9a-zA-Z^OIl]{43,44}'"),
        ),
        // Both alternatives are wrong at the same depth, and the first comes first.
        (threshold("0", &ed25519), Some("'threshold-sha-256' does not match '^ed25519-sha-256$'")),
        (threshold("101", &ed25519), Some("'threshold-sha-256' does not match '^ed25519-sha-256$'")),
        (threshold("1.0", &ed25519), Some("'threshold-sha-256' does not match '^ed25519-sha-256$'")),
        (fulfills("-1"), Some("-1 is less than the minimum of 0")),
        (fulfills("1.0"), Some("1.0 is not of type 'integer'")),
        (fulfills("100000000000000000000"), None),
        (threshold("1", "{}"), Some("'type' is a required property")),
        (threshold("1", &ed25519.replace("ed25519-", "x-")), Some("'x-sha-256' does not match '^ed25519-sha-256$'")),
        (transaction("version", "\"1.0\""), Some("'1.0' does not match '^2\\\\.0$'")),
        (
            transaction("operation", "\"GENESIS\""),
            Some(
                "'GENESIS' is not one of ['CREATE', 'TRANSFER', 'VALIDATOR_ELECTION', 'CHAIN_MIGRATION_ELECTION', 'VOTE']",
            ),
        ),
    ];
    for (text, expected) in table {
        let expected = expected.map(|words| format!("Invalid transaction schema: {words}"));
        assert_eq!(common(&text).err(), expected, "{text}");
    }
}

#[test]
fn patterns() {
    let details = format!(r#"{{"type":"ed25519-sha-256","public_key":"{}"}}"#, "2".repeat(44));
    let uri =
        |uri: &str| common(&output(&format!(r#"{{"details":{details},"uri":"{uri}"}}"#), "\"1\"", "null")).is_ok();
    let base = "ni:///sha-256;";
    for rest in [
        "?fpt=ed25519-sha-256&cost=131072",
        "abc_-?fpt=threshold-sha-256&cost=1&subtypes=ed25519-sha-256",
        "?cost=1cost=2&",
        "?subtypes=ed25519-sha-256fpt=ed25519-sha-256",
    ] {
        assert!(uri(&format!("{base}{rest}")), "{rest}");
    }
    for rest in [
        "",
        "?",
        "?cost=1",
        "?cost=1&cost=1&cost=1&cost=1",
        "?cost=&cost=1",
        "?cost=1&&cost=1",
        "?cost=1&x=1",
        "!?cost=1&cost=1",
        "?fpt=rsa-sha-256&cost=1",
        "?&cost=1&cost=1",
    ] {
        assert!(!uri(&format!("{base}{rest}")), "{rest}");
    }
    assert!(!uri("ni:///sha-512;?cost=1&cost=1"));
    let fingerprint = |len: usize| uri(&format!("{base}{}?cost=1&cost=1", "a".repeat(len)));
    assert!(fingerprint(86) && !fingerprint(87));

    let condition = format!(r#"{{"details":{details},"uri":"{base}?cost=1&cost=1"}}"#);
    let amount = |amount: &str| common(&output(&condition, &format!("\"{amount}\""), "[]")).is_ok();
    assert!(["0", "1", &"9".repeat(20)].into_iter().all(amount));
    assert!(!["", "-1", "1.0", "1\\n", &"9".repeat(21), "٣"].into_iter().any(amount));
}

#[test]
fn operations() {
    let hash = format!(r#"{{"id":"{}"}}"#, "ab".repeat(32));
    let check = |operation: &str, name: &str, part: &str| {
        let asset = if operation == "CREATE" { r#"{"data":null}"# } else { &hash };
        let text = transaction(name, part);
        let text = if name == "inputs" { text.replace(r#""asset":{}"#, &format!("\"asset\":{asset}")) } else { text };
        check_operation(&Value::parse(&text, 50, 1000).unwrap(), operation).map_err(|error| error.to_string()).err()
    };
    let words = |words: &str| Some(format!("Invalid transaction schema: {words}"));
    assert_eq!(check("CREATE", "", ""), words("'data' is a required property"));
    assert_eq!(check("VALIDATOR_ELECTION", "", ""), words("'data' is a required property"));
    assert_eq!(check("CREATE", "asset", r#"{"data":null}"#), words("[] is too short"));
    assert_eq!(check("TRANSFER", "", ""), words("'id' is a required property"));
    assert_eq!(check("VOTE", "", ""), words("'id' is a required property"));
    assert_eq!(check("TRANSFER", "asset", &hash), words("[] is too short"));
    assert_eq!(check("CREATE", "inputs", "[{},{}]"), words("[{}, {}] is too long"));
    assert_eq!(check("CREATE", "inputs", r#"[{"fulfills":{}}]"#), words("{} is not of type 'null'"));
    assert_eq!(check("CREATE", "inputs", r#"[{"fulfills":null}]"#), None);
    assert_eq!(check("TRANSFER", "inputs", r#"[{"fulfills":null}]"#), words("None is not of type 'object'"));
    assert_eq!(check("TRANSFER", "inputs", r#"[{"fulfills":{}},{"fulfills":{}}]"#), None);
}
