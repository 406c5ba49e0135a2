//! One TLS connection as bytes in and bytes out.
//!
//! Owns the library's connection and the few bytes that cannot be passed on at once: a record that is not whole yet, and what
//! the library has to say itself. While nothing is on its way it holds neither. Never does I/O. Tested by
//! `server/tests/tls/`.

use std::sync::Arc;

use futures_rustls::rustls::{
    self, ServerConfig,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus},
};

/// Bytes of records that may wait for more of them. A record has at most 18 KiB, and no message that a client may send needs more
/// than two of them.
const WAITING_BYTES_MAX: usize = 32 << 10;

/// What sealing adds: 22 bytes to each record of 16 KiB, and a change of keys or an alert ahead of them.
pub(super) const SEAL_BYTES_MAX: usize = 1 << 10;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The peer does not speak TLS as it should, or shares no version, suite or protocol with us.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The peer sends messages without an end.
    #[error("a message of more than {WAITING_BYTES_MAX} bytes")]
    Endless,
    /// Data was to be sealed before the handshake was over, or after the end.
    #[error("the connection cannot carry data now")]
    Closed,
    #[error(transparent)]
    Seal(#[from] EncryptError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// See the module.
pub(super) struct Session {
    connection: Box<UnbufferedServerConnection>,
    /// What has come and is no whole message yet.
    waiting: Vec<u8>,
    /// What the library says: its part of the handshake, alerts, new keys.
    said: Vec<u8>,
    is_open: bool,
    is_ended: bool,
}

/// How far the bytes that have come lead.
enum Step {
    More,
    /// Nothing happens until there are more bytes; whether data can be sent meanwhile.
    Rest {
        is_open: bool,
    },
}

impl Session {
    /// A connection that has not said anything.
    pub(super) fn new(config: &Arc<ServerConfig>) -> Result<Self, SessionError> {
        let connection = Box::new(UnbufferedServerConnection::new(config.clone())?);
        Ok(Self { connection, waiting: Vec::new(), said: Vec::new(), is_open: false, is_ended: false })
    }

    /// Whether the handshake is over.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the peer has said that it will send nothing more.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Takes what has come from the peer; the data in it is appended to `data`. After an error there may be
    /// [something to say](Self::take_said) still.
    pub(super) fn open(&mut self, bytes: &[u8], data: &mut Vec<u8>) -> Result<(), SessionError> {
        self.waiting.extend_from_slice(bytes);
        let stepped = self.steps(data);
        if self.waiting.is_empty() || self.is_ended {
            self.waiting = Vec::new();
        }
        stepped?;
        if self.waiting.len() > WAITING_BYTES_MAX { Err(SessionError::Endless) } else { Ok(()) }
    }

    fn steps(&mut self, data: &mut Vec<u8>) -> Result<(), SessionError> {
        loop {
            match self.step(data) {
                Ok(Step::More) => {}
                Ok(Step::Rest { is_open }) => {
                    self.is_open |= is_open;
                    return Ok(());
                }
                Err(error) => {
                    // What was wrong is told to the peer in an alert, which is the next step if there is one.
                    while matches!(self.step(data), Ok(Step::More)) {}
                    return Err(error);
                }
            }
        }
    }

    fn step(&mut self, data: &mut Vec<u8>) -> Result<Step, SessionError> {
        let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(&mut self.waiting);
        let step = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                match traffic.next_record() {
                    Some(Ok(record)) => {
                        discard += record.discard;
                        data.extend_from_slice(record.payload);
                    }
                    Some(Err(error)) => break Err(error.into()),
                    None => break Ok(Step::More),
                }
            },
            Ok(ConnectionState::EncodeTlsData(mut message)) => {
                encode(&mut self.said, |room| message.encode(room)).map(|()| Step::More)
            }
            Ok(ConnectionState::TransmitTlsData(message)) => {
                // From here on it is only a matter of order, which `said` keeps.
                message.done();
                Ok(Step::More)
            }
            Ok(ConnectionState::PeerClosed) => {
                self.is_ended = true;
                Ok(Step::More)
            }
            Ok(ConnectionState::WriteTraffic(_)) => Ok(Step::Rest { is_open: true }),
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Ok(Step::Rest { is_open: false }),
            // There is no early data: the configuration does not allow any.
            Ok(_) => Err(SessionError::Closed),
            Err(error) => Err(error.into()),
        };
        self.waiting.drain(..discard);
        step
    }

    /// Seals data into records behind whatever the library has to say first; how many bytes of `room` they take, which has to
    /// be [`SEAL_BYTES_MAX`] larger than the data.
    pub(super) fn seal(&mut self, data: &[u8], room: &mut [u8]) -> Result<usize, SessionError> {
        match self.connection.process_tls_records(&mut self.waiting).state? {
            ConnectionState::WriteTraffic(mut traffic) => Ok(traffic.encrypt(data, room)?),
            _ => Err(SessionError::Closed),
        }
    }

    /// Says that nothing more will be sent.
    pub(super) fn close(&mut self) -> Result<(), SessionError> {
        let mut room = [0; SEAL_BYTES_MAX];
        let count = match self.connection.process_tls_records(&mut self.waiting).state? {
            ConnectionState::WriteTraffic(mut traffic) => traffic.queue_close_notify(&mut room)?,
            _ => return Err(SessionError::Closed),
        };
        self.said.extend_from_slice(&room[..count]);
        Ok(())
    }

    /// What the library has to say, in the order in which it has to be sent.
    pub(super) fn take_said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.said)
    }
}

/// Appends a message of the library, which knows how long it is when it is offered no room.
fn encode(
    said: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), SessionError> {
    let length = match write(&mut []) {
        Ok(_) => return Ok(()),
        Err(EncodeError::InsufficientSize(short)) => short.required_size,
        Err(error) => return Err(error.into()),
    };
    let from = said.len();
    said.resize(from + length, 0);
    let written = write(&mut said[from..])?;
    said.truncate(from + written);
    Ok(())
}
