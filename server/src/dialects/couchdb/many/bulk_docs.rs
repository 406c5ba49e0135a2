//! `_bulk_docs`: many edits in one request.
//!
//! Owns the order of answers, and that one document that cannot be understood refuses all. What a writer may not write is
//! answered in its place. Tested by `server/tests/couchdb/bulk.rs`.

use std::collections::VecDeque;

use tailwater_wire::couchdb::{
    bulk::{BulkDocs, BulkError, write_edited, write_failed, write_stored},
    doc::{
        DocError, Document,
        id::{DESIGN, LOCAL},
    },
    errors::Refusal,
};

use crate::{
    dialects::couchdb::{
        auth::Need,
        documents::edit::{SentError, limits, to_edit},
        failure::{failed, not_written},
        server::new_id,
        visit::{Subject, Visit},
    },
    documents::{Database, Edit, Mode, Outcome, Update},
    http::Response,
};

/// What is wrong with a request.
enum Wrong {
    Body(BulkError),
    Sent(SentError),
}

/// What becomes of a document.
enum Step {
    /// The engine tries it.
    Edit(Edit),
    /// It is a local one: id, body, whether it is deleted.
    Local(String, String, bool),
    /// The writer may not.
    Refused(String, Refusal),
}

/// `POST /{db}/_bulk_docs`
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Write).await?;
    let body = visit.read_json().await?;
    let limits = limits(&visit.appliance().config);
    let design = visit.require(&subject, Need::Admin).err();
    let database = subject.database.clone();
    let reading = move || {
        let docs = BulkDocs::parse(&body, &limits).map_err(Wrong::Body)?;
        let steps = docs.docs.into_iter().map(|document| step(&database, document, design.as_ref()));
        Ok::<_, Wrong>((steps.collect::<Result<Vec<_>, _>>().map_err(Wrong::Sent)?, docs.keep_revs))
    };
    let read = glommio::executor().spawn_blocking(reading).await;
    let (steps, keeps) = read.map_err(|wrong| match wrong {
        Wrong::Body(error) => error.into(),
        Wrong::Sent(SentError::Multipart(error)) => error.into(),
        Wrong::Sent(SentError::Engine(error)) => failed(db, &error),
    })?;
    let body = write_all(&subject, steps, keeps).await?;
    Ok(visit.json(201, body))
}

fn step(database: &Database, mut document: Document, design: Option<&Refusal>) -> Result<Step, SentError> {
    let id = document.id.take().unwrap_or_else(new_id);
    if id.starts_with(LOCAL) {
        return Ok(Step::Local(id, document.body, document.deleted));
    }
    match design.filter(|_| id.starts_with(DESIGN)) {
        Some(refusal) => Ok(Step::Refused(id, refusal.clone())),
        None => {
            let history = document.history.take();
            to_edit(database, document, id, history, &[]).map(Step::Edit)
        }
    }
}

/// Does all of it, and writes the answer.
async fn write_all(subject: &Subject, steps: Vec<Step>, keeps: bool) -> Result<Vec<u8>, Refusal> {
    let (mut edits, mut places) = (Vec::new(), Vec::with_capacity(steps.len()));
    for step in steps {
        match step {
            Step::Edit(edit) => {
                edits.push(edit);
                places.push(None);
            }
            other => places.push(Some(other)),
        }
    }
    let mode = if keeps { Mode::KeepRevs } else { Mode::NewEdits };
    let outcomes = if edits.is_empty() {
        Vec::new()
    } else {
        subject.database.update(Update { edits, mode }).await.map_err(|error| failed(&subject.db, &error))?
    };
    let mut outcomes: VecDeque<Outcome> = outcomes.into();
    let mut answer = Answer { out: vec![b'['], failures_only: keeps };
    for place in places {
        match place {
            None => {
                let outcome = outcomes.pop_front();
                let outcome =
                    outcome.ok_or_else(|| Refusal::new(500, "internal_server_error", "an edit was not made"))?;
                answer.outcome(&outcome);
            }
            Some(Step::Refused(id, refusal)) => answer.failed(&id, &refusal),
            Some(Step::Local(id, body, deleted)) => {
                let count = write_local(subject, id.clone(), body, deleted).await?;
                answer.stored(&id, &format!("0-{count}"));
            }
            Some(Step::Edit(_)) => {}
        }
    }
    answer.out.extend_from_slice(b"]\n");
    Ok(answer.out)
}

async fn write_local(subject: &Subject, id: String, body: String, deleted: bool) -> Result<u64, Refusal> {
    let writing = move |database: &std::sync::Arc<Database>| match deleted {
        true => database.local().delete(&id).map(|_| 0),
        false => database.local().put(&id, None, &body),
    };
    subject.blocking(writing).await
}

/// An answer while it is written.
struct Answer {
    out: Vec<u8>,
    failures_only: bool,
}

impl Answer {
    fn outcome(&mut self, outcome: &Outcome) {
        match &outcome.result {
            Ok(_) if self.failures_only => {}
            Ok(rev) => {
                self.separate();
                write_edited(&outcome.id, rev, &mut self.out);
            }
            Err(error) => self.failed(&outcome.id, &not_written(error)),
        }
    }

    fn stored(&mut self, id: &str, rev: &str) {
        if !self.failures_only {
            self.separate();
            write_stored(id, rev, &mut self.out);
        }
    }

    fn failed(&mut self, id: &str, refusal: &Refusal) {
        self.separate();
        write_failed(id, None, refusal, &mut self.out);
    }

    fn separate(&mut self) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
    }
}

impl From<DocError> for Wrong {
    fn from(error: DocError) -> Self {
        Self::Sent(error.into())
    }
}
