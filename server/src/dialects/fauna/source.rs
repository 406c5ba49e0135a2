//! The encodings of event sources: one for each source that is followed and version of HTTP, however many follow it.
//!
//! Owns asking for one. Which are there is the registry's to say. Tested by `server/tests/fauna/`.

use std::sync::Arc;

use tailwater_core::Encoder;
use tailwater_wire::fauna::{
    encode::{Errors, FaunaEvents},
    errors::ApiError,
    source::Source,
};

use super::{Database, call::Call};
use crate::filters::Lease;

/// The encoding of a source, and where its errors are kept.
pub(super) struct Followed {
    pub(super) lease: Lease,
    pub(super) errors: Arc<Errors>,
}

/// The encoding of a source, which begins with the first who follows it.
pub(super) async fn follow(call: &Call<'_>, database: &Database, source: &Source) -> Result<Followed, ApiError> {
    let errors = database.errors(source);
    let encoder = FaunaEvents::new(source.clone(), database.uid(), call.envelope(), errors.clone());
    let encoder: Arc<dyn Encoder> = Arc::new(encoder);
    let appliance = &call.shard.appliance;
    match appliance.sources.lease_on_shard(appliance, encoder).await {
        Some(lease) => Ok(Followed { lease, errors }),
        None => {
            let why = "As many different event sources are followed as may be (fauna.sources_max). Try again later.";
            Err(ApiError::new(429, "limit_exceeded", why))
        }
    }
}
