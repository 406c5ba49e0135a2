//! The encodings of event sources: one for each source that is followed, however many follow it.
//!
//! Owns asking for one. Which are there is the registry's to say. Tested by `server/tests/fauna/`.

use std::{sync::Arc, time::Duration};

use tailwater_core::Encoder;
use tailwater_wire::fauna::{
    encode::{Errors, FaunaEvents},
    errors::ApiError,
    source::Source,
};

use super::{Database, call::Call};
use crate::filters::{Full, Lease};

/// How often a source's place is asked for: an encoding that was in use a moment ago is given up by its feed's writer first.
const LEASE_ATTEMPTS: u32 = 40;
/// The pause between two attempts.
const LEASE_PAUSE: Duration = Duration::from_millis(5);

/// The encoding of a source, and where its errors are kept.
pub(super) struct Followed {
    pub(super) lease: Lease,
    pub(super) errors: Arc<Errors>,
}

/// The encoding of a source, which begins with the first who follows it.
pub(super) async fn follow(call: &Call<'_>, database: &Database, source: &Source) -> Result<Followed, ApiError> {
    let errors = database.errors(source);
    let encoder: Arc<dyn Encoder> = Arc::new(FaunaEvents::new(source.clone(), database.uid(), errors.clone()));
    for _ in 0..LEASE_ATTEMPTS {
        let (appliance, encoder) = (call.shard.appliance.clone(), encoder.clone());
        let asking = move || appliance.sources.lease(&appliance.store, &encoder);
        match glommio::executor().spawn_blocking(asking).await {
            Ok(lease) => return Ok(Followed { lease, errors }),
            Err(Full::InUse) => break,
            Err(Full::Releasing) => glommio::timer::sleep(LEASE_PAUSE).await,
        }
    }
    let why = "As many different event sources are followed as may be (fauna.sources_max). Try again later.";
    Err(ApiError::new(429, "limit_exceeded", why))
}
