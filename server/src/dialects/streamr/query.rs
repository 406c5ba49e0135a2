//! Stored messages over HTTP.
//!
//! Owns the answer as one JSON array. What fits into a piece is answered whole, and anything longer is made while it is sent: so
//! an answer has everything, and whoever reads it slowly holds one piece. Tested by `server/tests/streamr/http.rs`.

use std::sync::Arc;

use tailwater_core::{Feed, ReadError};
use tailwater_wire::streamr::{
    encode::{AnswerWriter, StreamrJson},
    errors::StreamrError,
    http::{DataQuery, QueryKind, parse_partition, parse_query},
};

use super::{
    meter::Meter,
    place::{Stream, denied, who_asks},
    refused,
    resend::{self, Run},
};
use crate::http::{Body, InChunks, Made, PIECE_BYTES, Reply, Request, Response, Steps};

const JSON: &str = "application/json";

/// `GET /api/v1/streams/{stream}/data/partitions/{partition}/{last|from|range}`
pub(super) async fn query(request: &Request<'_>, stream: &str, partition: &str, kind: QueryKind) -> Reply {
    match begin(request, stream, partition, kind).await {
        Ok((messages, first)) if messages.run.is_none() => {
            messages.meter.query(first.len() as u64);
            Response::new(200, JSON, first).into()
        }
        Ok((messages, first)) => {
            let fields = [("Access-Control-Allow-Origin", "*"), ("Content-Type", JSON)];
            let rest = Rest { messages, first, bytes: 0 };
            Reply::Body(Body::ok(request, fields, Made::new(InChunks(rest))))
        }
        Err(error) => refused(&error).into(),
    }
}

/// The messages, and the first piece of the answer.
async fn begin(
    request: &Request<'_>,
    stream: &str,
    partition: &str,
    kind: QueryKind,
) -> Result<(Messages, Vec<u8>), StreamrError> {
    let partition = parse_partition(partition)?;
    let asked = parse_query(kind, &request.head.query())?;
    let who = who_asks(request)?;
    let appliance = &request.shard.appliance;
    let found = Stream::find(appliance, stream)?;
    if !who.may_read(found.first()) {
        return Err(denied(&who));
    }
    let feed = found.partition(stream, partition)?.feed().clone();
    let (encoder, meter) = (StreamrJson::new(stream, partition), appliance.streamr.clone());
    let read = glommio::executor().spawn_blocking(move || {
        let mut messages = Messages::find(feed, encoder, &asked, meter)?;
        let mut first = Vec::new();
        messages.write_piece(&mut first)?;
        Ok((messages, first))
    });
    read.await.map_err(|error: ReadError| {
        tracing::error!(%error, "stored messages could not be read");
        StreamrError::FetchFailed
    })
}

/// Messages that have not been written yet.
struct Messages {
    feed: Arc<Feed>,
    writer: AnswerWriter,
    /// `None` behind the end of the array.
    run: Option<Run>,
    meter: Arc<Meter>,
}

impl Messages {
    /// Blocks.
    fn find(feed: Arc<Feed>, encoder: StreamrJson, asked: &DataQuery, meter: Arc<Meter>) -> Result<Self, ReadError> {
        // Of nothing there is an end as well.
        let nothing = Run { from: 1, to: 0, count_max: 0 };
        let run = resend::look_up(&feed, asked.selection)?.unwrap_or(nothing);
        Ok(Self { feed, writer: AnswerWriter::new(encoder, asked.wrapper, asked.content), run: Some(run), meter })
    }

    /// Writes messages until there is a piece, or all of them and the end. Blocks.
    fn write_piece(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let mut reader = self.feed.read(run.from);
        while run.count_max > 0 {
            if out.len() >= PIECE_BYTES {
                return Ok(());
            }
            let Some((event, previous_seq)) = reader.next_with_previous().transpose()? else { break };
            if event.seq > run.to {
                break;
            }
            self.writer.push(&event, previous_seq, out);
            *run = Run { from: event.seq + 1, count_max: run.count_max - 1, ..*run };
        }
        self.writer.finish(out);
        self.run = None;
        Ok(())
    }
}

/// An answer of more than one piece.
struct Rest {
    messages: Messages,
    /// The first piece, until it is sent.
    first: Vec<u8>,
    /// Bytes of all pieces so far.
    bytes: u64,
}

impl Steps for Rest {
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, String> {
        let before = out.len();
        if self.first.is_empty() {
            self.messages.write_piece(out).map_err(|error| error.to_string())?;
        } else {
            out.append(&mut self.first);
            self.first = Vec::new();
        }
        self.bytes += (out.len() - before) as u64;
        let is_over = self.messages.run.is_none();
        if is_over {
            self.messages.meter.query(self.bytes);
        }
        Ok(is_over)
    }
}
