//! The bodies of `/stream/1` and `/feed/1`: `{"token","start_ts"?|"cursor"?}`, and for feeds `"page_size"?`.
//!
//! Unknown members are ignored.

use super::body::{object, optional_int, optional_text, text};
use super::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::fauna::cursor::{Cursor, Endpoint, Start};
use crate::fauna::errors::ApiError;
use crate::fauna::json::Json;
use crate::fauna::token::{Token, TokenKey};

/// What tokens are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    /// The key they must be signed with.
    pub key: &'a TokenKey,
    /// The database they must be of.
    pub uid: u64,
}

/// A request for a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRequest {
    /// What to follow.
    pub token: Token,
    /// Where to begin.
    pub start: Start,
}

/// A request for a page.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRequest {
    /// What to follow.
    pub token: Token,
    /// Where to begin.
    pub start: Start,
    /// How many events at most.
    pub page_size: usize,
}

/// Reads the body of a request for a stream.
///
/// # Errors
/// What is wrong with it, in the words of the original.
pub fn parse_stream(body: &[u8], verifier: Verifier<'_>) -> Result<StreamRequest, ApiError> {
    let body = object(body)?;
    let (token, start) = follow(&body, verifier, Endpoint::Stream)?;
    Ok(StreamRequest { token, start })
}

/// Reads the body of a request for a page.
///
/// # Errors
/// What is wrong with it, in the words of the original.
pub fn parse_feed(body: &[u8], verifier: Verifier<'_>) -> Result<FeedRequest, ApiError> {
    let body = object(body)?;
    let page_size = optional_int(&body, "page_size")?;
    let (token, start) = follow(&body, verifier, Endpoint::Feed)?;
    let page_size = match page_size {
        None => PAGE_SIZE_DEFAULT,
        Some(..=0) => return Err(ApiError::page_too_small()),
        Some(size) => {
            usize::try_from(size).ok().filter(|size| *size <= PAGE_SIZE_MAX).ok_or_else(ApiError::page_too_large)?
        }
    };
    Ok(FeedRequest { token, start, page_size })
}

fn follow(body: &Json<'_>, verifier: Verifier<'_>, endpoint: Endpoint) -> Result<(Token, Start), ApiError> {
    let token = text(body, "token")?;
    let start_ts = optional_int(body, "start_ts")?;
    let cursor = optional_text(body, "cursor")?;
    if start_ts.is_some() && cursor.is_some() {
        return Err(ApiError::start_and_cursor(endpoint));
    }
    let token = Token::verify(token, verifier.key, verifier.uid).map_err(|error| ApiError::token(endpoint, error))?;
    let start = match (start_ts, cursor) {
        (_, Some(cursor)) => Start::Cursor(Cursor::parse(cursor).map_err(|_| ApiError::invalid_cursor(endpoint))?),
        (Some(start_ts), None) => Start::Time(u64::try_from(start_ts).unwrap_or(0)),
        (None, None) => Start::Token,
    };
    Ok((token, start))
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
