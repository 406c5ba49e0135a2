//! Where a feed can be read besides the native API: its bindings to the dialects.
//!
//! Owns the form in which bindings are configured, asked for over the API and stored with the feed. Never serves
//! anything. Tests: below.

use serde::{Deserialize, Serialize};

use crate::config::AtprotoExposure;

/// Key of the bindings among a feed's stored options.
const STORED_AS: &str = "dialects";

/// A feed's bindings, one per dialect at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exposure {
    /// Bound to an AT Protocol stream endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atproto: Option<AtprotoExposure>,
}

impl Exposure {
    /// Reads the bindings stored with a feed.
    ///
    /// # Errors
    /// When a later version stored bindings this one does not know.
    pub fn from_stored(extra: &serde_json::Map<String, serde_json::Value>) -> Result<Self, serde_json::Error> {
        match extra.get(STORED_AS) {
            Some(stored) => serde_json::from_value(stored.clone()),
            None => Ok(Self::default()),
        }
    }

    /// Files the bindings among a feed's options.
    ///
    /// # Errors
    /// Never with the bindings of today; the serializer's signature has one.
    pub fn store_in(&self, extra: &mut serde_json::Map<String, serde_json::Value>) -> Result<(), serde_json::Error> {
        extra.insert(STORED_AS.to_owned(), serde_json::to_value(self)?);
        Ok(())
    }

    /// Whether this feed is what `/xrpc/{nsid}` serves.
    pub fn is_atproto(&self, nsid: &str) -> bool {
        self.atproto.as_ref().is_some_and(|binding| binding.nsid == nsid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CursorSemantics, OnOutdated};

    #[test]
    fn bindings_survive_being_stored() {
        let exposure = Exposure {
            atproto: Some(AtprotoExposure {
                nsid: "com.example.stream".to_owned(),
                cursor_semantics: CursorSemantics::Exclusive,
                on_outdated: OnOutdated::Fail,
            }),
        };
        let mut extra = serde_json::Map::new();
        exposure.store_in(&mut extra).unwrap();
        assert_eq!(Exposure::from_stored(&extra).unwrap(), exposure);
        assert!(exposure.is_atproto("com.example.stream"));
        assert!(!exposure.is_atproto("com.example.other"));
    }

    #[test]
    fn unknown_bindings_are_refused() {
        let extra = serde_json::from_str(r#"{"dialects":{"gopher":{}}}"#).unwrap();
        assert!(Exposure::from_stored(&extra).is_err());
        assert_eq!(Exposure::from_stored(&serde_json::Map::new()).unwrap(), Exposure::default());
    }
}
