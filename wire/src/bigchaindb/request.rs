//! What a request asks for: the route, the mode of a post, the start and the filter of a stream.
//!
//! Values and refusals are those of the reference server where it knows the parameter; `since_height` and the filters of
//! streams are additions. Unknown parameters of a stream are ignored, as it ignores all. How a refusal is spelled is in
//! [`errors`](super::errors): over HTTP otherwise than in front of a stream.

use tailwater_core::SEQ_MAX;

use super::filter::Filter;
use super::search::Table;
use super::transaction::quoted;
use crate::http1::Query;

/// A path of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    /// `/`
    Root,
    /// `/api/v1`
    Api,
    /// `/api/v1/transactions`
    Transactions,
    /// `/api/v1/transactions/{id}`; the id is as given, and need not be one.
    Transaction(&'p str),
    /// `/api/v1/blocks`
    Blocks,
    /// `/api/v1/blocks/{height}`
    Block(u64),
    /// `/api/v1/outputs`
    Outputs,
    /// `/api/v1/validators`
    Validators,
    /// `/api/v1/assets`, `/api/v1/metadata`
    Search(Table),
    /// A stream.
    Stream(Stream),
}

/// The streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// `/api/v1/streams/valid_transactions`: a message for each transaction.
    Transactions,
    /// `/api/v1/streams/valid_blocks`: a message for each block.
    Blocks,
}

impl Stream {
    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Transactions => "/api/v1/streams/valid_transactions",
            Self::Blocks => "/api/v1/streams/valid_blocks",
        }
    }
}

/// When a post is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// When the transaction has been checked.
    #[default]
    Async,
    /// When the transaction has been checked, and waits for its block.
    Sync,
    /// When its block is stored.
    Commit,
}

/// What a stream is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamRequest {
    /// The last height the client has seen; `None` for a live stream.
    pub since_height: Option<u64>,
    /// Which transactions to show.
    pub filter: Filter,
}

/// Why a parameter is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// `mode` is none.
    #[error("Mode must be \"async\", \"sync\" or \"commit\"")]
    Mode,
    /// `since_height` is no height.
    #[error("Height must be an integer from 0 to {SEQ_MAX}")]
    SinceHeight,
    /// `asset_id` is no hash.
    #[error("Invalid hash")]
    AssetId,
    /// `operation` is none.
    #[error("Operation must be \"CREATE\" or \"TRANSFER\"")]
    Operation,
    /// `public_key` is none.
    #[error("Invalid base58 ed25519 key")]
    PublicKey,
    /// A parameter that must be there is missing.
    #[error("Missing required parameter in the JSON body or the post body or the query string")]
    Missing(&'static str),
    /// A parameter that says yes or no says neither.
    #[error("Boolean value must be \"true\" or \"false\" (lowercase)")]
    Boolean(&'static str),
    /// A number is none.
    #[error("invalid literal for int() with base 10: {}", quoted(given))]
    Integer {
        /// The parameter.
        name: &'static str,
        /// What stands there.
        given: String,
    },
    /// A parameter of a stream for the second time.
    #[error("Given more than once")]
    Repeated(&'static str),
    /// A filter on a stream of blocks.
    #[error("Only valid_transactions can be filtered")]
    FilterOnBlocks(&'static str),
    /// A parameter that is unknown where all must be known.
    #[error("Unknown arguments: {0}")]
    Unknown(String),
}

impl ParameterError {
    /// The parameter, unless it is one that nobody knows.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Mode => Some("mode"),
            Self::SinceHeight => Some("since_height"),
            Self::AssetId => Some("asset_id"),
            Self::Operation => Some("operation"),
            Self::PublicKey => Some("public_key"),
            Self::Missing(name)
            | Self::Boolean(name)
            | Self::Integer { name, .. }
            | Self::Repeated(name)
            | Self::FilterOnBlocks(name) => Some(name),
            Self::Unknown(_) => None,
        }
    }
}

/// The route of a decoded path. A slash at the end does not matter, except to streams, which have none.
pub fn route(path: &str) -> Option<Route<'_>> {
    for stream in [Stream::Transactions, Stream::Blocks] {
        if path == stream.path() {
            return Some(Route::Stream(stream));
        }
    }
    if path == "/" {
        return Some(Route::Root);
    }
    match path.strip_suffix('/').unwrap_or(path).strip_prefix("/api/v1")? {
        "" => Some(Route::Api),
        "/transactions" => Some(Route::Transactions),
        "/blocks" => Some(Route::Blocks),
        "/outputs" => Some(Route::Outputs),
        "/validators" => Some(Route::Validators),
        "/assets" => Some(Route::Search(Table::Assets)),
        "/metadata" => Some(Route::Search(Table::Metadata)),
        path => match path.strip_prefix('/')?.split_once('/')? {
            ("transactions", id) if !id.is_empty() && !id.contains('/') => Some(Route::Transaction(id)),
            ("blocks", height) => parse_digits(height).map(Route::Block),
            _ => None,
        },
    }
}

/// Reads the mode of a post; the first counts, but all must be right.
///
/// # Errors
/// [`ParameterError::Mode`].
pub fn parse_mode(query: &Query<'_>) -> Result<Mode, ParameterError> {
    Ok(parameter(query, "mode", mode)?.unwrap_or_default())
}

/// The first value of a parameter, of which all must be right.
pub(super) fn parameter<T>(
    query: &Query<'_>,
    name: &str,
    read: impl Fn(&str) -> Result<T, ParameterError>,
) -> Result<Option<T>, ParameterError> {
    let values: Vec<T> = query.all(name).map(read).collect::<Result<_, _>>()?;
    Ok(values.into_iter().next())
}

fn mode(text: &str) -> Result<Mode, ParameterError> {
    match text {
        "async" => Ok(Mode::Async),
        "sync" => Ok(Mode::Sync),
        "commit" => Ok(Mode::Commit),
        _ => Err(ParameterError::Mode),
    }
}

/// Reads which transaction the blocks are wanted of. It need not be an id: nothing is found then.
///
/// # Errors
/// It is missing, or there are other parameters.
pub fn parse_blocks<'q>(query: &'q Query<'_>) -> Result<&'q str, ParameterError> {
    let id = query.get("transaction_id").ok_or(ParameterError::Missing("transaction_id"))?;
    refuse_others(query, &["transaction_id"]).map(|()| id)
}

/// Refuses parameters that are none of these.
pub(super) fn refuse_others(query: &Query<'_>, known: &[&str]) -> Result<(), ParameterError> {
    let mut unknown: Vec<&str> = Vec::new();
    for (name, _) in query.iter().filter(|(name, _)| !known.contains(name)) {
        if !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(ParameterError::Unknown(unknown.join(", "))) }
}

/// Reads the parameters of a stream.
///
/// # Errors
/// A value is malformed, a parameter is there twice, or a stream of blocks is to be filtered.
pub fn parse_stream(query: &Query<'_>, stream: Stream) -> Result<StreamRequest, ParameterError> {
    let since_height = match single(query, "since_height")? {
        Some(text) => Some(parse_digits(text).filter(|height| *height <= SEQ_MAX).ok_or(ParameterError::SinceHeight)?),
        None => None,
    };
    let [asset_id, operation, public_key] = ["asset_id", "operation", "public_key"].map(|name| {
        let value = single(query, name)?;
        if value.is_some() && stream == Stream::Blocks { Err(ParameterError::FilterOnBlocks(name)) } else { Ok(value) }
    });
    Ok(StreamRequest { since_height, filter: Filter::new(asset_id?, operation?, public_key?)? })
}

fn single<'q>(query: &'q Query<'_>, name: &'static str) -> Result<Option<&'q str>, ParameterError> {
    if query.count(name) > 1 { Err(ParameterError::Repeated(name)) } else { Ok(query.get(name)) }
}

fn parse_digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
