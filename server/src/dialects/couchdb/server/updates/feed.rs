//! The answer of `_db_updates`, in all its forms.
//!
//! Owns its parameters, which are those of `_changes`, and the rows' framing. Tested by `server/tests/couchdb/server.rs`.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tailwater_wire::{
    couchdb::errors::Refusal,
    http1::{LAST_CHUNK, Query, chunk},
    json::write_str,
};

use crate::{
    dialects::couchdb::visit::Visit,
    http::{BodySource, Making, Reply},
    shard::Shard,
};

/// How often the databases are looked at while somebody waits.
const LOOK: Duration = Duration::from_millis(250);
/// The longest silence, and the usual one.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Entries of one piece of an answer.
const ROWS_AT_ONCE: usize = 1_000;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Normal,
    Longpoll,
    Continuous,
    EventSource,
}

/// `GET /_db_updates`
pub(in crate::dialects::couchdb) fn answer(visit: &Visit<'_>) -> Reply {
    match begin(visit) {
        Ok(following) => {
            let content_type =
                if following.form == Form::EventSource { "text/event-stream" } else { "application/json" };
            visit.stream(content_type, &[], following)
        }
        Err(refusal) => visit.refuse(refusal).into(),
    }
}

fn begin(visit: &Visit<'_>) -> Result<Following, Refusal> {
    visit.caller.require_server_admin()?;
    let query = visit.request.head.query();
    let form = match query.last("feed").unwrap_or("normal") {
        "normal" => Form::Normal,
        "longpoll" => Form::Longpoll,
        "continuous" | "live" => Form::Continuous,
        "eventsource" => Form::EventSource,
        _ => {
            let reason = "Supported `feed` types: normal, continuous, live, longpoll, eventsource";
            return Err(Refusal::bad_request(reason));
        }
    };
    let updates = &visit.appliance().db_updates;
    updates.look(&visit.appliance().feeds);
    let after = match query.last("since").unwrap_or("0") {
        "now" => updates.last(),
        token => updates.number(token),
    };
    let heartbeat = match query.last("heartbeat") {
        Some("true") => Some(SILENCE_MAX),
        _ => millis(&query, "heartbeat")?.map(|pause| pause.clamp(LOOK, SILENCE_MAX)),
    };
    Ok(Following {
        shard: visit.request.shard.clone(),
        form,
        after,
        left: number(&query, "limit")?.unwrap_or(u64::MAX),
        heartbeat,
        timeout: millis(&query, "timeout")?.unwrap_or(SILENCE_MAX).min(SILENCE_MAX),
        silent_since: Instant::now(),
        has_begun: false,
        has_rows: false,
        is_over: false,
    })
}

fn number(query: &Query<'_>, name: &str) -> Result<Option<u64>, Refusal> {
    let wrong = || Refusal::bad_request(format!("The {name} value should be a non-negative integer"));
    query.last(name).map(|text| text.parse().map_err(|_| wrong())).transpose()
}

fn millis(query: &Query<'_>, name: &str) -> Result<Option<Duration>, Refusal> {
    Ok(number(query, name)?.map(Duration::from_millis))
}

/// An answer on its way.
struct Following {
    shard: Rc<Shard>,
    form: Form,
    after: u64,
    left: u64,
    heartbeat: Option<Duration>,
    timeout: Duration,
    silent_since: Instant,
    has_begun: bool,
    has_rows: bool,
    is_over: bool,
}

impl BodySource for Following {
    fn next(&mut self) -> Making<'_> {
        Box::pin(async {
            if self.is_over {
                return None;
            }
            if !std::mem::replace(&mut self.has_begun, true) && self.form != Form::EventSource {
                let opening: &[u8] = if self.form == Form::Continuous { b"\n" } else { b"{\"results\":[\n" };
                let mut out = Vec::new();
                chunk(&mut out, opening);
                return Some(out);
            }
            let mut out = Vec::new();
            loop {
                if self.take_rows(&mut out) || self.rest(&mut out) {
                    return Some(out);
                }
                glommio::timer::sleep(LOOK).await;
                self.shard.appliance.db_updates.look_again(&self.shard.appliance.feeds, LOOK / 2);
            }
        })
    }
}

impl Following {
    /// Appends the rows that are there; false if there are none.
    fn take_rows(&mut self, out: &mut Vec<u8>) -> bool {
        let at_once = ROWS_AT_ONCE.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let (rows, last) = self.shard.appliance.db_updates.rows(self.after, at_once);
        if rows.is_empty() {
            return false;
        }
        let mut text = Vec::new();
        for row in &rows {
            match self.form {
                Form::Continuous => text.extend_from_slice(row.text.as_bytes()),
                Form::EventSource => {
                    text.extend_from_slice(format!("data: {}\nid: ", row.text).as_bytes());
                    write_str(&mut text, &row.token);
                    text.push(b'\n');
                }
                Form::Normal | Form::Longpoll => {
                    text.extend_from_slice(if self.has_rows { b",\r\n" } else { b"" });
                    text.extend_from_slice(row.text.as_bytes());
                }
            }
            if matches!(self.form, Form::Continuous | Form::EventSource) {
                text.push(b'\n');
            }
            self.has_rows = true;
        }
        chunk(out, &text);
        self.after = last;
        self.left -= rows.len() as u64;
        self.silent_since = Instant::now();
        true
    }

    /// What comes where there are no rows: an end, a sign of life, or nothing for now.
    fn rest(&mut self, out: &mut Vec<u8>) -> bool {
        let silent = self.silent_since.elapsed();
        let is_done = match self.form {
            Form::Normal => true,
            Form::Longpoll => self.has_rows || self.left == 0,
            Form::Continuous | Form::EventSource => self.left == 0,
        };
        let has_waited = self.heartbeat.is_none() && silent >= self.timeout;
        if is_done || has_waited || self.shard.draining() {
            self.end(out);
            return true;
        }
        if self.heartbeat.is_some_and(|heartbeat| silent >= heartbeat) {
            let beat: &[u8] = if self.form == Form::EventSource { b"event: heartbeat\ndata: \n\n" } else { b"\n" };
            chunk(out, beat);
            self.silent_since = Instant::now();
            return true;
        }
        false
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let last_seq = self.shard.appliance.db_updates.token(self.after);
        match self.form {
            Form::Normal | Form::Longpoll => chunk(out, format!("\n],\n\"last_seq\":\"{last_seq}\"}}\n").as_bytes()),
            Form::Continuous => chunk(out, format!("{{\"last_seq\":\"{last_seq}\"}}\n").as_bytes()),
            Form::EventSource => {}
        }
        out.extend_from_slice(LAST_CHUNK);
        self.is_over = true;
    }
}
