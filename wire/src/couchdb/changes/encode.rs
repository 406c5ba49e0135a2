//! Events as frames: what every subscriber of the same shape is sent from the same memory.
//!
//! | encoding | a frame is one HTTP chunk of |
//! | --- | --- |
//! | `couchdb-continuous` | a row and a line end |
//! | `couchdb-sse`, `couchdb-sse-asyncapi` | a server-sent event, in the words of either |
//! | `couchdb-rows` | a row behind `,` CR LF, for `normal` and `longpoll`: an answer renders its first row by itself |
//!
//! Each has the variants `-all` (`style=all_docs`), `-docs` (`include_docs=true`) and `-all-docs`. With a filter, its
//! digest follows, and events that do not pass have no frame. What changes from one request to the next is not in
//! frames: `seq_interval`, attachments, conflicts.

use std::sync::Arc;

use tailwater_core::{Encoder, Event, FeedOptions};

use super::filter::FilterSpec;
use super::request::{Style, Wording};
use super::response::write_block;
use super::row::{self, RowDoc, RowSeq};
use super::token::DbUid;
use crate::couchdb::event::{Change, OF_THE_CHANGE, json_body};
use crate::couchdb::selector::{Fields, Selector};
use crate::http1::chunk_with;

/// What a frame holds besides the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A line.
    Line,
    /// A server-sent event.
    Sse(Wording),
    /// The separator from the row before.
    Row,
}

/// The shape of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// What is around the row.
    pub framing: Framing,
    /// Which revisions it lists.
    pub style: Style,
    /// Whether it has the document.
    pub docs: bool,
}

/// A filter that an event alone decides.
#[derive(Clone, Debug)]
pub enum EventFilter {
    /// Changes of these documents.
    DocIds(std::collections::HashSet<String>),
    /// Changes of design documents.
    Design,
    /// Changes whose winning document matches, of which these fields are shown.
    Selector(Box<Selector>, Fields),
}

/// An encoding of changes.
#[derive(Clone, Debug)]
pub struct Changes {
    name: Arc<str>,
    shape: Shape,
    filter: Option<Arc<EventFilter>>,
    uid: DbUid,
}

impl Shape {
    /// All shapes without a filter.
    pub fn all() -> Vec<Self> {
        let framings = [Framing::Line, Framing::Sse(Wording::CouchDb), Framing::Sse(Wording::AsyncApi), Framing::Row];
        let styles = [Style::MainOnly, Style::AllDocs];
        let shapes = framings.into_iter().flat_map(|framing| styles.map(|style| (framing, style)));
        shapes.flat_map(|(framing, style)| [false, true].map(|docs| Self { framing, style, docs })).collect()
    }

    /// The name of its encoding.
    pub fn name(self) -> &'static str {
        let names = match self.framing {
            Framing::Line => [
                "couchdb-continuous",
                "couchdb-continuous-docs",
                "couchdb-continuous-all",
                "couchdb-continuous-all-docs",
            ],
            Framing::Sse(Wording::CouchDb) => {
                ["couchdb-sse", "couchdb-sse-docs", "couchdb-sse-all", "couchdb-sse-all-docs"]
            }
            Framing::Sse(Wording::AsyncApi) => [
                "couchdb-sse-asyncapi",
                "couchdb-sse-asyncapi-docs",
                "couchdb-sse-asyncapi-all",
                "couchdb-sse-asyncapi-all-docs",
            ],
            Framing::Row => ["couchdb-rows", "couchdb-rows-docs", "couchdb-rows-all", "couchdb-rows-all-docs"],
        };
        names[2 * usize::from(self.style == Style::AllDocs) + usize::from(self.docs)]
    }
}

impl EventFilter {
    /// The filter that was asked for, if events alone decide it in that style. All leaves of a document have to be
    /// looked at for `all_docs`, and an event has at most two of them.
    pub fn new(spec: FilterSpec, style: Style) -> Option<Self> {
        match spec {
            FilterSpec::DocIds(ids) => Some(Self::DocIds(ids.into_iter().collect())),
            FilterSpec::Design => Some(Self::Design),
            FilterSpec::Selector { selector, fields } if style == Style::MainOnly => {
                Some(Self::Selector(selector, fields))
            }
            _ => None,
        }
    }

    /// Letters and digits that stand for the filter: equal ones for filters that let the same pass.
    pub fn digest(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        match self {
            Self::Design => return "design".into(),
            Self::DocIds(ids) => {
                let mut ids: Vec<&String> = ids.iter().collect();
                ids.sort_unstable();
                ids.iter().for_each(|id| hash.update([&(id.len() as u64).to_be_bytes(), id.as_bytes()].concat()));
            }
            Self::Selector(selector, fields) => hash.update(format!("{}{fields:?}", selector.canonical())),
        }
        data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
    }

    /// Whether a change passes.
    pub fn passes(&self, change: &Change<'_>) -> bool {
        match self {
            Self::DocIds(ids) => ids.contains(change.id()),
            Self::Design => FilterSpec::Design.by_id(change.id()) == Some(true),
            Self::Selector(selector, _) => {
                let reads_change = OF_THE_CHANGE.iter().any(|member| selector.reads(member));
                selector.matches(change.document(reads_change, &mut Vec::new()))
            }
        }
    }
}

impl Changes {
    /// The encoding of a shape, for every feed.
    pub fn new(shape: Shape) -> Self {
        Self { name: shape.name().into(), shape, filter: None, uid: DbUid::default() }
    }

    /// The encoding of a shape with a filter.
    pub fn filtered(shape: Shape, filter: EventFilter) -> Self {
        let name = Self::name_for(shape, &filter).into();
        Self { name, filter: Some(Arc::new(filter)), ..Self::new(shape) }
    }

    /// The name of the encoding of a shape with a filter.
    pub fn name_for(shape: Shape, filter: &EventFilter) -> String {
        format!("{}-{}", shape.name(), filter.digest())
    }

    /// The same for the feed of one database.
    pub fn bound_to(&self, uid: DbUid) -> Self {
        Self { uid, ..self.clone() }
    }

    fn write_row(&self, change: &Change<'_>, seq: RowSeq, out: &mut Vec<u8>) {
        let doc = match self.filter.as_deref() {
            _ if !self.shape.docs => RowDoc::None,
            Some(EventFilter::Selector(_, fields)) if !fields.is_all() => RowDoc::Fields(fields),
            _ => RowDoc::Winner { conflicts: false },
        };
        row::write(change, seq, self.shape.style, doc, out);
    }
}

impl Encoder for Changes {
    fn name(&self) -> &str {
        &self.name
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        let body = json_body(event);
        let change = Change::read(event, &body);
        if self.filter.as_ref().is_some_and(|filter| !filter.passes(&change)) {
            return;
        }
        let seq = RowSeq::Token(self.uid, event.seq);
        chunk_with(out, |out| match self.shape.framing {
            Framing::Line => {
                self.write_row(&change, seq, out);
                out.push(b'\n');
            }
            Framing::Row => {
                out.extend_from_slice(b",\r\n");
                self.write_row(&change, seq, out);
            }
            Framing::Sse(wording) => {
                let (mut row, mut id) = (Vec::with_capacity(body.len() + 128), Vec::with_capacity(64));
                self.write_row(&change, seq, &mut row);
                seq.write(&mut id);
                write_block(&row, &id, wording, out);
            }
        });
    }

    fn for_feed(&self, name: &str, options: &FeedOptions) -> Option<Arc<dyn Encoder>> {
        Some(Arc::new(self.bound_to(DbUid::of_feed(name, options))))
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
