//! Changing the options of a feed.
//!
//! Owns what a request for a change means: the JSON merge patch (RFC 7386) of the options the feed has. What can be changed is the
//! appliance's to say. Tested at the end of this file and by `server/tests/native/changes.rs`.

use serde::Deserialize;
use serde_json::{Map, Value};
use tailwater_core::{Durability, FeedOptions, Retention};

use super::feeds::{description, read_options_body, refused};
use crate::{
    appliance::shown,
    exposure::Exposure,
    http::{Request, Response},
};

/// Everything there is to say about a feed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merged {
    retention: Retention,
    durability: Durability,
    segment_bytes_max: u64,
    first_seq: u64,
    public: bool,
    dialects: Exposure,
}

/// `PATCH /v1/feeds/{feed}`: 200 once the feed has what it is to have, which may be what it had.
pub(super) async fn change(request: &mut Request<'_>, name: &str) -> Response {
    let body = match read_options_body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let wish = move |options: &FeedOptions, exposure: &Exposure| merge(options, exposure, &body);
    match request.shard.appliance.clone().change(name, wish).await {
        Ok(entry) => Response::json(200, &description(request, &entry)),
        Err(error) => refused(&error),
    }
}

/// What the feed is to have; the error says what is wrong with the body.
fn merge(options: &FeedOptions, exposure: &Exposure, body: &[u8]) -> Result<(FeedOptions, Exposure), String> {
    let wrong = |error: serde_json::Error| format!("The body is not a valid change of options: {error}");
    let patch: Map<String, Value> = serde_json::from_slice(body).map_err(wrong)?;
    if let Some((option, _)) = patch.iter().find(|(_, value)| value.is_null()) {
        return Err(format!(
            "{option:?} cannot be taken away, only changed. `null` takes away a limit within \"retention\" and a dialect \
             within \"dialects\"."
        ));
    }
    let mut merged = shown(options, exposure);
    merge_into(&mut merged, Value::Object(patch));
    let Merged { retention, durability, segment_bytes_max, first_seq, public, dialects } =
        serde_json::from_value(merged).map_err(wrong)?;
    let options = FeedOptions { retention, durability, segment_bytes_max, first_seq, extra: options.extra.clone() };
    Ok((options, Exposure { public, ..dialects }))
}

/// RFC 7386, section 2.
fn merge_into(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(members) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            members.remove(&key);
        } else {
            merge_into(members.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of RFC 7386, appendix A.
    #[test]
    fn patches_are_merged_as_the_standard_says() {
        let cases = [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), Value::Null, Value::Null),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge_into(&mut target, patch.clone());
            assert_eq!(target, expected, "{patch}");
        }
    }
}
