//! Reads the checked fields of a JSON message: a native event, or the `xrpc.v1.json` envelope around one.
//!
//! The rest of the document is parsed (so malformed JSON is seen) but not kept.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::decode::{
    DecodeError, Message,
    message::{Field, Fields, Scalar},
};

/// Reads one message.
pub fn message(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let refuse = |error: serde_json::Error| DecodeError::new("JSON", error.to_string());
    let mut fields = Fields::default();
    let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::new("JSON", "the message is not UTF-8"))?;
    let mut document = serde_json::Deserializer::from_str(text);
    Object { fields: &mut fields, place: Place::Message }.deserialize(&mut document).map_err(refuse)?;
    document.end().map_err(refuse)?;
    fields.into_message()
}

/// The `t` of an object that stands in a message as a body; `None` where there is none, or the body is no object.
pub(crate) fn body_t(text: &str) -> Result<Option<u64>, DecodeError> {
    let refuse = |error: serde_json::Error| DecodeError::new("JSON", error.to_string());
    let mut fields = Fields::default();
    let mut document = serde_json::Deserializer::from_str(text);
    Object { fields: &mut fields, place: Place::Body }.deserialize(&mut document).map_err(refuse)?;
    document.end().map_err(refuse)?;
    Ok(fields.body_t())
}

/// `bytes` as the JSON form `T` of the dialect named `layer`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(layer: &'static str, bytes: &'a [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes).map_err(|error| DecodeError::new(layer, error.to_string()))
}

/// Where an object stands, which decides what its members mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The whole message, or the payload of its envelope.
    Message,
    /// An event's body.
    Body,
}

/// Collects the members of an object; anything else is passed over.
struct Object<'f, 'de> {
    fields: &'f mut Fields<'de>,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.place {
            Place::Message => deserializer.deserialize_map(self),
            Place::Body => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let nested = match &*name {
                "payload" => Some(Place::Message),
                "body" => Some(Place::Body),
                _ => None,
            };
            match (self.place, nested, Field::from_name(&name)) {
                (Place::Body, _, Some(Field::T)) => self.fields.take_body_t(&map.next_value()?),
                (Place::Message, Some(place), _) => map.next_value_seed(Object { fields: &mut *self.fields, place })?,
                (Place::Message, None, Some(field)) => self.fields.take(field, map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A member's name, borrowed unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(name) => Ok(Self(name)),
            _ => Ok(Self("".into())),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Uint(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Negative(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(value.to_owned().into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}
