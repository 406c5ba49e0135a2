//! `resend`: stored messages, once.

use std::borrow::Cow;

use super::members::Members;
use super::publish::parse_stream;
use super::subscribe::parse_partition;
use super::value::Value;
use super::{RequestLimits, StreamrError, Token, number, timestamp};
use crate::streamr::cursor::Selection;

/// Stored messages that are to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend<'a> {
    /// The stream's id.
    pub stream: Cow<'a, str>,
    /// The partition, 0 if the request does not say.
    pub partition: u32,
    /// The client's name for the subscription that wants them.
    pub sub: Option<Token>,
    /// Which ones.
    pub selection: Selection,
}

impl<'a> Resend<'a> {
    pub(super) fn parse(mut members: Members<'a>, limits: &RequestLimits) -> Result<Self, StreamrError> {
        let partition = parse_partition(members.partition.take())?.unwrap_or_default();
        let failed = |stream: &str, reason: &str| StreamrError::ResendFailed {
            stream: stream.to_owned(),
            partition,
            reason: reason.to_owned(),
        };
        let stream = members.stream.take();
        let stream = parse_stream(stream, limits, failed("undefined", "stream id not defined"))?;
        let sub = Token::of_any("sub", members.sub.take(), limits)?;
        let selection = select(&members).map_err(|name| failed(&stream, &format!("{name} is not a number")))?;
        Ok(Self { stream, partition, sub, selection })
    }

    /// The refusal of this request for a reason that shows later.
    pub fn failed(&self, reason: impl Into<String>) -> StreamrError {
        StreamrError::ResendFailed {
            stream: self.stream.clone().into_owned(),
            partition: self.partition,
            reason: reason.into(),
        }
    }
}

/// The options in the order in which they win over each other. What does not count is not looked at. The error is the
/// name of an option that is no number.
fn select(members: &Members<'_>) -> Result<Selection, &'static str> {
    if members.resend_all == Some(Value::Bool(true)) {
        return Ok(Selection::All);
    }
    if let Some(from) = &members.resend_from {
        let from = offset(from).ok_or("resend_from")?;
        return match &members.resend_to {
            Some(to) => Ok(Selection::Range { from, to: offset(to).ok_or("resend_to")? }),
            None => Ok(Selection::From { from }),
        };
    }
    if let Some(count) = &members.resend_last {
        return Ok(Selection::Last { count: offset(count).ok_or("resend_last")? });
    }
    match &members.resend_from_time {
        Some(time) => Ok(Selection::FromTime { ms: time_ms(time).ok_or("resend_from_time")? }),
        None => Ok(Selection::Nothing),
    }
}

fn offset(value: &Value<'_>) -> Option<u64> {
    value.as_number().map(number::to_u64)
}

fn time_ms(value: &Value<'_>) -> Option<u64> {
    match (offset(value), value) {
        (Some(ms), _) => Some(ms),
        (None, Value::Text(text)) => timestamp::parse_ms(text),
        (None, _) => None,
    }
}
