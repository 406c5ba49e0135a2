//! A document as it is sent.

use std::borrow::Cow;

use super::attachment::{self, Attachment};
use super::error::DocError;
use super::id::{self, IdError};
use super::revisions;
use crate::couchdb::rev::{History, Rev};
use crate::couchdb::text::{Kind, Member, Value, parse_body};

/// What a document may measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocLimits {
    /// Bytes of its own members as compact JSON.
    pub body_bytes_max: usize,
    /// Bytes of one attachment.
    pub attachment_bytes_max: usize,
    /// Number of attachments.
    pub attachments_max: usize,
}

impl Default for DocLimits {
    /// Half of an event's body at most: an event may have to carry the winner's document beside the one it adds.
    fn default() -> Self {
        let body_bytes_max = tailwater_core::BODY_BYTES_MAX / 2 - 100_000;
        Self { body_bytes_max, attachment_bytes_max: 64 << 20, attachments_max: 1_000 }
    }
}

/// A document as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `_id`, checked.
    pub id: Option<String>,
    /// `_revisions`, or else `_rev`.
    pub history: Option<History>,
    /// `_deleted`.
    pub deleted: bool,
    /// Its own members: the text of a compact JSON object without duplicate keys, numbers and strings as they were
    /// written.
    pub body: String,
    /// `_attachments`.
    pub attachments: Vec<Attachment>,
}

/// Room made at once for a document's own members; what is attached may be most of its text.
const RESERVE_MAX: usize = 4 << 10;

impl Document {
    /// Reads a request body.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(body: &[u8], limits: &DocLimits) -> Result<Self, DocError> {
        let text = parse_body(body)?;
        Self::from_value(Value::new(text.as_bytes()), limits)
    }

    /// Takes apart a document that is part of a body, checked and compacted before.
    ///
    /// # Errors
    /// The first mistake.
    pub fn from_value(value: Value<'_>, limits: &DocLimits) -> Result<Self, DocError> {
        if value.kind() != Kind::Object {
            return Err(DocError::NotAnObject);
        }
        let mut document = Self::empty(value.bytes().len().min(RESERVE_MAX));
        let mut has_revisions = false;
        for member in value.members() {
            document.take_member(value, &member, &mut has_revisions, limits)?;
        }
        document.body.push('}');
        if document.body.len() > limits.body_bytes_max {
            return Err(DocError::TooLarge(document.id.unwrap_or_default()));
        }
        Ok(document)
    }

    /// Nothing yet, with room for a body of so many bytes.
    fn empty(bytes: usize) -> Self {
        let mut body = String::with_capacity(bytes);
        body.push('{');
        Self { id: None, history: None, deleted: false, body, attachments: Vec::new() }
    }

    fn take_member(
        &mut self,
        object: Value<'_>,
        member: &Member<'_>,
        has_revisions: &mut bool,
        limits: &DocLimits,
    ) -> Result<(), DocError> {
        let name = member.key.decode();
        match (name.as_ref(), member.value.kind()) {
            ("_id", _) => self.id = Some(parse_id(member.value)?),
            ("_rev", _) if *has_revisions => {}
            ("_rev", _) => self.history = Some(History::of(parse_rev(member.value)?)),
            ("_revisions", Kind::Object) => {
                self.history = revisions::parse(member.value)?;
                *has_revisions = self.history.is_some();
            }
            ("_deleted", Kind::Bool) => self.deleted = member.value.boolean() == Some(true),
            ("_attachments", Kind::Object) => self.attachments = attachment::parse_all(member.value, limits)?,
            ("_revs_info" | "_local_seq" | "_conflicts" | "_deleted_conflicts", _) => {}
            (other, _) if other.starts_with('_') && !is_kept(other) => return Err(DocError::Member(other.to_owned())),
            _ => self.keep(&object.bytes()[member.span.clone()]),
        }
        Ok(())
    }

    fn keep(&mut self, member: &[u8]) {
        if self.body.len() > 1 {
            self.body.push(',');
        }
        self.body.push_str(&String::from_utf8_lossy(member));
    }
}

/// Members with an underscore that belong to the document all the same: what the replicator notes in its jobs.
fn is_kept(name: &str) -> bool {
    matches!(
        name,
        "_access"
            | "_replication_state"
            | "_replication_state_time"
            | "_replication_state_reason"
            | "_replication_id"
            | "_replication_stats"
    )
}

fn parse_id(value: Value<'_>) -> Result<String, DocError> {
    let text = value.string().ok_or(IdError::NotAString)?;
    id::check(&text)?;
    Ok(text.into_owned())
}

/// Reads a revision id that is a JSON string.
pub(super) fn parse_rev(value: Value<'_>) -> Result<Rev, DocError> {
    let text: Cow<'_, str> = value.string().ok_or(DocError::Rev)?;
    Ok(text.parse()?)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
