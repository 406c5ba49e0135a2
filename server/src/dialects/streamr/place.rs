//! From a stream's id to the feeds that are its partitions, for those who may.
//!
//! Owns the lookup and the order of its refusals. Never reads an event. Tested by `server/tests/streamr/`.

use std::sync::Arc;

use tailwater_wire::streamr::{
    errors::StreamrError, http::parse_authorization, partition::Partitions, request::Credentials,
};

use crate::{appliance::Appliance, auth::Who, feeds::FeedEntry, http::Request};

/// A stream's partitions, in order; at least one.
pub(super) struct Stream {
    pub(super) partitions: Arc<[Arc<FeedEntry>]>,
}

impl Stream {
    /// The stream of this id.
    pub(super) fn find(appliance: &Appliance, stream: &str) -> Result<Self, StreamrError> {
        let partitions = appliance.feeds.stream(stream);
        partitions.map(|partitions| Self { partitions }).ok_or_else(|| not_found(stream))
    }

    /// Any of its partitions; they are all opened by the same keys.
    pub(super) fn first(&self) -> &Arc<FeedEntry> {
        &self.partitions[0]
    }

    /// One of its partitions.
    pub(super) fn partition(&self, stream: &str, partition: u32) -> Result<&Arc<FeedEntry>, StreamrError> {
        let missing = || StreamrError::PartitionNotFound { stream: stream.to_owned(), partition };
        self.partitions.get(partition as usize).ok_or_else(missing)
    }

    /// The partition of a message.
    pub(super) fn partition_of(&self, key: Option<&str>, number: u64) -> u32 {
        let partitions = Partitions::new(self.partitions.len() as u32);
        partitions.map_or(0, |partitions| match key {
            Some(key) => partitions.of_key(key),
            None => partitions.of_number(number),
        })
    }
}

pub(super) fn not_found(stream: &str) -> StreamrError {
    StreamrError::StreamNotFound { stream: stream.to_owned() }
}

/// Who shows these credentials. A session's token is the key it was made for.
pub(super) fn who(appliance: &Appliance, credentials: &Credentials<'_>) -> Who {
    let secret = credentials.key.as_deref().or(credentials.session_token.as_deref());
    appliance.keys.identify(secret)
}

/// Who sends an HTTP request.
pub(super) fn who_asks(request: &Request<'_>) -> Result<Who, StreamrError> {
    let credentials = parse_authorization(request.head.header("authorization"))?;
    Ok(who(&request.shard.appliance, &credentials))
}

/// The refusal of somebody who may not, over HTTP: nobody knows them, or what they show does not suffice.
pub(super) fn denied(who: &Who) -> StreamrError {
    if who.is_known() { StreamrError::AuthenticationFailed } else { StreamrError::RequestFailed }
}
