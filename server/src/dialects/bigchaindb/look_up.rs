//! Questions for what is stored: a transaction, a block, the blocks of a transaction.
//!
//! Owns the answers. What is looked up is read on the blocking pool, since it may lie on the disk. Tested by
//! `server/tests/bigchaindb/look_up.rs`.

use std::sync::Arc;

use tailwater_wire::bigchaindb::{
    errors::{self, Refusal},
    info::{write_block, write_heights, write_transaction},
    request::parse_blocks,
};

use super::{
    chain::Chain,
    readable_chain,
    refusals::{ChainError, refused},
};
use crate::http::{Request, Response};

/// `GET /api/v1/transactions/{id}`
pub(super) async fn transaction(request: &Request<'_>, id: &str) -> Response {
    let id = id.to_owned();
    let find = move |chain: &Chain| {
        let Some(place) = chain.place(&id)? else { return Ok(None) };
        let transaction = chain.transaction(place)?;
        Ok(transaction.map(|json| written(|body| write_transaction(body, &json))))
    };
    answer(request, find).await
}

/// `GET /api/v1/blocks/{height}`
pub(super) async fn block(request: &Request<'_>, height: u64) -> Response {
    let chain = match readable_chain(request) {
        Ok(chain) => chain,
        Err(refusal) => return refused(refusal),
    };
    let find = move || chain.block(height, |event| written(|body| write_block(body, event)));
    respond(glommio::executor().spawn_blocking(find).await)
}

/// `GET /api/v1/blocks?transaction_id={id}`
pub(super) async fn heights(request: &Request<'_>) -> Response {
    let query = request.head.query();
    let id = match parse_blocks(&query) {
        Ok(id) => id.to_owned(),
        Err(error) => return refused(Refusal::web_parameter(&error)),
    };
    let find = move |chain: &Chain| {
        let place = chain.place(&id)?;
        let heights: Vec<u64> =
            place.filter(|place| chain.holds(place.height)).map(|place| place.height).into_iter().collect();
        Ok(Some(written(|body| write_heights(body, &heights))))
    };
    answer(request, find).await
}

type Answer = Result<Option<Vec<u8>>, ChainError>;

/// Answers what has to be looked up in the index, once that knows every block there is.
async fn answer(request: &Request<'_>, find: impl FnOnce(&Chain) -> Answer + Send + 'static) -> Response {
    let chain: Arc<Chain> = match readable_chain(request) {
        Ok(chain) => chain,
        Err(refusal) => return refused(refusal),
    };
    if let Err(error) = chain.settled().await {
        return Response::from(&error);
    }
    respond(glommio::executor().spawn_blocking(move || find(&chain)).await)
}

fn respond(answer: Answer) -> Response {
    match answer {
        Ok(Some(body)) => Response::new(200, errors::JSON, body),
        Ok(None) => refused(Refusal::web_not_found()),
        Err(error) => Response::from(&error),
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    write(&mut body);
    body
}
