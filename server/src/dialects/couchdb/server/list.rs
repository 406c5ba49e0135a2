//! Lists of databases.
//!
//! Owns `_all_dbs` and `_dbs_info`. Both are an administrator's, as in CouchDB. Tested by `server/tests/couchdb/server.rs`.

use tailwater_wire::{
    couchdb::{
        all_docs::AllDocsQuery,
        errors::{Problem, Refusal},
        text::{Kind, Value, parse_object},
    },
    json::write_str,
};

use crate::dialects::couchdb::{auth::Need, databases::info, head::etag_of, visit::Visit};
use crate::http::Response;

/// Databases that are described in one answer.
const DESCRIBED_MAX: usize = 1_000;

pub(super) fn all_dbs(visit: &Visit<'_>) -> Response {
    match list(visit) {
        Ok(names) => {
            let mut body = vec![b'['];
            for (at, name) in names.iter().enumerate() {
                body.extend_from_slice(if at > 0 { b"," } else { b"" });
                write_str(&mut body, name);
            }
            body.extend_from_slice(b"]\n");
            let etag = etag_of(&body);
            if visit.has_etag(&etag) { visit.not_modified(&etag) } else { visit.json(200, body).header("ETag", etag) }
        }
        Err(refusal) => visit.refuse(refusal),
    }
}

/// The names that are asked for: the parameters are those of `_all_docs`.
fn list(visit: &Visit<'_>) -> Result<Vec<String>, Refusal> {
    visit.caller.require_server_admin()?;
    let query = AllDocsQuery::parse(&visit.request.head.query(), None)?;
    let mut names: Vec<String> =
        visit.appliance().feeds.databases().into_iter().filter_map(|entry| name_of(&entry)).collect();
    if query.descending {
        names.reverse();
    }
    let key =
        |text: &Option<String>| text.as_ref().and_then(|text| Some(Value::new(text.as_bytes()).string()?.into_owned()));
    let (start, end) = (key(&query.start_key), key(&query.end_key));
    let is_before = |one: &String, other: &String| if query.descending { one > other } else { one < other };
    names.retain(|name| {
        let begun = start.as_ref().is_none_or(|start| !is_before(name, start));
        let ended = end.as_ref().is_some_and(|end| is_before(end, name) || name == end && !query.inclusive_end);
        begun && !ended
    });
    let (skip, limit) = (query.skip, query.limit.unwrap_or(u64::MAX));
    let at_most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(names.into_iter().skip(at_most(skip)).take(at_most(limit)).collect())
}

fn name_of(entry: &crate::feeds::FeedEntry) -> Option<String> {
    entry.exposure().couchdb.as_ref().map(|couchdb| couchdb.db.clone())
}

pub(super) async fn dbs_info(visit: &mut Visit<'_>) -> Response {
    if let Err(refusal) = visit.caller.require_server_admin() {
        return visit.refuse(refusal);
    }
    let names = match visit.method() {
        "POST" => named(visit).await,
        _ => list(visit),
    };
    let names = match names {
        Ok(names) if names.len() <= DESCRIBED_MAX => names,
        Ok(_) => return visit.refuse(Refusal::bad_request(format!("at most {DESCRIBED_MAX} databases at once"))),
        Err(refusal) => return visit.refuse(refusal),
    };
    let mut body = vec![b'['];
    for (at, name) in names.iter().enumerate() {
        body.extend_from_slice(if at > 0 { b"," } else { b"" });
        body.extend_from_slice(b"{\"key\":");
        write_str(&mut body, name);
        match described(visit, name).await {
            Ok(info) => {
                body.extend_from_slice(b",\"info\":");
                body.extend_from_slice(&info);
            }
            Err(refusal) => {
                body.extend_from_slice(b",\"error\":");
                write_str(&mut body, &refusal.error);
            }
        }
        body.push(b'}');
    }
    body.extend_from_slice(b"]\n");
    visit.json(200, body)
}

async fn described(visit: &Visit<'_>, name: &str) -> Result<Vec<u8>, Refusal> {
    let subject = visit.enter(name, Need::Read).await?;
    info::describe(&subject).await
}

async fn named(visit: &mut Visit<'_>) -> Result<Vec<String>, Refusal> {
    let body = visit.read_json().await?;
    let text = parse_object(&body)?;
    let keys = Value::new(text.as_bytes()).get("keys").filter(|keys| keys.kind() == Kind::Array);
    let keys = keys.ok_or_else(|| Refusal::bad_request("`keys` member must exist."))?;
    keys.elements()
        .map(|key| {
            key.string().map(|name| name.into_owned()).ok_or_else(|| Problem::DatabaseName(String::new()).into())
        })
        .collect()
}
