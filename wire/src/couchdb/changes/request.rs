//! The parameters of `_changes`. Where CouchDB 3.5.0 and its main branch differ, these are main's.

use super::error::ChangesError;
use super::filter::{FilterSpec, last};
use super::token::{DbUid, Since};
use crate::couchdb::text::{erlang_integer, parse_object};
use crate::http1::Query;

/// The longest that a feed stays silent, in milliseconds; longer times are taken for this.
pub const SILENCE_MS_MAX: u64 = 60_000;
/// What CouchDB counts down from where no limit is given, which decides which rows have a seq.
const LIMIT_NONE: u64 = 1_000_000_000_000_000;

/// The form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// What there is, as one object.
    #[default]
    Normal,
    /// The same, once there is something.
    Longpoll,
    /// A line for each change, for as long as there are any.
    Continuous,
    /// The same as server-sent events.
    EventSource,
}

/// Which revisions a row lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// The winner.
    #[default]
    MainOnly,
    /// All leaves.
    AllDocs,
}

/// Whose words server-sent events use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wording {
    /// CouchDB's: no event name, the id a JSON string, heartbeats are events.
    #[default]
    CouchDb,
    /// Those of its AsyncAPI description (`sse=asyncapi`): `event: change`, a bare id, heartbeats are comments.
    AsyncApi,
}

/// What happens while there are no changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A heartbeat after so many milliseconds, again and again.
    HeartbeatMs(u64),
    /// The feed ends after so many.
    TimeoutMs(u64),
}

/// A request for changes.
#[derive(Clone, Debug)]
pub struct ChangesRequest {
    /// `feed`
    pub feed: Feed,
    /// `since`, `last-event-id`, `Last-Event-ID`
    pub since: Since,
    /// `limit`: the most rows; 0 means none.
    pub limit: Option<u64>,
    /// `heartbeat`, or else `timeout`
    pub patience: Patience,
    /// `style`
    pub style: Style,
    /// `filter`
    pub filter: FilterSpec,
    /// `seq_interval`
    pub seq_interval: Option<u64>,
    /// `descending=true`: from the end to the beginning; `since` does not count, and nothing is waited for.
    pub descending: bool,
    /// `include_docs=true`
    pub include_docs: bool,
    /// `conflicts=true`
    pub conflicts: bool,
    /// `attachments=true`
    pub attachments: bool,
    /// `att_encoding_info=true`
    pub att_encoding_info: bool,
    /// `buffer_response=true`: nothing is sent before the answer is complete.
    pub buffer_response: bool,
    /// `sse=asyncapi`
    pub wording: Wording,
}

/// What a request brings besides its query.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestParts<'a> {
    /// The header `Last-Event-ID`.
    pub last_event_id: Option<&'a str>,
    /// The body of a POST, empty or not; `None` for GET and HEAD.
    pub body: Option<&'a [u8]>,
}

impl ChangesRequest {
    /// Reads a request to the database `uid`. Names of parameters may be in capitals; of repeated ones the last counts,
    /// but all must be in order; unknown ones are ignored.
    ///
    /// # Errors
    /// The first mistake, in the order in which CouchDB finds them: body, parameters, filter, feed, `since`.
    pub fn parse(query: &Query<'_>, parts: RequestParts<'_>, uid: DbUid) -> Result<Self, ChangesError> {
        let body = match parts.body {
            Some(body) if !body.is_empty() => Some(parse_object(body)?),
            body => body.map(|_| String::new()),
        };
        let mut parameters = Parameters::default();
        for (name, value) in query.iter() {
            parameters.take(&name.to_ascii_lowercase(), value)?;
        }
        let filter = FilterSpec::parse(query, body.as_deref())?;
        let feed = parse_feed(last(query, "feed"))?;
        let since = parts.last_event_id.filter(|_| feed == Feed::EventSource).map(str::to_owned);
        let since = since.or(parameters.since.take());
        let since = since.map_or(Ok(Since::Beginning), |since| uid.parse_since(&since));
        Ok(parameters.finish(feed, filter, since?))
    }

    /// Whether the row with this index, from 0, carries its seq.
    pub fn row_has_seq(&self, index: u64) -> bool {
        let left = self.limit.unwrap_or(LIMIT_NONE).saturating_sub(index);
        self.seq_interval.is_none_or(|interval| left.is_multiple_of(interval))
    }

    /// Whether the feed goes on once all there is has been sent.
    pub fn waits(&self) -> bool {
        self.feed != Feed::Normal && !self.descending
    }
}

#[derive(Default)]
struct Parameters {
    since: Option<String>,
    limit: Option<u64>,
    heartbeat_ms: Option<u64>,
    timeout_ms: Option<u64>,
    style: Style,
    seq_interval: Option<u64>,
    descending: bool,
    include_docs: bool,
    conflicts: bool,
    attachments: bool,
    att_encoding_info: bool,
    buffer_response: bool,
    wording: Wording,
}

impl Parameters {
    fn take(&mut self, name: &str, value: &str) -> Result<(), ChangesError> {
        match name {
            "since" | "last-event-id" => self.since = Some(value.to_owned()),
            "limit" => {
                self.limit = Some(at_least(0, value, ChangesError::LimitType, ChangesError::LimitValue)?);
            }
            "heartbeat" => self.heartbeat_ms = Some(parse_heartbeat(value)?),
            "timeout" => {
                self.timeout_ms = Some(at_least(0, value, ChangesError::TimeoutType, ChangesError::TimeoutValue)?);
            }
            "seq_interval" => {
                let interval = at_least(1, value, ChangesError::SeqInterval, ChangesError::SeqInterval)?;
                self.seq_interval = Some(interval);
            }
            "style" => self.style = parse_style(value)?,
            "sse" if value == "asyncapi" => self.wording = Wording::AsyncApi,
            _ if value == "true" => self.set(name),
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, name: &str) {
        match name {
            "descending" => self.descending = true,
            "include_docs" => self.include_docs = true,
            "conflicts" => self.conflicts = true,
            "attachments" => self.attachments = true,
            "att_encoding_info" => self.att_encoding_info = true,
            "buffer_response" => self.buffer_response = true,
            _ => {}
        }
    }

    fn finish(self, feed: Feed, filter: FilterSpec, since: Since) -> ChangesRequest {
        let patience = match self.heartbeat_ms {
            Some(ms) => Patience::HeartbeatMs(ms.min(SILENCE_MS_MAX)),
            None => Patience::TimeoutMs(self.timeout_ms.unwrap_or(SILENCE_MS_MAX).min(SILENCE_MS_MAX)),
        };
        ChangesRequest {
            feed,
            since,
            limit: self.limit,
            patience,
            style: self.style,
            filter,
            seq_interval: self.seq_interval,
            descending: self.descending,
            include_docs: self.include_docs,
            conflicts: self.conflicts,
            attachments: self.attachments,
            att_encoding_info: self.att_encoding_info,
            buffer_response: self.buffer_response,
            wording: self.wording,
        }
    }
}

fn at_least(least: i64, text: &str, no_number: ChangesError, too_small: ChangesError) -> Result<u64, ChangesError> {
    let number = erlang_integer(text).ok_or(no_number)?;
    u64::try_from(number).ok().filter(|_| number >= least).ok_or(too_small)
}

fn parse_heartbeat(text: &str) -> Result<u64, ChangesError> {
    match text {
        "true" => Ok(SILENCE_MS_MAX),
        _ => at_least(1, text, ChangesError::HeartbeatType, ChangesError::HeartbeatValue),
    }
}

fn parse_style(text: &str) -> Result<Style, ChangesError> {
    match text {
        "main_only" => Ok(Style::MainOnly),
        "all_docs" => Ok(Style::AllDocs),
        _ => Err(ChangesError::Style),
    }
}

fn parse_feed(text: Option<&str>) -> Result<Feed, ChangesError> {
    match text {
        None | Some("normal") => Ok(Feed::Normal),
        Some("longpoll") => Ok(Feed::Longpoll),
        Some("continuous" | "live") => Ok(Feed::Continuous),
        Some("eventsource") => Ok(Feed::EventSource),
        Some(_) => Err(ChangesError::Feed),
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
