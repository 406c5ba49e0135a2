//! Posting a transaction: from a request's body to an answer that waits until its block is stored.
//!
//! Owns the order of the checks: key, parameters, size, then all that needs nothing but the transaction, on the blocking
//! pool; the rest is the chain's. All modes are answered at the same moment. Tested by `server/tests/bigchaindb/post.rs`.

use std::sync::Arc;

use tailwater_wire::bigchaindb::{
    errors::{self, Refusal},
    info::write_transaction,
    request::parse_mode,
    transaction::{Limits, Transaction},
};

use super::{
    chain::Chain,
    current_chain,
    refusals::{ChainError, denied, refused},
    who,
};
use crate::{
    config,
    http::{Request, Response},
};

/// `POST /api/v1/transactions`
pub(super) async fn post(request: &mut Request<'_>) -> Response {
    let chain = match writable_chain(request) {
        Ok(chain) => chain,
        Err(response) => return response,
    };
    if let Err(error) = parse_mode(&request.head.query()) {
        return refused(Refusal::web_parameter(&error));
    }
    let limits = limits(&request.shard.appliance.config.limits);
    let body = match request.inbound.read_body(limits.bytes_max as u64).await {
        Ok(body) => body,
        Err(error) => return refused(Refusal::web(error.status().unwrap_or(400), &error.to_string())).closing(),
    };
    match store(&chain, body, limits).await {
        Ok(transaction) => {
            let mut body = Vec::new();
            write_transaction(&mut body, transaction.json());
            Response::new(202, errors::JSON, body).reason(errors::web_reason(202))
        }
        Err(error) => Response::from(&error),
    }
}

fn writable_chain(request: &Request<'_>) -> Result<Arc<Chain>, Response> {
    let chain = current_chain(request).ok_or_else(|| refused(Refusal::web_not_found()))?;
    let who = who(request);
    if !who.may_write(chain.entry()) {
        return Err(refused(denied(&who)));
    }
    if request.shard.appliance.mirrors.fills(chain.entry().feed().name()) {
        return Err(Response::from(&ChainError::Mirrored));
    }
    Ok(chain)
}

/// What one transaction may measure.
fn limits(limits: &config::Limits) -> Limits {
    let default = Limits::default();
    Limits {
        bytes_max: default.bytes_max.min(limits.event_bytes_max as usize),
        depth_max: default.depth_max.min(limits.json_depth_max as usize),
        ..default
    }
}

async fn store(chain: &Chain, body: Vec<u8>, limits: Limits) -> Result<Arc<Transaction>, ChainError> {
    let checking = move || Transaction::parse(&body, &limits).map(Arc::new);
    let transaction = glommio::executor().spawn_blocking(checking).await?;
    chain.post(transaction.clone()).await?;
    Ok(transaction)
}
