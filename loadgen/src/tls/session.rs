//! One connection's records: those that come are opened where they lie, what is said is sealed. No socket in sight.
//!
//! The caller receives into a room that all connections share. A session keeps what of it is no whole record yet, and what it has
//! to send and nobody has taken. The library is shown the bytes it has not used at every call, and none that it has refused. Tests
//! are below.

use std::sync::Arc;

use rustls::{
    Error,
    client::UnbufferedClientConnection,
    unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus},
};

use super::client::TlsClient;

/// Bytes of a record that is sealed: the most there can be in one.
const RECORD_BYTES_MAX: usize = 16 << 10;

/// What sealing adds to one record: 22 bytes, and a change of keys or an alert ahead of it.
const SEAL_BYTES_MAX: usize = 1 << 10;

/// See the module.
pub(super) struct Session {
    connection: UnbufferedClientConnection,
    /// What has come and is no whole record yet.
    held: Vec<u8>,
    /// Records on their way to the peer.
    unsent: Vec<u8>,
    sent: usize,
    is_open: bool,
    is_ended: bool,
}

impl Session {
    /// A connection that has not said anything.
    pub fn new(client: &TlsClient) -> Result<Self, Error> {
        Ok(Self {
            connection: UnbufferedClientConnection::new(Arc::clone(&client.config), client.name.clone())?,
            held: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            is_open: false,
            is_ended: false,
        })
    }

    /// Whether both sides have keys.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the peer has said that it will send nothing more.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether a record has come in part.
    pub fn is_mid_record(&self) -> bool {
        !self.held.is_empty()
    }

    /// What was agreed on.
    pub fn state(&self) -> &rustls::CommonState {
        &self.connection
    }

    /// Puts what is held at the beginning of `room`; how many bytes that are. What comes belongs behind them.
    pub fn lay_out(&self, room: &mut [u8]) -> usize {
        room[..self.held.len()].copy_from_slice(&self.held);
        self.held.len()
    }

    /// Takes what is held and what has come behind it; `data` is given the data of each record. After an error the connection is
    /// over, and there may be an alert to [send](Self::to_send).
    pub fn take(&mut self, bytes: &mut [u8], data: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        let used = self.steps(bytes, data)?;
        self.held.clear();
        match used == bytes.len() || self.is_ended {
            true => self.held = Vec::new(),
            false => self.held.extend_from_slice(&bytes[used..]),
        }
        Ok(())
    }

    /// Goes on without new bytes: what a connection begins with.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.take(&mut [], &mut |_| {})
    }

    /// How many of the bytes were used.
    fn steps(&mut self, bytes: &mut [u8], data: &mut dyn FnMut(&[u8])) -> Result<usize, Error> {
        let mut used = 0;
        loop {
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(&mut bytes[used..]);
            let rests = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        data(record.payload);
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(mut message)) => {
                    append(&mut self.unsent, |room| message.encode(room))?;
                    false
                }
                Ok(ConnectionState::TransmitTlsData(message)) => {
                    // From here on it is only a matter of order, which `unsent` keeps.
                    message.done();
                    false
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.is_ended = true;
                    false
                }
                Ok(ConnectionState::WriteTraffic(_)) => {
                    self.is_open = true;
                    true
                }
                Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => true,
                Ok(_) => return Err(Error::General("early data, which nobody asked for".into())),
                Err(error) => {
                    self.take_alert();
                    return Err(error);
                }
            };
            used += discard;
            if rests {
                return Ok(used);
            }
        }
    }

    /// What was wrong is told to the peer.
    fn take_alert(&mut self) {
        while self.connection.wants_write() {
            let Ok(ConnectionState::EncodeTlsData(mut message)) = self.connection.process_tls_records(&mut []).state
            else {
                return;
            };
            if append(&mut self.unsent, |room| message.encode(room)).is_err() {
                return;
            }
        }
    }

    /// Seals the beginning of `data` into one record that is to be sent; how many bytes of it that are.
    pub fn seal(&mut self, data: &[u8]) -> Result<usize, Error> {
        let data = &data[..data.len().min(RECORD_BYTES_MAX)];
        self.write(data.len() + SEAL_BYTES_MAX, |traffic, room| traffic.encrypt(data, room))?;
        Ok(data.len())
    }

    /// Says that nothing more will be sent.
    pub fn close(&mut self) -> Result<(), Error> {
        self.write(SEAL_BYTES_MAX, |traffic, room| traffic.queue_close_notify(room))
    }

    fn write(
        &mut self,
        bytes_max: usize,
        seal: impl FnOnce(
            &mut rustls::unbuffered::WriteTraffic<'_, rustls::client::ClientConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
    ) -> Result<(), Error> {
        let UnbufferedStatus { discard, state } = self.connection.process_tls_records(&mut self.held);
        let written = match state? {
            ConnectionState::WriteTraffic(mut traffic) => {
                let from = self.unsent.len();
                self.unsent.resize(from + bytes_max, 0);
                let written = seal(&mut traffic, &mut self.unsent[from..]);
                self.unsent.truncate(from + *written.as_ref().unwrap_or(&0));
                written
            }
            _ => return Err(Error::General("the connection cannot carry data now".into())),
        };
        self.held.drain(..discard);
        written.map(drop).map_err(|error| Error::General(error.to_string()))
    }

    /// What is to be sent, in this order.
    pub fn to_send(&self) -> &[u8] {
        &self.unsent[self.sent..]
    }

    /// So many bytes of it were.
    pub fn were_sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.unsent.len() {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
    }
}

/// Appends a message of the library, which knows how long it is when it is offered no room.
fn append(to: &mut Vec<u8>, mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) -> Result<(), Error> {
    let failed = |error: EncodeError| Error::General(error.to_string());
    let length = match encode(&mut []) {
        Ok(_) => return Ok(()),
        Err(EncodeError::InsufficientSize(short)) => short.required_size,
        Err(error) => return Err(failed(error)),
    };
    let from = to.len();
    to.resize(from + length, 0);
    let written = encode(&mut to[from..]).map_err(failed)?;
    to.truncate(from + written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::{
        ServerConfig, ServerConnection, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        version::{TLS12, TLS13},
    };

    use super::*;
    use crate::{target::Target, tls::TlsConfig};

    /// A session and a server that have agreed on keys.
    fn agreed(version: &'static SupportedProtocolVersion) -> (Session, ServerConnection) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        let mut server = ServerConnection::new(Arc::new(config.unwrap())).unwrap();
        server.set_buffer_limit(None);
        let target = Target::parse("wss://localhost").unwrap();
        let client = TlsClient::for_target(&target, &TlsConfig { ca: None, insecure: true }).unwrap().unwrap();
        let mut session = Session::new(&client).unwrap();
        session.begin().unwrap();
        while server.is_handshaking() || !session.is_open() {
            hear(&mut server, &mut session);
            take(&mut session, &written(&mut server)).unwrap();
        }
        (session, server)
    }

    /// What the server has to send.
    fn written(server: &mut ServerConnection) -> Vec<u8> {
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// The server takes what the session has to send.
    fn hear(server: &mut ServerConnection, session: &mut Session) {
        let mut bytes = session.to_send();
        let count = bytes.len();
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).unwrap();
            server.process_new_packets().unwrap();
        }
        session.were_sent(count);
    }

    /// What the server has received.
    fn received(server: &mut ServerConnection) -> Vec<u8> {
        let mut bytes = Vec::new();
        // It would block once everything is read, and says so.
        let _would_block = server.reader().read_to_end(&mut bytes);
        bytes
    }

    /// The session takes what has come, in a room that is lent to it.
    fn take(session: &mut Session, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let (mut room, mut data) = (vec![0; 256 << 10], Vec::new());
        let held = session.lay_out(&mut room);
        let end = held + bytes.len();
        room[held..end].copy_from_slice(bytes);
        session.take(&mut room[..end], &mut |piece| data.extend_from_slice(piece))?;
        Ok(data)
    }

    #[test]
    fn both_say_their_last_word_and_hear_the_other_s() {
        for version in [&TLS12, &TLS13] {
            let (mut session, mut server) = agreed(version);
            let data: Vec<u8> = (0..40_000_u32).map(|n| n as u8).collect();
            let (mut rest, mut heard) = (&data[..], Vec::new());
            while !rest.is_empty() {
                rest = &rest[session.seal(rest).unwrap()..];
                hear(&mut server, &mut session);
                heard.extend(received(&mut server));
            }
            session.close().unwrap();
            hear(&mut server, &mut session);
            assert_eq!(heard, data);
            assert!(server.process_new_packets().unwrap().peer_has_closed());
            let (mut session, mut server) = agreed(version);
            server.writer().write_all(b"last").unwrap();
            server.send_close_notify();
            assert_eq!(take(&mut session, &[written(&mut server), b"nobody's".to_vec()].concat()).unwrap(), b"last");
            assert!(session.is_ended() && !session.is_mid_record());
            // It can be said good-bye to still.
            session.seal(b"bye").unwrap();
            hear(&mut server, &mut session);
            assert_eq!(received(&mut server), b"bye");
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
            let (mut session, mut server) = agreed(version);
            let (mut sent, mut bytes) = (Vec::new(), Vec::new());
            for (length, has_new_keys) in lengths {
                let data: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
                server.writer().write_all(&data).unwrap();
                sent.extend(data);
                if has_new_keys && version == &TLS13 {
                    server.refresh_traffic_keys().unwrap();
                }
                bytes.extend(written(&mut server));
            }
            let (mut data, mut answered) = (Vec::new(), 0);
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                data.extend(take(&mut session, piece).unwrap());
                answered += session.seal(b"pong").unwrap();
                hear(&mut server, &mut session);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(data, sent);
            prop_assert_eq!(received(&mut server).len(), answered);
            prop_assert_eq!((session.held.capacity(), session.unsent.capacity()), (0, 0), "nothing is kept");
        }

        /// Whatever comes, it is an error at worst.
        #[test]
        fn what_is_twisted_is_refused(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cuts in prop::collection::vec(1..3_000_usize, 1..9),
            version in prop::sample::select(vec![&TLS12, &TLS13]),
        ) {
            let (mut session, mut server) = agreed(version);
            server.writer().write_all(&[7; 5_000]).unwrap();
            server.send_close_notify();
            let mut bytes = written(&mut server);
            flips.into_iter().for_each(|(at, byte)| { let at = at.index(bytes.len()); bytes[at] = byte; });
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                let taken = take(&mut session, piece);
                rest = behind;
                if taken.is_err() || rest.is_empty() {
                    break;
                }
                prop_assert!(session.seal(b"and?").is_ok());
            }
        }
    }
}
