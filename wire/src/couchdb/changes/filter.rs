//! `filter=`: which changes are wanted.

use super::error::ChangesError;
use crate::couchdb::doc::id::DESIGN;
use crate::couchdb::selector::{Fields, Selector};
use crate::couchdb::text::{BodyError, Kind, Value, parse_body};
use crate::http1::Query;

/// The most ids `_doc_ids` may name.
pub const DOC_IDS_MAX: usize = 10_000;

/// A filter as it was asked for. Whether a design document has what is named is not known here.
#[derive(Clone, Debug, Default)]
pub enum FilterSpec {
    /// All changes.
    #[default]
    None,
    /// `_doc_ids`: changes of these documents.
    DocIds(Vec<String>),
    /// `_design`: changes of design documents.
    Design,
    /// `_selector`: changes whose document matches.
    Selector {
        /// What it must match.
        selector: Box<Selector>,
        /// What of it is shown with `include_docs`.
        fields: Fields,
    },
    /// `_view`: changes whose document a view's map function emits something for.
    View {
        /// The design document, without `_design/`.
        design: String,
        /// The view.
        view: String,
    },
    /// `design/name`: changes that a function lets pass.
    Function {
        /// The design document, without `_design/`.
        design: String,
        /// The function.
        name: String,
    },
}

impl FilterSpec {
    /// Reads the filter. `body` is that of a POST: a compact object, or nothing if it was empty; `None` means GET.
    pub(super) fn parse(query: &Query<'_>, body: Option<&str>) -> Result<Self, ChangesError> {
        match last(query, "filter").unwrap_or_default() {
            "_doc_ids" => parse_doc_ids(query, body).map(Self::DocIds),
            "_design" => Ok(Self::Design),
            "_selector" => parse_selector(body.ok_or(ChangesError::SelectorMethod)?),
            "_view" => parse_view(last(query, "view").unwrap_or_default()),
            name if name.starts_with('_') => Err(ChangesError::BuiltinFilter),
            name => parse_function(name),
        }
    }

    /// Whether the id alone decides, and how; `None` if the document does.
    pub fn by_id(&self, id: &str) -> Option<bool> {
        match self {
            Self::None => Some(true),
            Self::DocIds(ids) => Some(ids.iter().any(|wanted| wanted == id)),
            // Without the slash, as CouchDB.
            Self::Design => Some(id.starts_with(&DESIGN[..DESIGN.len() - 1])),
            Self::Selector { .. } | Self::View { .. } | Self::Function { .. } => None,
        }
    }

    /// Whether CouchDB looks these documents up instead of reading through all changes. Then `last_seq` is the
    /// database's last, and changes of all other documents stay pending.
    pub fn is_looked_up(&self) -> bool {
        match self {
            Self::DocIds(ids) => ids.len() <= 1_000,
            Self::Design => true,
            _ => false,
        }
    }
}

/// The last value of a parameter, whose name may be in capitals.
pub(super) fn last<'q>(query: &'q Query<'_>, name: &str) -> Option<&'q str> {
    query.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).last().map(|(_, value)| value)
}

fn parse_doc_ids(query: &Query<'_>, body: Option<&str>) -> Result<Vec<String>, ChangesError> {
    let text;
    let list = match body {
        Some(body) => not_empty(body)?.get("doc_ids"),
        None => {
            text = parse_body(query.last("doc_ids").unwrap_or("null").as_bytes())?;
            Some(Value::new(text.as_bytes()))
        }
    };
    let list = list.filter(|list| list.kind() == Kind::Array).ok_or(ChangesError::DocIds)?;
    if list.elements().count() > DOC_IDS_MAX {
        return Err(ChangesError::TooManyDocIds(DOC_IDS_MAX));
    }
    let ids = list.elements().map(|id| id.string().map(|id| id.into_owned()).ok_or(ChangesError::DocIds));
    ids.collect()
}

/// The body, which has been checked unless there is none: that is no JSON.
fn not_empty(body: &str) -> Result<Value<'_>, BodyError> {
    if body.is_empty() { Err(BodyError::Json) } else { Ok(Value::new(body.as_bytes())) }
}

fn parse_selector(body: &str) -> Result<FilterSpec, ChangesError> {
    let body = not_empty(body)?;
    let selector = body.get("selector").filter(|selector| selector.kind() == Kind::Object);
    let selector = Box::new(Selector::parse(selector.ok_or(ChangesError::SelectorType)?)?);
    let fields = match body.get("fields") {
        None => Fields::default(),
        Some(fields) if fields.kind() == Kind::Array => Fields::parse(fields)?,
        Some(_) => return Err(ChangesError::FieldsType),
    };
    Ok(FilterSpec::Selector { selector, fields })
}

fn parse_view(name: &str) -> Result<FilterSpec, ChangesError> {
    match &names(name)[..] {
        _ if name.is_empty() => Err(ChangesError::ViewMissing),
        [design, view] => Ok(FilterSpec::View { design: design.clone(), view: view.clone() }),
        _ => Err(ChangesError::ViewName),
    }
}

fn parse_function(name: &str) -> Result<FilterSpec, ChangesError> {
    match &names(name)[..] {
        [] => Ok(FilterSpec::None),
        [design, name] => Ok(FilterSpec::Function { design: design.clone(), name: name.clone() }),
        _ => Err(ChangesError::FilterName),
    }
}

/// The parts between slashes, each decoded once more than the query was.
fn names(text: &str) -> Vec<String> {
    let parts = text.split('/').filter(|part| !part.is_empty());
    parts.map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}
