//! Stored messages over HTTP.
//!
//! Owns the answer as one JSON array. It is made on the blocking pool and ends at a limit of bytes; a client that wants the
//! rest asks from the last offset on. Tested by `server/tests/streamr/http.rs`.

use tailwater_core::{Feed, ReadError};
use tailwater_wire::streamr::{
    encode::{AnswerWriter, StreamrJson},
    errors::StreamrError,
    http::{DataQuery, QueryKind, parse_partition, parse_query},
};

use super::{
    place::{Stream, denied, who_asks},
    refused,
    resend::{self, Run},
};
use crate::http::{Request, Response};

/// Bytes after which an answer ends before its range does.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// `GET /api/v1/streams/{stream}/data/partitions/{partition}/{last|from|range}`
pub(super) async fn query(request: &Request<'_>, stream: &str, partition: &str, kind: QueryKind) -> Response {
    match answer(request, stream, partition, kind).await {
        Ok(body) => Response::new(200, "application/json", body),
        Err(error) => refused(&error),
    }
}

async fn answer(
    request: &Request<'_>,
    stream: &str,
    partition: &str,
    kind: QueryKind,
) -> Result<Vec<u8>, StreamrError> {
    let partition = parse_partition(partition)?;
    let asked = parse_query(kind, &request.head.query())?;
    let who = who_asks(request)?;
    let found = Stream::find(&request.shard.appliance, stream)?;
    if !who.may_read(found.first()) {
        return Err(denied(&who));
    }
    let feed = found.partition(stream, partition)?.feed().clone();
    let encoder = StreamrJson::new(stream, partition);
    let read = glommio::executor().spawn_blocking(move || read(&feed, &encoder, &asked)).await;
    read.map_err(|error| {
        tracing::error!(%error, "stored messages could not be read");
        StreamrError::FetchFailed
    })
}

fn read(feed: &Feed, encoder: &StreamrJson, asked: &DataQuery) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    let mut answer = AnswerWriter::new(&mut body, encoder, asked.wrapper, asked.content);
    if let Some(Run { from, to, mut count_max }) = resend::look_up(feed, asked.selection)? {
        let mut reader = feed.read(from);
        while answer.bytes() < ANSWER_BYTES_MAX && count_max > 0 {
            let Some(next) = reader.next_with_previous() else {
                break;
            };
            let (event, previous_seq) = next?;
            if event.seq > to {
                break;
            }
            answer.push(&event, previous_seq);
            count_max -= 1;
        }
    }
    answer.finish();
    Ok(body)
}
