//! Attachments by themselves.
//!
//! Owns the requests: a write is an edit of the document that leaves the rest of it as it is. A single range of bytes can be
//! asked for where the bytes are sent as they are. Tested by `server/tests/couchdb/attachments.rs`.

use std::{
    collections::VecDeque,
    io::{Read, Seek, SeekFrom},
};

use data_encoding::BASE64;
use tailwater_wire::{
    couchdb::{
        doc::{
            attachment::{CONTENT_TYPE_DEFAULT, check_name, digest},
            id,
            query::DocQuery,
        },
        errors::{Problem, Refusal, reason},
        rev::History,
    },
    http1::{Head, ResponseHead},
};

use super::{
    blob,
    edit::store,
    need_to_write,
    write::{named, stored, update},
};
use crate::{
    dialects::couchdb::{
        auth::Need,
        failure::{failed, missing},
        pieces::{Bytes, Made, Piece},
        visit::{Subject, Visit},
    },
    documents::{Asked, Doc, Edit, Missing, Mode, NewAttachment, Source, StoredAttachment},
    http::{Body, Reply, Response},
};

/// `GET`, `HEAD /{db}/{id}/{name}`
pub(super) async fn get(visit: &Visit<'_>, db: &str, id: &str, name: &str) -> Result<Reply, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let query = DocQuery::parse(&visit.request.head.query())?;
    let (doc_id, rev) = (id.to_owned(), query.rev.clone());
    let doc = subject.blocking(move |database| database.get(&doc_id, rev.as_ref(), Asked::default())).await?;
    let doc = doc.map_err(missing)?;
    let attachment = doc.attachments.into_iter().find(|attachment| attachment.info.name == name);
    let attachment = attachment.ok_or(Problem::AttachmentMissing)?;
    let etag = format!("\"{}\"", BASE64.encode(&attachment.info.digest));
    if visit.has_etag(&etag) {
        return Ok(visit.not_modified(&etag).into());
    }
    let encoded = attachment.encoding.is_some() && accepts_gzip(visit.request.head);
    send(visit, &subject, attachment, &etag, encoded).await
}

/// Whether the client takes bytes that are encoded with gzip.
fn accepts_gzip(head: &Head) -> bool {
    let accepted = head.header("accept-encoding").unwrap_or_default();
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip")) && parts.all(|part| part != "q=0")
    })
}

async fn send(
    visit: &Visit<'_>,
    subject: &Subject,
    attachment: StoredAttachment,
    etag: &str,
    encoded: bool,
) -> Result<Reply, Refusal> {
    let length = if encoded { attachment.stored_bytes() } else { attachment.info.length };
    // Of bytes that are not stored as they are sent, a part cannot be found.
    let is_plain = attachment.encoding.is_none();
    let range = visit.request.head.header("range").filter(|_| is_plain).and_then(|range| parse_range(range, length));
    let (status, start, count) = match range {
        None => (200, 0, length),
        Some(Some((start, end))) => (206, start, end - start + 1),
        Some(None) => {
            let refusal = Refusal::new(416, "requested_range_not_satisfiable", "Requested range not satisfiable");
            return Err(refusal.with_header("Content-Range", format!("bytes */{length}")));
        }
    };
    let content_type = attachment.info.content_type.clone();
    let md5 = BASE64.encode(&attachment.info.digest);
    let (db, database) = (subject.db.clone(), subject.database.clone());
    let opening = move || open(&db, &database, &attachment, encoded, start, count);
    let bytes = glommio::executor().spawn_blocking(opening).await?;

    let mut fields = visit.fields();
    fields.push(("ETag", etag.to_owned()));
    fields.push(("Accept-Ranges", if is_plain { "bytes" } else { "none" }.to_owned()));
    if encoded {
        fields.push(("Content-Encoding", "gzip".to_owned()));
    }
    if status == 206 {
        fields.push(("Content-Range", format!("bytes {start}-{}/{length}", start + count - 1)));
    } else if is_plain || encoded {
        fields.push(("Content-MD5", md5));
    }
    let head = visit.request.head;
    let mut out = Vec::new();
    let response = ResponseHead::with_reason(&mut out, status, reason(status), &visit.request.date);
    let response = response.header("Cache-Control", "must-revalidate");
    let response = fields.iter().fold(response, |response, (name, value)| response.header(name, value));
    let response = if head.keep_alive() { response } else { response.close() };
    response.body_head_only(&content_type, count);
    let parts = if head.method() == "HEAD" { VecDeque::new() } else { VecDeque::from([Piece::Raw(bytes)]) };
    Ok(Reply::Body(Box::new(Body { head: out, source: Box::new(Made::plain(parts)), keep: head.keep_alive() })))
}

fn open(
    db: &str,
    database: &crate::documents::Database,
    attachment: &StoredAttachment,
    encoded: bool,
    start: u64,
    count: u64,
) -> Result<Bytes, Refusal> {
    if attachment.encoding.is_some() {
        return blob::open(db, database, attachment, encoded);
    }
    let mut file = blob::open_file(db, database, attachment)?;
    file.seek(SeekFrom::Start(start)).map_err(|error| {
        tracing::error!(db, %error, "an attachment cannot be read");
        Refusal::new(500, "internal_server_error", "the attachment cannot be read")
    })?;
    Ok(Box::new(file.take(count)))
}

/// The first and last byte that are asked for: `None` if all are, or more than one range is; `Some(None)` if there are none.
fn parse_range(range: &str, length: u64) -> Option<Option<(u64, u64)>> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = (start.trim(), end.trim());
    let number = |text: &str| text.parse::<u64>().ok();
    let (start, end) = match (start, end) {
        ("", last) => (length.saturating_sub(number(last)?), length.checked_sub(1)),
        (start, "") => (number(start)?, length.checked_sub(1)),
        (start, end) => {
            let (start, end) = (number(start)?, number(end)?);
            if end < start {
                return None;
            }
            (start, length.checked_sub(1).map(|last| end.min(last)))
        }
    };
    Some(end.filter(|end| start <= *end).map(|end| (start, end)))
}

/// `PUT /{db}/{id}/{name}`
pub(super) async fn put(visit: &mut Visit<'_>, db: &str, id: &str, name: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, need_to_write(id)).await?;
    id::check(id)?;
    check_name(name)?;
    let head = visit.request.head;
    let history = named(visit, None)?;
    let content_type = head.header("content-type").unwrap_or(CONTENT_TYPE_DEFAULT).to_owned();
    let encoding = head.header("content-encoding").map(str::to_ascii_lowercase);
    let md5 = head.header("content-md5").map(str::to_owned);
    let bytes = visit.read_as_sent().await?;
    let mut edit = edit_of(&subject, id, history).await?;
    let (name, stored_as) = (name.to_owned(), content_type.clone());
    let storing = move |database: &std::sync::Arc<crate::documents::Database>| {
        let sent = BASE64.encode(&digest(&bytes));
        if md5.is_some_and(|md5| md5 != sent) {
            return Ok(Err(Refusal::new(412, "content_md5_mismatch", "Possible message corruption.")));
        }
        let blob = store(database, &bytes, &stored_as, encoding.as_deref(), None)?;
        Ok(blob.ok_or_else(|| Refusal::new(415, "bad_ctype", "Only gzip and identity content-encodings are supported")))
    };
    let blob = subject.blocking(storing).await??;
    let new = NewAttachment { name: name.clone(), content_type, revpos: None, source: Source::Stored(blob) };
    match edit.attachments.iter_mut().find(|attachment| attachment.name == name) {
        Some(attachment) => *attachment = new,
        None => edit.attachments.push(new),
    }
    let location = format!("{}/{name}", visit.location(db, Some(id)));
    let rev = update(&subject, edit, Mode::NewEdits).await?;
    Ok(stored(visit, 201, id, &rev).header("Location", location))
}

/// `DELETE /{db}/{id}/{name}`
pub(super) async fn delete(visit: &Visit<'_>, db: &str, id: &str, name: &str) -> Result<Response, Refusal> {
    let subject = visit.enter(db, need_to_write(id)).await?;
    let Some(history) = named(visit, None)? else {
        return Err(Refusal::new(409, "conflict", "Document update conflict."));
    };
    let mut edit = edit_of(&subject, id, Some(history)).await?;
    let before = edit.attachments.len();
    edit.attachments.retain(|attachment| attachment.name != name);
    if edit.attachments.len() == before {
        return Err(Problem::AttachmentMissing.into());
    }
    let rev = update(&subject, edit, Mode::NewEdits).await?;
    Ok(stored(visit, 200, id, &rev))
}

/// The document of a revision, as an edit that changes nothing; of none, an empty document.
async fn edit_of(subject: &Subject, id: &str, history: Option<History>) -> Result<Edit, Refusal> {
    let (doc_id, rev) = (id.to_owned(), history.as_ref().map(History::rev));
    let database = subject.database.clone();
    let reading = move || database.get(&doc_id, rev.as_ref(), Asked::default());
    let found = glommio::executor().spawn_blocking(reading).await.map_err(|error| failed(&subject.db, &error))?;
    match (found, history) {
        (Ok(doc), Some(history)) => Ok(unchanged(doc, history)),
        (Err(Missing::Missing | Missing::Deleted), None) => Ok(Edit {
            id: id.to_owned(),
            history: None,
            deleted: false,
            body: "{}".to_owned(),
            attachments: Vec::new(),
        }),
        _ => Err(Refusal::new(409, "conflict", "Document update conflict.")),
    }
}

fn unchanged(doc: Doc, history: History) -> Edit {
    let attachments = doc.attachments.into_iter().map(|attachment| NewAttachment {
        name: attachment.info.name,
        content_type: attachment.info.content_type,
        revpos: Some(attachment.info.revpos),
        source: Source::Stub,
    });
    Edit {
        id: doc.id,
        history: Some(history),
        deleted: doc.deleted,
        body: doc.body,
        attachments: attachments.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let table = [
            ("bytes=0-0", 10, Some(Some((0, 0)))),
            ("bytes=2-99", 10, Some(Some((2, 9)))),
            ("bytes=2-", 10, Some(Some((2, 9)))),
            ("bytes=-3", 10, Some(Some((7, 9)))),
            ("bytes=-30", 10, Some(Some((0, 9)))),
            ("bytes=10-", 10, Some(None)),
            ("bytes=10-12", 10, Some(None)),
            ("bytes=-0", 10, Some(None)),
            ("bytes=0-", 0, Some(None)),
            ("bytes=3-2", 10, None),
            ("bytes=0-1,3-4", 10, None),
            ("lines=0-1", 10, None),
            ("bytes=x-1", 10, None),
        ];
        for (range, length, expected) in table {
            assert_eq!(parse_range(range, length), expected, "{range}");
        }
    }
}
