//! Lists: the outputs of an owner, the transactions of an asset, in the order of blocks.
//!
//! Owns the answers. They are made while they are sent, a few rows at a time, so that none is too long and a slow reader holds
//! nothing but a piece. Lists end with the block that was the newest when they were asked for. Tested by
//! `server/tests/bigchaindb/lists.rs`.

use std::{collections::VecDeque, sync::Arc};

use tailwater_wire::bigchaindb::{
    errors::{self, Refusal},
    listing::{List, OutputsQuery, TransactionsQuery},
    stored::Stored,
    transaction::Operation,
};

use super::{
    chain::{Chain, Place, Stretch},
    readable_chain,
    refusals::{ChainError, refused},
};
use crate::http::{Body, InChunks, Made, PIECE_BYTES, Reply, Request, Response, Steps};

/// `GET /api/v1/outputs?public_key={key}&spent=`
pub(super) async fn outputs(request: &Request<'_>) -> Reply {
    let asked = match OutputsQuery::parse(&request.head.query()) {
        Ok(asked) => asked,
        Err(error) => return refused(Refusal::web_parameter(&error)).into(),
    };
    match settled_chain(request).await {
        Ok(chain) => {
            let stretch = asked.owner.map(|owner| chain.stretch(&owner));
            streamed(request, Outputs { chain, stretch, spent: asked.spent, list: List::default() })
        }
        Err(response) => response.into(),
    }
}

/// `GET /api/v1/transactions?asset_id={id}&operation=&last_tx=`
pub(super) async fn transactions(request: &Request<'_>) -> Reply {
    let asked = match TransactionsQuery::parse(&request.head.query()) {
        Ok(asked) => asked,
        Err(error) => return refused(Refusal::web_parameter(&error)).into(),
    };
    let chain = match settled_chain(request).await {
        Ok(chain) => chain,
        Err(response) => return response.into(),
    };
    match glommio::executor().spawn_blocking(move || Transactions::begin(chain, &asked)).await {
        Ok(transactions) => streamed(request, transactions),
        Err(error) => Response::from(&error).into(),
    }
}

/// The chain, for somebody who may read it, once its index knows every block there is.
async fn settled_chain(request: &Request<'_>) -> Result<Arc<Chain>, Response> {
    let chain = readable_chain(request).map_err(refused)?;
    match chain.settled().await {
        Ok(()) => Ok(chain),
        Err(error) => Err(Response::from(&error)),
    }
}

/// The answer whose body these steps make.
pub(super) fn streamed(request: &Request<'_>, steps: impl Steps) -> Reply {
    let fields = [("Access-Control-Allow-Origin", "*"), ("Content-Type", errors::JSON)];
    Reply::Body(Body::ok(request, fields, Made::new(InChunks(steps))))
}

/// A list of outputs on its way.
struct Outputs {
    chain: Arc<Chain>,
    /// `None` if there are none.
    stretch: Option<Stretch>,
    spent: Option<bool>,
    list: List,
}

impl Steps for Outputs {
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, String> {
        let Some(stretch) = &mut self.stretch else {
            self.list.finish(out);
            return Ok(true);
        };
        match self.chain.outputs(stretch, self.spent).map_err(|error| error.to_string())? {
            Some(outputs) => outputs.iter().for_each(|output| self.list.push_output(out, output)),
            None => self.stretch = None,
        }
        Ok(false)
    }
}

/// A list of transactions on its way.
struct Transactions {
    chain: Arc<Chain>,
    /// What is to be read of the index; `None` if there is no more.
    stretch: Option<Stretch>,
    operation: Option<Operation>,
    /// The transaction that has the asset's id, until its place in the order comes.
    own: Option<Place>,
    /// What comes next.
    places: VecDeque<Place>,
    list: List,
}

impl Transactions {
    fn begin(chain: Arc<Chain>, asked: &TransactionsQuery) -> Result<Self, ChainError> {
        let TransactionsQuery { asset_id, operation, is_last } = asked;
        let mut own = chain.place(asset_id)?.filter(|place| chain.holds(place.height));
        if let (Some(place), Some(operation)) = (own, operation)
            && !(*operation == Operation::Create && creates(&chain, place)?)
        {
            own = None;
        }
        let mut stretch = chain.stretch_of(asset_id).filter(|_| *operation != Some(Operation::Create));
        if *is_last && let Some(stretch) = stretch.take() {
            own = own.max(chain.last_place(&stretch, *operation)?);
        }
        Ok(Self { chain, stretch, operation: *operation, own, places: VecDeque::new(), list: List::default() })
    }

    /// Reads on in the index; false when there is no more.
    fn read_on(&mut self) -> Result<bool, ChainError> {
        let Some(stretch) = &mut self.stretch else {
            self.places.extend(self.own.take());
            return Ok(!self.places.is_empty());
        };
        let Some(mut places) = self.chain.places(stretch, self.operation)? else {
            self.stretch = None;
            return Ok(true);
        };
        let is_due = |own: &Place| places.last().is_some_and(|last| own < last);
        if let Some(own) = self.own.take_if(|own| is_due(own)) {
            let at = places.partition_point(|place| *place < own);
            places.insert(at, own);
        }
        self.places = places.into();
        Ok(true)
    }

    /// Writes what comes next and is in one block, or as much as makes a piece.
    fn write_block(&mut self, height: u64, out: &mut Vec<u8>) -> Result<(), ChainError> {
        let (places, list) = (&mut self.places, &mut self.list);
        let before = places.len();
        self.chain.block(height, |event| {
            for (position, stored) in (0..).zip(Stored::all(event)) {
                let is_next = places.front() == Some(&Place { height, position });
                if is_next && out.len() < PIECE_BYTES {
                    list.push_json(out, &stored.json);
                    places.pop_front();
                }
            }
        })?;
        if places.len() == before {
            // It has left the window meanwhile.
            places.pop_front();
        }
        Ok(())
    }
}

fn creates(chain: &Chain, place: Place) -> Result<bool, ChainError> {
    let operation = chain.stored(place, |stored| stored.ledger().operation)?;
    Ok(operation.flatten() == Some(Operation::Create))
}

impl Steps for Transactions {
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, String> {
        let told = |error: ChainError| error.to_string();
        if let Some(place) = self.places.front() {
            let height = place.height;
            self.write_block(height, out).map_err(told)?;
        } else if !self.read_on().map_err(told)? {
            self.list.finish(out);
            return Ok(true);
        }
        Ok(false)
    }
}
