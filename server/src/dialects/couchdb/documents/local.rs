//! `_local/` documents, which are never replicated: where replicators note how far they have come.
//!
//! Owns the requests. Their revisions count writes: `0-1`, `0-2`. Tested by `server/tests/couchdb/documents.rs`.

use tailwater_wire::couchdb::{
    bulk::write_stored,
    doc::{DocError, Document, Shown, attachment, id},
    errors::{Problem, Refusal},
    rev::id::parse_local,
    text::{Value, parse_object},
};

use super::edit::limits;
use crate::{
    dialects::couchdb::{
        auth::Need,
        visit::{Subject, Visit},
    },
    documents::LocalDoc,
    http::{Reply, Response},
};

/// Answers a request for a local document.
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str, id: &str) -> Reply {
    let answer = match visit.method() {
        "GET" | "HEAD" => get(visit, db, id).await,
        "PUT" => put(visit, db, id).await,
        "DELETE" => delete(visit, db, id).await,
        _ => Ok(visit.wrong_method("DELETE,GET,HEAD,PUT")),
    };
    answer.unwrap_or_else(|refusal| visit.refuse(refusal)).into()
}

async fn get(visit: &Visit<'_>, db: &str, id: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let name = id.to_owned();
    let doc = subject.blocking(move |database| database.local().get(&name)).await?.ok_or(Problem::Missing)?;
    let mut body = Vec::new();
    write(&doc, &mut body);
    let etag = etag(&body);
    if visit.has_etag(&etag) {
        return Ok(visit.not_modified(&etag));
    }
    body.push(b'\n');
    Ok(visit.json(200, body).header("ETag", etag))
}

fn write(doc: &LocalDoc, out: &mut Vec<u8>) {
    let rev = format!("0-{}", doc.count);
    Shown { id: &doc.id, rev: &rev, body: &doc.body, ..Shown::default() }.write(out);
}

async fn put(visit: &mut Visit<'_>, db: &str, id: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Write).await?;
    id::check(id)?;
    let body = visit.read_body().await?;
    let limits = limits(&visit.appliance().config);
    let (before, document) = parse(&body, visit.request.head.query().last("rev"), |text| {
        Document::from_value(Value::new(text.as_bytes()), &limits)
    })?;
    if !document.attachments.is_empty() {
        return Err(Refusal::bad_request("local documents have no attachments"));
    }
    if document.deleted {
        return remove(visit, &subject, id).await;
    }
    store(visit, &subject, id, before, document.body).await
}

/// Stores a local document's own members.
pub(super) async fn store(
    visit: &Visit<'_>,
    subject: &Subject,
    id: &str,
    before: Option<u64>,
    body: String,
) -> Result<Response, Refusal> {
    let name = id.to_owned();
    let put = move |database: &std::sync::Arc<crate::documents::Database>| {
        let count = database.local().put(&name, before, &body)?;
        Ok(LocalDoc { id: name, count, body })
    };
    let doc = subject.blocking(put).await?;
    let mut shown = Vec::new();
    write(&doc, &mut shown);
    let response = stored(visit, 201, id, doc.count).header("ETag", etag(&shown));
    Ok(response.header("Location", visit.location(&subject.db, Some(id))))
}

async fn delete(visit: &Visit<'_>, db: &str, id: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, Need::Write).await?;
    remove(visit, &subject, id).await
}

async fn remove(visit: &Visit<'_>, subject: &Subject, id: &str) -> Result<Response, Refusal> {
    let name = id.to_owned();
    match subject.blocking(move |database| database.local().delete(&name)).await? {
        true => Ok(stored(visit, 200, id, 0)),
        false => Err(Problem::Missing.into()),
    }
}

/// The count that the client says it replaces, and the document without it: `_rev` is no revision of the other documents'.
fn parse<T>(
    body: &[u8],
    query_rev: Option<&str>,
    read: impl FnOnce(&str) -> Result<T, DocError>,
) -> Result<(Option<u64>, T), Refusal> {
    let text = match parse_object(body) {
        Err(tailwater_wire::couchdb::text::BodyError::NotAnObject) => return Err(DocError::NotAnObject.into()),
        text => text?,
    };
    let value = Value::new(text.as_bytes());
    let rev = value.get("_rev").map(|rev| rev.string().ok_or(DocError::Rev)).transpose()?;
    let count = |rev: &str| parse_local(rev).map_err(|_| DocError::Rev);
    let before = rev.as_deref().or(query_rev).map(count).transpose()?;
    let members: Vec<&[u8]> =
        value.members().filter(|member| !member.key.is("_rev")).map(|member| &text.as_bytes()[member.span]).collect();
    let without = [b"{", members.join(&b','.to_owned()).as_slice(), b"}"].concat();
    Ok((before, read(&String::from_utf8_lossy(&without))?))
}

fn stored(visit: &Visit<'_>, status: u16, id: &str, count: u64) -> Response {
    let mut body = Vec::new();
    write_stored(id, &format!("0-{count}"), &mut body);
    body.push(b'\n');
    visit.json(status, body)
}

/// What stands for a document that has no revision.
fn etag(text: &[u8]) -> String {
    format!("\"{}\"", data_encoding::HEXUPPER.encode(&attachment::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, query_rev: Option<&str>) -> Result<(Option<u64>, String), String> {
        let parsed = parse(body.as_bytes(), query_rev, |text| Ok(text.to_owned()));
        parsed.map_err(|refusal| format!("{} {}", refusal.status, refusal.reason))
    }

    #[test]
    fn the_count_and_the_rest() {
        let table = [
            (r#"{"v":1}"#, None, Ok((None, r#"{"v":1}"#))),
            (r#"{"a":1,"_rev":"0-7","b":{"_rev":2}}"#, None, Ok((Some(7), r#"{"a":1,"b":{"_rev":2}}"#))),
            (r#"{"_rev":"0-7"}"#, Some("0-8"), Ok((Some(7), "{}"))),
            ("{}", Some("0-8"), Ok((Some(8), "{}"))),
            (r#"{"_rev":"1-a"}"#, None, Err("400 Invalid rev format")),
            (r#"{"_rev":1}"#, None, Err("400 Invalid rev format")),
            ("[]", None, Err("400 Document must be a JSON object")),
            ("{", None, Err("400 invalid UTF-8 JSON")),
        ];
        for (body, query_rev, expected) in table {
            let expected = expected.map(|(count, text)| (count, text.to_owned())).map_err(str::to_owned);
            assert_eq!(read(body, query_rev), expected, "{body}");
        }
    }
}
