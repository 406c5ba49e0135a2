//! `_find`: the body of a query.

use super::selector::project::FieldsError;
use super::selector::{Fields, Selector, SelectorError, erlang};
use super::text::{BodyError, Kind, Value, parse_object};

/// Documents of an answer, if the query does not say.
pub const LIMIT_DEFAULT: u64 = 25;

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// Not JSON, or no object.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// There is no selector.
    #[error("Missing required key: selector")]
    SelectorMissing,
    /// The selector.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// `fields`
    #[error(transparent)]
    Fields(#[from] FieldsError),
    /// A key that no query has.
    #[error("Invalid key {0} for this request.")]
    Key(String),
    /// A flag that is neither true nor false.
    #[error("Invalid boolean value: {0}")]
    Boolean(String),
    /// `limit` or `skip`
    #[error("{0} is not an integer greater than or equal to zero")]
    NotAnUnsigned(String),
    /// `r`
    #[error("{0} is not an integer greater than zero")]
    NotPositive(String),
    /// `sort` is no array.
    #[error("Sort must be an array of sort specs, not: {0}")]
    Sort(String),
    /// An element of `sort`.
    #[error("Invalid sort field: {0}")]
    SortField(String),
    /// Some fields up and some down.
    #[error("Sorts currently only support a single direction for all fields.")]
    MixedSort,
    /// `bookmark` is no string.
    #[error("Invalid bookmark value: {0}")]
    Bookmark(String),
    /// `use_index` names no index.
    #[error("Invalid index name: {0}")]
    Index(String),
}

impl FindError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Selector(error) => error.status(),
            _ => 400,
        }
    }

    /// The name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Body(_) => "bad_request",
            Self::SelectorMissing => "missing_required_key",
            Self::Selector(error) => error.code(),
            Self::Fields(error) => error.code(),
            Self::Key(_) => "invalid_key",
            Self::Boolean(_) => "invalid_boolean",
            Self::NotAnUnsigned(_) => "invalid_non_neg_integer",
            Self::NotPositive(_) => "invalid_pos_integer",
            Self::Sort(_) => "invalid_sort_json",
            Self::SortField(_) => "invalid_sort_field",
            Self::MixedSort => "unsupported_mixed_sort",
            Self::Bookmark(_) => "invalid_bookmark",
            Self::Index(_) => "invalid_index_name",
        }
    }
}

/// A query.
#[derive(Clone, Debug)]
pub struct FindRequest {
    /// `selector`
    pub selector: Selector,
    /// `fields`
    pub fields: Fields,
    /// `limit`
    pub limit: u64,
    /// `skip`
    pub skip: u64,
    /// `sort`: names of fields, the most important first.
    pub sort: Vec<String>,
    /// Whether `sort` is the other way round.
    pub descending: bool,
    /// `bookmark`, as it was given out.
    pub bookmark: Option<String>,
    /// `use_index`: a design document and perhaps a name within it.
    pub use_index: Vec<String>,
    /// `conflicts`
    pub conflicts: bool,
    /// `execution_stats`
    pub execution_stats: bool,
}

impl FindRequest {
    /// Reads the body of `_find`.
    ///
    /// # Errors
    /// See [`FindError`]. Keys that are not known are looked for last, as CouchDB does.
    pub fn parse(body: &[u8]) -> Result<Self, FindError> {
        let text = parse_object(body)?;
        let value = Value::new(text.as_bytes());
        let selector = Selector::parse(value.get("selector").ok_or(FindError::SelectorMissing)?)?;
        let use_index = value.get("use_index").map_or(Ok(Vec::new()), parse_index)?;
        let bookmark = value.get("bookmark").map_or(Ok(None), parse_bookmark)?;
        let unsigned = |name| value.get(name).map(unsigned).transpose();
        let (limit, skip) = (unsigned("limit")?.unwrap_or(LIMIT_DEFAULT), unsigned("skip")?.unwrap_or(0));
        let (sort, descending) = value.get("sort").map_or(Ok((Vec::new(), false)), parse_sort)?;
        let fields = value.get("fields").map_or(Ok(Fields::default()), Fields::parse)?;
        check_replicas(value)?;
        let flag = |name, default| value.get(name).map_or(Ok(default), boolean);
        let conflicts = flag("conflicts", false)?;
        for ignored in ["update", "stable", "allow_fallback"] {
            flag(ignored, true)?;
        }
        let execution_stats = flag("execution_stats", false)?;
        check_keys(value)?;
        Ok(Self { selector, fields, limit, skip, sort, descending, bookmark, use_index, conflicts, execution_stats })
    }
}

/// Everything a query may have.
const KEYS: [&str; 15] = [
    "selector",
    "use_index",
    "bookmark",
    "limit",
    "skip",
    "sort",
    "fields",
    "partition",
    "r",
    "conflicts",
    "stale",
    "update",
    "stable",
    "execution_stats",
    "allow_fallback",
];

fn check_keys(value: Value<'_>) -> Result<(), FindError> {
    let names = value.members().map(|member| member.key.decode().into_owned());
    match names.into_iter().find(|name| !KEYS.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(FindError::Key(name.chars().take(200).collect())),
    }
}

/// `r` means nothing here, but must be right.
fn check_replicas(value: Value<'_>) -> Result<(), FindError> {
    match value.get("r") {
        Some(r) if r.unsigned().is_none_or(|r| r == 0) => Err(FindError::NotPositive(erlang::term(r))),
        _ => Ok(()),
    }
}

fn boolean(value: Value<'_>) -> Result<bool, FindError> {
    value.boolean().ok_or_else(|| FindError::Boolean(erlang::term(value)))
}

fn unsigned(value: Value<'_>) -> Result<u64, FindError> {
    value.unsigned().ok_or_else(|| FindError::NotAnUnsigned(erlang::term(value)))
}

fn parse_bookmark(value: Value<'_>) -> Result<Option<String>, FindError> {
    match (value.kind(), value.string()) {
        (Kind::Null, _) => Ok(None),
        (_, Some(text)) => Ok(Some(text.into_owned()).filter(|text| !text.is_empty())),
        _ => Err(FindError::Bookmark(String::from_utf8_lossy(value.bytes()).chars().take(200).collect())),
    }
}

/// A design document, or with a name within it: `"a"`, `"a/b"`, `["a","b"]`, each with `_design/` in front or not.
fn parse_index(value: Value<'_>) -> Result<Vec<String>, FindError> {
    let wrong = || FindError::Index(erlang::term(value));
    let mut names: Vec<String> = match (value.kind(), value.string()) {
        (Kind::Null, _) => Vec::new(),
        (_, Some(text)) => text.split('/').map(str::to_owned).collect(),
        (Kind::Array, _) => {
            let names = value.elements().map(|name| name.string().map(|name| name.into_owned()));
            names.collect::<Option<_>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    if value.kind() == Kind::String && names.len() > 1 && names[0] == "_design" {
        names.remove(0);
    }
    if names.len() > 2 { Err(wrong()) } else { Ok(names) }
}

fn parse_sort(value: Value<'_>) -> Result<(Vec<String>, bool), FindError> {
    if value.kind() != Kind::Array {
        return Err(FindError::Sort(erlang::readable_term(value)));
    }
    let fields = value
        .elements()
        .map(|field| parse_sort_field(field).ok_or_else(|| FindError::SortField(erlang::readable_term(field))));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let descending = fields.first().is_some_and(|(_, descending)| *descending);
    if fields.iter().any(|(_, other)| *other != descending) {
        return Err(FindError::MixedSort);
    }
    Ok((fields.into_iter().map(|(name, _)| name).collect(), descending))
}

/// `"name"` or `{"name":"asc"}`, and whether it is `desc`.
fn parse_sort_field(field: Value<'_>) -> Option<(String, bool)> {
    if let Some(name) = field.string() {
        return (!name.is_empty()).then(|| (name.into_owned(), false));
    }
    let mut members = field.members();
    let member = members.next().filter(|_| members.next().is_none())?;
    match member.value.string().as_deref() {
        Some("asc") => Some((member.key.decode().into_owned(), false)),
        Some("desc") => Some((member.key.decode().into_owned(), true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<FindRequest, FindError> {
        FindRequest::parse(text.as_bytes())
    }

    #[test]
    fn queries() {
        let query = parse(r#"{"selector":{"a":1}}"#).unwrap();
        assert_eq!((query.limit, query.skip, query.descending, query.bookmark.as_deref()), (25, 0, false, None));
        assert!(query.fields.is_all() && query.sort.is_empty() && query.use_index.is_empty());
        let query = parse(
            r#"{"selector":{},"limit":0,"skip":2,"sort":[{"a.b":"desc"},{"c":"desc"}],"fields":["a"],"bookmark":"x",
            "use_index":"_design/d/i","conflicts":true,"execution_stats":true,"r":1,"update":false}"#,
        )
        .unwrap();
        assert_eq!((query.limit, query.skip, query.descending, query.bookmark.as_deref()), (0, 2, true, Some("x")));
        assert_eq!((query.sort, query.use_index), (vec!["a.b".into(), "c".into()], vec!["d".into(), "i".into()]));
        assert!(!query.fields.is_all() && query.conflicts && query.execution_stats);
        let query = parse(r#"{"selector":{},"sort":["a",{"b":"asc"}],"bookmark":null,"use_index":["d"]}"#).unwrap();
        assert_eq!((query.sort.len(), query.descending, query.use_index), (2, false, vec!["d".into()]));
    }

    #[test]
    fn refusals() {
        let table = [
            ("[]", "bad_request", "Request body must be a JSON object"),
            ("{}", "missing_required_key", "Missing required key: selector"),
            (r#"{"selector":5}"#, "invalid_selector_json", "Selector must be a JSON object, not: 5"),
            (r#"{"selector":{"$bad":1}}"#, "invalid_operator", "Invalid operator: $bad"),
            (r#"{"selector":{"a":{"$in":1}}}"#, "bad_arg", "Bad argument for operator $in: 1"),
            (r#"{"selector":{"$eq":1}}"#, "invalid_selector", "One or more conditions is missing a field name."),
            (r#"{"selector":{},"x":1}"#, "invalid_key", "Invalid key x for this request."),
            (
                r#"{"selector":{},"limit":-1}"#,
                "invalid_non_neg_integer",
                "-1 is not an integer greater than or equal to zero",
            ),
            (
                r#"{"selector":{},"skip":"a"}"#,
                "invalid_non_neg_integer",
                "<<97>> is not an integer greater than or equal to zero",
            ),
            (r#"{"selector":{},"r":0}"#, "invalid_pos_integer", "0 is not an integer greater than zero"),
            (r#"{"selector":{},"conflicts":1}"#, "invalid_boolean", "Invalid boolean value: 1"),
            (r#"{"selector":{},"sort":{}}"#, "invalid_sort_json", "Sort must be an array of sort specs, not: {[]}"),
            (
                r#"{"selector":{},"sort":[{"a":"up"}]}"#,
                "invalid_sort_field",
                r#"Invalid sort field: {[{<<"a">>,<<"up">>}]}"#,
            ),
            (r#"{"selector":{},"sort":[""]}"#, "invalid_sort_field", "Invalid sort field: <<>>"),
            (
                r#"{"selector":{},"sort":["a",{"b":"desc"}]}"#,
                "unsupported_mixed_sort",
                "Sorts currently only support a single direction for all fields.",
            ),
            (r#"{"selector":{},"fields":5}"#, "invalid_fields", "Fields must be an array of strings, not: 5"),
            (r#"{"selector":{},"bookmark":5}"#, "invalid_bookmark", "Invalid bookmark value: 5"),
            (
                r#"{"selector":{},"use_index":["a","b","c"]}"#,
                "invalid_index_name",
                "Invalid index name: [<<97>>,<<98>>,<<99>>]",
            ),
        ];
        for (text, code, reason) in table {
            let error = parse(text).unwrap_err();
            assert_eq!((error.status(), error.code(), error.to_string().as_str()), (400, code, reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(rest in "(,\"(limit|sort|fields|use_index|bookmark)\":[\\[\\]{}a0\":,/]{0,8}){0,3}") {
            let _ = parse(&format!("{{\"selector\":{{}}{rest}}}"));
        }
    }
}
