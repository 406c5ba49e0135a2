//! Where documents lie in a feed: which document an event's key means.
//!
//! A feed is a database. Its events are of any protocol, and one of its collections is the feed's own: documents of it have
//! the key that is their id, so that what other protocols publish belongs to it. Documents of other collections have the
//! collection in front of the id.
//!
//! | key | document |
//! | --- | --- |
//! | `Product/123` | `123` of `Product` |
//! | `123`, `did:plc:x`, `a b/c` | that id, of the feed's own collection |
//! | none | named by the seq of its event, of the feed's own collection |
//! | `Collection/Product` | the definition of a collection |

use super::fql::is_identifier;

/// The collection that documents are the definitions of collections in.
pub const DEFINITIONS: &str = "Collection";

/// Which document a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Its collection.
    pub collection: &'a str,
    /// Its id; empty for an event without a key.
    pub id: &'a str,
}

impl<'a> Place<'a> {
    /// The document of a key in a feed whose own collection is `own`.
    pub fn of_key(key: &'a str, own: &'a str) -> Self {
        match key.split_once('/') {
            Some((collection, id)) if is_identifier(collection) && collection != own && !id.is_empty() => {
                Self { collection, id }
            }
            _ => Self { collection: own, id: key },
        }
    }

    /// The key of the document.
    pub fn key(&self, own: &str) -> String {
        if self.collection == own { self.id.to_owned() } else { format!("{}/{}", self.collection, self.id) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_and_documents() {
        let table = [
            ("Product/123", "Product", "123"),
            ("Product/a/b", "Product", "a/b"),
            ("123", "Event", "123"),
            ("", "Event", ""),
            ("did:plc:x", "Event", "did:plc:x"),
            ("a b/c", "Event", "a b/c"),
            ("Product/", "Event", "Product/"),
            ("/x", "Event", "/x"),
            ("Event/1", "Event", "Event/1"),
            ("Collection/Product", DEFINITIONS, "Product"),
        ];
        for (key, collection, id) in table {
            let place = Place::of_key(key, "Event");
            assert_eq!(place, Place { collection, id }, "{key}");
            assert_eq!(place.key("Event"), key);
        }
    }

    proptest! {
        /// No two keys mean the same document.
        #[test]
        fn a_document_has_one_key(key in "[A-Za-z/ 1]{0,8}|Event/[a-z/]{0,3}") {
            prop_assert_eq!(Place::of_key(&key, "Event").key("Event"), key);
        }
    }
}
