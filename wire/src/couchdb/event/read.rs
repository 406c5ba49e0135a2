//! The body of an event, read as a change.

use std::borrow::Cow;

use tailwater_core::{BodyFormat, Event};
use xxhash_rust::xxh3::xxh3_128;

use super::DELETE;
use crate::atproto::frame;
use crate::couchdb::rev::{Rev, RevHash};
use crate::couchdb::text::{Kind, Value};
use crate::dag_cbor::to_json;
use crate::json;

/// The body of an event as JSON, whatever it is stored as; `null` if it is damaged or empty.
pub fn json_body<'a>(event: &Event<'a>) -> Cow<'a, [u8]> {
    let mut out = Vec::new();
    let written = match event.format {
        BodyFormat::Json if !event.body.is_empty() => return event.body.into(),
        BodyFormat::Json => false,
        BodyFormat::DagCbor => to_json(event.body, &mut out).is_ok(),
        BodyFormat::AtprotoFrame => {
            frame::parse(event.body).is_ok_and(|frame| to_json(frame.payload, &mut out).is_ok())
        }
    };
    if written { out.into() } else { b"null".into() }
}

/// The revision of an event of another origin: `{seq}-{XXH3-128 of the body}`, in hex. Equal events have equal ones; the seq is in
/// it, so the hash only has to tell apart what two logs have under the same seq, and what costs least does.
pub fn foreign_rev(event: &Event<'_>) -> Rev {
    Rev { pos: event.seq, hash: RevHash::Hex(xxh3_128(event.body).to_be_bytes()) }
}

/// A revision of 16 bytes as a JSON string: at most 16 digits of a seq, a hyphen, 32 digits, quotes.
const FOREIGN_REV_BYTES: usize = 16 + 1 + 32 + 2;

/// One change. What it says of revisions is JSON text, ready to be shown.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    id: Cow<'a, str>,
    /// The revision of this event, a JSON string.
    rev: Cow<'a, [u8]>,
    leaves: Option<Value<'a>>,
    winner_doc: Option<Value<'a>>,
    deleted: bool,
    body: Value<'a>,
    members: Members,
}

/// Where the document's own members are in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Members {
    /// From here to the closing brace, all of them.
    From(usize),
    /// Those without an underscore.
    Foreign,
    /// There is one, which is the body itself.
    Body,
}

impl<'a> Change<'a> {
    /// Reads an event. `body` is what [`json_body`] made of it.
    pub fn read(event: &Event<'a>, body: &'a [u8]) -> Self {
        let body = Value::new(body);
        Self::read_own(event, body).unwrap_or_else(|| Self::read_foreign(event, body))
    }

    fn read_own(event: &Event<'a>, body: Value<'a>) -> Option<Self> {
        let mut members = body.members().peekable();
        members.next_if(|member| member.key.is("_id"))?;
        let is_rev = |value: Value<'_>| value.string().is_some_and(|text| text.parse::<Rev>().is_ok());
        let rev = members.next_if(|member| member.key.is("_rev") && is_rev(member.value))?;
        let mut end = rev.span.end;
        let mut next = |name: &str| {
            let member = members.next_if(|member| member.key.is(name))?;
            end = member.span.end;
            Some(member.value)
        };
        next("_revisions");
        let (leaves, winner_doc) = (next("_leaves"), next("_winner_doc"));
        Some(Self {
            id: event.key.into(),
            rev: rev.value.bytes().into(),
            leaves: leaves.filter(|leaves| leaves.elements().next().is_some()),
            winner_doc,
            deleted: event.kind == DELETE,
            body,
            members: Members::From(end),
        })
    }

    fn read_foreign(event: &Event<'a>, body: Value<'a>) -> Self {
        let id = if event.key.is_empty() { event.seq.to_string().into() } else { event.key.into() };
        let mut rev = Vec::with_capacity(FOREIGN_REV_BYTES);
        foreign_rev(event).write_json(&mut rev);
        let members = if body.kind() == Kind::Object { Members::Foreign } else { Members::Body };
        let deleted = event.kind == DELETE;
        Self { id, rev: rev.into(), leaves: None, winner_doc: None, deleted, body, members }
    }

    /// The document's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The revision this event brought, as a JSON string.
    pub fn rev(&self) -> &[u8] {
        &self.rev
    }

    /// Every leaf after this change as a JSON string, and whether it is deleted; the winner first.
    pub fn leaves(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let only = self.leaves.is_none().then_some((&*self.rev, self.deleted));
        let several = self.leaves.into_iter().flat_map(Value::elements).map(|leaf| {
            let mut pair = leaf.elements();
            let rev = pair.next().map_or(&b"null"[..], Value::bytes);
            (rev, pair.next().and_then(Value::boolean) == Some(true))
        });
        only.into_iter().chain(several)
    }

    /// Whether the document is deleted: whether its winner is.
    pub fn is_deleted(&self) -> bool {
        self.leaves().next().is_some_and(|(_, deleted)| deleted)
    }

    /// Appends the winner's document; with `conflicts`, and with `_conflicts` if there are any.
    pub fn write_doc(&self, conflicts: bool, out: &mut Vec<u8>) {
        let losers: Vec<&[u8]> = match conflicts {
            true => self.leaves().skip(1).filter(|(_, deleted)| !deleted).map(|(rev, _)| rev).collect(),
            false => Vec::new(),
        };
        match self.winner_doc {
            Some(doc) => {
                out.push(b'{');
                write_members(doc, 1, &losers, out);
            }
            None => self.write_own_doc(&losers, out),
        }
        out.push(b'}');
    }

    /// Appends all but the last brace.
    fn write_own_doc(&self, losers: &[&[u8]], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"_id\":");
        json::write_str(out, &self.id);
        out.extend_from_slice(b",\"_rev\":");
        out.extend_from_slice(&self.rev);
        match self.members {
            Members::From(at) => return write_members(self.body, at, losers, out),
            Members::Foreign => self.write_foreign(out),
            Members::Body if self.deleted && self.body.kind() == Kind::Null => {}
            Members::Body => {
                out.extend_from_slice(b",\"body\":");
                out.extend_from_slice(self.body.bytes());
            }
        }
        if self.deleted {
            out.extend_from_slice(b",\"_deleted\":true");
        }
    }

    fn write_foreign(&self, out: &mut Vec<u8>) {
        for member in self.body.members().filter(|member| !member.key.decode().starts_with('_')) {
            out.push(b',');
            out.extend_from_slice(&self.body.bytes()[member.span]);
        }
    }

    /// The document a selector is asked about in the style `main_only`, which is the winner's. It is the body itself
    /// where that will do: where nothing is read of what tells of the change.
    pub(crate) fn document<'s>(&'s self, reads_change: bool, scratch: &'s mut Vec<u8>) -> Value<'s> {
        match (self.winner_doc, self.members) {
            (Some(doc), _) => doc,
            (None, Members::From(_)) if !reads_change => self.body,
            _ => {
                scratch.clear();
                self.write_doc(false, scratch);
                Value::new(scratch)
            }
        }
    }
}

/// Appends the text of `object` from there to its closing brace, `_conflicts` in front of `_attachments` as CouchDB has
/// it.
fn write_members(object: Value<'_>, from: usize, losers: &[&[u8]], out: &mut Vec<u8>) {
    let text = object.bytes();
    let end = text.len().saturating_sub(1);
    let piece = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    if losers.is_empty() {
        return out.extend_from_slice(piece(from, end));
    }
    let attachments = object.members().find(|member| member.key.is("_attachments"));
    // The comma in front of it goes with it.
    let at = attachments.map_or(end, |member| member.span.start.saturating_sub(1));
    out.extend_from_slice(piece(from, at));
    out.extend_from_slice(b",\"_conflicts\":[");
    out.extend_from_slice(&losers.join(&b','));
    out.push(b']');
    out.extend_from_slice(piece(at, end));
}
