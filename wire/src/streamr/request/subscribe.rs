//! `subscribe` and `unsubscribe`.
//!
//! A subscription begins with the next message, whatever `resend_` options come with the request: clients repeat those
//! in a request of its own.

use std::borrow::Cow;

use super::members::Members;
use super::publish::parse_stream;
use super::value::Value;
use super::{RequestLimits, StreamrError, number, quoted};
use crate::json;
use crate::streamr::partition::PARTITIONS_MAX;

/// A partition to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The stream's id.
    pub stream: Cow<'a, str>,
    /// The partition, 0 if the request does not say.
    pub partition: u32,
}

impl<'a> Subscribe<'a> {
    pub(super) fn parse(members: Members<'a>, limits: &RequestLimits) -> Result<Self, StreamrError> {
        let stream = parse_stream(members.stream, limits, StreamrError::SubscribeWithoutStream)?;
        let partition = parse_partition(members.partition)?.unwrap_or_default();
        Ok(Self { stream, partition })
    }
}

/// A partition to be left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// The stream's id.
    pub stream: Cow<'a, str>,
    /// The partition, if the request says.
    pub partition: Option<u32>,
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn parse(members: Members<'a>, limits: &RequestLimits) -> Result<Self, StreamrError> {
        let missing = StreamrError::NotSubscribed { request: "{\"type\":\"unsubscribe\"}".to_owned() };
        let stream = parse_stream(members.stream, limits, missing)?;
        Ok(Self { stream, partition: parse_partition(members.partition)? })
    }

    /// Which partition to leave, given those of the stream that this connection follows.
    ///
    /// Clients below 1.0 never name one. They mean partition 0, or, if they do not follow that, the only one they do:
    /// answered otherwise, they wait for ever.
    ///
    /// # Errors
    /// [`StreamrError::NotSubscribed`]
    pub fn partition_to_leave(&self, followed: &[u32]) -> Result<u32, StreamrError> {
        let wanted = self.partition.unwrap_or_default();
        match (self.partition, followed) {
            _ if followed.contains(&wanted) => Ok(wanted),
            (None, [only]) => Ok(*only),
            _ => Err(StreamrError::NotSubscribed { request: self.to_json() }),
        }
    }

    fn to_json(&self) -> String {
        let mut out = b"{\"type\":\"unsubscribe\",\"stream\":".to_vec();
        json::write_str(&mut out, &self.stream);
        if let Some(partition) = self.partition {
            out.extend_from_slice(b",\"partition\":");
            json::write_u64(&mut out, partition.into());
        }
        out.push(b'}');
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// Takes the number of a partition, as a number or in a string; what JavaScript takes for false is none.
pub(super) fn parse_partition(value: Option<Value<'_>>) -> Result<Option<u32>, StreamrError> {
    let Some(value) = value else { return Ok(None) };
    if value.is_falsy() {
        return Ok(Some(0));
    }
    let known = |number: &f64| number.fract() == 0.0 && (0.0..f64::from(PARTITIONS_MAX)).contains(number);
    match value.as_number().filter(known) {
        Some(number) => Ok(Some(number::to_u64(number) as u32)),
        None => Err(StreamrError::InvalidPartition(quoted(value.display()))),
    }
}
