//! One document: the winner, a revision of it, several.
//!
//! Owns which revisions an answer has and what is shown beside them. Tested in `tests/`.

use tailwater_wire::couchdb::{
    doc::query::DocQuery,
    rev::{
        Body, History, Rev, RevTree,
        tree::{Opened, Status},
    },
};

use crate::documents::{
    Database,
    error::DocumentsError,
    record::Record,
    stored::{StoredAttachment, StoredDoc},
};

/// What is asked for besides the document itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `latest`: leaves that came from the revisions named, instead of these.
    pub latest: bool,
    /// `revs`
    pub revs: bool,
    /// `revs_info`
    pub revs_info: bool,
    /// `conflicts`
    pub conflicts: bool,
    /// `deleted_conflicts`
    pub deleted_conflicts: bool,
}

/// One revision of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doc {
    /// Its id.
    pub id: String,
    /// Its revision.
    pub rev: Rev,
    /// Whether that deletes it.
    pub deleted: bool,
    /// Its own members, as compact JSON object text.
    pub body: String,
    /// What it has attached.
    pub attachments: Vec<StoredAttachment>,
    /// Seq of the document's latest event.
    pub seq: u64,
    /// The revision's history, if asked for.
    pub revisions: Option<History>,
    /// What there is of its ancestors, if asked for.
    pub revs_info: Option<Vec<(Rev, Status)>>,
    /// Live leaves that lost, if asked for; and if this is the winner.
    pub conflicts: Vec<Rev>,
    /// Deleted leaves that lost, likewise.
    pub deleted_conflicts: Vec<Rev>,
}

/// Why there is no document to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// It never was there, or is not stored any more.
    #[error("missing")]
    Missing,
    /// It was deleted.
    #[error("deleted")]
    Deleted,
}

/// The answer for one of several revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is here.
    Doc(Box<Doc>),
    /// It is not.
    Missing(Rev),
}

impl From<&DocQuery> for Asked {
    fn from(query: &DocQuery) -> Self {
        let DocQuery { latest, revs, revs_info, conflicts, deleted_conflicts, .. } = *query;
        Self { latest, revs, revs_info, conflicts, deleted_conflicts }
    }
}

impl Database {
    /// The winner, or the revision that is named.
    pub fn get(&self, id: &str, rev: Option<&Rev>, asked: Asked) -> Result<Result<Doc, Missing>, DocumentsError> {
        let mut record = self.record(id)?.unwrap_or_default();
        loop {
            let found = self.get_of(id, &record, rev, asked)?;
            if found.is_ok() {
                return Ok(found);
            }
            // What was superseded and dropped since it was looked up is not missing: there is something newer.
            match self.record(id)?.unwrap_or_default() {
                newer if newer.seq != record.seq => record = newer,
                _ => return Ok(found),
            }
        }
    }

    fn get_of(
        &self,
        id: &str,
        record: &Record,
        rev: Option<&Rev>,
        asked: Asked,
    ) -> Result<Result<Doc, Missing>, DocumentsError> {
        let (rev, body) = match rev {
            Some(rev) => match found(record.tree.open(std::slice::from_ref(rev), asked.latest)) {
                Some(found) => found,
                None => return Ok(Err(Missing::Missing)),
            },
            None => match record.tree.winner() {
                Some(winner) if !winner.body.deleted => (winner.rev.clone(), winner.body),
                winner => return Ok(Err(if winner.is_some() { Missing::Deleted } else { Missing::Missing })),
            },
        };
        Ok(self.doc(id, record, rev, body, asked)?.ok_or(Missing::Missing))
    }

    /// Several revisions: those that are named, or all leaves. `None` for all leaves of a document that never was there.
    pub fn open_revs(
        &self,
        id: &str,
        revs: Option<&[Rev]>,
        asked: Asked,
    ) -> Result<Option<Vec<Found>>, DocumentsError> {
        let record = self.record(id)?;
        if record.is_none() && revs.is_none() {
            return Ok(None);
        }
        let record = record.unwrap_or_default();
        let opened = match revs {
            Some(revs) => record.tree.open(revs, asked.latest),
            None => record.tree.open_all(),
        };
        let mut all = Vec::with_capacity(opened.len());
        for one in opened {
            all.push(match one {
                Opened::Missing(rev) => Found::Missing(rev),
                Opened::Found { rev, body } => match self.doc(id, &record, rev.clone(), body, asked)? {
                    Some(doc) => Found::Doc(Box::new(doc)),
                    None => Found::Missing(rev.clone()),
                },
            });
        }
        Ok(Some(all))
    }

    /// `None` if the log does not hold it any more.
    fn doc(
        &self,
        id: &str,
        record: &Record,
        rev: Rev,
        body: Body,
        asked: Asked,
    ) -> Result<Option<Doc>, DocumentsError> {
        let Some(StoredDoc { body: text, attachments }) = self.stored(body.seq)? else { return Ok(None) };
        let tree = &record.tree;
        let wins = tree.winner().is_some_and(|winner| *winner.rev == rev);
        let losers = |wanted: bool, losers: fn(&RevTree) -> Vec<&Rev>| match wanted && wins {
            true => losers(tree).into_iter().cloned().collect(),
            false => Vec::new(),
        };
        Ok(Some(Doc {
            id: id.to_owned(),
            deleted: body.deleted,
            body: text,
            attachments,
            seq: record.seq,
            revisions: if asked.revs { tree.history(&rev) } else { None },
            revs_info: if asked.revs_info { Some(self.revs_info(tree, &rev)?) } else { None },
            conflicts: losers(asked.conflicts, RevTree::conflicts),
            deleted_conflicts: losers(asked.deleted_conflicts, RevTree::deleted_conflicts),
            rev,
        }))
    }

    /// The tree does not know what the log does not hold any more.
    fn revs_info(&self, tree: &RevTree, rev: &Rev) -> Result<Vec<(Rev, Status)>, DocumentsError> {
        let info = tree.revs_info(rev).into_iter().map(|(rev, status)| {
            let is_held = match tree.body(rev) {
                Some(body) => self.event(body.seq, |_| ())?.is_some(),
                None => false,
            };
            Ok((rev.clone(), if is_held { status } else { Status::Missing }))
        });
        info.collect()
    }
}

fn found(opened: Vec<Opened<'_>>) -> Option<(Rev, Body)> {
    match opened.into_iter().next()? {
        Opened::Found { rev, body } => Some((rev.clone(), body)),
        Opened::Missing(_) => None,
    }
}
