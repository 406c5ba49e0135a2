//! The parameters of a read or write of one document.

use super::error::DocError;
use super::parse::parse_rev;
use crate::couchdb::rev::Rev;
use crate::couchdb::text::{Kind, Value, parse_body};
use crate::http1::Query;

/// Which revisions `open_revs` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenRevs {
    /// Every leaf.
    All,
    /// These.
    These(Vec<Rev>),
}

/// The parameters. Those with a fixed word count only if they are that word exactly; unknown ones are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocQuery {
    /// `rev=`: this revision instead of the winner.
    pub rev: Option<Rev>,
    /// `open_revs=`
    pub open_revs: Option<OpenRevs>,
    /// `atts_since=`: attachments of earlier revisions are stubs.
    pub atts_since: Option<Vec<Rev>>,
    /// `new_edits=false`: the revision is kept, nothing conflicts.
    pub keep_rev: bool,
    /// `batch=ok`
    pub batch: bool,
    /// `attachments=true`
    pub attachments: bool,
    /// `att_encoding_info=true`
    pub att_encoding_info: bool,
    /// `revs=true`
    pub revs: bool,
    /// `revs_info=true`, or `meta=true`
    pub revs_info: bool,
    /// `conflicts=true`, or `meta=true`
    pub conflicts: bool,
    /// `deleted_conflicts=true`, or `meta=true`
    pub deleted_conflicts: bool,
    /// `local_seq=true`
    pub local_seq: bool,
    /// `latest=true`: leaves that came from the revisions asked for.
    pub latest: bool,
}

impl DocQuery {
    /// Reads the parameters.
    ///
    /// # Errors
    /// A malformed revision, or JSON that is none.
    pub fn parse(query: &Query<'_>) -> Result<Self, DocError> {
        let mut parsed = Self::default();
        for (name, value) in query.iter() {
            parsed.take(name, value)?;
        }
        Ok(parsed)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), DocError> {
        match (name, value) {
            ("rev", _) => self.rev = Some(value.parse()?),
            ("open_revs", "all") => self.open_revs = Some(OpenRevs::All),
            ("open_revs", _) => self.open_revs = Some(OpenRevs::These(parse_revs(value)?)),
            ("atts_since", _) => self.atts_since = Some(parse_revs(value)?),
            ("new_edits", "false") => self.keep_rev = true,
            ("new_edits", "true") => self.keep_rev = false,
            ("batch", "ok") => self.batch = true,
            (_, "true") => self.set(name),
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, name: &str) {
        match name {
            "attachments" => self.attachments = true,
            "att_encoding_info" => self.att_encoding_info = true,
            "revs" => self.revs = true,
            "revs_info" => self.revs_info = true,
            "conflicts" => self.conflicts = true,
            "deleted_conflicts" => self.deleted_conflicts = true,
            "local_seq" => self.local_seq = true,
            "latest" => self.latest = true,
            "meta" => (self.revs_info, self.conflicts, self.deleted_conflicts) = (true, true, true),
            _ => {}
        }
    }
}

/// Reads a JSON array of revision ids.
fn parse_revs(text: &str) -> Result<Vec<Rev>, DocError> {
    let text = parse_body(text.as_bytes())?;
    let value = Value::new(text.as_bytes());
    if value.kind() != Kind::Array {
        return Err(DocError::Rev);
    }
    value.elements().map(parse_rev).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DocQuery, DocError> {
        DocQuery::parse(&Query::parse(text))
    }

    #[test]
    fn parameters() {
        let query = parse("open_revs=%5B%222-x%22%5D&revs=true&latest=true&attachments=TRUE&w=2").unwrap();
        let open_revs = Some(OpenRevs::These(vec!["2-x".parse().unwrap()]));
        assert_eq!(query, DocQuery { open_revs, revs: true, latest: true, ..DocQuery::default() });
        let query = parse("open_revs=all&meta=true&new_edits=false&batch=ok&atts_since=[]").unwrap();
        let expected = DocQuery {
            open_revs: Some(OpenRevs::All),
            atts_since: Some(Vec::new()),
            keep_rev: true,
            batch: true,
            revs_info: true,
            conflicts: true,
            deleted_conflicts: true,
            ..DocQuery::default()
        };
        assert_eq!(query, expected);
    }

    #[test]
    fn refusals() {
        let table = [
            ("rev=bogus", "Invalid rev format"),
            ("open_revs=x", "invalid UTF-8 JSON"),
            ("open_revs=%5B1%5D", "Invalid rev format"),
            ("atts_since=%7B%7D", "Invalid rev format"),
        ];
        for (text, reason) in table {
            let error = parse(text).unwrap_err();
            assert_eq!(
                (error.status(), error.code(), error.to_string().as_str()),
                (400, "bad_request", reason),
                "{text}"
            );
        }
    }
}
