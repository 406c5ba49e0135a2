//! The Fauna dialect: queries that write documents and make event sources, streams and pages of events.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /query/1` | what a query comes to, once what it writes is durable |
//! | `POST /stream/1` | a stream of events, or why not |
//! | `POST /feed/1` | a page of events |
//!
//! | file | owns |
//! | --- | --- |
//! | [`call`] | one request: what of it matters, whichever version of HTTP it came by |
//! | [`visit`] | who asks, for which database |
//! | [`query`], [`stream`], [`page`] | the three endpoints |
//! | [`source`] | the encodings of event sources |
//! | [`database`] | a feed as a database: its documents, its history, queries that write |
//! | [`answer`] | answers, whole or as streams |
//! | [`http1`], [`http2`] | how both versions of HTTP carry them |
//!
//! Owns this table. A feed that is bound to the dialect is a database. Tested by `server/tests/fauna/` and the real clients
//! in `server/tests/clients/`.

mod answer;
mod call;
mod database;
mod http1;
pub(crate) mod http2;
mod page;
mod query;
mod source;
mod stream;
mod visit;

use tailwater_wire::fauna::{errors::ApiError, request::path};

use self::{answer::Answer, call::Call, visit::Visit};
pub(crate) use self::{
    database::{CREATED_OPTION, Database, Databases, SWITCHED_OFF_OPTION},
    http1::answer,
};

/// The endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Query,
    Stream,
    Feed,
}

impl Endpoint {
    fn of_path(path: &str) -> Option<Self> {
        match path.strip_suffix('/').unwrap_or(path) {
            path::QUERY => Some(Self::Query),
            path::STREAM => Some(Self::Stream),
            path::FEED => Some(Self::Feed),
            _ => None,
        }
    }
}

/// Whether a path is one of this dialect's.
pub(crate) fn owns(path: &str) -> bool {
    Endpoint::of_path(path).is_some()
}

/// Says whether a request is to be answered, before its body is read.
fn admit(call: &Call<'_>) -> Result<Visit, Answer> {
    if call.method == "OPTIONS" {
        return Err(Answer::preflight());
    }
    let endpoint = Endpoint::of_path(call.path).ok_or_else(|| Answer::from(ApiError::not_found()))?;
    if call.method != "POST" {
        return Err(Answer::from(ApiError::method_not_allowed()).field("Allow", "POST, OPTIONS"));
    }
    Visit::of(call, endpoint)
}

/// Answers a request whose body has been read.
async fn respond(call: &Call<'_>, visit: Visit, body: Vec<u8>) -> Answer {
    let answered = match visit.endpoint {
        Endpoint::Query => query::answer(call, &visit, body).await,
        Endpoint::Stream => stream::answer(call, &visit, body).await,
        Endpoint::Feed => page::answer(call, &visit, body).await,
    };
    answered.unwrap_or_else(Answer::from)
}

#[cfg(test)]
mod tests {
    use super::owns;

    #[test]
    fn three_paths_are_this_dialects() {
        let table = [
            ("/query/1", true),
            ("/stream/1", true),
            ("/feed/1/", true),
            ("/feed/2", false),
            ("/feed", false),
            ("/query/1/x", false),
            ("/db/query/1", false),
        ];
        for (path, owned) in table {
            assert_eq!(owns(path), owned, "{path}");
        }
    }
}
