//! A captured session with CouchDB 3.5.0, held again: documents are written, changed, deleted and read, one by one and in
//! bulk, and every answer must be the same, revisions included.
//!
//! What a database would do lies between, as small as it can be. The capture lies outside the repository. It is looked
//! for in `$TAILWATER_SHARED` or in `shared` next to the checkout; without it this test passes without testing, unless
//! `TAILWATER_REQUIRE_SHARED=1` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tailwater_wire::couchdb::bulk::{self, BulkDocs, BulkGetWriter, Wanted};
use tailwater_wire::couchdb::doc::query::{DocQuery, OpenRevs};
use tailwater_wire::couchdb::doc::{DocLimits, Document, Shown, id, target};
use tailwater_wire::couchdb::errors::{Problem, Refusal};
use tailwater_wire::couchdb::multipart::Mixed;
use tailwater_wire::couchdb::rev::tree::{Inserted, Opened};
use tailwater_wire::couchdb::rev::{Body, Edit, History, Rev, RevTree, new_rev};
use tailwater_wire::couchdb::revs_diff::{self, DiffWriter};
use tailwater_wire::http1::Query;

fn capture() -> Option<String> {
    let shared = std::env::var_os("TAILWATER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let file = std::fs::read_to_string(shared.join("captures/couchdb/doc-endpoints-couchdb-3.5.0.txt")).ok();
    let required = std::env::var_os("TAILWATER_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(file.is_some() || !required, "the session is not in {}", shared.display());
    file
}

/// One request of the session, and its answer.
struct Step<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
    status: u16,
    answer: &'a str,
}

fn step(block: &str) -> Option<Step<'_>> {
    let (request, response) = block.split_once('\n')?;
    let (request, body) = request.split_once(" -d ").unwrap_or((request, ""));
    let mut words = request.split(" -H ");
    let first = words.next()?;
    let (method, target) = match first.strip_prefix("-X ") {
        Some(rest) => rest.split_once(' ')?,
        None if first.starts_with('/') => ("GET", first),
        None => return None,
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = words.map(|header| header.split_once(": ").unwrap()).collect();
    let status = response.split(' ').nth(1)?.parse().ok()?;
    // Bodies have several lines only where they are not compared.
    let answer = response.trim_end().lines().last()?;
    Some(Step { method, path: path.strip_prefix("/t5")?, query, headers, body, status, answer })
}

#[derive(Default)]
struct Database {
    trees: HashMap<String, RevTree>,
    docs: HashMap<(String, Rev), String>,
}

type Answer = Result<(u16, String), Refusal>;

impl Database {
    fn stored(status: u16, id: &str, rev: &Rev) -> (u16, String) {
        let mut out = Vec::new();
        bulk::write_stored(id, &rev.to_string(), &mut out);
        (status, String::from_utf8(out).unwrap())
    }

    /// An interactive edit.
    fn edit(&mut self, id: &str, parent: Option<Rev>, deleted: bool, body: &str) -> Result<Rev, Refusal> {
        let tree = self.trees.entry(id.to_owned()).or_default();
        let parent = tree.check_edit(parent.as_ref(), deleted)?;
        let rev = new_rev(&Edit { parent: parent.as_ref(), deleted, body, attachments: &[] });
        let before = parent.and_then(|parent| tree.history(&parent)).map(|history| history.ids().to_vec());
        let ids = std::iter::once(rev.hash.clone()).chain(before.unwrap_or_default()).collect();
        self.keep(id, &History::new(rev.pos, ids).unwrap(), deleted, body);
        Ok(rev)
    }

    fn keep(&mut self, id: &str, history: &History, deleted: bool, body: &str) {
        let tree = self.trees.entry(id.to_owned()).or_default();
        if tree.insert(history, Body { seq: 1, deleted }, 1_000) == Inserted::Leaf {
            self.docs.insert((id.to_owned(), history.rev()), body.to_owned());
        }
    }

    fn put(&mut self, id: &str, step: &Step<'_>) -> Answer {
        id::check(id)?;
        let document = Document::parse(step.body.as_bytes(), &DocLimits::default())?;
        let query = Query::parse(step.query);
        let header = step.headers.iter().find(|(name, _)| *name == "If-Match").map(|(_, value)| *value);
        let parent = target::resolve(document.history, query.get("rev"), header)?;
        let rev = self.edit(id, parent.map(|history| history.rev()), document.deleted, &document.body)?;
        Ok(Self::stored(201, id, &rev))
    }

    fn delete(&mut self, id: &str, step: &Step<'_>) -> Answer {
        self.get(id, &DocQuery::default(), true)?;
        let parent = target::resolve(None, Query::parse(step.query).get("rev"), None)?;
        let rev = self.edit(id, parent.map(|history| history.rev()), true, "{}")?;
        Ok(Self::stored(200, id, &rev))
    }

    fn show(&self, id: &str, rev: &Rev, query: &DocQuery) -> String {
        let (tree, body) = (&self.trees[id], &self.docs[&(id.to_owned(), rev.clone())]);
        let (history, info) = (tree.history(rev).unwrap(), tree.revs_info(rev));
        let shown = Shown {
            id,
            rev: &rev.to_string(),
            body,
            deleted: tree.body(rev).unwrap().deleted,
            revisions: query.revs.then_some(&history),
            revs_info: query.revs_info.then_some(&info),
            ..Shown::default()
        };
        let mut out = Vec::new();
        shown.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn get(&self, id: &str, query: &DocQuery, json: bool) -> Answer {
        let tree = self.trees.get(id).filter(|tree| !tree.is_empty()).ok_or(Problem::Missing)?;
        if let Some(open_revs) = &query.open_revs {
            return Ok((200, self.open(id, open_revs, query, json)));
        }
        let winner = tree.winner().unwrap();
        let rev = match &query.rev {
            Some(rev) => rev,
            None if winner.body.deleted => return Err(Problem::Deleted.into()),
            None => winner.rev,
        };
        Ok((200, self.show(id, rev, query)))
    }

    fn open(&self, id: &str, open_revs: &OpenRevs, query: &DocQuery, json: bool) -> String {
        let tree = &self.trees[id];
        let opened = match open_revs {
            OpenRevs::All => tree.open_all(),
            OpenRevs::These(revs) => tree.open(revs, query.latest),
        };
        let shown = opened.iter().map(|opened| match opened {
            Opened::Found { rev, .. } => format!("{{\"ok\":{}}}", self.show(id, rev, query)),
            Opened::Missing(rev) => format!("{{\"missing\":\"{rev}\"}}"),
        });
        if json {
            return format!("[{}]", shown.collect::<Vec<_>>().join(","));
        }
        let mut out = Vec::new();
        Mixed::start("0945d16e092e19afb29963ec60df92fa", "", &mut out).end(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn bulk_docs(&mut self, step: &Step<'_>) -> Answer {
        let bulk = BulkDocs::parse(step.body.as_bytes(), &DocLimits::default())?;
        let mut answers = Vec::new();
        for document in bulk.docs {
            let id = document.id.clone().unwrap_or_else(|| id_in(step.answer));
            if bulk.keep_revs {
                self.keep(&id, &document.history.unwrap(), document.deleted, &document.body);
                continue;
            }
            let parent = document.history.map(|history| history.rev());
            let rev = self.edit(&id, parent, document.deleted, &document.body)?;
            answers.push(Self::stored(201, &id, &rev).1);
        }
        Ok((201, format!("[{}]", answers.join(","))))
    }

    fn bulk_get(&self, step: &Step<'_>) -> Answer {
        let query = DocQuery::parse(&Query::parse(step.query))?;
        let mut out = Vec::new();
        let wanted = bulk::parse_bulk_get(step.body.as_bytes())?;
        let mut writer = BulkGetWriter::new(&mut out);
        for one in wanted {
            match one {
                Wanted::Wrong { id, rev, refusal } => {
                    writer.result(&id);
                    writer.error(&id, &rev, &refusal);
                }
                Wanted::Document { id, rev, .. } => self.bulk_get_one(&id, rev, &query, &mut writer),
            }
        }
        writer.finish();
        Ok((200, String::from_utf8(out).unwrap()))
    }

    fn bulk_get_one(&self, id: &str, rev: Option<Rev>, query: &DocQuery, writer: &mut BulkGetWriter<'_>) {
        writer.result(&format!("\"{id}\""));
        let none = RevTree::new();
        let tree = self.trees.get(id).unwrap_or(&none);
        let opened = match rev {
            Some(rev) => tree.open(&[rev], query.latest),
            None => tree.open_all(),
        };
        for one in opened {
            match one {
                Opened::Found { rev, .. } => writer.document(self.show(id, rev, query).as_bytes()),
                Opened::Missing(rev) => {
                    writer.error(&format!("\"{id}\""), &format!("\"{rev}\""), &Problem::Missing.into());
                }
            }
        }
    }

    fn revs_diff(&self, step: &Step<'_>) -> Answer {
        let mut out = Vec::new();
        let documents = revs_diff::parse(step.body.as_bytes())?;
        let mut writer = DiffWriter::new(&mut out);
        for (id, revs) in documents {
            writer.document(&id, &revs, self.trees.get(&id));
        }
        writer.finish();
        Ok((200, String::from_utf8(out).unwrap()))
    }

    /// The answer, or nothing where the session is not about documents.
    fn answer(&mut self, step: &Step<'_>) -> Option<Answer> {
        let query = Query::parse(step.query);
        let is_json = step.headers.iter().any(|(name, value)| (*name, *value) == ("content-type", "application/json"));
        match (step.method, step.path) {
            (_, path) if path.starts_with("/_local") => None,
            ("POST", _) if !is_json => Some(Err(Problem::ContentType("application/json").into())),
            ("POST", "") if query.get("batch").is_none() => Some(self.put(&id_in(step.answer), step)),
            ("POST", "") => {
                let document = Document::parse(step.body.as_bytes(), &DocLimits::default()).unwrap();
                let id = document.id.unwrap();
                self.edit(&id, None, false, &document.body).unwrap();
                Some(Ok((202, format!("{{\"ok\":true,\"id\":\"{id}\"}}"))))
            }
            ("POST", "/_bulk_docs") => Some(self.bulk_docs(step)),
            ("POST", "/_bulk_get") => Some(self.bulk_get(step)),
            ("POST", "/_revs_diff") => Some(self.revs_diff(step)),
            ("PUT", path) if path.len() > 1 => Some(self.put(&path[1..], step)),
            ("DELETE", path) => Some(self.delete(&path[1..], step)),
            ("GET", path) if path.len() > 1 && !path.starts_with("/_") => {
                let json = step.headers.iter().any(|(name, _)| *name == "Accept");
                let parsed = DocQuery::parse(&query).unwrap();
                Some(self.get(&path[1..], &parsed, json))
            }
            _ => None,
        }
    }
}

/// The id that the server made up.
fn id_in(answer: &str) -> String {
    let at = answer.rfind("\"id\":\"").unwrap() + 6;
    answer[at..].split('"').next().unwrap().to_owned()
}

#[test]
fn a_captured_session() {
    let Some(capture) = capture() else { return };
    let (mut database, mut compared) = (Database::default(), 0);
    for step in capture.split("$ ").filter_map(step) {
        let Some(answer) = database.answer(&step) else { continue };
        let (status, body) = answer.unwrap_or_else(|refusal| {
            let mut out = Vec::new();
            refusal.write_body(&mut out);
            (refusal.status, String::from_utf8(out).unwrap())
        });
        let shown = format!("{} {}?{} {}", step.method, step.path, step.query, step.body);
        assert_eq!(status, step.status, "{shown}: {body}");
        // Of several parts only the last line is captured in one piece.
        assert!(body.trim_end() == step.answer || body.ends_with("92fa--"), "{shown}\n{body}\n{}", step.answer);
        compared += 1;
    }
    assert_eq!(compared, 39);
}
