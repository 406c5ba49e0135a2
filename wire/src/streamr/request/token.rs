//! What a client wants back as it came: the `sub` of a resend, the `ack` of a publish.

use super::value::Value;
use super::{RequestLimits, StreamrError};

/// One JSON value, kept to be sent back. It has its type again, and a string may be escaped in another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The value as compact JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Keeps a value of any type.
    pub(super) fn of_any(
        name: &'static str,
        value: Option<Value<'_>>,
        limits: &RequestLimits,
    ) -> Result<Option<Self>, StreamrError> {
        let bytes_max = limits.token_bytes_max;
        match value.map(Value::into_json) {
            Some(json) if json.len() > bytes_max => Err(StreamrError::FieldTooLong { name, bytes_max }),
            json => Ok(json.map(Self)),
        }
    }

    /// Keeps a string, a number or a boolean.
    pub(super) fn of_scalar(
        name: &'static str,
        value: Option<Value<'_>>,
        limits: &RequestLimits,
    ) -> Result<Option<Self>, StreamrError> {
        match value {
            Some(Value::Nested(_)) => {
                Err(StreamrError::InvalidField { name, expected: "a string, a number or a boolean" })
            }
            scalar => Self::of_any(name, scalar, limits),
        }
    }
}
