//! Every encoding this server can produce, and the numbers the log knows them by.
//!
//! Owns the list and the names. Never encodes. Tested by `server/tests/`.

use std::sync::Arc;

use tailwater_core::{EncodingId, FeedOptions, Store};
use tailwater_wire::{
    atproto::encode::{AtprotoCbor, AtprotoJson},
    native::encode::{NativeNdjson, NativeSse, NativeWsCbor, NativeWsJson},
    streamr::encode::StreamrJsonPerFeed,
};

use crate::exposure::Exposure;

/// The numbers of the built-in encodings in one store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encodings {
    pub(crate) native_ndjson: EncodingId,
    pub(crate) native_sse: EncodingId,
    pub(crate) native_ws_json: EncodingId,
    pub(crate) native_ws_cbor: EncodingId,
    pub(crate) atproto_cbor: EncodingId,
    pub(crate) streamr_json: EncodingId,
}

impl Encodings {
    /// Registers the built-in encodings.
    pub(crate) fn of(store: &Store) -> Self {
        Self {
            native_ndjson: store.register_encoder(Arc::new(NativeNdjson)),
            native_sse: store.register_encoder(Arc::new(NativeSse)),
            native_ws_json: store.register_encoder(Arc::new(NativeWsJson)),
            native_ws_cbor: store.register_encoder(Arc::new(NativeWsCbor)),
            atproto_cbor: store.register_encoder(Arc::new(AtprotoCbor)),
            streamr_json: store.register_encoder(Arc::new(StreamrJsonPerFeed { address: streamr_address })),
        }
    }
}

/// The JSON form of an AT Protocol stream, which names its endpoint in every message.
pub(crate) fn atproto_json(store: &Store, nsid: &str) -> EncodingId {
    store.register_encoder(Arc::new(AtprotoJson::new(nsid)))
}

/// Which partition of which Streamr stream a feed is.
fn streamr_address(_name: &str, options: &FeedOptions) -> Option<(String, u32)> {
    let streamr = Exposure::from_stored(&options.extra).ok()?.streamr?;
    Some((streamr.stream, u32::try_from(streamr.partition).ok()?))
}
