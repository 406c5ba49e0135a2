//! A document of a feed as conditions and events see it.

use std::borrow::Cow;

use tailwater_core::{BodyFormat, Event};

use super::stored::read_fields;
use super::wire::write_document_fields;
use crate::atproto::frame::split;
use crate::dag_cbor::to_json;
use crate::fauna::tagged::write_str;
use crate::fauna::value::{Document, DocumentRef, Moment, Value};

/// A document as it was behind one event: its body, and what the event says of it.
#[derive(Clone, Debug)]
pub struct View<'a> {
    collection: &'a str,
    id: Cow<'a, str>,
    time_us: u64,
    body: Cow<'a, str>,
}

impl<'a> View<'a> {
    /// A document with a JSON body.
    pub fn new(collection: &'a str, id: &'a str, time_us: u64, body: &'a str) -> Self {
        Self { collection, id: id.into(), time_us, body: body.into() }
    }

    /// The document an event leaves behind.
    pub fn of_event(collection: &'a str, event: &Event<'a>) -> Self {
        let body = json_body(event.format, event.body);
        Self { collection, id: event_id(event), time_us: event.time_us, body }
    }

    /// The same document with another body, at another time.
    pub fn with_body(&self, time_us: u64, format: BodyFormat, body: &'a [u8]) -> Self {
        Self { collection: self.collection, id: self.id.clone(), time_us, body: json_body(format, body) }
    }

    /// The id: the event's key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The JSON of the body.
    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// The JSON of the body, kept.
    pub(crate) fn into_body(self) -> String {
        self.body.into_owned()
    }

    /// How many bytes of JSON the body has.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// When the document became so, in microseconds since the Unix epoch.
    pub fn time_us(&self) -> u64 {
        self.time_us
    }

    /// The value of a field that is the document's own; `None` if the name is one that its author may use.
    pub(super) fn own_field(&self, name: &str) -> Option<Value> {
        match name {
            "id" => Some(Value::Str(self.id.to_string())),
            "coll" => Some(Value::Module(self.collection.into())),
            "ts" => Some(Value::Time(Moment::from_us(self.time_us))),
            "data" => Some(Value::Object(read_fields(&self.body))),
            name if crate::fauna::tagged::SPECIAL.contains(&name) => Some(Value::Null),
            _ => None,
        }
    }

    /// The document as a value.
    pub fn to_value(&self) -> Value {
        let at = DocumentRef { collection: self.collection.into(), id: self.id.to_string() };
        let time = Moment::from_us(self.time_us);
        Value::Document(Box::new(Document { at, time, fields: read_fields(&self.body) }))
    }

    /// Appends the document in the tagged format.
    pub fn write_tagged(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"@doc\":{\"id\":");
        write_str(&self.id, out);
        out.extend_from_slice(b",\"coll\":{\"@mod\":");
        write_str(self.collection, out);
        out.extend_from_slice(b"},\"ts\":{\"@time\":\"");
        Moment::from_us(self.time_us).write(out);
        out.extend_from_slice(b"\"}");
        write_document_fields(&self.body, out);
        out.extend_from_slice(b"}}");
    }
}

/// The id of the document an event is about: its key. An event without one is a document of its own, named by its seq.
fn event_id<'a>(event: &Event<'a>) -> Cow<'a, str> {
    if event.key.is_empty() { event.seq.to_string().into() } else { event.key.into() }
}

/// A body as JSON text. One that does not keep to its format is no document: it has no fields.
fn json_body(format: BodyFormat, body: &[u8]) -> Cow<'_, str> {
    let object = match format {
        BodyFormat::Json => return std::str::from_utf8(body).unwrap_or("{}").into(),
        BodyFormat::DagCbor => Some(body),
        BodyFormat::AtprotoFrame => split(body).map(|(_, payload)| payload),
    };
    let mut json = Vec::new();
    let written = object.is_some_and(|object| to_json(object, &mut json).is_ok());
    String::from_utf8(json).ok().filter(|_| written).map_or("{}".into(), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(view: &View<'_>) -> String {
        let mut out = Vec::new();
        view.write_tagged(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_documents() {
        let event =
            |key, format, body| Event { seq: 5, time_us: 1_711_024_518_680_000, kind: "put", key, format, body };
        let table: [(Event<'_>, &str, &str); 5] = [
            (
                event("392914348360597540", BodyFormat::Json, br#"{"name":"pizza","n":1}"#),
                "392914348360597540",
                r#","name":"pizza","n":{"@int":"1"}"#,
            ),
            (event("any/text \u{e4}", BodyFormat::Json, b"{}"), "any/text \u{e4}", ""),
            (event("", BodyFormat::Json, b"[]"), "5", r#","value":[]"#),
            (event("k", BodyFormat::DagCbor, b"\xa1\x61a\x01"), "k", r#","a":{"@int":"1"}"#),
            (event("k", BodyFormat::DagCbor, b"\xff"), "k", ""),
        ];
        for (event, id, fields) in table {
            let view = View::of_event("Product", &event);
            let expected = format!(
                r#"{{"@doc":{{"id":"{id}","coll":{{"@mod":"Product"}},"ts":{{"@time":"2024-03-21T12:35:18.680Z"}}{fields}}}}}"#
            );
            assert_eq!(tagged(&view), expected);
            let mut built = Vec::new();
            crate::fauna::tagged::write_tagged(&view.to_value(), &mut built);
            assert_eq!(String::from_utf8(built).unwrap(), expected);
        }
    }

    #[test]
    fn a_frame_shows_its_payload() {
        let frame = b"\xa2\x61t\x62#a\x62op\x01\xa1\x61a\x01";
        let event = Event { seq: 5, time_us: 0, kind: "#a", key: "k", format: BodyFormat::AtprotoFrame, body: frame };
        assert!(tagged(&View::of_event("A", &event)).ends_with(r#","a":{"@int":"1"}}}"#));
    }
}
