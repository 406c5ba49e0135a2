//! Bodies as JSON, and what their members may be.

use super::BODY_BYTES_MAX;
use crate::fauna::errors::ApiError;
use crate::fauna::json::{self, Json};

/// The deepest nesting of a body: that of values, and some for what is around them.
const DEPTH_MAX: usize = 100;

/// The object that a body is.
pub(super) fn object(body: &[u8]) -> Result<Json<'_>, ApiError> {
    if body.is_empty() {
        return Err(ApiError::no_body());
    }
    if body.len() > BODY_BYTES_MAX {
        return Err(ApiError::body_too_large());
    }
    let text = std::str::from_utf8(body).map_err(|_| ApiError::invalid_body("it is not UTF-8"))?;
    let tree = json::parse(text, DEPTH_MAX).map_err(ApiError::invalid_body)?;
    if matches!(tree, Json::Object(_)) { Ok(tree) } else { Err(unexpected(&tree)) }
}

/// The text of a member that must be there.
pub(super) fn text<'a>(body: &'a Json<'_>, name: &str) -> Result<&'a str, ApiError> {
    optional_text(body, name)?.ok_or_else(|| ApiError::missing(name))
}

/// The text of a member; null counts as missing.
pub(super) fn optional_text<'a>(body: &'a Json<'_>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match body.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Str(text)) => Ok(Some(text)),
        Some(other) => Err(unexpected(other)),
    }
}

/// The integer of a member; null counts as missing.
pub(super) fn optional_int(body: &Json<'_>, name: &str) -> Result<Option<i64>, ApiError> {
    match body.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(text)) => text.parse().map(Some).map_err(|_| unexpected(&Json::Number(text))),
        Some(other) => Err(unexpected(other)),
    }
}

/// A value of another type than was expected.
pub(super) fn unexpected(value: &Json<'_>) -> ApiError {
    /// More of a value is not repeated to who sent it.
    const CHARS_MAX: usize = 100;
    ApiError::invalid_body(match value {
        Json::Null => "Unexpected null value.".to_owned(),
        Json::Bool(value) => format!("Unexpected {value} value."),
        Json::Number(text) if text.contains(['.', 'e', 'E']) => format!("Unexpected float value {text}."),
        Json::Number(text) => format!("Unexpected integer value {}.", text.get(..CHARS_MAX).unwrap_or(text)),
        Json::Str(text) => {
            format!("Unexpected string value '{}'.", text.chars().take(CHARS_MAX).collect::<String>())
        }
        Json::Array(_) => "Unexpected array value.".to_owned(),
        Json::Object(_) => "Unexpected object value.".to_owned(),
    })
}
