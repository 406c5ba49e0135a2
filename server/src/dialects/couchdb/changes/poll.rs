//! Long polls that wait at the tail: one answer for all of a kind.
//!
//! Owns that answer. It is made of the events themselves, once for each group that waits, however many are in it. Tested by
//! `server/tests/couchdb/changes_streams.rs`.

use std::{collections::HashSet, rc::Rc, sync::Arc};

use tailwater_core::Event;
use tailwater_wire::couchdb::{
    changes::{
        Feed, Response, Wording,
        encode::{EventFilter, Framing, Shape},
        response::{BEAT, beat},
        row::{self, RowDoc, RowSeq},
    },
    errors::Refusal,
    event::{Change, json_body},
};

use super::{
    super::{Database, head::ChangesHead, scripts::View},
    ask::Ask,
    encodings::Encoding,
    streams,
};
use crate::{
    config::Dialect,
    documents::PURGE,
    feeds::FeedEntry,
    filters::Lease,
    http::{Reply, Request},
    shard::{
        protocol::{Farewell, StreamProtocol, StreamStart, Transport},
        views::ViewId,
    },
};

/// Bytes of rows in one answer; more stay pending.
const ROW_BYTES_MAX: usize = 1 << 20;

/// Begins to wait.
pub(super) async fn begin(request: &Request<'_>, ask: Ask, view: Option<Arc<View>>) -> Result<Reply, Refusal> {
    let encoding = Encoding::find(request, &ask, Framing::Row).await?;
    let cursor = streams::cursor(&ask, &encoding, view.as_ref(), ask.after, None).await?;
    let mut prelude = ChangesHead { feed: Feed::Longpoll, etag: None, closes: true }.write(request);
    let mut response = Response::new(Feed::Longpoll, ask.changes.wording);
    response.start(&mut prelude);
    response.wait(&mut prelude);
    Ok(Reply::Stream(Box::new(StreamStart {
        feed: ask.entry.clone(),
        encoding: encoding.id,
        patience: streams::patience(ask.changes.patience),
        protocol: Rc::new(Poll::new(&ask, view, encoding)),
        cursor,
        prelude,
        replay: None,
    })))
}

/// All long polls of one kind.
struct Poll {
    name: String,
    entry: Arc<FeedEntry>,
    database: Arc<Database>,
    shape: Shape,
    limit: u64,
    filter: Option<EventFilter>,
    view: Option<Arc<View>>,
    /// Of a selector. It lasts as long as the group.
    _lease: Option<Lease>,
}

impl Poll {
    fn new(ask: &Ask, view: Option<Arc<View>>, encoding: Encoding) -> Self {
        let name = match ask.changes.limit {
            Some(limit) => format!("couchdb-poll-{limit}"),
            None => "couchdb-poll".to_owned(),
        };
        Self {
            name: streams::named(&name, view.as_deref()),
            entry: ask.entry.clone(),
            database: ask.database.clone(),
            shape: encoding.shape,
            limit: ask.changes.limit.unwrap_or(u64::MAX),
            filter: encoding.filter,
            view,
            _lease: encoding.lease,
        }
    }

    fn end(&self, last_seq: u64, pending: u64) -> Vec<u8> {
        let mut out = Vec::new();
        Response::new(Feed::Longpoll, Wording::CouchDb).end(&self.database.token(last_seq), pending, &mut out);
        out
    }

    /// Whether an event that is known is wanted.
    fn wants(&self, seq: u64, change: &Change<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.passes(change))
            && self.view.as_ref().is_none_or(|view| view.next_passing(seq) == Some(seq))
    }

    fn write_row(&self, change: &Change<'_>, seq: RowSeq, out: &mut Vec<u8>) {
        let fields = match &self.filter {
            Some(EventFilter::Selector(_, fields)) if !fields.is_all() => Some(fields),
            _ => None,
        };
        let doc = match (self.shape.docs, fields) {
            (false, _) => RowDoc::None,
            (true, Some(fields)) => RowDoc::Fields(fields),
            (true, None) => RowDoc::Winner { conflicts: false },
        };
        row::write(change, seq, self.shape.style, doc, out);
    }
}

/// An answer that is being made.
struct News {
    response: Response,
    out: Vec<u8>,
    rows: u64,
    last_seq: u64,
    /// Documents of events behind the answer's end.
    pending: HashSet<String>,
}

impl News {
    fn take(&mut self, poll: &Poll, event: &Event<'_>) {
        if event.kind == PURGE {
            return;
        }
        let body = json_body(event);
        let change = Change::read(event, &body);
        if self.rows >= poll.limit || self.out.len() >= ROW_BYTES_MAX {
            self.pending.insert(change.id().to_owned());
            return;
        }
        self.last_seq = event.seq;
        if !poll.wants(event.seq, &change) {
            return;
        }
        let seq = RowSeq::Token(poll.database.uid, event.seq);
        let (mut row, mut token) = (Vec::new(), Vec::new());
        poll.write_row(&change, seq, &mut row);
        seq.write(&mut token);
        self.response.row(&row, &token, &mut self.out);
        self.rows += 1;
    }
}

impl StreamProtocol for Poll {
    fn name(&self) -> &str {
        &self.name
    }

    fn transport(&self) -> Transport {
        Transport::Chunked
    }

    fn heartbeat(&self) -> &'static [u8] {
        beat(Feed::Longpoll, Wording::CouchDb)
    }

    fn binding(&self) -> Option<Dialect> {
        Some(Dialect::Couchdb)
    }

    fn farewell(&self, farewell: Farewell) -> Vec<u8> {
        streams::cut(streams::reason(farewell))
    }

    fn farewell_after(&self, farewell: Farewell, last_seq: Option<u64>) -> Vec<u8> {
        let in_order = matches!(farewell, Farewell::Restart | Farewell::Deleted);
        match last_seq.filter(|_| in_order) {
            Some(last_seq) => self.ended(last_seq),
            None => self.farewell(farewell),
        }
    }

    fn ended(&self, last_seq: u64) -> Vec<u8> {
        match self.view.as_ref().and_then(|view| view.failure(last_seq + 1)) {
            Some(error) => streams::cut(error),
            None => self.end(last_seq, self.database.kept.count(last_seq, self.entry.feed().last_seq())),
        }
    }

    fn news(&self, from_seq: u64) -> Option<Vec<u8>> {
        let open = self.view.as_ref().map_or(u64::MAX, |view| view.next_open(from_seq));
        let mut news = News {
            response: Response::new(Feed::Longpoll, Wording::CouchDb),
            out: BEAT.to_vec(),
            rows: 0,
            last_seq: from_seq.saturating_sub(1),
            pending: HashSet::new(),
        };
        let mut reader = self.entry.feed().read(from_seq);
        while let Some(event) = reader.next() {
            match event {
                Ok(event) if event.seq < open => news.take(self, &event),
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "changes cannot be read");
                    return Some(streams::cut(streams::reason(Farewell::Damaged)));
                }
            }
        }
        if news.rows == 0 {
            return None;
        }
        let last_seq = self.database.token(news.last_seq);
        news.response.end(&last_seq, news.pending.len() as u64, &mut news.out);
        Some(news.out)
    }

    fn waits_for_news(&self) -> bool {
        true
    }

    fn view(&self) -> Option<ViewId> {
        self.view.as_ref().map(|view| view.id())
    }
}
