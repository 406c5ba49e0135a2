//! One change as a row: `{"seq":..,"id":..,"changes":[{"rev":..}],"deleted":true,"doc":{..}}`.

use super::request::Style;
use super::token::DbUid;
use crate::couchdb::event::Change;
use crate::couchdb::selector::Fields;
use crate::couchdb::text::Value;
use crate::json;

/// The seq of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSeq {
    /// Its token.
    Token(DbUid, u64),
    /// `null`: one of those that `seq_interval` passes over.
    Null,
}

/// The document of a row.
#[derive(Clone, Copy, Debug)]
pub enum RowDoc<'a> {
    /// There is none.
    None,
    /// The winner's, from the event.
    Winner {
        /// With `_conflicts`.
        conflicts: bool,
    },
    /// The same, of which these fields are shown.
    Fields(&'a Fields),
    /// This text.
    Text(&'a [u8]),
}

impl RowSeq {
    /// Appends the seq as JSON.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Token(uid, seq) => {
                out.push(b'"');
                uid.write(seq, out);
                out.push(b'"');
            }
        }
    }
}

/// Appends the row of a change.
pub fn write(change: &Change<'_>, seq: RowSeq, style: Style, doc: RowDoc<'_>, out: &mut Vec<u8>) {
    let count = match style {
        Style::MainOnly => 1,
        Style::AllDocs => usize::MAX,
    };
    write_with(change, seq, change.leaves().map(|(rev, _)| rev).take(count), doc, out);
}

/// The same with these revisions (JSON strings) only: those that a filter let pass.
pub fn write_with<'r>(
    change: &Change<'_>,
    seq: RowSeq,
    revs: impl Iterator<Item = &'r [u8]>,
    doc: RowDoc<'_>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"seq\":");
    seq.write(out);
    out.extend_from_slice(b",\"id\":");
    json::write_str(out, change.id());
    out.extend_from_slice(b",\"changes\":[");
    for (at, rev) in revs.enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"rev\":" } else { b"{\"rev\":" });
        out.extend_from_slice(rev);
        out.push(b'}');
    }
    out.push(b']');
    if change.is_deleted() {
        out.extend_from_slice(b",\"deleted\":true");
    }
    write_doc(change, doc, out);
    out.push(b'}');
}

fn write_doc(change: &Change<'_>, doc: RowDoc<'_>, out: &mut Vec<u8>) {
    let name = b",\"doc\":";
    match doc {
        RowDoc::None => {}
        RowDoc::Winner { conflicts } => {
            out.extend_from_slice(name);
            change.write_doc(conflicts, out);
        }
        RowDoc::Fields(fields) => {
            let mut doc = Vec::new();
            change.write_doc(false, &mut doc);
            out.extend_from_slice(name);
            fields.write(Value::new(&doc), out);
        }
        RowDoc::Text(text) => {
            out.extend_from_slice(name);
            out.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use tailwater_core::{BodyFormat, Event};

    use super::*;

    fn row(style: Style, doc: RowDoc<'_>, seq: RowSeq) -> String {
        let body = br#"{"_id":"cf","_rev":"2-ccc2","_revisions":{"start":2,"ids":["ccc2","aaa0"]},"_leaves":[["2-ccc2",false],["2-bbb1",false],["2-ddd3",true]],"v":2}"#;
        let event = Event { seq: 1, time_us: 0, kind: "put", key: "cf", format: BodyFormat::Json, body };
        let mut out = Vec::new();
        write(&Change::read(&event, body), seq, style, doc, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The rows of a captured conflict, but for the seqs.
    #[test]
    fn captured_rows() {
        let winner = |conflicts| RowDoc::Winner { conflicts };
        let table = [
            (Style::MainOnly, RowDoc::None, r#""changes":[{"rev":"2-ccc2"}]}"#),
            (Style::AllDocs, RowDoc::None, r#""changes":[{"rev":"2-ccc2"},{"rev":"2-bbb1"},{"rev":"2-ddd3"}]}"#),
            (
                Style::MainOnly,
                winner(true),
                r#""changes":[{"rev":"2-ccc2"}],"doc":{"_id":"cf","_rev":"2-ccc2","v":2,"_conflicts":["2-bbb1"]}}"#,
            ),
            (
                Style::AllDocs,
                winner(false),
                r#""changes":[{"rev":"2-ccc2"},{"rev":"2-bbb1"},{"rev":"2-ddd3"}],"doc":{"_id":"cf","_rev":"2-ccc2","v":2}}"#,
            ),
        ];
        for (style, doc, expected) in table {
            assert_eq!(row(style, doc, RowSeq::Null), format!(r#"{{"seq":null,"id":"cf",{expected}"#));
        }
        let token = DbUid(7).token(1);
        let fields = Fields::parse(Value::new(br#"["v","_id"]"#)).unwrap();
        assert_eq!(
            row(Style::MainOnly, RowDoc::Fields(&fields), RowSeq::Token(DbUid(7), 1)),
            format!(r#"{{"seq":"{token}","id":"cf","changes":[{{"rev":"2-ccc2"}}],"doc":{{"v":2,"_id":"cf"}}}}"#)
        );
        assert!(row(Style::MainOnly, RowDoc::Text(b"{}"), RowSeq::Null).ends_with(r#","doc":{}}"#));
    }

    #[test]
    fn revisions_that_pass() {
        let body = br#"{"_id":"cf","_rev":"3-x","_revisions":{"start":3,"ids":["x"]},"_deleted":true}"#;
        let event = Event { seq: 1, time_us: 0, kind: "delete", key: "a\"b", format: BodyFormat::Json, body };
        let (change, mut out) = (Change::read(&event, body), Vec::new());
        write_with(&change, RowSeq::Null, change.leaves().map(|(rev, _)| rev), RowDoc::None, &mut out);
        assert_eq!(out, br#"{"seq":null,"id":"a\"b","changes":[{"rev":"3-x"}],"deleted":true}"#);
    }
}
