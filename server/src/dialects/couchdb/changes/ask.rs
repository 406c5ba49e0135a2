//! What is asked for.
//!
//! Owns the way from a request to its parameters, and what `since` means for this database. Tested by
//! `server/tests/couchdb/changes_errors.rs`.

use std::sync::Arc;

use md5::{Digest, Md5};
use tailwater_wire::{
    couchdb::{
        changes::{ChangesRequest, Feed, Since, Wording, request::RequestParts},
        errors::{Problem, Refusal},
    },
    http1::{Head, Query, Version},
};

use super::{
    super::{Database, auth::Caller, encoded::decoded, failure::unreadable, visit::Subject},
    book::{Book, BookError},
};
use crate::{config::SseWording, documents, feeds::FeedEntry, http::Request};

/// Bytes a body may have: room for the most ids that `_doc_ids` may name.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// Bodies larger than this are parsed on the blocking pool.
const PARSED_BYTES_MAX: usize = 64 << 10;

/// What there is for a reader at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prospect {
    /// The last event then.
    pub(super) to: u64,
    /// How many live events there are up to it.
    pub(super) live: u64,
}

/// A request that can be answered.
pub(in crate::dialects::couchdb) struct Ask {
    pub(in crate::dialects::couchdb) entry: Arc<FeedEntry>,
    pub(in crate::dialects::couchdb) database: Arc<Database>,
    /// Knows its documents.
    pub(in crate::dialects::couchdb) engine: Arc<documents::Database>,
    /// Who asks.
    pub(in crate::dialects::couchdb) caller: Caller,
    pub(in crate::dialects::couchdb) changes: ChangesRequest,
    /// The seq behind which it starts.
    pub(in crate::dialects::couchdb) after: u64,
    /// What functions see of it as `req.body`.
    pub(in crate::dialects::couchdb) body: Option<Vec<u8>>,
}

impl Ask {
    /// Reads a request for the changes of a database.
    pub(super) async fn read(request: &mut Request<'_>, subject: Subject, caller: Caller) -> Result<Self, Refusal> {
        let Subject { entry, database: engine, .. } = subject;
        let database = entry.database().ok_or(Problem::DatabaseMissing)?;
        if !matches!(request.head.method(), "GET" | "POST" | "HEAD") {
            return Err(Problem::Method("GET,POST,HEAD").into());
        }
        let body = read_body(request).await?;
        let (mut changes, body) = parse(request.head, &database, body).await?;
        let sse = entry.exposure().couchdb.as_ref().map(|couchdb| couchdb.sse);
        if sse == Some(SseWording::Asyncapi) && request.head.query().last("sse") != Some("couchdb") {
            changes.wording = Wording::AsyncApi;
        }
        let after = resolve(&entry, changes.since).await.map_err(|error| error.refusal(&database.name))?;
        Ok(Self { entry, database, engine, caller, changes, after, body })
    }

    /// What tells the states of the database apart. Only whole answers have it.
    pub(super) fn etag(&self) -> Option<String> {
        let feed = self.entry.feed();
        let state = [self.database.uid.0, feed.last_seq(), feed.first_seq()].map(u64::to_be_bytes);
        let hash = data_encoding::HEXUPPER.encode(&Md5::digest(state.concat()));
        (self.changes.feed == Feed::Normal).then(|| format!("\"{hash}\""))
    }

    /// Whether the client has that state already.
    pub(super) fn is_known(&self, head: &Head, etag: Option<&str>) -> bool {
        let Some(etag) = etag else { return false };
        let mut known = head.header_all("if-none-match").flat_map(|value| value.split(','));
        known.any(|known| known.trim().trim_start_matches("W/") == etag)
    }

    /// What is known of the database's documents.
    pub(super) fn book(&self) -> &dyn Book {
        &*self.engine
    }

    /// A question about documents that has no answer, as the client is told.
    pub(in crate::dialects::couchdb) fn refusal(&self, error: BookError) -> Refusal {
        error.refusal(&self.database.name)
    }

    /// What there is above a seq now.
    pub(super) async fn prospect(&self, after: u64) -> Result<Prospect, Refusal> {
        let book = self.engine.clone();
        let asking = move || {
            let to = book.catch_up()?;
            Ok(Prospect { to, live: book.count(after, to)? })
        };
        glommio::executor().spawn_blocking(asking).await.map_err(|error| self.refusal(error))
    }

    /// The bits of what is passed over from where it starts are brought up to date; the last event then.
    pub(super) async fn refresh(&self) -> Result<u64, Refusal> {
        self.refresh_from(self.after).await
    }

    /// The same from elsewhere.
    pub(super) async fn refresh_from(&self, after: u64) -> Result<u64, Refusal> {
        if after >= self.entry.feed().last_seq() {
            return Ok(after);
        }
        let (database, book) = (self.database.clone(), self.engine.clone());
        let refreshing = move || {
            let to = book.catch_up()?;
            database.kept.refresh(&*book, after, to)?;
            Ok(to)
        };
        glommio::executor().spawn_blocking(refreshing).await.map_err(|error| self.refusal(error))
    }
}

/// Refuses clients that cannot be sent chunks.
pub(super) fn require_chunks(head: &Head) -> Result<(), Refusal> {
    match head.version() {
        Version::Http10 => {
            Err(Refusal::new(505, "http_version_not_supported", "Changes are sent in chunks, which need HTTP/1.1."))
        }
        _ => Ok(()),
    }
}

async fn read_body(request: &mut Request<'_>) -> Result<Option<Vec<u8>>, Refusal> {
    if request.head.method() != "POST" {
        return Ok(None);
    }
    let bytes_max = BODY_BYTES_MAX.min(request.shard.appliance.config.limits.request_body_bytes_max);
    let body = request.inbound.read_body(bytes_max).await.map_err(|error| unreadable(&error))?;
    let body = decoded(request.head, body, bytes_max).await?;
    let is_json =
        |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    match request.head.header("content-type") {
        Some(kind) if !body.is_empty() && !is_json(kind) => Err(Problem::ContentType("application/json").into()),
        _ => Ok(Some(body)),
    }
}

async fn parse(
    head: &Head,
    database: &Database,
    body: Option<Vec<u8>>,
) -> Result<(ChangesRequest, Option<Vec<u8>>), Refusal> {
    let uid = database.uid;
    let last_event_id = head.header("last-event-id").map(str::to_owned);
    let query = head.query_raw().to_owned();
    let is_large = body.as_ref().is_some_and(|body| body.len() > PARSED_BYTES_MAX);
    let parsing = move || {
        let parts = RequestParts { last_event_id: last_event_id.as_deref(), body: body.as_deref() };
        let changes = ChangesRequest::parse(&Query::parse(&query), parts, uid);
        (changes, body)
    };
    let (changes, body) = if is_large { glommio::executor().spawn_blocking(parsing).await } else { parsing() };
    Ok((changes?, body))
}

/// The seq behind which an answer starts.
async fn resolve(entry: &FeedEntry, since: Since) -> Result<u64, BookError> {
    let feed = entry.feed().clone();
    match since {
        Since::Beginning => Ok(0),
        Since::Now => Ok(feed.last_seq()),
        // A seq of a time when the log was longer, before it was restored, is the tail: everything new is behind it.
        Since::Seq(seq) => Ok(seq.min(feed.last_seq())),
        Since::TimeUs(time_us) => {
            let last_seq = feed.last_seq();
            let asking = move || feed.first_seq_since(time_us);
            let first = glommio::executor().spawn_blocking(asking).await?;
            Ok(first.map_or(last_seq, |seq| seq - 1))
        }
    }
}
