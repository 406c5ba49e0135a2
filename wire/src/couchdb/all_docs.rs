//! `_all_docs`: documents by id.

use super::rev::Rev;
use super::text::{BodyError, Kind, Value, erlang_integer, parse_body, parse_object};
use crate::http1::Query;
use crate::json::write_str;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllDocsError {
    /// Not JSON, or no object.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// `keys` in the query is no array.
    #[error("`keys` parameter must be an array.")]
    QueryKeys,
    /// `keys` in the body is no array.
    #[error("`keys` body member must be an array.")]
    BodyKeys,
    /// A flag that is neither true nor false; as CouchDB shows it.
    #[error("Invalid boolean parameter: {0}")]
    Boolean(String),
    /// `limit` or `skip`, no number.
    #[error("Invalid value for integer: {0}")]
    Integer(String),
    /// `limit` or `skip`, negative.
    #[error("Invalid value for positive integer: {0}")]
    Negative(String),
}

impl AllDocsError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        400
    }

    /// The name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Boolean(_) | Self::Integer(_) | Self::Negative(_) => "query_parse_error",
            _ => "bad_request",
        }
    }
}

/// What is asked for. Keys are JSON, as compact text: only strings can be ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllDocsQuery {
    /// `keys`: these, in this order.
    pub keys: Option<Vec<String>>,
    /// `start_key`, `startkey`, or `key`
    pub start_key: Option<String>,
    /// `end_key`, `endkey`, or `key`
    pub end_key: Option<String>,
    /// `inclusive_end`: whether the document `end_key` is one of them.
    pub inclusive_end: bool,
    /// `limit`
    pub limit: Option<u64>,
    /// `skip`
    pub skip: u64,
    /// `descending`
    pub descending: bool,
    /// `include_docs`
    pub include_docs: bool,
    /// `conflicts`
    pub conflicts: bool,
    /// `attachments`
    pub attachments: bool,
    /// `att_encoding_info`
    pub att_encoding_info: bool,
    /// `update_seq`
    pub update_seq: bool,
}

impl Default for AllDocsQuery {
    fn default() -> Self {
        Self {
            keys: None,
            start_key: None,
            end_key: None,
            inclusive_end: true,
            limit: None,
            skip: 0,
            descending: false,
            include_docs: false,
            conflicts: false,
            attachments: false,
            att_encoding_info: false,
            update_seq: false,
        }
    }
}

impl AllDocsQuery {
    /// Reads a request. `body` is that of a POST, whose members are parameters too; those of the query count more.
    ///
    /// # Errors
    /// See [`AllDocsError`].
    pub fn parse(query: &Query<'_>, body: Option<&[u8]>) -> Result<Self, AllDocsError> {
        let mut parsed = Self::default();
        if let Some(body) = body {
            let text = parse_object(body)?;
            for member in Value::new(text.as_bytes()).members() {
                parsed.take(&member.key.decode(), member.value, AllDocsError::BodyKeys)?;
            }
        }
        for (name, value) in query.iter() {
            let text = if is_json(name) { parse_body(value.as_bytes())? } else { quoted(value) };
            parsed.take(name, Value::new(text.as_bytes()), AllDocsError::QueryKeys)?;
        }
        Ok(parsed)
    }

    fn take(&mut self, name: &str, value: Value<'_>, wrong_keys: AllDocsError) -> Result<(), AllDocsError> {
        match name {
            "keys" if value.kind() == Kind::Array => self.keys = Some(value.elements().map(text).collect()),
            "keys" if value.kind() == Kind::Null => {}
            "keys" => return Err(wrong_keys),
            "key" => (self.start_key, self.end_key) = (Some(text(value)), Some(text(value))),
            "startkey" | "start_key" => self.start_key = Some(text(value)),
            "endkey" | "end_key" => self.end_key = Some(text(value)),
            "inclusive_end" => self.inclusive_end = boolean(value)?,
            "limit" => self.limit = Some(unsigned(value)?),
            "skip" => self.skip = unsigned(value)?,
            "descending" => self.descending = boolean(value)?,
            "include_docs" => self.include_docs = boolean(value)?,
            "conflicts" => self.conflicts = boolean(value)?,
            "attachments" => self.attachments = boolean(value)?,
            "att_encoding_info" => self.att_encoding_info = boolean(value)?,
            "update_seq" => self.update_seq = boolean(value)?,
            _ => {}
        }
        Ok(())
    }
}

/// Whether a parameter's value is JSON in a query.
fn is_json(name: &str) -> bool {
    matches!(name, "keys" | "key" | "startkey" | "start_key" | "endkey" | "end_key")
}

/// Other values as JSON strings.
fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    write_str(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

fn text(value: Value<'_>) -> String {
    String::from_utf8_lossy(value.bytes()).into_owned()
}

fn boolean(value: Value<'_>) -> Result<bool, AllDocsError> {
    let word = value.string().map(|word| word.to_ascii_lowercase());
    match (value.boolean(), word.as_deref()) {
        (Some(boolean), _) => Ok(boolean),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err(AllDocsError::Boolean(shown(value))),
    }
}

fn unsigned(value: Value<'_>) -> Result<u64, AllDocsError> {
    let number = value.string().map_or_else(|| erlang_integer(&text(value)), |word| erlang_integer(&word));
    let number = number.ok_or_else(|| AllDocsError::Integer(shown(value)))?;
    u64::try_from(number).map_err(|_| AllDocsError::Negative(shown(value)))
}

/// A wrong value, cut off where it would get long.
fn shown(value: Value<'_>) -> String {
    text(value).chars().take(200).collect()
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// A document, its winner's revision, and the document itself if it is wanted: `null` if it is deleted.
    Found {
        /// Its id.
        id: &'a str,
        /// Its winner.
        rev: &'a Rev,
        /// Whether it is deleted, which only `keys` can ask for.
        deleted: bool,
        /// Its JSON.
        doc: Option<&'a [u8]>,
    },
    /// A key (as JSON) that there is no document for.
    Missing(&'a str),
}

impl Row<'_> {
    /// Appends the row.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Missing(key) => {
                out.extend_from_slice(b"{\"key\":");
                out.extend_from_slice(key.as_bytes());
                out.extend_from_slice(b",\"error\":\"not_found\"}");
            }
            Self::Found { id, rev, deleted, doc } => {
                for name in [&b"{\"id\":"[..], b",\"key\":"] {
                    out.extend_from_slice(name);
                    write_str(out, id);
                }
                out.extend_from_slice(b",\"value\":{\"rev\":");
                write_str(out, &rev.to_string());
                out.extend_from_slice(if deleted { b",\"deleted\":true}" } else { b"}" });
                if let Some(doc) = doc {
                    out.extend_from_slice(b",\"doc\":");
                    out.extend_from_slice(doc);
                }
                out.push(b'}');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(query: &str, body: Option<&str>) -> Result<AllDocsQuery, AllDocsError> {
        AllDocsQuery::parse(&Query::parse(query), body.map(str::as_bytes))
    }

    #[test]
    fn parameters() {
        let all = AllDocsQuery::default();
        assert_eq!(parse("", None), Ok(all.clone()));
        let query = parse("startkey=%22a%22&end_key=%22b%22&limit=10&skip=1&descending=TRUE&inclusive_end=false", None);
        let expected = AllDocsQuery {
            start_key: Some("\"a\"".into()),
            end_key: Some("\"b\"".into()),
            limit: Some(10),
            skip: 1,
            descending: true,
            inclusive_end: false,
            ..all.clone()
        };
        assert_eq!(query, Ok(expected));
        let keys = Some(vec!["\"x1\"".to_owned(), "1".into()]);
        let both = parse("include_docs=true", Some(r#"{"keys":["x1",1],"include_docs":false,"limit":2}"#));
        let expected = AllDocsQuery { keys, include_docs: true, limit: Some(2), ..all.clone() };
        assert_eq!(both, Ok(expected));
        let one = parse("key=%22a%22&unknown=1", None).unwrap();
        assert_eq!((one.start_key.as_deref(), one.end_key.as_deref()), (Some("\"a\""), Some("\"a\"")));
    }

    #[test]
    fn refusals() {
        let table = [
            ("limit=x", None, "query_parse_error", "Invalid value for integer: \"x\""),
            ("skip=-1", None, "query_parse_error", "Invalid value for positive integer: \"-1\""),
            ("descending=1", None, "query_parse_error", "Invalid boolean parameter: \"1\""),
            ("", Some(r#"{"limit":-1}"#), "query_parse_error", "Invalid value for positive integer: -1"),
            ("keys=1", None, "bad_request", "`keys` parameter must be an array."),
            ("", Some(r#"{"keys":{}}"#), "bad_request", "`keys` body member must be an array."),
            ("key=x", None, "bad_request", "invalid UTF-8 JSON"),
            ("", Some("[]"), "bad_request", "Request body must be a JSON object"),
        ];
        for (query, body, code, reason) in table {
            let error = parse(query, body).unwrap_err();
            assert_eq!((error.status(), error.code(), error.to_string().as_str()), (400, code, reason), "{query}");
        }
    }

    /// Rows of CouchDB 3.5.0.
    #[test]
    fn captured_rows() {
        let rev: Rev = "1-967a00dff5e02add41819138abb3284d".parse().unwrap();
        let found = |deleted, doc| Row::Found { id: "x1", rev: &rev, deleted, doc };
        let start = r#"{"id":"x1","key":"x1","value":{"rev":"1-967a00dff5e02add41819138abb3284d""#;
        let doc = br#"{"_id":"x1","_rev":"1-967a00dff5e02add41819138abb3284d"}"#;
        let table = [
            (found(false, None), format!("{start}}}}}")),
            (found(false, Some(&doc[..])), format!("{start}}},\"doc\":{}}}", String::from_utf8_lossy(doc))),
            (found(true, Some(b"null")), format!("{start},\"deleted\":true}},\"doc\":null}}")),
            (Row::Missing("\"nosuch\""), r#"{"key":"nosuch","error":"not_found"}"#.into()),
        ];
        for (row, expected) in table {
            let mut out = Vec::new();
            row.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_query_panics(query in "((key|keys|limit|skip|descending)=[a-z0-9\\[\\]\"%-]{0,8}&){0,3}", body in "[{}\\[\\]\":,a-z0-9]{0,20}") {
            let _ = parse(&query, Some(&body));
        }
    }
}
