//! Refusals as responses, and the words for what the original does not know: keys, limits, a chain that is not ready.
//!
//! Owns those words and their statuses. Those of the protocol are `wire`'s. Tests: below and `server/tests/bigchaindb/`.

use tailwater_core::AppendError;
use tailwater_wire::bigchaindb::{errors::Refusal, search::SearchError, transaction::TransactionError};

use crate::{auth::Who, http::Response};

/// `Retry-After` of what is over in a moment.
const SOON_S: &str = "1";

/// Why a transaction did not become part of a block, or a question cannot be answered now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChainError {
    /// The transaction is not valid.
    #[error(transparent)]
    Invalid(#[from] TransactionError),
    /// The log does not take its block.
    #[error("The block could not be stored: {0}")]
    NotStored(#[from] AppendError),
    /// As many transactions wait as may.
    #[error("Too many transactions are waiting for their block. Try again in a moment.")]
    Busy,
    /// What is stored has not been looked through, or cannot be.
    #[error("The index of this chain is being built from its blocks. Try again in a moment.")]
    CatchingUp,
    /// What is searched has not been looked through, or others search.
    #[error("What is searched is being indexed, or others are searching. Try again in a moment.")]
    Searching,
    /// The search asks for too much.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The appliance stops, or the feed is deleted.
    #[error("The chain is being closed. Try again in a moment.")]
    Stopping,
    /// A stored block cannot be read.
    #[error("The block cannot be read.")]
    Unreadable,
    /// Blocks come from elsewhere.
    #[error("This chain is filled by a mirror. Post to its upstream.")]
    Mirrored,
}

impl ChainError {
    fn status(&self) -> u16 {
        match self {
            Self::Invalid(error) => error.status(),
            Self::NotStored(AppendError::Overloaded { .. }) | Self::Busy => 429,
            Self::NotStored(AppendError::ReadOnly { .. }) => 507,
            Self::NotStored(AppendError::Closed) | Self::CatchingUp | Self::Searching | Self::Stopping => 503,
            Self::NotStored(_) | Self::Unreadable => 500,
            Self::Search(_) => 400,
            Self::Mirrored => 409,
        }
    }
}

impl From<&ChainError> for Response {
    fn from(error: &ChainError) -> Self {
        let status = error.status();
        let response = refused(Refusal::web(status, &error.to_string()));
        if matches!(status, 429 | 503) { response.header("Retry-After", SOON_S) } else { response }
    }
}

/// A refusal as a response.
pub(super) fn refused(refusal: Refusal) -> Response {
    let reason = refusal.reason();
    let Refusal { status, content_type, body, headers } = refusal;
    let response = Response::new(status, content_type, body.into_bytes()).reason(reason);
    headers.iter().fold(response, |response, (name, value)| response.header(name, *value))
}

const AUTHENTICATE: &[(&str, &str)] = &[("WWW-Authenticate", "Bearer realm=\"tailwater\"")];

/// The web API's refusal of somebody who may not.
pub(super) fn denied(who: &Who) -> Refusal {
    if who.is_known() {
        return Refusal::web(403, "Your key does not open this ([[key]]).");
    }
    let message = "A key is needed: send `Authorization: Bearer SECRET` or `app_key: SECRET` with one that is configured \
                   ([[key]]).";
    Refusal { headers: AUTHENTICATE, ..Refusal::web(401, message) }
}

/// The streams' refusal of somebody who may not.
pub(super) fn stream_denied(who: &Who) -> Refusal {
    if who.is_known() { Refusal::stream(403) } else { Refusal { headers: AUTHENTICATE, ..Refusal::stream(401) } }
}

#[cfg(test)]
mod tests {
    use tailwater_wire::{bigchaindb::errors::web_reason, http1::HttpDate};

    use super::*;

    fn written(error: impl Into<ChainError>) -> String {
        let mut out = Vec::new();
        Response::from(&error.into()).write_without_request(&mut out, &HttpDate::from_unix_s(0));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_way_a_chain_refuses() {
        let overloaded = AppendError::Overloaded { feed: "f".to_owned(), queued_bytes: 9, queue_bytes_max: 8 };
        let read_only = AppendError::ReadOnly { reason: "the disk is full".to_owned() };
        let failed = AppendError::Failed { reason: "sync".to_owned() };
        let stored = "The block could not be stored: ";
        let table = [
            (
                TransactionError::Signature.into(),
                400,
                "Invalid transaction (InvalidSignature): Transaction signature is invalid.",
            ),
            (
                overloaded.into(),
                429,
                &*format!("{stored}feed `f` has 9 bytes waiting to be written, at most 8 are allowed; retry later"),
            ),
            (read_only.into(), 507, &*format!("{stored}the feed is read-only: the disk is full")),
            (failed.into(), 500, &*format!("{stored}the feed has failed and takes no more events: sync")),
            (AppendError::Closed.into(), 503, &*format!("{stored}the feed is closed")),
            (ChainError::Busy, 429, "Too many transactions are waiting for their block. Try again in a moment."),
            (
                ChainError::CatchingUp,
                503,
                "The index of this chain is being built from its blocks. Try again in a moment.",
            ),
            (
                ChainError::Searching,
                503,
                "What is searched is being indexed, or others are searching. Try again in a moment.",
            ),
            (SearchError::Empty.into(), 400, "text_search cannot be empty"),
            (ChainError::Stopping, 503, "The chain is being closed. Try again in a moment."),
            (ChainError::Unreadable, 500, "The block cannot be read."),
            (ChainError::Mirrored, 409, "This chain is filled by a mirror. Post to its upstream."),
        ];
        for (error, status, message) in table {
            let error: ChainError = error;
            let text = written(error);
            assert!(text.starts_with(&format!("HTTP/1.1 {status} {}\r\n", web_reason(status))), "{text}");
            assert!(text.ends_with(&format!("\r\n\r\n{{\"message\":\"{message}\",\"status\":{status}}}\n")), "{text}");
            assert_eq!(text.contains("\r\nRetry-After: 1\r\n"), matches!(status, 429 | 503), "{text}");
        }
    }

    #[test]
    fn whoever_may_not_is_told_in_both_voices() {
        assert_eq!(denied(&Who::Unknown).status, 401);
        assert_eq!(stream_denied(&Who::Anonymous).body, "401: Unauthorized");
        assert_eq!([denied(&Who::Anonymous), stream_denied(&Who::Unknown)].map(|it| it.headers), [AUTHENTICATE; 2]);
        assert_eq!([denied(&Who::Anybody), stream_denied(&Who::Anybody)].map(|it| it.status), [403; 2]);
        assert_eq!(stream_denied(&Who::Anybody).body, "403: Forbidden");
    }
}
