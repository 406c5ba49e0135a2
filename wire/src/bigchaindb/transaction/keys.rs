//! Public keys: 32 bytes in base58.

use super::error::TransactionError;
use super::repr::display;
use super::value::Value;

/// The bytes of an Ed25519 public key. Whether they are a point of the curve shows when a signature is verified.
pub(super) type PublicKey = [u8; 32];

/// Reads a key.
pub(super) fn read(value: &Value<'_>) -> Result<PublicKey, TransactionError> {
    let mut key = [0; 32];
    let decoded = value.as_str().and_then(|text| bs58::decode(text).onto(&mut key).ok());
    match decoded {
        Some(32) => Ok(key),
        _ => Err(TransactionError::PublicKey(display(value))),
    }
}

/// Reads a list of keys; `None` if there is null in its place.
pub(super) fn read_list(value: Option<&Value<'_>>) -> Result<Option<Vec<PublicKey>>, TransactionError> {
    value.and_then(Value::as_list).map(|keys| keys.iter().map(read).collect()).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let read = |text: &str| read(&Value::String(text.into()));
        assert_eq!(read(&"1".repeat(32)), Ok([0; 32]));
        assert_eq!(read(&bs58::encode([7; 32]).into_string()), Ok([7; 32]));
        for text in ["", "1", &"1".repeat(33), &bs58::encode([7; 33]).into_string(), "0OIl", &"z".repeat(100_000)] {
            assert!(matches!(read(text), Err(TransactionError::PublicKey(_))), "{text:.50}");
        }
    }
}
