//! Every encoding this server can produce, and the numbers the log knows them by.
//!
//! Owns the list and the names. Never encodes. Tested by `server/tests/`.

use std::sync::Arc;

use tailwater_core::{Encoder, EncodingId, Event, FeedOptions, Store};
use tailwater_wire::{
    atproto::encode::{AtprotoCbor, AtprotoJson},
    bigchaindb::encode::{BigchaindbBlocks, BigchaindbTransactions},
    native::encode::{NativeNdjson, NativeSse, NativeWsCbor, NativeWsJson},
    streamr::encode::StreamrJson,
};

use crate::{dialects::couchdb::changes::ChangesEncodings, exposure::Exposure};

/// The numbers of the built-in encodings in one store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encodings {
    pub(crate) native_ndjson: EncodingId,
    pub(crate) native_sse: EncodingId,
    pub(crate) native_ws_json: EncodingId,
    pub(crate) native_ws_cbor: EncodingId,
    pub(crate) atproto_cbor: EncodingId,
    pub(crate) atproto_json: EncodingId,
    pub(crate) streamr_json: EncodingId,
    pub(crate) bigchaindb_transactions: EncodingId,
    pub(crate) bigchaindb_blocks: EncodingId,
    pub(crate) couchdb: ChangesEncodings,
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
            atproto_json: store.register_encoder(Arc::new(PerFeed { name: AtprotoJson::NAME, bind: atproto_json })),
            streamr_json: store.register_encoder(Arc::new(PerFeed { name: StreamrJson::NAME, bind: streamr_json })),
            bigchaindb_transactions: store.register_encoder(Arc::new(BigchaindbTransactions)),
            bigchaindb_blocks: store.register_encoder(Arc::new(BigchaindbBlocks)),
            couchdb: ChangesEncodings::of(store),
        }
    }
}

/// An encoding whose frames name what their feed is bound to: each feed has an encoder of its own.
struct PerFeed {
    name: &'static str,
    bind: fn(Exposure) -> Option<Arc<dyn Encoder>>,
}

impl Encoder for PerFeed {
    fn name(&self) -> &str {
        self.name
    }

    /// Appends nothing: an event of a feed without a binding has no form in this encoding.
    fn encode(&self, _event: &Event<'_>, _previous_seq: Option<u64>, _out: &mut Vec<u8>) {}

    fn for_feed(&self, _name: &str, options: &FeedOptions) -> Option<Arc<dyn Encoder>> {
        (self.bind)(Exposure::from_stored(&options.extra).ok()?)
    }
}

/// The JSON form of an AT Protocol stream, which names its endpoint in every message.
fn atproto_json(exposure: Exposure) -> Option<Arc<dyn Encoder>> {
    Some(Arc::new(AtprotoJson::new(&exposure.atproto?.nsid)))
}

/// A Streamr message, which names its stream and partition.
fn streamr_json(exposure: Exposure) -> Option<Arc<dyn Encoder>> {
    let streamr = exposure.streamr?;
    Some(Arc::new(StreamrJson::new(&streamr.stream, u32::try_from(streamr.partition).ok()?)))
}
