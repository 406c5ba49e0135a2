//! `_find`: documents that a selector matches, by looking at each.
//!
//! Owns the walk, its bookmark (the last document that was looked at), and the words about indexes, which there are none of.
//! Design documents are passed over, as in CouchDB. Tested by `server/tests/couchdb/lists.rs`.

use std::{collections::VecDeque, time::Instant};

use data_encoding::BASE64URL_NOPAD;
use tailwater_wire::couchdb::{
    doc::id::DESIGN,
    errors::Refusal,
    find::{FindError, FindRequest},
    listing::Listing,
    text::Value,
};

use crate::{
    dialects::couchdb::{
        auth::Need,
        documents::shown::{Look, write_stubbed},
        failure::failed,
        pieces::{Made, Maker, Piece},
        visit::{Subject, Visit},
    },
    documents::{AllDocs, Asked, IdRange, Order},
    http::Reply,
};

/// Documents that are looked at before others get a turn.
const LOOKED_AT_ONCE: usize = 500;
/// The bookmark of a query that has found nothing.
const NO_BOOKMARK: &str = "nil";
const WARNING: &str = "No matching index found, create an index to optimize query time.";

/// `POST /{db}/_find`
pub(super) async fn answer(visit: &mut Visit<'_>, db: &str) -> Result<Reply, Refusal> {
    let subject = visit.enter(db, Need::Read).await?;
    let body = visit.read_json().await?;
    let parsing = move || FindRequest::parse(&body);
    let request = glommio::executor().spawn_blocking(parsing).await?;
    if request.sort.iter().any(|field| field != "_id") {
        let reason = "No index exists for this sort, try indexing by the sort fields.";
        return Err(Refusal::new(400, "no_usable_index", reason));
    }
    let after =
        request.bookmark.as_deref().filter(|bookmark| *bookmark != NO_BOOKMARK).map(parse_bookmark).transpose()?;
    let order = if request.descending { Order::Descending } else { Order::Ascending };
    let range = IdRange { start: after.clone(), order, ..IdRange::default() };
    let docs = subject.blocking(move |database| database.all_docs(&range)).await?;
    let walk = Walk {
        subject,
        docs,
        skip: request.skip,
        left: request.limit,
        request,
        after,
        listing: None,
        looked_at: 0,
        found: 0,
        began: Instant::now(),
    };
    Ok(visit.stream("application/json", &[], Made::chunked(walk)))
}

fn parse_bookmark(bookmark: &str) -> Result<String, Refusal> {
    let bytes = BASE64URL_NOPAD.decode(bookmark.as_bytes()).ok();
    let id = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    id.ok_or_else(|| FindError::Bookmark(bookmark.chars().take(200).collect()).into())
}

/// The walk over all documents while its answer is sent.
struct Walk {
    subject: Subject,
    docs: AllDocs,
    request: FindRequest,
    skip: u64,
    left: u64,
    /// The document that was found last; it is not looked at again.
    after: Option<String>,
    listing: Option<Listing>,
    looked_at: u64,
    found: u64,
    began: Instant,
}

impl Maker for Walk {
    fn make(&mut self, parts: &mut VecDeque<Piece>) -> Result<bool, Refusal> {
        let mut out = Vec::new();
        let mut listing = self.listing.take().unwrap_or_else(|| Listing::docs(&mut out));
        let mut more = self.left > 0;
        for _ in 0..LOOKED_AT_ONCE {
            if !more {
                break;
            }
            more = self.look_at_next(&mut listing, &mut out)?;
        }
        if more {
            self.listing = Some(listing);
        } else {
            self.end(listing, &mut out);
        }
        parts.push_back(Piece::Text(out));
        Ok(more)
    }
}

impl Walk {
    /// Looks at one more; false if there is none, or no more are wanted.
    fn look_at_next(&mut self, listing: &mut Listing, out: &mut Vec<u8>) -> Result<bool, Refusal> {
        let failed = |error| failed(&self.subject.db, &error);
        let Some(listed) = self.docs.next().transpose().map_err(failed)? else { return Ok(false) };
        if listed.id.starts_with(DESIGN) || self.found == 0 && self.after.as_ref() == Some(&listed.id) {
            return Ok(true);
        }
        let asked = Asked { conflicts: self.request.conflicts, ..Asked::default() };
        let Some(doc) = self.subject.database.listed_doc(&listed, asked).map_err(failed)? else { return Ok(true) };
        self.looked_at += 1;
        let mut text = Vec::with_capacity(doc.body.len() + 128);
        write_stubbed(&doc, &Look::default(), &mut text);
        if !self.request.selector.matches(Value::new(&text)) {
            return Ok(true);
        }
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(true);
        }
        if self.request.fields.is_all() {
            listing.row(&text, out);
        } else {
            let mut projected = Vec::new();
            self.request.fields.write(Value::new(&text), &mut projected);
            listing.row(&projected, out);
        }
        self.after = Some(listed.id);
        self.found += 1;
        self.left -= 1;
        Ok(self.left > 0)
    }

    fn end(&self, listing: Listing, out: &mut Vec<u8>) {
        let bookmark = self.after.as_ref().map(|id| BASE64URL_NOPAD.encode(id.as_bytes()));
        let stats = format!(
            "{{\"total_keys_examined\":0,\"total_docs_examined\":{},\"total_quorum_docs_examined\":0,\
             \"results_returned\":{},\"execution_time_ms\":{:.3}}}",
            self.looked_at,
            self.found,
            self.began.elapsed().as_secs_f64() * 1_000.0
        );
        let stats = self.request.execution_stats.then_some(stats.as_bytes());
        listing.end_docs(bookmark.as_deref().unwrap_or(NO_BOOKMARK), Some(WARNING), stats, out);
    }
}
