//! One TLS connection as bytes in and bytes out.
//!
//! Owns the library's connection and the few bytes that cannot be passed on at once: a record that is not whole yet, and what
//! the library has to say itself. While nothing is on its way it holds neither. Never does I/O. Tests: below and
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
    /// The peer sends records without an end, and nothing in them.
    #[error("records of more than {bytes_max} bytes without any data")]
    Fruitless { bytes_max: usize },
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
    is_closed: bool,
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
        Ok(Self {
            connection,
            waiting: Vec::new(),
            said: Vec::new(),
            is_open: false,
            is_ended: false,
            is_closed: false,
        })
    }

    /// Whether the handshake is over.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the peer has said that it will send nothing more.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether we have said so.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Takes what has come from the peer; the data in it is appended to `data`. After an error there may be
    /// [something to say](Self::take_said) still, but the connection is over. Not for what comes after [`close`](Self::close): the library
    /// could not complain about it any more, and takes that for a mistake of ours.
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
                    // What was wrong is told to the peer in an alert. The library must not be shown the same bytes again, and
                    // is not as long as it has something to say.
                    while self.connection.wants_write() && self.step(data).is_ok() {}
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
        self.is_closed = true;
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

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read, Write};

    use futures_rustls::rustls::{
        ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        version::{TLS12, TLS13},
    };
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// A client and a session that have agreed on keys.
    pub(in super::super) fn agreed(version: &'static SupportedProtocolVersion) -> (ClientConnection, Session) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let mut session = Session::new(&Arc::new(server)).unwrap();
        while client.is_handshaking() || !session.is_open() {
            let mut data = Vec::new();
            session.open(&written(&mut client), &mut data).unwrap();
            hear(&mut client, &session.take_said());
            assert!(data.is_empty());
        }
        (client, session)
    }

    /// What the client has to send.
    fn written(client: &mut ClientConnection) -> Vec<u8> {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    pub(in super::super) fn hear(client: &mut ClientConnection, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            client.read_tls(&mut bytes).unwrap();
            client.process_new_packets().unwrap();
        }
    }

    /// What the client has received.
    pub(in super::super) fn received(client: &mut ClientConnection) -> Vec<u8> {
        let mut bytes = Vec::new();
        // It would block once everything is read, and says so.
        let _would_block = client.reader().read_to_end(&mut bytes);
        bytes
    }

    #[test]
    fn both_say_their_last_word_and_hear_the_other_s() {
        for version in [&TLS12, &TLS13] {
            let (mut client, mut session) = agreed(version);
            let mut room = vec![0; 10_000 + SEAL_BYTES_MAX];
            let data: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
            let length = session.seal(&data, &mut room).unwrap();
            hear(&mut client, &room[..length]);
            session.close().unwrap();
            hear(&mut client, &session.take_said());
            assert_eq!(received(&mut client), data);
            assert!(client.process_new_packets().unwrap().peer_has_closed());
            assert!(session.is_closed());
            let (mut client, mut session) = agreed(version);
            client.send_close_notify();
            session.open(&written(&mut client), &mut Vec::new()).unwrap();
            assert!(session.is_ended());
            // It can be sent to still.
            let length = session.seal(b"last", &mut room).unwrap();
            hear(&mut client, &room[..length]);
            assert_eq!(received(&mut client), b"last");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// Data, new keys and data again, in pieces of any size, while data goes the other way.
        #[test]
        fn what_is_cut_anywhere_comes_whole(
            lengths in prop::collection::vec((0..40_000_usize, any::<bool>()), 1..5),
            cuts in prop::collection::vec(1..20_000_usize, 1..20),
            version in prop::sample::select(vec![&TLS12, &TLS13]),
        ) {
            let (mut client, mut session) = agreed(version);
            client.set_buffer_limit(None);
            let (mut sent, mut bytes) = (Vec::new(), Vec::new());
            for (length, has_new_keys) in lengths {
                let data: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
                client.writer().write_all(&data).unwrap();
                sent.extend(data);
                if has_new_keys && version == &TLS13 {
                    client.refresh_traffic_keys().unwrap();
                }
                bytes.extend(written(&mut client));
            }
            let (mut data, mut room, mut answered) = (Vec::new(), vec![0; 2 * SEAL_BYTES_MAX], 0);
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                session.open(piece, &mut data).unwrap();
                hear(&mut client, &session.take_said());
                let length = session.seal(b"and?", &mut room).unwrap();
                hear(&mut client, &room[..length]);
                answered += 4;
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(data, sent);
            prop_assert_eq!(received(&mut client).len(), answered);
            prop_assert_eq!(session.waiting.capacity(), 0, "nothing is kept of what was whole");
        }

        /// Whatever comes, it is an error at worst.
        #[test]
        fn what_is_twisted_is_refused(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cuts in prop::collection::vec(1..3_000_usize, 1..9),
            version in prop::sample::select(vec![&TLS12, &TLS13]),
        ) {
            let (mut client, mut session) = agreed(version);
            client.writer().write_all(&[7; 5_000]).unwrap();
            client.send_close_notify();
            let mut bytes = written(&mut client);
            flips.into_iter().for_each(|(at, byte)| { let at = at.index(bytes.len()); bytes[at] = byte; });
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                let opened = session.open(piece, &mut Vec::new());
                rest = behind;
                if opened.is_err() || rest.is_empty() {
                    break;
                }
                prop_assert!(session.seal(b"and?", &mut [0; 2 * SEAL_BYTES_MAX]).is_ok());
            }
            let _alert = session.take_said();
        }
    }
}
