//! The reading side of a checked connection: everything is received, decoded and checked; pings and closes are answered.

use crate::{
    decode::stream::{Item, StreamDecoder},
    stats::Latency,
    subscribe::{
        checks::Checks,
        connection::{Outcome, Shared},
        outbox::Outbox,
    },
    sys::process,
    tls::{Received, TlsClient, Wire},
};

/// The close code of a client that has had enough (RFC 6455, section 7.4.1).
const NORMAL_CLOSURE: u16 = 1000;

/// The decoder of the present connection and the checks of all of them.
#[derive(Debug)]
pub(crate) struct CheckedStream {
    pub checks: Checks,
    decoder: Option<StreamDecoder>,
}

impl CheckedStream {
    pub fn new(checks: Checks) -> Self {
        Self { checks, decoder: None }
    }

    /// Begins with a new connection's stream.
    pub fn begin(&mut self, decoder: StreamDecoder) {
        self.decoder = Some(decoder);
    }

    /// Receives once; adds what came to `bytes`. Comes back for the rest, so that others get their turn.
    pub fn read(&mut self, wire: &mut Wire, shared: &mut Shared, bytes: &mut u64, outbox: &mut Outbox) -> Outcome {
        let Shared { scratch, latency, .. } = shared;
        let mut outcome = Outcome::Nothing;
        let received = wire.receive(scratch, usize::MAX, &mut |piece| {
            *bytes += piece.len() as u64;
            if outcome == Outcome::Nothing {
                outcome = self.feed(piece, latency, outbox);
            }
        });
        outbox.flush(|bytes| wire.send(bytes));
        match (outcome, received) {
            (Outcome::Nothing, Ok(Received::WouldBlock)) => Outcome::Nothing,
            (Outcome::Nothing, Ok(Received::Some { .. })) => Outcome::Again,
            (Outcome::Nothing, Ok(Received::End)) => Outcome::Closed("end of stream".into()),
            (Outcome::Nothing, Err(fault)) => Outcome::Closed(TlsClient::explain(&fault)),
            (outcome, _) => outcome,
        }
    }

    /// Decodes and checks received bytes.
    pub fn feed(&mut self, bytes: &[u8], latency: &mut Latency, outbox: &mut Outbox) -> Outcome {
        let Self { checks, decoder } = self;
        let Some(decoder) = decoder else {
            return Outcome::Nothing;
        };
        let now_us = process::unix_us();
        let mut outcome = Outcome::Nothing;
        let fed = decoder.feed(bytes, &mut |item| {
            if outcome == Outcome::Nothing {
                outcome = one_item(item, now_us, checks, outbox, latency);
            }
        });
        if let (Err(error), Outcome::Nothing) = (fed, &outcome) {
            checks.undecodable(&error);
            return Outcome::Closed("protocol error".into());
        }
        outcome
    }

    /// Sends a WebSocket's close frame.
    pub fn leave(&self, wire: &mut Wire, outbox: &mut Outbox) {
        if let Some(StreamDecoder::WebSocket(_)) = self.decoder {
            outbox.close(Some(NORMAL_CLOSURE));
            outbox.flush(|bytes| wire.send(bytes));
        }
        wire.say_end();
    }
}

fn one_item(item: Item<'_>, now_us: u64, checks: &mut Checks, outbox: &mut Outbox, latency: &mut Latency) -> Outcome {
    match item {
        Item::Payload(encoding, payload) => {
            checks.payload(encoding, payload, now_us, latency);
            if checks.is_complete() {
                return Outcome::Done;
            }
        }
        Item::Ping(payload) => outbox.pong(payload),
        Item::Close(code, _) => {
            outbox.close(code);
            return Outcome::Closed(close_reason(code));
        }
        Item::BodyEnd => return Outcome::Closed("end of body".into()),
    }
    Outcome::Nothing
}

/// How a close frame is named in reports.
pub(crate) fn close_reason(code: Option<u16>) -> String {
    match code {
        Some(code) => format!("close {code}"),
        None => "close without code".to_owned(),
    }
}
