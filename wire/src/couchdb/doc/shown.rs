//! A document as it is shown.

use crate::couchdb::rev::tree::Status;
use crate::couchdb::rev::{History, Rev};
use crate::json;

/// What is shown of a document, in the order in which it is shown.
#[derive(Clone, Debug, Default)]
pub struct Shown<'a> {
    /// `_id`
    pub id: &'a str,
    /// `_rev`: a revision id, or the counter of a local document, `0-N`.
    pub rev: &'a str,
    /// Its own members, as compact JSON object text.
    pub body: &'a str,
    /// `_deleted`
    pub deleted: bool,
    /// `_revisions`
    pub revisions: Option<&'a History>,
    /// `_revs_info`
    pub revs_info: Option<&'a [(&'a Rev, Status)]>,
    /// `_local_seq`
    pub local_seq: Option<&'a str>,
    /// `_conflicts`
    pub conflicts: Option<&'a [&'a Rev]>,
    /// `_deleted_conflicts`
    pub deleted_conflicts: Option<&'a [&'a Rev]>,
    /// The value of `_attachments`, as JSON text.
    pub attachments: Option<&'a [u8]>,
}

impl Shown<'_> {
    /// Appends the document. Lists of conflicts are left out when they are empty.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"_id\":");
        json::write_str(out, self.id);
        member(out, "_rev", |out| json::write_str(out, self.rev));
        let inside = self.body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or_default();
        if !inside.is_empty() {
            out.push(b',');
            out.extend_from_slice(inside.as_bytes());
        }
        if self.deleted {
            member(out, "_deleted", |out| out.extend_from_slice(b"true"));
        }
        self.write_meta(out);
        if let Some(attachments) = self.attachments {
            member(out, "_attachments", |out| out.extend_from_slice(attachments));
        }
        out.push(b'}');
    }

    fn write_meta(&self, out: &mut Vec<u8>) {
        if let Some(history) = self.revisions {
            member(out, "_revisions", |out| history.write(out));
        }
        if let Some(info) = self.revs_info {
            member(out, "_revs_info", |out| write_revs_info(info, out));
        }
        if let Some(seq) = self.local_seq {
            member(out, "_local_seq", |out| json::write_str(out, seq));
        }
        for (name, revs) in [("_conflicts", self.conflicts), ("_deleted_conflicts", self.deleted_conflicts)] {
            if let Some(revs) = revs.filter(|revs| !revs.is_empty()) {
                member(out, name, |out| write_revs(revs.iter().copied(), out));
            }
        }
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    value(out);
}

fn write_revs_info(info: &[(&Rev, Status)], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, (rev, status)) in info.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"rev\":" } else { b"{\"rev\":" });
        rev.write_json(out);
        out.extend_from_slice(b",\"status\":");
        json::write_str(out, status.as_str());
        out.push(b'}');
    }
    out.push(b']');
}

/// Appends revision ids as an array of strings.
pub fn write_revs<'a>(revs: impl IntoIterator<Item = &'a Rev>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, rev) in revs.into_iter().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        rev.write_json(out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(shown: &Shown<'_>) -> String {
        let mut out = Vec::new();
        shown.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Answers of CouchDB 3.5.0, byte for byte.
    #[test]
    fn captured_forms() {
        let hashes = [
            "28390acbb2afb09d34e8e35d2d2211ad",
            "71173597778497e0a6aa176963f222db",
            "23202479633c2b380f79507a776743d5",
        ];
        let revs: Vec<Rev> = (0..3).map(|at| format!("{}-{}", 3 - at, hashes[at]).parse().unwrap()).collect();
        let history = History::new(3, revs.iter().map(|rev| rev.hash.clone()).collect()).unwrap();
        let info: Vec<_> = revs.iter().map(|rev| (rev, Status::Available)).collect();
        let rev = revs[0].to_string();
        let doc1 = Shown { id: "doc1", rev: &rev, body: r#"{"a":3}"#, ..Shown::default() };
        let table = [
            (doc1.clone(), r#"{"_id":"doc1","_rev":"3-28390acbb2afb09d34e8e35d2d2211ad","a":3}"#),
            (
                Shown { revisions: Some(&history), ..doc1.clone() },
                r#"{"_id":"doc1","_rev":"3-28390acbb2afb09d34e8e35d2d2211ad","a":3,"_revisions":{"start":3,"ids":["28390acbb2afb09d34e8e35d2d2211ad","71173597778497e0a6aa176963f222db","23202479633c2b380f79507a776743d5"]}}"#,
            ),
            (
                Shown { revs_info: Some(&info), ..doc1 },
                r#"{"_id":"doc1","_rev":"3-28390acbb2afb09d34e8e35d2d2211ad","a":3,"_revs_info":[{"rev":"3-28390acbb2afb09d34e8e35d2d2211ad","status":"available"},{"rev":"2-71173597778497e0a6aa176963f222db","status":"available"},{"rev":"1-23202479633c2b380f79507a776743d5","status":"available"}]}"#,
            ),
            (
                Shown { id: "_local/chk", rev: "0-2", body: r#"{"v":2}"#, ..Shown::default() },
                r#"{"_id":"_local/chk","_rev":"0-2","v":2}"#,
            ),
        ];
        for (document, expected) in table {
            assert_eq!(shown(&document), expected);
        }
    }

    #[test]
    fn everything_in_its_order() {
        let (b, d): (Rev, Rev) = ("2-bbb1".parse().unwrap(), "2-ddd3".parse().unwrap());
        let history = History::of("2-ccc2".parse().unwrap());
        let document = Shown {
            id: "c\"f",
            rev: "2-ccc2",
            body: "{}",
            deleted: true,
            revisions: Some(&history),
            revs_info: Some(&[(&b, Status::Deleted)]),
            local_seq: Some("7"),
            conflicts: Some(&[&b]),
            deleted_conflicts: Some(&[&d, &b]),
            attachments: Some(b"{}"),
        };
        let expected = r#"{"_id":"c\"f","_rev":"2-ccc2","_deleted":true,"_revisions":{"start":2,"ids":["ccc2"]},"_revs_info":[{"rev":"2-bbb1","status":"deleted"}],"_local_seq":"7","_conflicts":["2-bbb1"],"_deleted_conflicts":["2-ddd3","2-bbb1"],"_attachments":{}}"#;
        assert_eq!(shown(&document), expected);
        assert_eq!(
            shown(&Shown { id: "a", rev: "1-b", body: "{}", conflicts: Some(&[]), ..Shown::default() }),
            r#"{"_id":"a","_rev":"1-b"}"#
        );
    }
}
