//! Where a feed can be read besides the native API, and by whom: its bindings to the dialects.
//!
//! Owns the form in which bindings are configured, asked for over the API and stored with the feed. Never serves
//! anything. Tests: below.

use serde::{Deserialize, Serialize};

use crate::appliance::FeedsError;
use crate::config::{AtprotoExposure, CouchdbExposure, Dialect, FaunaExposure, Feed, StreamrExposure};

/// Keys of the bindings among a feed's stored options.
const STORED_AS: &str = "dialects";
const PUBLIC_STORED_AS: &str = "public";

/// A feed's bindings, one per dialect at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exposure {
    /// Whether it can be read without a key, where there are keys. Stored and asked for beside the dialects.
    #[serde(skip)]
    pub public: bool,
    /// Bound to an AT Protocol stream endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atproto: Option<AtprotoExposure>,
    /// A partition of a Streamr stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streamr: Option<StreamrExposure>,
    /// The chain of the BigchainDB interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bigchaindb: Option<BigchaindbExposure>,
    /// A CouchDB database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub couchdb: Option<CouchdbExposure>,
    /// A Fauna database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fauna: Option<FaunaExposure>,
}

/// Binds a feed to the BigchainDB interface. There is one chain, so there is nothing to say about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BigchaindbExposure {}

impl Exposure {
    /// The bindings of a configured feed.
    pub fn configured(feed: &Feed) -> Self {
        Self {
            public: feed.public,
            atproto: feed.atproto.clone(),
            streamr: feed.streamr.clone(),
            bigchaindb: feed.bigchaindb.then(BigchaindbExposure::default),
            couchdb: feed.couchdb.clone(),
            fauna: feed.fauna.clone(),
        }
    }

    /// The bindings stored with a feed.
    pub(crate) fn of(feed: &tailwater_core::Feed) -> Result<Self, FeedsError> {
        let stored = Self::from_stored(&feed.options().extra);
        stored.map_err(|error| FeedsError::Stored { name: feed.name().to_owned(), error })
    }

    /// Reads the bindings among a feed's options.
    ///
    /// # Errors
    /// When a later version stored bindings this one does not know.
    pub fn from_stored(extra: &serde_json::Map<String, serde_json::Value>) -> Result<Self, serde_json::Error> {
        let exposure = match extra.get(STORED_AS) {
            Some(stored) => serde_json::from_value(stored.clone())?,
            None => Self::default(),
        };
        let public = extra.get(PUBLIC_STORED_AS).and_then(serde_json::Value::as_bool).unwrap_or_default();
        Ok(Self { public, ..exposure })
    }

    /// Files the bindings among a feed's options.
    ///
    /// # Errors
    /// Never with the bindings of today; the serializer's signature has one.
    pub fn store_in(&self, extra: &mut serde_json::Map<String, serde_json::Value>) -> Result<(), serde_json::Error> {
        extra.insert(STORED_AS.to_owned(), serde_json::to_value(self)?);
        extra.insert(PUBLIC_STORED_AS.to_owned(), self.public.into());
        Ok(())
    }

    /// The same bindings for another partition of its stream.
    pub fn partition(&self, partition: u64) -> Self {
        let streamr = self.streamr.clone().map(|streamr| StreamrExposure { partition, ..streamr });
        Self { streamr, ..self.clone() }
    }

    /// How many feeds the stream it belongs to is made of.
    pub fn partitions(&self) -> u64 {
        self.streamr.as_ref().map_or(1, |streamr| streamr.partitions)
    }

    /// Whether it is bound to this dialect. The native API needs no binding.
    pub(crate) fn has(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Native => true,
            Dialect::Atproto => self.atproto.is_some(),
            Dialect::Streamr => self.streamr.is_some(),
            Dialect::Bigchaindb => self.bigchaindb.is_some(),
            Dialect::Couchdb => self.couchdb.is_some(),
            Dialect::Fauna => self.fauna.is_some(),
        }
    }

    /// Where it is served in this dialect, which no two feeds share.
    pub(crate) fn place(&self, dialect: Dialect) -> Option<String> {
        match dialect {
            Dialect::Native => None,
            Dialect::Atproto => self.atproto.as_ref().map(|atproto| atproto.nsid.clone()),
            Dialect::Streamr => self.streamr.as_ref().map(|streamr| streamr.stream.clone()),
            Dialect::Bigchaindb => self.bigchaindb.as_ref().map(|_| String::new()),
            Dialect::Couchdb => self.couchdb.as_ref().map(|couchdb| couchdb.db.clone()),
            Dialect::Fauna => self.fauna.as_ref().map(|fauna| fauna.database.clone()),
        }
    }

    /// The dialects that have nothing any more where these bindings had something, once they are `new` ones: their streams
    /// end. How a dialect serves it may change meanwhile.
    pub(crate) fn lost(&self, new: &Self) -> Vec<Dialect> {
        let is_lost = |dialect: &Dialect| {
            let old = self.place(*dialect);
            old.is_some() && old != new.place(*dialect)
        };
        Dialect::ALL.into_iter().filter(is_lost).collect()
    }

    /// Whether this feed is what `/xrpc/{nsid}` serves.
    pub fn is_atproto(&self, nsid: &str) -> bool {
        self.atproto.as_ref().is_some_and(|binding| binding.nsid == nsid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CursorSemantics, OnOutdated, SseWording};

    #[test]
    fn bindings_survive_being_stored() {
        let exposure = Exposure {
            atproto: Some(AtprotoExposure {
                nsid: "com.example.stream".to_owned(),
                cursor_semantics: CursorSemantics::Exclusive,
                on_outdated: OnOutdated::Fail,
            }),
            streamr: Some(StreamrExposure { stream: "s".to_owned(), partitions: 3, partition: 2 }),
            bigchaindb: Some(BigchaindbExposure {}),
            couchdb: Some(CouchdbExposure { db: "d".to_owned(), sse: SseWording::Asyncapi }),
            fauna: Some(FaunaExposure { database: "Shop/Test".to_owned(), collection: "Item".to_owned() }),
            public: true,
        };
        let mut extra = serde_json::Map::new();
        exposure.store_in(&mut extra).unwrap();
        assert_eq!(Exposure::from_stored(&extra).unwrap(), exposure);
        assert!(exposure.is_atproto("com.example.stream"));
        assert!(!exposure.is_atproto("com.example.other"));
    }

    #[test]
    fn what_is_served_elsewhere_or_nowhere_is_lost_and_what_is_served_otherwise_is_not() {
        let atproto = |nsid: &str, on_outdated| Exposure {
            atproto: Some(AtprotoExposure { nsid: nsid.to_owned(), on_outdated, ..AtprotoExposure::default() }),
            ..Exposure::default()
        };
        let couchdb = |db: &str, sse| Exposure {
            couchdb: Some(CouchdbExposure { db: db.to_owned(), sse }),
            ..atproto("a.b.c", OnOutdated::Info)
        };
        let bare = Exposure::default();
        let cases = [
            (bare.clone(), couchdb("d", SseWording::Couchdb), vec![]),
            (atproto("a.b.c", OnOutdated::Info), atproto("a.b.c", OnOutdated::Fail), vec![]),
            (atproto("a.b.c", OnOutdated::Info), atproto("a.b.d", OnOutdated::Info), vec![Dialect::Atproto]),
            (couchdb("d", SseWording::Couchdb), couchdb("d", SseWording::Asyncapi), vec![]),
            (couchdb("d", SseWording::Couchdb), bare, vec![Dialect::Atproto, Dialect::Couchdb]),
        ];
        for (old, new, lost) in cases {
            assert_eq!(old.lost(&new), lost, "{old:?} {new:?}");
            assert!(lost.iter().all(|dialect| old.has(*dialect)));
        }
    }

    #[test]
    fn unknown_bindings_are_refused() {
        let extra = serde_json::from_str(r#"{"dialects":{"gopher":{}}}"#).unwrap();
        assert!(Exposure::from_stored(&extra).is_err());
        assert_eq!(Exposure::from_stored(&serde_json::Map::new()).unwrap(), Exposure::default());
    }
}
