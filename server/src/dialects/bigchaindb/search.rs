//! Searching assets and metadata.
//!
//! Owns the request and the answer, which is made while it is sent. What matches is found by the chain's second thread. Tested by
//! `server/tests/bigchaindb/search.rs`.

use std::{collections::VecDeque, sync::Arc};

use tailwater_wire::bigchaindb::{
    errors::Refusal,
    listing::List,
    search::{Search, SearchQuery, Searchable, Table},
};

use super::{
    chain::{Chain, Place, Wanted},
    lists::streamed,
    readable_chain,
    refusals::refused,
};
use crate::http::{Reply, Request, Response, Steps};

/// `GET /api/v1/assets?search={text}&limit=`, `GET /api/v1/metadata?search={text}&limit=`
pub(super) async fn search(request: &Request<'_>, table: Table) -> Reply {
    let asked = match SearchQuery::parse(&request.head.query()) {
        Ok(asked) => asked,
        Err(error) => return refused(Refusal::web_parameter(&error)).into(),
    };
    let search = match Search::parse(&asked.text) {
        Ok(search) => search,
        Err(error) => return refused(Refusal::from(&error)).into(),
    };
    let chain = match readable_chain(request) {
        Ok(chain) => chain,
        Err(refusal) => return refused(refusal).into(),
    };
    match chain.search(Wanted { table, search, limit: asked.limit }).await {
        Ok(places) => streamed(request, Documents { chain, table, places: places.into(), list: List::default() }),
        Err(error) => Response::from(&error).into(),
    }
}

/// A list of documents on its way.
struct Documents {
    chain: Arc<Chain>,
    table: Table,
    places: VecDeque<Place>,
    list: List,
}

impl Steps for Documents {
    fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, String> {
        let Some(place) = self.places.pop_front() else {
            self.list.finish(out);
            return Ok(true);
        };
        let (table, list) = (self.table, &mut self.list);
        // What has left the window meanwhile is passed over.
        let shown = self.chain.stored(place, |stored| {
            list.push_document(out, |out| Searchable::new(&stored).write(table, out));
        });
        shown.map(|_| false).map_err(|error| error.to_string())
    }
}
