//! Answers to what was posted: whether they acknowledge all of it, and nothing else. Tests are below.

use std::borrow::Cow;

use serde::Deserialize;

use crate::publish::{payload, report::Ack, schedule::Planned};

/// A feed's acknowledgement that fits the batch it answers, or what is wrong with it.
pub(crate) fn feed(planned: Planned, body: &[u8]) -> Result<Ack, String> {
    #[derive(Deserialize)]
    struct Answer {
        first_seq: u64,
        last_seq: u64,
        count: u32,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(malformed)?;
    if answer.count != planned.events {
        return Err("count is not that of the batch".into());
    }
    let seqs_min = u64::from(answer.count) - 1;
    if answer.first_seq == 0 || answer.last_seq < answer.first_seq.saturating_add(seqs_min) {
        return Err("the range of seqs does not hold the batch".into());
    }
    Ok(Ack {
        first_event: planned.first_event,
        count: answer.count,
        first_seq: Some(answer.first_seq),
        last_seq: Some(answer.last_seq),
    })
}

/// The answer to `_bulk_docs`: every document is stored, in the order of the batch. It names revisions and no seqs.
pub(crate) fn documents(planned: Planned, started_us: u64, body: &[u8]) -> Result<Ack, String> {
    #[derive(Deserialize)]
    struct Stored<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
        rev: Option<&'a str>,
        #[serde(borrow)]
        error: Option<Cow<'a, str>>,
    }
    let answer: Vec<Stored<'_>> = serde_json::from_slice(body).map_err(malformed)?;
    if answer.len() != planned.events as usize {
        return Err("there is not an answer for each document".into());
    }
    for (index, stored) in (planned.first_event..).zip(&answer) {
        if let Some(error) = &stored.error {
            return Err(format!("a document was not stored: {error}"));
        }
        if stored.id != payload::document_id(started_us, index) || stored.rev.is_none() {
            return Err("a document is not answered in its place".into());
        }
    }
    Ok(Ack { first_event: planned.first_event, count: planned.events, first_seq: None, last_seq: None })
}

fn malformed(_: serde_json::Error) -> String {
    "malformed acknowledgement".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_of_a_feed() {
        let planned = Planned { due: None, first_event: 40, events: 3 };
        let table = [
            (r#"{"first_seq":7,"last_seq":9,"count":3}"#, Ok((Some(7), Some(9)))),
            (r#"{"first_seq":7,"last_seq":12,"count":3}"#, Ok((Some(7), Some(12)))),
            (r#"{"first_seq":7,"last_seq":8,"count":2}"#, Err("count")),
            (r#"{"first_seq":7,"last_seq":8,"count":3}"#, Err("range")),
            (r#"{"first_seq":0,"last_seq":2,"count":3}"#, Err("range")),
            (r#"{"first_seq":7}"#, Err("malformed")),
            ("", Err("malformed")),
        ];
        for (body, expected) in table {
            let seqs = feed(planned, body.as_bytes()).map(|ack| (ack.first_seq, ack.last_seq));
            check(seqs, expected, body);
        }
    }

    #[test]
    fn answers_to_bulk_docs() {
        let planned = Planned { due: None, first_event: 40, events: 2 };
        let stored = |index| format!(r#"{{"ok":true,"id":"{}","rev":"1-a"}}"#, payload::document_id(5, index));
        let refused = r#"{"id":"x","error":"conflict","reason":"Document update conflict."}"#;
        let table = [
            (format!("[{},{}]\n", stored(40), stored(41)), Ok((None, None))),
            (format!("[{},{}]", stored(41), stored(40)), Err("in its place")),
            (format!("[{}]", stored(40)), Err("for each document")),
            (format!("[{},{refused}]", stored(40)), Err("conflict")),
            ("{}".to_owned(), Err("malformed")),
        ];
        for (body, expected) in table {
            let seqs = documents(planned, 5, body.as_bytes()).map(|ack| (ack.first_seq, ack.last_seq));
            check(seqs, expected, &body);
        }
    }

    fn check<T: PartialEq + std::fmt::Debug>(judged: Result<T, String>, expected: Result<T, &str>, body: &str) {
        match (judged, expected) {
            (Ok(seqs), Ok(expected)) => assert_eq!(seqs, expected, "{body}"),
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{body}: {reason}"),
            (judged, _) => panic!("{body}: {judged:?}"),
        }
    }
}
