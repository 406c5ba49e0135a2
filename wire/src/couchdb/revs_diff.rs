//! `_revs_diff` and `_missing_revs`: a replicator asks which revisions it has to bring.

use super::doc::DocError;
use super::doc::shown::write_revs;
use super::rev::{Rev, RevTree};
use super::text::{BodyError, Kind, Value, parse_object};
use crate::json::write_str;

/// The most revisions of one request.
pub const REVS_MAX: usize = 1_000_000;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevsDiffError {
    /// Not JSON, or no object.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The value of a document is no list.
    #[error("Invalid list of revisions")]
    List,
    /// A revision is none.
    #[error(transparent)]
    Rev(#[from] DocError),
    /// More than [`REVS_MAX`].
    #[error("more than {REVS_MAX} revisions")]
    TooMany,
}

impl RevsDiffError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        if *self == Self::TooMany { 413 } else { 400 }
    }

    /// The name of the error.
    pub fn code(&self) -> &'static str {
        if *self == Self::TooMany { "too_large" } else { "bad_request" }
    }
}

/// Reads `{"id":["1-a",..],..}`.
///
/// # Errors
/// See [`RevsDiffError`].
pub fn parse(body: &[u8]) -> Result<Vec<(String, Vec<Rev>)>, RevsDiffError> {
    let text = parse_object(body)?;
    let mut count = 0;
    let documents = Value::new(text.as_bytes()).members().map(|member| {
        if member.value.kind() != Kind::Array {
            return Err(RevsDiffError::List);
        }
        let mut revs = Vec::new();
        for rev in member.value.elements() {
            count += 1;
            if count > REVS_MAX {
                return Err(RevsDiffError::TooMany);
            }
            let text = rev.string().ok_or(DocError::Rev)?;
            revs.push(text.parse().map_err(DocError::from)?);
        }
        Ok((member.key.decode().into_owned(), revs))
    });
    documents.collect()
}

/// The answer while it is written. Documents that lack nothing are left out.
#[derive(Debug)]
pub struct DiffWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> DiffWriter<'o> {
    /// Starts the answer.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Appends what is missing of `revs` of a document; `tree` is what is known of it.
    pub fn document(&mut self, id: &str, revs: &[Rev], tree: Option<&RevTree>) {
        // Of an unknown document all is missing, in the order it was asked for.
        let missing = tree.map_or_else(|| revs.to_vec(), |tree| tree.missing(revs));
        let ancestors = tree.map(|tree| tree.possible_ancestors(&missing)).unwrap_or_default();
        self.difference(id, &missing, ancestors);
    }

    /// Appends what is missing of a document, and what it could have come from; nothing if nothing is.
    pub fn difference<'r>(&mut self, id: &str, missing: &[Rev], ancestors: impl IntoIterator<Item = &'r Rev>) {
        if missing.is_empty() {
            return;
        }
        let mut ancestors = ancestors.into_iter().peekable();
        self.out.extend_from_slice(if self.is_empty { b"" } else { b"," });
        self.is_empty = false;
        write_str(self.out, id);
        self.out.extend_from_slice(b":{\"missing\":");
        write_revs(missing, self.out);
        if ancestors.peek().is_some() {
            self.out.extend_from_slice(b",\"possible_ancestors\":");
            write_revs(ancestors, self.out);
        }
        self.out.push(b'}');
    }

    /// Ends the answer.
    pub fn finish(self) {
        self.out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::couchdb::rev::{Body, History, RevHash};

    fn tree() -> RevTree {
        let ids = ["c", "b", "a"].map(|id| RevHash::parse(id).unwrap());
        let mut tree = RevTree::new();
        tree.insert(&History::new(3, ids.into()).unwrap(), Body { seq: 1, deleted: false }, 1_000);
        tree
    }

    fn answer(body: &str) -> String {
        let (tree, mut out) = (tree(), Vec::new());
        let mut writer = DiffWriter::new(&mut out);
        for (id, revs) in parse(body.as_bytes()).unwrap() {
            writer.document(&id, &revs, (id == "n1").then_some(&tree));
        }
        writer.finish();
        String::from_utf8(out).unwrap()
    }

    /// Answers of CouchDB 3.5.0.
    #[test]
    fn captured_answers() {
        let table = [
            (
                r#"{"n1":["3-c","4-d"],"zzz":["1-a"]}"#,
                r#"{"n1":{"missing":["4-d"],"possible_ancestors":["3-c"]},"zzz":{"missing":["1-a"]}}"#,
            ),
            (r#"{"n1":["3-c"]}"#, "{}"),
            ("{}", "{}"),
            (r#"{"cf":["2-ccc2","2-bbb1","2-ddd3"]}"#, r#"{"cf":{"missing":["2-ccc2","2-bbb1","2-ddd3"]}}"#),
        ];
        for (body, expected) in table {
            assert_eq!(answer(body), format!("{expected}\n"), "{body}");
        }
    }

    #[test]
    fn refusals() {
        let table = [
            ("[]", "Request body must be a JSON object"),
            (r#"{"a":1}"#, "Invalid list of revisions"),
            (r#"{"a":["x"]}"#, "Invalid rev format"),
            (r#"{"a":[1]}"#, "Invalid rev format"),
        ];
        for (body, reason) in table {
            let error = parse(body.as_bytes()).unwrap_err();
            assert_eq!((error.status(), error.code(), error.to_string().as_str()), (400, "bad_request", reason));
        }
    }
}
