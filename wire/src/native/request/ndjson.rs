//! `application/x-ndjson`: one event per line, `{"kind","key","time"?,"body"}`.
//!
//! One pass over each line checks it, takes the members apart and compacts the body; numbers in the body stay digit
//! for digit as written.

use std::borrow::Cow;

use tailwater_core::{Batch, BodyFormat, Draft, DraftError, SEQ_MAX};

use super::error::{LineProblem, PublishError};
use super::has_control;
use super::limits::PublishLimits;
use crate::json::{DEPTH_MAX, Scanner};

/// The kind of an event whose body may be left out.
const DELETE: &str = "delete";

/// Parses a publish body.
///
/// `kind` is required; `key` is `""` and `time` (microseconds since the Unix epoch, at most 2^53-1) is `now_us` if left
/// out; `body` is required except for `delete`, where it is `null` if left out. Blank lines are skipped.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse_ndjson(body: &[u8], now_us: u64, limits: &PublishLimits) -> Result<Batch, PublishError> {
    let mut batch = Batch::new();
    each_line(body, now_us, limits, |draft| batch.push(draft))?;
    if batch.is_empty() { Err(PublishError::Empty) } else { Ok(batch) }
}

/// Hands the event of every line to `push`.
fn each_line(
    body: &[u8],
    now_us: u64,
    limits: &PublishLimits,
    mut push: impl FnMut(&Draft<'_>) -> Result<(), DraftError>,
) -> Result<(), PublishError> {
    let text = simdutf8::compat::from_utf8(body).map_err(|error| {
        let line = 1 + memchr::memchr_iter(b'\n', &body[..error.valid_up_to()]).count();
        PublishError::Line { line, problem: LineProblem::Utf8 }
    })?;
    let mut compact = Vec::new();
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', body).chain((!body.ends_with(b"\n")).then_some(body.len()));
    for (at, end) in ends.enumerate() {
        one_line(&text[start..end], now_us, limits, &mut compact, &mut push)
            .map_err(|problem| PublishError::Line { line: at + 1, problem })?;
        start = end + 1;
    }
    Ok(())
}

fn one_line(
    line: &str,
    now_us: u64,
    limits: &PublishLimits,
    body: &mut Vec<u8>,
    push: &mut impl FnMut(&Draft<'_>) -> Result<(), DraftError>,
) -> Result<(), LineProblem> {
    let mut scanner = Scanner::new(line);
    scanner.skip_whitespace();
    if scanner.peek().is_none() {
        return Ok(());
    }
    body.clear();
    let members = parse_members(&mut scanner, limits.depth_max, body)?;
    let kind = members.kind.ok_or(LineProblem::Missing("kind"))?;
    if kind.is_empty() || has_control(&kind) {
        return Err(LineProblem::Kind);
    }
    if body.is_empty() {
        if kind != DELETE {
            return Err(LineProblem::Missing("body"));
        }
        body.extend_from_slice(b"null");
    }
    let key = members.key.unwrap_or_default();
    limits.check_key(&key)?;
    limits.check_event(body.len())?;
    push(&Draft {
        seq: None,
        time_us: members.time_us.unwrap_or(now_us),
        kind: &kind,
        key: &key,
        format: BodyFormat::Json,
        body,
    })?;
    Ok(())
}

#[derive(Default)]
struct Members<'a> {
    kind: Option<Cow<'a, str>>,
    key: Option<Cow<'a, str>>,
    time_us: Option<u64>,
}

/// Takes the whole object; the body goes to `body`.
fn parse_members<'a>(
    scanner: &mut Scanner<'a>,
    depth_max: usize,
    body: &mut Vec<u8>,
) -> Result<Members<'a>, LineProblem> {
    let mut members = Members::default();
    if !scanner.take(b'{') {
        return Err(not_an_object(scanner));
    }
    if !scanner.take(b'}') {
        loop {
            parse_member(scanner, &mut members, depth_max, body)?;
            if !scanner.take(b',') {
                break;
            }
        }
        scanner.expect(b'}')?;
    }
    scanner.expect_end()?;
    Ok(members)
}

/// Tells JSON of another type from what is no JSON at all.
fn not_an_object(scanner: &mut Scanner<'_>) -> LineProblem {
    let whole = scanner.value(DEPTH_MAX, |_| {}).and_then(|()| scanner.expect_end());
    whole.map_or_else(LineProblem::Json, |()| LineProblem::NotAnObject)
}

fn parse_member<'a>(
    scanner: &mut Scanner<'a>,
    members: &mut Members<'a>,
    depth_max: usize,
    body: &mut Vec<u8>,
) -> Result<(), LineProblem> {
    let name = scanner.string()?.decode();
    scanner.expect(b':')?;
    scanner.skip_whitespace();
    match name.as_ref() {
        "kind" => set(&mut members.kind, "kind", parse_string(scanner, "kind")?),
        "key" => set(&mut members.key, "key", parse_string(scanner, "key")?),
        "time" => set(&mut members.time_us, "time", parse_time(scanner)?),
        "body" if body.is_empty() => Ok(scanner.value(depth_max, |run| body.extend_from_slice(run))?),
        "body" => Err(LineProblem::Duplicate("body")),
        _ => Err(LineProblem::UnknownKey(name.into_owned())),
    }
}

fn set<T>(slot: &mut Option<T>, name: &'static str, value: T) -> Result<(), LineProblem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(LineProblem::Duplicate(name)),
    }
}

fn parse_string<'a>(scanner: &mut Scanner<'a>, name: &'static str) -> Result<Cow<'a, str>, LineProblem> {
    match scanner.peek() {
        Some(b'"') => Ok(scanner.string()?.decode()),
        Some(_) => Err(LineProblem::Type(name, "a string")),
        None => Err(scanner.unexpected().into()),
    }
}

fn parse_time(scanner: &mut Scanner<'_>) -> Result<u64, LineProblem> {
    let wrong = LineProblem::Type("time", "an integer of microseconds from 0 to 9007199254740991");
    match scanner.peek() {
        Some(b'0'..=b'9') => scanner.number()?.parse().ok().filter(|time| *time <= SEQ_MAX).ok_or(wrong),
        Some(_) => Err(wrong),
        None => Err(scanner.unexpected().into()),
    }
}

#[cfg(test)]
#[path = "ndjson_tests.rs"]
mod tests;
