//! Which changes are wanted, in answers that are made for one request.
//!
//! Owns the decision about one change, leaf by leaf where the style asks for it. Blocks where leaves have to be looked up.
//! Tested by `server/tests/couchdb/changes_filters.rs`.

use std::{collections::HashSet, sync::Arc};

use tailwater_wire::couchdb::{
    changes::{FilterSpec, Style, encode::EventFilter},
    event::Change,
    selector::{Fields, Selector},
    text::Value,
};

use super::book::{Book, BookError, Look};
use crate::dialects::couchdb::scripts::View;

/// What decides.
pub(super) enum Judge {
    All,
    Ids(HashSet<String>),
    Design,
    /// The winner's document.
    Event(EventFilter),
    /// Every leaf's.
    Leaves(Box<Selector>),
    /// A function, whose verdicts are there already.
    View(Arc<View>),
}

/// What becomes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialects::couchdb) enum Verdict {
    No,
    Yes,
    /// These of its leaves are wanted, by their place.
    Leaves(Vec<usize>),
}

impl Judge {
    /// The judge for a filter, and what of documents is shown.
    pub(super) fn of(spec: &FilterSpec, style: Style, view: Option<Arc<View>>) -> (Self, Fields) {
        match (spec, view) {
            (_, Some(view)) => (Self::View(view), Fields::default()),
            (FilterSpec::DocIds(ids), _) => (Self::Ids(ids.iter().cloned().collect()), Fields::default()),
            (FilterSpec::Design, _) => (Self::Design, Fields::default()),
            (FilterSpec::Selector { selector, fields }, _) => {
                let judge = match EventFilter::new(spec.clone(), style) {
                    Some(filter) => Self::Event(filter),
                    None => Self::Leaves(selector.clone()),
                };
                (judge, fields.clone())
            }
            _ => (Self::All, Fields::default()),
        }
    }

    /// Decides about the change that the event `seq` is.
    pub(super) fn verdict(&self, seq: u64, change: &Change<'_>, book: &dyn Book) -> Result<Verdict, BookError> {
        let passes = match self {
            Self::All => true,
            Self::Ids(ids) => ids.contains(change.id()),
            Self::Design => FilterSpec::Design.by_id(change.id()) == Some(true),
            Self::Event(filter) => filter.passes(change),
            Self::Leaves(selector) => {
                let documents = leaf_documents(change, book)?;
                let matches = |document: &Option<Vec<u8>>| {
                    document.as_ref().is_some_and(|document| selector.matches(Value::new(document)))
                };
                return Ok(Verdict::of(documents.iter().map(matches)));
            }
            Self::View(view) => return Ok(view.verdict(seq)),
        };
        Ok(if passes { Verdict::Yes } else { Verdict::No })
    }
}

impl Verdict {
    /// Of leaves, each of which is wanted or not.
    pub(in crate::dialects::couchdb) fn of(leaves: impl Iterator<Item = bool>) -> Self {
        let leaves: Vec<bool> = leaves.collect();
        let wanted: Vec<usize> = leaves.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(at, _)| at).collect();
        match wanted.len() {
            0 => Self::No,
            all if all == leaves.len() => Self::Yes,
            _ => Self::Leaves(wanted),
        }
    }
}

/// The documents of all leaves, the winner's first; `None` for one that is not stored any more.
pub(in crate::dialects::couchdb) fn leaf_documents(
    change: &Change<'_>,
    book: &dyn Book,
) -> Result<Vec<Option<Vec<u8>>>, BookError> {
    let mut documents = Vec::new();
    for (at, (rev, _)) in change.leaves().enumerate() {
        if at == 0 {
            let mut document = Vec::new();
            change.write_doc(false, &mut document);
            documents.push(Some(document));
            continue;
        }
        let rev = Value::new(rev).string().unwrap_or_default();
        documents.push(book.document(change.id(), &rev, Look::default())?);
    }
    Ok(documents)
}
