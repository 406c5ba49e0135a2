//! One request of this dialect: who sends it, and what every answer to it carries.
//!
//! Owns the form of answers: `Cache-Control`, `X-Couch-Request-ID`, CouchDB's reason phrases, the fields for browsers and the
//! cookie that is renewed. Never decides what an answer says. Tested by `server/tests/couchdb/`.

use std::sync::Arc;

use tailwater_wire::couchdb::{
    changes::token::DbUid,
    errors::{Problem, Refusal},
    security::{self, Security},
};

use super::{
    auth::{Caller, Need},
    cors::Trust,
    encoded::decoded,
    failure::{failed, unreadable},
    head::{refused, respond},
    paths::location,
};
use crate::{
    appliance::Appliance,
    documents::{Database, DocumentsError},
    feeds::FeedEntry,
    http::{Body, BodySource, Reply, Request, Response},
};

const JSON: &str = "application/json";

/// A request and who sends it.
pub(super) struct Visit<'c> {
    pub(super) request: Request<'c>,
    pub(super) caller: Caller,
}

/// A database that a request is about.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) db: String,
    pub(super) entry: Arc<FeedEntry>,
    pub(super) database: Arc<Database>,
}

impl<'c> Visit<'c> {
    /// A request from nobody in particular.
    pub(super) fn new(mut request: Request<'c>) -> Self {
        let appliance = &request.shard.appliance;
        let trust = Trust::of(request.head, &appliance.config.couchdb.cors_origins, appliance.keys.is_open());
        let id = format!("{:010x}", rand::random::<u64>() >> 24);
        let own = [("X-Couch-Request-ID", id), ("X-CouchDB-Body-Time", "0".to_owned())];
        request.fields = own.into_iter().chain(trust.fields()).collect();
        Self { request, caller: Caller::default() }
    }

    /// From now on it is from somebody. Their cookie is renewed with the answer if it is due.
    pub(super) fn welcome(&mut self, caller: Caller) {
        self.request.fields.extend(caller.renewal().map(|cookie| ("Set-Cookie", cookie)));
        self.caller = caller;
    }

    pub(super) fn appliance(&self) -> &Arc<Appliance> {
        &self.request.shard.appliance
    }

    pub(super) fn method(&self) -> &'c str {
        self.request.head.method()
    }

    /// What every answer to this request carries.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        self.request.fields.clone()
    }

    /// The feed of a database, for somebody who may do with it what they need.
    pub(super) async fn enter(&self, db: &str, need: Need) -> Result<Subject, Refusal> {
        let Some(entry) = self.appliance().feeds.database(db) else { return Err(Problem::DatabaseMissing.into()) };
        let database = self.open(&entry).await.map_err(|error| failed(db, &error))?;
        let subject = Subject { db: db.to_owned(), entry, database };
        self.require(&subject, need)?;
        Ok(subject)
    }

    async fn open(&self, entry: &Arc<FeedEntry>) -> Result<Arc<Database>, DocumentsError> {
        if let Some(database) = self.appliance().databases.get(entry.id()) {
            return Ok(database);
        }
        let (appliance, entry) = (self.appliance().clone(), entry.clone());
        glommio::executor().spawn_blocking(move || appliance.databases.open(&entry)).await
    }

    /// Refuses whoever may not do what they need.
    pub(super) fn require(&self, subject: &Subject, need: Need) -> Result<(), Refusal> {
        self.caller.require(&subject.entry, &subject.security(), need)
    }

    /// The body as it comes, within the limit of all requests.
    pub(super) async fn read_as_sent(&mut self) -> Result<Vec<u8>, Refusal> {
        let bytes_max = self.bytes_max();
        self.request.inbound.read_body(bytes_max).await.map_err(|error| unreadable(&error))
    }

    /// The body without its encoding, within the same limit.
    pub(super) async fn read_body(&mut self) -> Result<Vec<u8>, Refusal> {
        let body = self.read_as_sent().await?;
        decoded(self.request.head, body, self.bytes_max()).await
    }

    fn bytes_max(&self) -> u64 {
        self.appliance().config.limits.request_body_bytes_max
    }

    /// The same for a request that must say that it is JSON.
    pub(super) async fn read_json(&mut self) -> Result<Vec<u8>, Refusal> {
        self.require_json()?;
        self.read_body().await
    }

    /// Refuses a body of another type.
    pub(super) fn require_json(&self) -> Result<(), Refusal> {
        let content_type = self.request.head.header("content-type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(JSON) { Ok(()) } else { Err(Problem::ContentType(JSON).into()) }
    }

    /// Whether the client takes an answer of this type. One that does not say what it takes takes all.
    pub(super) fn accepts(&self, media_type: &str) -> bool {
        let Some(accept) = self.request.head.header("accept") else { return true };
        let (group, _) = media_type.split_once('/').unwrap_or((media_type, ""));
        accept.split(',').any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            range == "*/*" || range.eq_ignore_ascii_case(media_type) || range.strip_suffix("/*") == Some(group)
        })
    }

    /// Whether the client has what this ETag stands for.
    pub(super) fn has_etag(&self, etag: &str) -> bool {
        let tags = self.request.head.header("if-none-match").unwrap_or_default();
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    }

    /// An answer without content, for a client that has it.
    pub(super) fn not_modified(&self, etag: &str) -> Response {
        self.respond(304, JSON, Vec::new()).header("ETag", etag)
    }

    /// A JSON answer: the text and the line end that all of CouchDB's have.
    pub(super) fn json(&self, status: u16, body: Vec<u8>) -> Response {
        self.respond(status, JSON, body)
    }

    /// `{"ok":true}`
    pub(super) fn ok(&self, status: u16) -> Response {
        self.json(status, b"{\"ok\":true}\n".to_vec())
    }

    /// A refusal.
    pub(super) fn refuse(&self, refusal: impl Into<Refusal>) -> Response {
        refused(&self.request, refusal.into())
    }

    /// The refusal of a method that does not exist here.
    pub(super) fn wrong_method(&self, allowed: &'static str) -> Response {
        self.refuse(Problem::Method(allowed))
    }

    /// An answer of known length.
    pub(super) fn respond(&self, status: u16, content_type: impl Into<String>, body: Vec<u8>) -> Response {
        respond(&self.request, status, content_type, body)
    }

    /// An answer whose chunks are made while they are sent.
    pub(super) fn stream(
        &self,
        content_type: &str,
        fields: &[(&'static str, String)],
        source: impl BodySource + 'static,
    ) -> Reply {
        let fields = self.request.fields.iter().chain(fields).map(|(name, value)| (*name, value.as_str()));
        let fields = [("Cache-Control", "must-revalidate")].into_iter().chain(fields);
        Reply::Body(Body::ok(&self.request, fields.chain([("Content-Type", content_type)]), source))
    }

    /// The address of a document, or of a database.
    pub(super) fn location(&self, db: &str, id: Option<&str>) -> String {
        location(self.request.head, self.is_tls(), db, id)
    }

    /// Whether the request has come over TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.request.listening.identity().is_some()
    }
}

impl Subject {
    /// Its identity among all databases of that name, which its tokens carry.
    pub(super) fn uid(&self) -> DbUid {
        DbUid::of_feed(self.entry.feed().name(), &self.entry.feed().options())
    }

    /// Who may do what in it.
    pub(super) fn security(&self) -> Security {
        let settings = self.database.settings();
        let text = settings.security.as_ref().map_or(security::DEFAULT, |text| text.get());
        // What was stored was checked; should it be damaged, it opens nothing.
        Security::parse(text.as_bytes()).unwrap_or_else(|_| closed())
    }

    /// Does something that may block with the engine.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Database>) -> Result<T, DocumentsError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let database = self.database.clone();
        let done = glommio::executor().spawn_blocking(move || work(&database)).await;
        done.map_err(|error| failed(&self.db, &error))
    }
}

fn closed() -> Security {
    let text = security::DEFAULT;
    Security::parse(text.as_bytes()).unwrap_or_default()
}
