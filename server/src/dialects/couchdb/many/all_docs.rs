//! `_all_docs`: documents by id; the same for design documents and for local ones.
//!
//! Owns what keys mean that are no strings, and the rows of a list that is read while it is sent. Tested by
//! `server/tests/couchdb/lists.rs`.

use std::collections::VecDeque;

use tailwater_wire::couchdb::{
    all_docs::{AllDocsQuery, Row},
    doc::{id::DESIGN, query::DocQuery},
    errors::Refusal,
    listing::Listing,
    text::{self, Value},
};

use crate::{
    dialects::couchdb::{
        auth::Need,
        documents::shown::{Look, json},
        failure::failed,
        pieces::{Made, Maker, Piece, whole},
        visit::{Subject, Visit},
    },
    documents::{AllDocs, IdRange, Listed, Order},
    http::Reply,
};

/// Behind every design document: the character behind the slash.
const DESIGN_END: &str = "_design0";

/// Which documents are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// All but local ones.
    All,
    /// Design documents.
    Design,
    /// Local ones.
    Local,
}

/// `GET`, `POST /{db}/_all_docs`
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str, kind: Kind) -> Result<Reply, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let body = if visit.method() == "POST" { Some(visit.read_json().await?) } else { None };
    // A POST may have nothing to say.
    let body = body.filter(|body| !body.is_empty());
    let query = AllDocsQuery::parse(&visit.request.head.query(), body.as_deref())?;
    let rows = subject.clone().rows(query, kind).await?;
    Ok(visit.stream("application/json", &[], Made::chunked(rows)))
}

impl Subject {
    async fn rows(self, query: AllDocsQuery, kind: Kind) -> Result<Rows, Refusal> {
        let subject = self.clone();
        let begun = self.blocking(move |database| {
            let update_seq = match query.update_seq {
                true => Some(subject.uid().token(database.summary()?.update_seq)),
                false => None,
            };
            let total = database.summary()?.doc_count;
            let (source, total, offset) = match (kind, &query.keys) {
                (Kind::Local, _) => (Source::Local(locals(database.local().all()?, &query).into()), None, None),
                (_, Some(keys)) => (Source::Keys(picked(keys, &query)), Some(total), None),
                (_, None) => match range(&query, kind) {
                    Some(range) => {
                        let docs = database.all_docs(&range)?;
                        let (total, offset) = (docs.total_rows, docs.offset);
                        (Source::Range(Box::new(docs)), Some(total), offset.filter(|_| kind == Kind::All))
                    }
                    None => (Source::Keys(VecDeque::new()), Some(total), None),
                },
            };
            let listing = Listing::rows(total.unwrap_or_default(), offset, update_seq.as_deref());
            Ok(Rows { subject, source, listing: Some(listing), look: look(&query), query })
        });
        begun.await
    }
}

/// Keys in order, without those that are skipped.
fn picked(keys: &[String], query: &AllDocsQuery) -> VecDeque<String> {
    let at_most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let ordered: Vec<String> = match query.descending {
        true => keys.iter().rev().cloned().collect(),
        false => keys.to_vec(),
    };
    ordered.into_iter().skip(at_most(query.skip)).take(at_most(query.limit.unwrap_or(u64::MAX))).collect()
}

/// Local documents of the range that was asked for: their ids and revisions.
fn locals(docs: Vec<crate::documents::LocalDoc>, query: &AllDocsQuery) -> Vec<crate::documents::LocalDoc> {
    let at_most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let Some(range) = range(query, Kind::All) else { return Vec::new() };
    let (low, high) = match range.order {
        Order::Ascending => (range.start, range.end),
        Order::Descending => (range.end, range.start),
    };
    let mut docs: Vec<_> = docs
        .into_iter()
        .filter(|doc| low.as_ref().is_none_or(|low| *low <= doc.id) && high.as_ref().is_none_or(|high| doc.id <= *high))
        .collect();
    if range.order == Order::Descending {
        docs.reverse();
    }
    docs.into_iter().skip(at_most(range.skip)).take(at_most(range.limit)).collect()
}

fn look(query: &AllDocsQuery) -> Look {
    Look { attachments: query.attachments, encoding_info: query.att_encoding_info, ..Look::default() }
}

/// The range of ids; `None` if nothing can be in it. In the order of views, what is no string comes before all strings, save
/// for arrays and objects, which come behind them.
fn range(query: &AllDocsQuery, kind: Kind) -> Option<IdRange> {
    let order = if query.descending { Order::Descending } else { Order::Ascending };
    let place = |key: &Option<String>| key.as_ref().map(|key| Place::of(key));
    let (start, end) = (place(&query.start_key), place(&query.end_key));
    let (first, last) = match order {
        Order::Ascending => (Place::Before, Place::Behind),
        Order::Descending => (Place::Behind, Place::Before),
    };
    // A list that begins where it should end, or ends where it should begin, is empty.
    if start == Some(last.clone()) || end == Some(first) {
        return None;
    }
    let id = |place: Option<Place>| place.and_then(Place::id);
    let (mut start, mut end, mut inclusive_end) = (id(start), id(end), query.inclusive_end);
    if kind == Kind::Design {
        let (low, high) = (DESIGN.to_owned(), DESIGN_END.to_owned());
        let (narrow_start, narrow_end) = if query.descending { (high, low) } else { (low, high) };
        inclusive_end = inclusive_end || end.is_none();
        start = start.or(Some(narrow_start));
        end = end.or(Some(narrow_end));
    }
    Some(IdRange { start, end, inclusive_end, order, skip: query.skip, limit: query.limit.unwrap_or(u64::MAX) })
}

/// Where a key lies among ids.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Before,
    At(String),
    Behind,
}

impl Place {
    fn of(key: &str) -> Self {
        let value = Value::new(key.as_bytes());
        match (value.kind(), value.string()) {
            (_, Some(id)) => Self::At(id.into_owned()),
            (text::Kind::Array | text::Kind::Object, _) => Self::Behind,
            _ => Self::Before,
        }
    }

    fn id(self) -> Option<String> {
        match self {
            Self::At(id) => Some(id),
            Self::Before | Self::Behind => None,
        }
    }
}

/// Where rows come from.
enum Source {
    Range(Box<AllDocs>),
    Keys(VecDeque<String>),
    Local(VecDeque<crate::documents::LocalDoc>),
}

/// The answer while it is sent.
struct Rows {
    subject: Subject,
    source: Source,
    listing: Option<Listing>,
    look: Look,
    query: AllDocsQuery,
}

impl Maker for Rows {
    fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
        let mut out = Vec::new();
        let row = self.next_row()?;
        let Some(listing) = &mut self.listing else { return Ok(false) };
        let more = match row {
            Some(row) => {
                listing.row(&row, &mut out);
                true
            }
            None => {
                self.listing.take().into_iter().for_each(|listing| listing.end_rows(&mut out));
                false
            }
        };
        parts.push_back(Piece::Text(out));
        Ok(more)
    }
}

impl Rows {
    fn next_row(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let failed = |error| failed(&self.subject.db, &error);
        match &mut self.source {
            Source::Range(docs) => match docs.next().transpose().map_err(failed)? {
                Some(listed) => self.row(&listed).map(Some),
                None => Ok(None),
            },
            Source::Keys(keys) => {
                let Some(key) = keys.pop_front() else { return Ok(None) };
                let id = Value::new(key.as_bytes()).string();
                let listed = id.map(|id| self.subject.database.listed(&id)).transpose().map_err(failed)?.flatten();
                match listed {
                    Some(listed) => self.row(&listed).map(Some),
                    None => {
                        let mut row = Vec::new();
                        Row::Missing(&key).write(&mut row);
                        Ok(Some(row))
                    }
                }
            }
            Source::Local(docs) => Ok(docs.pop_front().map(|doc| local_row(&doc))),
        }
    }

    fn row(&self, listed: &Listed) -> Result<Vec<u8>, Refusal> {
        let doc = match self.query.include_docs {
            true => Some(self.doc(listed)?),
            false => None,
        };
        let mut row = Vec::new();
        let Listed { id, rev, deleted } = listed;
        Row::Found { id, rev, deleted: *deleted, doc: doc.as_deref() }.write(&mut row);
        Ok(row)
    }

    fn doc(&self, listed: &Listed) -> Result<Vec<u8>, Refusal> {
        let Subject { db, database, .. } = &self.subject;
        let asked = self.look.asked(&DocQuery { conflicts: self.query.conflicts, ..DocQuery::default() });
        let doc = database.listed_doc(listed, asked).map_err(|error| failed(db, &error))?;
        let Some(doc) = doc else { return Ok(b"null".to_vec()) };
        let mut parts = VecDeque::new();
        json(db, database, &doc, &self.look, &mut parts)?;
        whole(parts)
    }
}

fn local_row(doc: &crate::documents::LocalDoc) -> Vec<u8> {
    let mut row = Vec::new();
    for name in [&b"{\"id\":"[..], b",\"key\":"] {
        row.extend_from_slice(name);
        tailwater_wire::json::write_str(&mut row, &doc.id);
    }
    row.extend_from_slice(format!(",\"value\":{{\"rev\":\"0-{}\"}}}}", doc.count).as_bytes());
    row
}

#[cfg(test)]
mod tests {
    use tailwater_wire::http1::Query;

    use super::*;

    fn asked(query: &str) -> Option<IdRange> {
        range(&AllDocsQuery::parse(&Query::parse(query), None).unwrap(), Kind::All)
    }

    #[test]
    fn ranges_of_keys_that_are_no_strings() {
        let from = |start: Option<&str>, end: Option<&str>| {
            Some(IdRange { start: start.map(str::to_owned), end: end.map(str::to_owned), ..IdRange::default() })
        };
        let table = [
            ("", from(None, None)),
            ("startkey=%22a%22&endkey=%22b%22", from(Some("a"), Some("b"))),
            ("startkey=1&endkey=%7B%7D", from(None, None)),
            ("startkey=null&endkey=%22b%22", from(None, Some("b"))),
            ("startkey=%5B%5D", None),
            ("endkey=1", None),
            ("key=%22a%22", from(Some("a"), Some("a"))),
            ("key=1", None),
        ];
        for (query, expected) in table {
            assert_eq!(asked(query), expected, "{query}");
        }
        let down = asked("descending=true&startkey=%7B%7D&endkey=%22b%22").unwrap();
        assert_eq!((down.order, down.start, down.end), (Order::Descending, None, Some("b".to_owned())));
        assert_eq!(asked("descending=true&startkey=1"), None);
        let design = range(&AllDocsQuery::default(), Kind::Design).unwrap();
        assert_eq!((design.start.as_deref(), design.end.as_deref()), (Some("_design/"), Some("_design0")));
    }

    #[test]
    fn keys_are_skipped_and_turned_round() {
        let keys: Vec<String> = ["1", "2", "3"].map(str::to_owned).to_vec();
        let query = AllDocsQuery { skip: 1, limit: Some(1), descending: true, ..AllDocsQuery::default() };
        assert_eq!(picked(&keys, &query), ["2"]);
    }
}
