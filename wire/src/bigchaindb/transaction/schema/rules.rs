//! The rules of version 2.0 of a transaction, in the order in which the reference server checks them.
//!
//! Only rules and patterns; how they are checked is in `check.rs`. A pattern without `^` and `$` may be met anywhere
//! within the text, as in the reference; the stricter rules for keys and hashes follow when they are used.

use super::check::Kind::{Array, Integer, Null, Object, String};
use super::check::Rule::{
    AnyOf, AtLeast, AtMost, Closed, Fields, FieldsAtLeast, Is, Items, ItemsAtLeast, ItemsAtMost, Matches, OneOf,
    Required,
};
use super::check::{Pattern, Schema};

static NULL: Schema = Schema(&[Is(Null)]);
static OBJECT: Schema = Schema(&[Is(Object)]);
static HASH: Schema = Schema(&[Matches(&Pattern { text: "[0-9a-f]{64}", matches: has_hash }), Is(String)]);
static KEY: Schema = Schema(&[Matches(&Pattern { text: "[1-9a-zA-Z^OIl]{43,44}", matches: has_key }), Is(String)]);

/// What every transaction must keep.
pub(super) static TRANSACTION: Schema = Schema(&[
    Is(Object),
    Closed(&["id", "operation", "asset", "inputs", "outputs", "metadata", "version"]),
    Required(&["id", "inputs", "outputs", "operation", "metadata", "asset", "version"]),
    Fields(&[
        ("id", &Schema(&[AnyOf(&[&HASH, &NULL])])),
        ("operation", &OPERATION),
        ("asset", &ASSET),
        ("inputs", &Schema(&[Is(Array), Items(&INPUT)])),
        ("outputs", &Schema(&[Is(Array), Items(&OUTPUT)])),
        ("metadata", &Schema(&[AnyOf(&[&Schema(&[Is(Object), FieldsAtLeast(1)]), &NULL])])),
        ("version", &Schema(&[Is(String), Matches(&Pattern { text: "^2\\.0$", matches: is_version })])),
    ]),
]);

static OPERATION: Schema =
    Schema(&[Is(String), OneOf(&["CREATE", "TRANSFER", "VALIDATOR_ELECTION", "CHAIN_MIGRATION_ELECTION", "VOTE"])]);

static ASSET: Schema = Schema(&[
    Is(Object),
    Closed(&["id", "data"]),
    Fields(&[("id", &HASH), ("data", &Schema(&[AnyOf(&[&OBJECT, &NULL])]))]),
]);

static OUTPUT: Schema = Schema(&[
    Is(Object),
    Closed(&["amount", "condition", "public_keys"]),
    Required(&["amount", "condition", "public_keys"]),
    Fields(&[
        ("amount", &Schema(&[Is(String), Matches(&Pattern { text: "^[0-9]{1,20}$", matches: is_amount })])),
        ("condition", &CONDITION),
        ("public_keys", &KEYS),
    ]),
]);

static CONDITION: Schema = Schema(&[
    Is(Object),
    Closed(&["details", "uri"]),
    Required(&["details", "uri"]),
    Fields(&[
        ("details", &DETAILS),
        ("uri", &Schema(&[Is(String), Matches(&Pattern { text: URI, matches: is_condition_uri })])),
    ]),
]);

const URI: &str = "^ni:///sha-256;([a-zA-Z0-9_-]{0,86})[?](fpt=(ed25519|threshold)-sha-256(&)?|cost=[0-9]+(&)?|\
                   subtypes=ed25519-sha-256(&)?){2,3}$";
const VOTE_URI: &str = "^ni:///sha-256;([a-zA-Z0-9_-]{0,86})[?](fpt=ed25519-sha-256(&)?|cost=[0-9]+(&)?|\
                        subtypes=ed25519-sha-256(&)?){2,3}$";

static KEYS: Schema = Schema(&[AnyOf(&[&Schema(&[Is(Array), Items(&KEY)]), &NULL])]);

static INPUT: Schema = Schema(&[
    Is(Object),
    Closed(&["owners_before", "fulfillment", "fulfills"]),
    Required(&["owners_before", "fulfillment"]),
    Fields(&[("owners_before", &KEYS), ("fulfillment", &FULFILLMENT), ("fulfills", &FULFILLS)]),
]);

static FULFILLMENT: Schema = Schema(&[AnyOf(&[
    &Schema(&[Is(String), Matches(&Pattern { text: "^[a-zA-Z0-9_-]*$", matches: is_base64url })]),
    &DETAILS,
])]);

static FULFILLS: Schema = Schema(&[AnyOf(&[
    &Schema(&[
        Is(Object),
        Closed(&["output_index", "transaction_id"]),
        Required(&["output_index", "transaction_id"]),
        Fields(&[("output_index", &Schema(&[Is(Integer), AtLeast(0)])), ("transaction_id", &HASH)]),
    ]),
    &NULL,
])]);

static DETAILS: Schema = Schema(&[AnyOf(&[&ED25519, &THRESHOLD])]);

static ED25519: Schema = Schema(&[
    Is(Object),
    Closed(&["type", "public_key"]),
    Required(&["type", "public_key"]),
    Fields(&[
        ("type", &Schema(&[Is(String), Matches(&Pattern { text: "^ed25519-sha-256$", matches: is_ed25519 })])),
        ("public_key", &KEY),
    ]),
]);

static THRESHOLD: Schema = Schema(&[
    Is(Object),
    Closed(&["type", "threshold", "subconditions"]),
    Required(&["type", "threshold", "subconditions"]),
    Fields(&[
        ("type", &Schema(&[Is(String), Matches(&Pattern { text: "^threshold-sha-256$", matches: is_threshold })])),
        ("threshold", &Schema(&[Is(Integer), AtLeast(1), AtMost(100)])),
        ("subconditions", &Schema(&[Is(Array), Items(&DETAILS)])),
    ]),
]);

/// What transactions that create something must keep besides.
pub(super) static CREATE: Schema = Schema(&[
    Is(Object),
    Required(&["asset", "inputs"]),
    Fields(&[
        (
            "asset",
            &Schema(&[
                Closed(&["data"]),
                Fields(&[("data", &Schema(&[AnyOf(&[&OBJECT, &NULL])]))]),
                Required(&["data"]),
            ]),
        ),
        (
            "inputs",
            &Schema(&[
                Is(Array),
                ItemsAtMost(1),
                ItemsAtLeast(1),
                Items(&Schema(&[Is(Object), Required(&["fulfills"]), Fields(&[("fulfills", &NULL)])])),
            ]),
        ),
    ]),
]);

/// What transactions that spend something must keep besides.
pub(super) static TRANSFER: Schema = Schema(&[
    Is(Object),
    Required(&["asset"]),
    Fields(&[
        ("asset", &Schema(&[Closed(&["id"]), Fields(&[("id", &HASH)]), Required(&["id"])])),
        (
            "inputs",
            &Schema(&[
                Is(Array),
                ItemsAtLeast(1),
                Items(&Schema(&[Is(Object), Required(&["fulfills"]), Fields(&[("fulfills", &OBJECT)])])),
            ]),
        ),
    ]),
]);

/// What votes must keep besides.
pub(super) static VOTE: Schema = Schema(&[
    Is(Object),
    Required(&["operation", "outputs"]),
    Fields(&[("outputs", &Schema(&[Is(Array), Items(&VOTE_OUTPUT)]))]),
]);

static VOTE_OUTPUT: Schema = Schema(&[
    Is(Object),
    Fields(&[(
        "condition",
        &Schema(&[
            Is(Object),
            Required(&["uri"]),
            Fields(&[("uri", &Schema(&[Is(String), Matches(&Pattern { text: VOTE_URI, matches: is_vote_uri })]))]),
        ]),
    )]),
]);

/// Whether `count` bytes of a class follow each other somewhere.
fn has_run(text: &str, count: usize, class: fn(u8) -> bool) -> bool {
    text.as_bytes().split(|byte| !class(*byte)).any(|run| run.len() >= count)
}

fn has_hash(text: &str) -> bool {
    has_run(text, 64, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn has_key(text: &str) -> bool {
    has_run(text, 43, |byte| matches!(byte, b'1'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'^'))
}

fn is_version(text: &str) -> bool {
    text == "2.0"
}

fn is_ed25519(text: &str) -> bool {
    text == "ed25519-sha-256"
}

fn is_threshold(text: &str) -> bool {
    text == "threshold-sha-256"
}

fn is_amount(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn is_condition_uri(text: &str) -> bool {
    is_uri(text, &["fpt=ed25519-sha-256", "fpt=threshold-sha-256"])
}

fn is_vote_uri(text: &str) -> bool {
    is_uri(text, &["fpt=ed25519-sha-256"])
}

fn is_uri(text: &str, types: &[&str]) -> bool {
    let Some((fingerprint, mut rest)) = text.strip_prefix("ni:///sha-256;").and_then(|text| text.split_once('?'))
    else {
        return false;
    };
    let mut parameters = 0;
    while !rest.is_empty() {
        let Some(after) = strip_parameter(rest, types) else { return false };
        rest = after.strip_prefix('&').unwrap_or(after);
        parameters += 1;
    }
    fingerprint.len() <= 86 && is_base64url(fingerprint) && (2..=3).contains(&parameters)
}

fn strip_parameter<'t>(text: &'t str, types: &[&str]) -> Option<&'t str> {
    if let Some(digits) = text.strip_prefix("cost=") {
        let after = digits.trim_start_matches(|digit: char| digit.is_ascii_digit());
        return (after.len() < digits.len()).then_some(after);
    }
    let fixed = types.iter().copied().chain(["subtypes=ed25519-sha-256"]);
    fixed.filter_map(|parameter| text.strip_prefix(parameter)).next()
}
