//! The object a message is: one pass over it picks out what requests look at.

use super::value::Value;
use super::{Credentials, StreamrError};
use crate::json::{DEPTH_MAX, JsonError, Scanner};

/// What a message has, by name.
#[derive(Debug, Default)]
pub(super) struct Members<'a> {
    pub(super) kind: Option<Value<'a>>,
    pub(super) stream: Option<Value<'a>>,
    pub(super) partition: Option<Value<'a>>,
    pub(super) auth_key: Option<Value<'a>>,
    pub(super) session_token: Option<Value<'a>>,
    /// Whatever its value is.
    pub(super) has_session_token: bool,
    pub(super) msg: Option<Value<'a>>,
    pub(super) ts: Option<Value<'a>>,
    pub(super) pkey: Option<Value<'a>>,
    pub(super) ack: Option<Value<'a>>,
    pub(super) sub: Option<Value<'a>>,
    pub(super) resend_all: Option<Value<'a>>,
    pub(super) resend_from: Option<Value<'a>>,
    pub(super) resend_to: Option<Value<'a>>,
    pub(super) resend_last: Option<Value<'a>>,
    pub(super) resend_from_time: Option<Value<'a>>,
}

impl<'a> Members<'a> {
    /// Takes a whole message apart.
    pub(super) fn parse(text: &'a str, bytes_max: usize) -> Result<Self, StreamrError> {
        if text.len() > bytes_max {
            return Err(StreamrError::MessageTooLarge { bytes_max });
        }
        let mut members = Self::default();
        let mut scanner = Scanner::new(text);
        if !scanner.take(b'{') {
            scanner.value(DEPTH_MAX, |_| {}).and_then(|()| scanner.expect_end())?;
            return Err(StreamrError::NotARequest);
        }
        members.fill(&mut scanner)?;
        Ok(members)
    }

    /// Takes what follows the opening brace.
    fn fill(&mut self, scanner: &mut Scanner<'a>) -> Result<(), JsonError> {
        if !scanner.take(b'}') {
            loop {
                let name = scanner.string()?.decode();
                scanner.expect(b':')?;
                match self.slot(&name) {
                    Some(slot) => *slot = Value::take(scanner)?,
                    None => {
                        scanner.value(DEPTH_MAX, |_| {})?;
                    }
                }
                if !scanner.take(b',') {
                    break;
                }
            }
            scanner.expect(b'}')?;
        }
        scanner.expect_end()
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Value<'a>>> {
        Some(match name {
            "type" => &mut self.kind,
            "stream" => &mut self.stream,
            "partition" => &mut self.partition,
            "authKey" => &mut self.auth_key,
            "sessionToken" => {
                self.has_session_token = true;
                &mut self.session_token
            }
            "msg" => &mut self.msg,
            "ts" => &mut self.ts,
            "pkey" => &mut self.pkey,
            "ack" => &mut self.ack,
            "sub" => &mut self.sub,
            "resend_all" => &mut self.resend_all,
            "resend_from" => &mut self.resend_from,
            "resend_to" => &mut self.resend_to,
            "resend_last" => &mut self.resend_last,
            "resend_from_time" => &mut self.resend_from_time,
            _ => return None,
        })
    }

    /// Takes out who sent the message; an empty key is none.
    pub(super) fn credentials(&mut self) -> Credentials<'a> {
        let text = |value: Option<Value<'a>>| value.filter(|value| !value.is_falsy()).map(Value::into_text);
        Credentials { key: text(self.auth_key.take()), session_token: text(self.session_token.take()) }
    }
}
