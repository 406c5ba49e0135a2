//! Which way leads to an answer.
//!
//! Owns the decision, which looks at the request alone. Tests: below.

use tailwater_wire::couchdb::changes::{ChangesRequest, Feed, FilterSpec, Style};

/// A way to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Rows are made for this request.
    Render,
    /// Frames from where it starts, and then for as long as there are any.
    Follow,
    /// Everything from where it starts to the tail: from frames if it is much.
    Whole,
    /// The same if there is anything; else waiting, together with all who ask for the same.
    Poll,
}

/// The way to the answer of a request.
pub(super) fn of(changes: &ChangesRequest) -> Way {
    if is_rare(changes) {
        return Way::Render;
    }
    match changes.feed {
        Feed::Continuous | Feed::EventSource if changes.limit.is_some() => Way::Render,
        Feed::Normal if changes.limit.is_some() => Way::Render,
        Feed::Longpoll if changes.limit == Some(0) => Way::Render,
        Feed::Continuous | Feed::EventSource => Way::Follow,
        Feed::Normal => Way::Whole,
        Feed::Longpoll => Way::Poll,
    }
}

/// Whether rows differ from those that others are sent, or from frame to frame by what was sent before.
fn is_rare(changes: &ChangesRequest) -> bool {
    let has_rare_docs = changes.conflicts || changes.attachments || changes.att_encoding_info;
    let by_leaf = match changes.filter {
        // What is pending depends on what was sent.
        FilterSpec::DocIds(_) | FilterSpec::Design => true,
        FilterSpec::None => false,
        // Every leaf is looked at by itself, and only those that pass are listed.
        FilterSpec::Selector { .. } | FilterSpec::View { .. } | FilterSpec::Function { .. } => {
            changes.style == Style::AllDocs
        }
    };
    changes.descending || changes.seq_interval.is_some() || (changes.include_docs && has_rare_docs) || by_leaf
}

#[cfg(test)]
mod tests {
    use tailwater_wire::{
        couchdb::changes::{DbUid, request::RequestParts},
        http1::Query,
    };

    use super::*;

    fn way(query: &str) -> Way {
        let body = br#"{"selector":{"a":1},"doc_ids":["a"]}"#;
        let parts = RequestParts { last_event_id: None, body: query.contains("filter=_").then_some(body) };
        of(&ChangesRequest::parse(&Query::parse(query), parts, DbUid(1)).unwrap())
    }

    #[test]
    fn every_way() {
        let table = [
            ("", Way::Whole),
            ("include_docs=true&style=all_docs&since=now", Way::Whole),
            ("limit=1", Way::Render),
            ("feed=continuous", Way::Follow),
            ("feed=eventsource&include_docs=true&heartbeat=1000", Way::Follow),
            ("feed=continuous&limit=3", Way::Render),
            ("feed=longpoll", Way::Poll),
            ("feed=longpoll&limit=25", Way::Poll),
            ("feed=longpoll&limit=0", Way::Render),
            ("feed=longpoll&descending=true", Way::Render),
            ("feed=continuous&seq_interval=3", Way::Render),
            ("feed=continuous&conflicts=true", Way::Follow),
            ("feed=continuous&conflicts=true&include_docs=true", Way::Render),
            ("attachments=true&include_docs=true", Way::Render),
            ("att_encoding_info=true&include_docs=true", Way::Render),
            ("feed=continuous&filter=_doc_ids", Way::Render),
            ("feed=continuous&filter=_design", Way::Render),
            ("feed=continuous&filter=_selector", Way::Follow),
            ("feed=continuous&filter=_selector&style=all_docs", Way::Render),
            ("feed=longpoll&filter=a/b", Way::Poll),
            ("feed=longpoll&filter=_view&view=a/b&style=all_docs", Way::Render),
        ];
        for (query, expected) in table {
            assert_eq!(way(query), expected, "{query}");
        }
    }
}
