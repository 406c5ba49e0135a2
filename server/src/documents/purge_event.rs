//! The event of a purge: `{"_id":"a","_purged":["3-x"],"_left":["2-y"]}`, of kind `purge`.
//!
//! Owns its form. It is no change, and no row of `_changes` is made of it. What is left counts, not what goes: the index may
//! be built anew from a log in which some of what the purge removed is not there any more. Tested at the end of this file.

use tailwater_core::Event;
use tailwater_wire::{
    couchdb::{
        doc::shown::write_revs,
        rev::Rev,
        text::{Kind, Value},
    },
    json,
};

/// The kind of an event that purges revisions.
pub const PURGE: &str = "purge";

/// The body of an event that purges these leaves of a document, and leaves those.
pub(super) fn write_body(id: &str, purged: &[Rev], left: &[Rev]) -> Vec<u8> {
    let mut body = b"{\"_id\":".to_vec();
    json::write_str(&mut body, id);
    body.extend_from_slice(b",\"_purged\":");
    write_revs(purged, &mut body);
    body.extend_from_slice(b",\"_left\":");
    write_revs(left, &mut body);
    body.push(b'}');
    body
}

/// The leaves that a purge leaves; `None` if the event is none. Other protocols may use the word for something else.
pub(super) fn read_left(event: &Event<'_>, json: &[u8]) -> Option<Vec<Rev>> {
    let is_list = |value: &Value<'_>| value.kind() == Kind::Array;
    let body = Some(Value::new(json)).filter(|_| event.kind == PURGE)?;
    body.get("_purged").filter(is_list)?;
    let left = body.get("_left").filter(is_list)?;
    Some(left.elements().filter_map(|rev| rev.string()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use tailwater_core::BodyFormat;

    use super::*;

    fn left(kind: &str, body: &[u8]) -> Option<usize> {
        let event = Event { seq: 1, time_us: 0, kind, key: "a", format: BodyFormat::Json, body };
        read_left(&event, body).map(|left| left.len())
    }

    #[test]
    fn golden_bytes() {
        let revs: Vec<Rev> = ["2-b", "3-c"].iter().map(|rev| rev.parse().unwrap()).collect();
        let body = write_body("a\"", &revs, &revs[..1]);
        assert_eq!(body, br#"{"_id":"a\"","_purged":["2-b","3-c"],"_left":["2-b"]}"#);
        assert_eq!(left(PURGE, &body), Some(1));
        assert_eq!(left("put", &body), None);
    }

    #[test]
    fn what_is_something_else() {
        for body in ["", "7", "{}", r#"{"_purged":[]}"#, r#"{"_left":[]}"#, r#"{"_purged":[],"_left":7}"#] {
            assert_eq!(left(PURGE, body.as_bytes()), None, "{body}");
        }
        assert_eq!(left(PURGE, br#"{"_purged":7,"_left":["?",7]}"#), None);
        assert_eq!(left(PURGE, br#"{"_purged":[],"_left":["?",7]}"#), Some(0));
    }
}
