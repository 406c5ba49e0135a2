//! What is read of a message, whatever its encoding: enough to check order and to compute latency, nothing else.

use std::borrow::Cow;

use crate::decode::{DecodeError, rfc3339};

/// The fields of an event that are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFields<'a> {
    /// Its sequence number.
    pub seq: u64,
    /// When it was published, µs since the Unix epoch: the body's own `t` where there is one, else the event's `time`.
    pub published_us: Option<u64>,
    /// What the sequence number has to be.
    pub order: Order<'a>,
}

/// What a sequence number has to be, after those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order<'a> {
    /// Larger than each of them.
    Increasing,
    /// No smaller than the last one: events that belong together share it.
    Grouped,
    /// Larger than each of them on its own line, of which a connection may carry many.
    Linked(Link<'a>),
}

/// An event's place among those of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The stream.
    pub stream: Cow<'a, str>,
    /// The stream's partition.
    pub partition: u32,
    /// The client's name for the request that this event is part of the answer to, as JSON; `None` for a live event.
    pub subscription: Option<&'a str>,
    /// The sequence number of the event before it on the partition, if there is one.
    pub previous: Option<u64>,
}

impl EventFields<'_> {
    /// An event of a stream that has one line with increasing sequence numbers.
    pub fn increasing(seq: u64, published_us: Option<u64>) -> Self {
        Self { seq, published_us, order: Order::Increasing }
    }

    /// An event that may share its sequence number with those beside it.
    pub fn grouped(seq: u64, published_us: Option<u64>) -> Self {
        Self { seq, published_us, order: Order::Grouped }
    }
}

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// An event.
    Event(EventFields<'a>),
    /// A notice without a sequence number, such as `OutdatedCursor`.
    Info(Cow<'a, str>),
    /// An error the server ends the stream with.
    Error(Cow<'a, str>),
    /// Anything else, which clients must ignore.
    Other,
}

/// A value of which only the kind and simple contents matter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Uint(u64),
    Negative(i64),
    Text(Cow<'a, str>),
    Other,
}

impl Scalar<'_> {
    fn uint(&self) -> Option<u64> {
        match self {
            Self::Uint(value) => Some(*value),
            _ => None,
        }
    }
}

/// The names whose values are collected; the same ones mean the same in every encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Op,
    Kind,
    Seq,
    Time,
    T,
    Error,
    Name,
}

impl Field {
    /// The field with this name, if it is one of them.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "op" => Self::Op,
            "$type" => Self::Kind,
            "seq" => Self::Seq,
            "time" => Self::Time,
            "t" => Self::T,
            "error" => Self::Error,
            "name" => Self::Name,
            _ => return None,
        })
    }
}

/// Collects the fields of one message while its encoding is walked.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    op: Option<Scalar<'a>>,
    kind: Option<Cow<'a, str>>,
    seq: Option<Scalar<'a>>,
    time_us: Option<u64>,
    published_us: Option<u64>,
    error: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    /// Takes the value of `field`. A later value of the same name (payload after header) wins.
    pub fn take(&mut self, field: Field, value: Scalar<'a>) {
        match (field, value) {
            (Field::Op, value) => self.op = Some(value),
            (Field::Seq, value) => self.seq = Some(value),
            (Field::Time, Scalar::Uint(us)) => self.time_us = Some(us),
            (Field::Time, Scalar::Text(text)) => self.time_us = rfc3339::to_unix_us(&text),
            (Field::T, Scalar::Uint(us)) => self.published_us = Some(us),
            (Field::Kind | Field::T, Scalar::Text(text)) => self.kind = Some(text),
            (Field::Error, Scalar::Text(text)) => self.error = Some(text),
            (Field::Name, Scalar::Text(text)) => self.name = Some(text),
            _ => {}
        }
    }

    /// Takes the `t` of an event's body.
    pub fn take_body_t(&mut self, value: &Scalar<'_>) {
        self.published_us = value.uint().or(self.published_us);
    }

    /// The `t` that was taken.
    pub fn body_t(&self) -> Option<u64> {
        self.published_us
    }

    /// Whether an `op` was seen: the mark of an AT Protocol header.
    pub fn has_op(&self) -> bool {
        self.op.is_some()
    }

    /// What the collected fields amount to.
    pub fn into_message(self) -> Result<Message<'a>, DecodeError> {
        let is_error = match &self.op {
            None => self.seq.is_none() && self.error.is_some(),
            Some(Scalar::Uint(1)) => false,
            Some(Scalar::Negative(-1)) => true,
            Some(_) => return Ok(Message::Other),
        };
        if is_error {
            return Ok(Message::Error(self.error.unwrap_or_default()));
        }
        let published_us = self.published_us.or(self.time_us);
        match self.seq {
            Some(Scalar::Uint(seq)) if is_seq(seq) => Ok(Message::Event(EventFields::increasing(seq, published_us))),
            Some(seq) => {
                Err(DecodeError::new("event", format!("seq is {seq:?}, expected an integer from 1 to 2^53 - 1")))
            }
            None => Ok(match (self.name, self.kind) {
                (Some(name), _) => Message::Info(name),
                (None, Some(kind)) if kind.ends_with("#info") => Message::Info(kind),
                _ => Message::Other,
            }),
        }
    }
}

/// Whether a number can be a sequence number.
pub(crate) fn is_seq(number: u64) -> bool {
    (1..1 << 53).contains(&number)
}
