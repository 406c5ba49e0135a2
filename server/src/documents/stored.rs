//! A revision's document, read out of the event that brought it.
//!
//! Owns where in the event's body what is: the wire's `event` module says how it is laid out, and
//! [`Change`](tailwater_wire::couchdb::event::Change) shows the winner's document, which is not always this one. Tested at the
//! end of this file.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use tailwater_core::Event;
use tailwater_wire::couchdb::{
    doc::attachment::Info,
    event::{DELETE, foreign_rev},
    rev::{History, Rev, RevHash},
    text::{Kind, Value},
};

/// Members that stand before the document's own.
const HEAD: [&str; 5] = ["_id", "_rev", "_revisions", "_leaves", "_winner_doc"];

/// A document as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredDoc {
    /// Its own members, as compact JSON object text.
    pub(super) body: String,
    /// What it has attached.
    pub(super) attachments: Vec<StoredAttachment>,
}

/// An attachment of a stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAttachment {
    /// What is kept of it in the document.
    pub info: Info,
    /// How its bytes are encoded, and how many these are; `None` if they are as they are.
    pub encoding: Option<(String, u64)>,
}

/// What an event says of revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A revision of this engine's, and all leaves behind it.
    Ours { history: History, leaves: Vec<Rev> },
    /// A document of another origin, which is all there is of it.
    Theirs { rev: Rev },
}

/// The document of an event, whose body as JSON is `json`.
pub(super) fn read_doc(json: &[u8], deleted: bool) -> StoredDoc {
    let body = Value::new(json);
    match (own_rev(body), body.kind()) {
        (Some(_), _) => read_ours(body),
        (None, Kind::Object) => StoredDoc { body: foreign_members(body), attachments: Vec::new() },
        (None, Kind::Null) if deleted => StoredDoc { body: "{}".into(), attachments: Vec::new() },
        (None, _) => {
            let body = format!("{{\"body\":{}}}", String::from_utf8_lossy(body.bytes()));
            StoredDoc { body, attachments: Vec::new() }
        }
    }
}

/// What an event says, whose body as JSON is `json`.
pub(super) fn read_said(event: &Event<'_>, json: &[u8]) -> Said {
    read_own(Value::new(json)).unwrap_or_else(|| Said::Theirs { rev: foreign_rev(event) })
}

/// The id of the document an event is about.
pub(super) fn id_of<'a>(event: &Event<'a>) -> Cow<'a, str> {
    if event.key.is_empty() { event.seq.to_string().into() } else { event.key.into() }
}

/// Whether the revision of an event deletes its document.
pub(super) fn deletes(event: &Event<'_>) -> bool {
    event.kind == DELETE
}

/// The attachments of an event's document, whose body as JSON is `json`.
pub(super) fn read_attachments(json: &[u8]) -> Vec<StoredAttachment> {
    let body = Value::new(json);
    own_rev(body).and_then(|_| body.get("_attachments")).map_or_else(Vec::new, attachments_of)
}

/// `_rev`, where the wire looks for it.
fn own_rev(body: Value<'_>) -> Option<Rev> {
    let mut members = body.members();
    members.next().filter(|member| member.key.is("_id"))?;
    members.next().filter(|member| member.key.is("_rev"))?.value.string()?.parse().ok()
}

fn read_own(body: Value<'_>) -> Option<Said> {
    let rev = own_rev(body)?;
    let history = body.get("_revisions").and_then(read_history).filter(|history| history.rev() == rev);
    let history = history.unwrap_or_else(|| History::of(rev));
    let leaves = body.members().take(HEAD.len()).find(|member| member.key.is("_leaves"));
    let leaves: Option<Vec<Rev>> = leaves.map(|leaves| {
        let named = leaves.value.elements().filter_map(|leaf| leaf.elements().next()?.string()?.parse().ok());
        named.collect()
    });
    let leaves = leaves.filter(|leaves| !leaves.is_empty()).unwrap_or_else(|| vec![history.rev()]);
    Some(Said::Ours { history, leaves })
}

fn read_history(object: Value<'_>) -> Option<History> {
    let ids = object.get("ids")?.elements().map(|id| RevHash::parse(&id.string()?).ok());
    History::new(object.get("start")?.unsigned()?, ids.collect::<Option<Vec<_>>>()?)
}

fn read_ours(body: Value<'_>) -> StoredDoc {
    let mut stored = StoredDoc { body: "{".into(), attachments: Vec::new() };
    for (at, member) in body.members().enumerate() {
        if at < HEAD.len() && HEAD.iter().any(|name| member.key.is(name)) || member.key.is("_deleted") {
            continue;
        }
        if member.key.is("_attachments") {
            stored.attachments = attachments_of(member.value);
            continue;
        }
        if stored.body.len() > 1 {
            stored.body.push(',');
        }
        stored.body.push_str(&String::from_utf8_lossy(&body.bytes()[member.span]));
    }
    stored.body.push('}');
    stored
}

fn foreign_members(body: Value<'_>) -> String {
    let own = body.members().filter(|member| !member.key.decode().starts_with('_'));
    let own: Vec<Cow<'_, str>> = own.map(|member| String::from_utf8_lossy(&body.bytes()[member.span])).collect();
    format!("{{{}}}", own.join(","))
}

fn attachments_of(stubs: Value<'_>) -> Vec<StoredAttachment> {
    let encodings = |name: &str| {
        let stub = stubs.get(name)?;
        Some((stub.get("encoding")?.string()?.into_owned(), stub.get("encoded_length")?.unsigned()?))
    };
    let infos = Info::read_all(stubs).into_iter();
    infos.map(|info| StoredAttachment { encoding: encodings(&info.name), info }).collect()
}

impl StoredAttachment {
    /// Bytes as they are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.encoding.as_ref().map_or(self.info.length, |(_, bytes)| *bytes)
    }

    /// A name for the hash; see the type.
    pub fn digest_hex(&self) -> String {
        HEXLOWER.encode(&self.info.digest)
    }
}

#[cfg(test)]
mod tests {
    use tailwater_core::BodyFormat;

    use super::*;

    fn said(body: &str) -> Said {
        read_said(&event(body), body.as_bytes())
    }

    fn event(body: &str) -> Event<'_> {
        Event { seq: 7, time_us: 0, kind: "put", key: "a", format: BodyFormat::Json, body: body.as_bytes() }
    }

    fn revs(revs: &[&str]) -> Vec<Rev> {
        revs.iter().map(|rev| rev.parse().unwrap()).collect()
    }

    #[test]
    fn the_document_of_a_loser_is_its_own() {
        let body = br#"{"_id":"cf","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"_leaves":[["2-c",false],["2-b",true]],"_winner_doc":{"_id":"cf","_rev":"2-c","v":2},"v":1,"w":{"_rev":3},"_deleted":true,"_attachments":{"x":{"content_type":"t","revpos":1,"digest":"md5-AAAAAAAAAAAAAAAAAAAAAA==","length":3,"stub":true,"encoding":"gzip","encoded_length":2}}}"#;
        let doc = read_doc(body, true);
        assert_eq!(doc.body, r#"{"v":1,"w":{"_rev":3}}"#);
        assert_eq!((doc.attachments.len(), doc.attachments[0].stored_bytes()), (1, 2));
        assert_eq!(doc.attachments, read_attachments(body));
        let Said::Ours { history, leaves } = said(std::str::from_utf8(body).unwrap()) else { panic!("it is ours") };
        assert_eq!(history.revs().collect::<Vec<_>>(), revs(&["2-b", "1-a"]));
        assert_eq!(leaves, revs(&["2-c", "2-b"]));
    }

    #[test]
    fn what_is_kept_with_an_underscore_is_the_documents() {
        let body = br#"{"_id":"r","_rev":"1-b","_revisions":{"start":1,"ids":["b"]},"_replication_id":"x"}"#;
        assert_eq!(read_doc(body, false).body, r#"{"_replication_id":"x"}"#);
    }

    #[test]
    fn documents_of_another_origin() {
        let table = [
            (r#"{"a":1,"_b":2}"#, r#"{"a":1}"#),
            ("{}", "{}"),
            ("[1]", r#"{"body":[1]}"#),
            ("null", r#"{"body":null}"#),
            ("7", r#"{"body":7}"#),
        ];
        for (body, expected) in table {
            assert_eq!(read_doc(body.as_bytes(), false).body, expected);
            assert_eq!(said(body), Said::Theirs { rev: foreign(body) });
        }
        assert_eq!(read_doc(b"null", true).body, "{}");
        let no_rev = r#"{"_id":"a","_rev":"x"}"#;
        assert_eq!(said(no_rev), Said::Theirs { rev: foreign(no_rev) }, "a revision that is none");
    }

    fn foreign(body: &str) -> Rev {
        foreign_rev(&event(body))
    }

    #[test]
    fn a_history_that_does_not_fit_its_revision_is_none() {
        let alone = |rev: &str| Said::Ours { history: History::of(rev.parse().unwrap()), leaves: revs(&[rev]) };
        for revisions in [r#"{"start":2,"ids":["x","a"]}"#, r#"{"start":1,"ids":["b","a"]}"#, "7", r#"{"ids":[]}"#] {
            assert_eq!(said(&format!(r#"{{"_id":"a","_rev":"2-b","_revisions":{revisions}}}"#)), alone("2-b"));
        }
        assert_eq!(said(r#"{"_id":"a","_rev":"2-b","_leaves":[]}"#), alone("2-b"));
    }
}
