//! The encodings of changes.
//!
//! Owns which encoding has which shape, and the leases of those with a selector: one encoding for each selector, however many
//! ask for it. Never encodes. Tested by `server/tests/couchdb/changes_filters.rs`.

use std::sync::Arc;

use tailwater_core::{Encoder, EncodingId, Event, FeedOptions, Store};
use tailwater_wire::couchdb::{
    changes::{
        DbUid, FilterSpec, Style,
        encode::{Changes, EventFilter, Framing, Shape},
    },
    errors::{Problem, Refusal},
};

use super::ask::Ask;
use crate::{appliance::Appliance, documents::PURGE, filters::Lease, http::Request};

/// Shapes: four framings, two styles, with documents and without.
const SHAPES: usize = 16;

/// The encodings of all shapes without a filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangesEncodings([EncodingId; SHAPES]);

impl ChangesEncodings {
    /// Registers them.
    pub(crate) fn of(store: &Store) -> Self {
        let mut ids = [EncodingId(0); SHAPES];
        for shape in Shape::all() {
            ids[place(shape)] = store.register_encoder(Arc::new(Rows(Changes::new(shape))));
        }
        Self(ids)
    }

    fn get(&self, shape: Shape) -> EncodingId {
        self.0[place(shape)]
    }
}

fn place(shape: Shape) -> usize {
    use tailwater_wire::couchdb::changes::Wording::{AsyncApi, CouchDb};
    let framing = match shape.framing {
        Framing::Line => 0,
        Framing::Sse(CouchDb) => 1,
        Framing::Sse(AsyncApi) => 2,
        Framing::Row => 3,
    };
    4 * framing + 2 * usize::from(shape.style == Style::AllDocs) + usize::from(shape.docs)
}

/// What a stream of frames reads, and by what right.
pub(super) struct Encoding {
    pub(super) id: EncodingId,
    pub(super) shape: Shape,
    pub(super) filter: Option<EventFilter>,
    pub(super) lease: Option<Lease>,
}

impl Encoding {
    /// The encoding for a request, with this framing.
    pub(super) async fn find(request: &Request<'_>, ask: &Ask, framing: Framing) -> Result<Self, Refusal> {
        let appliance = &request.shard.appliance;
        let shape = Shape { framing, style: ask.changes.style, docs: ask.changes.include_docs };
        let filter = match &ask.changes.filter {
            spec @ FilterSpec::Selector { .. } => EventFilter::new(spec.clone(), shape.style),
            // Functions pass or do not in a view, over frames without a filter.
            _ => None,
        };
        let Some(filter) = filter else {
            return Ok(Self { id: appliance.encodings.couchdb.get(shape), shape, filter: None, lease: None });
        };
        let lease = lease(appliance, shape, filter.clone()).await?;
        Ok(Self { id: lease.encoding(), shape, filter: Some(filter), lease: Some(lease) })
    }
}

async fn lease(appliance: &Arc<Appliance>, shape: Shape, filter: EventFilter) -> Result<Lease, Refusal> {
    let encoder: Arc<dyn Encoder> = Arc::new(Rows(Changes::filtered(shape, filter)));
    let why = "As many different selectors are in use as may be (couchdb.filters_max). Try again later.";
    let refusal = || Refusal::from(Problem::Overloaded(why)).with_header("Retry-After", "5");
    appliance.selectors.lease_on_shard(appliance, encoder).await.ok_or_else(refusal)
}

/// The encoder of a shape. What is no change has no frame.
struct Rows(Changes);

impl Encoder for Rows {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn encode(&self, event: &Event<'_>, previous_seq: Option<u64>, out: &mut Vec<u8>) {
        if event.kind != PURGE {
            self.0.encode(event, previous_seq, out);
        }
    }

    fn for_feed(&self, name: &str, options: &FeedOptions) -> Option<Arc<dyn Encoder>> {
        Some(Arc::new(Self(self.0.bound_to(DbUid::of_feed(name, options)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_its_place() {
        let mut places: Vec<usize> = Shape::all().into_iter().map(place).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..SHAPES));
    }
}
