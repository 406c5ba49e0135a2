//! Names and languages within an asset or metadata that databases of the protocol cannot store.
//!
//! The reference keeps transactions in MongoDB and refuses what that cannot hold. The rules are part of what makes a
//! transaction valid for every node and client of the protocol, whatever this server keeps its events in. Tested at the
//! end of this file.

use super::error::TransactionError;
use super::repr::display;
use super::value::Value;

/// The languages that a field `language` may name.
const LANGUAGES: &str = "danish dutch english finnish french german hungarian italian norwegian portuguese romanian \
    russian spanish swedish turkish none da nl en fi fr de hu it nb pt ro ru es sv tr";

/// Checks the names, then the languages, of `asset.data` and of `metadata`.
pub(super) fn check(asset_data: Option<&Value<'_>>, metadata: Option<&Value<'_>>) -> Result<(), TransactionError> {
    asset_data.map_or(Ok(()), |data| check_names("asset", data))?;
    metadata.map_or(Ok(()), |data| check_names("metadata", data))?;
    [asset_data, metadata].into_iter().flatten().try_for_each(check_languages)
}

fn check_names(object: &'static str, value: &Value<'_>) -> Result<(), TransactionError> {
    match value {
        Value::Map(map) => map.iter().try_for_each(|(name, value)| {
            if name.starts_with('$') || name.contains(['.', '\0']) {
                return Err(TransactionError::KeyName { name: display(&Value::String(name.clone())), object });
            }
            check_names(object, value)
        }),
        Value::List(list) => list.iter().try_for_each(|value| check_names(object, value)),
        _ => Ok(()),
    }
}

/// What a field `language` holds is not looked into.
fn check_languages(value: &Value<'_>) -> Result<(), TransactionError> {
    match value {
        Value::Map(map) => map.iter().try_for_each(|(name, value)| match value {
            _ if name != "language" => check_languages(value),
            Value::String(language) if LANGUAGES.split(' ').any(|known| known == language) => Ok(()),
            _ => Err(TransactionError::Language(display(value))),
        }),
        Value::List(list) => list.iter().try_for_each(check_languages),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(asset: &str, metadata: &str) -> Result<(), String> {
        let parse = |text| Value::parse(text, 20, 100).unwrap();
        check(Some(&parse(asset)), Some(&parse(metadata))).map_err(|error| error.to_string())
    }

    #[test]
    fn names() {
        let table = [
            (r#"{"a":1,"b$":{"c":[{"d":1}]}}"#, None),
            ("null", None),
            (r#"{"bad.key":1}"#, Some("bad.key")),
            (r#"{"$bad":1}"#, Some("$bad")),
            (r#"{"bad\u0000key":1}"#, Some("bad\0key")),
            (r#"{"good":{"bad.key":1}}"#, Some("bad.key")),
            (r#"{"good":[1,[{"bad.key":1}]]}"#, Some("bad.key")),
        ];
        for (text, bad) in table {
            for (asset, metadata, object) in [(text, "null", "asset"), ("null", text, "metadata")] {
                let expected = bad.map(|bad| {
                    format!(
                        "Invalid transaction (ValidationError): Invalid key name \"{bad}\" in {object} object. The key \
                         name cannot contain characters \".\", \"$\" or null characters"
                    )
                });
                assert_eq!(checked(asset, metadata).err(), expected, "{text}");
            }
        }
    }

    #[test]
    fn languages() {
        let table = [
            (r#"{"language":"german","x":{"language":"tr"}}"#, None),
            (r#"{"language":"klingon"}"#, Some("klingon")),
            (r#"{"x":[[{"language":"German"}]]}"#, Some("German")),
            (r#"{"language":null}"#, Some("None")),
            (r#"{"language":{"language":"en"}}"#, Some("{'language': 'en'}")),
        ];
        for (text, bad) in table {
            for (asset, metadata) in [(text, "null"), ("null", text)] {
                let expected = bad.map(|bad| TransactionError::Language(bad.to_owned()).to_string());
                assert_eq!(checked(asset, metadata).err(), expected, "{text}");
            }
        }
    }
}
