//! What stands between a connection's bytes and its socket where the peer speaks TLS.
//!
//! Owns the session, and the bytes that are on their way through it: opened and not read yet, sealed and not sent yet. While
//! nothing is on its way it holds neither. All connections of a shard open and seal in the same room. Never knows what the bytes
//! mean, nor waits for anything. Tested by `server/tests/tls/`.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    os::fd::BorrowedFd,
};

use super::session::{SEAL_BYTES_MAX, Session, SessionError};
use crate::shard::{
    stats::TlsCounted,
    transfer::{Taken, recv, send},
};

/// Bytes of a whole record.
const RECORD_BYTES: usize = 16 << 10;

/// Bytes that are sealed and sent at once, at most: sealed, they stay below the size from which on sends are dearer.
const TURN_BYTES_MAX: usize = 15 * RECORD_BYTES;

/// Bytes that are taken from a peer in a row without any data in them. A record that is cut and a change of keys come to less.
const FRUITLESS_BYTES_MAX: usize = 64 << 10;

/// Where bytes land and are put together, and where they are sealed; one of each per shard.
struct Room {
    data: Box<[u8]>,
    sealed: Box<[u8]>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::new(Room {
        data: vec![0; TURN_BYTES_MAX].into_boxed_slice(),
        sealed: vec![0; TURN_BYTES_MAX + SEAL_BYTES_MAX].into_boxed_slice(),
    });
}

/// Bytes of which the first have gone.
#[derive(Default)]
struct Rest {
    bytes: Vec<u8>,
    gone: usize,
}

impl Rest {
    fn left(&self) -> &[u8] {
        &self.bytes[self.gone..]
    }

    /// So many more have gone; with the last of them the room.
    fn advance(&mut self, count: usize) {
        self.gone += count;
        if self.gone == self.bytes.len() {
            *self = Self::default();
        }
    }
}

/// See the module.
pub(crate) struct Sealed {
    session: Session,
    opened: Rest,
    unsent: Rest,
    /// Bytes to seal next: a record more with each turn that the kernel takes, half as many when it does not. What it does not
    /// take has to be kept here, so a peer that reads slowly is sealed little at once.
    turn_bytes: usize,
    _counted: TlsCounted,
}

impl Sealed {
    /// What stands on a connection whose handshake is over. `data` came behind it.
    pub(super) fn new(session: Session, data: Vec<u8>, counted: TlsCounted) -> Self {
        let opened = Rest { bytes: data, gone: 0 };
        let unsent = Rest::default();
        Self { session, opened, unsent, turn_bytes: RECORD_BYTES, _counted: counted }
    }

    /// Reads what is there; `None` while nothing is, 0 at the end.
    pub(crate) fn recv(&mut self, socket: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<Option<usize>> {
        if self.session.is_closed() {
            // Nobody looks at what comes behind the end. It is read so that it is gone.
            return recv(socket, buf);
        }
        // Little more than is asked for: what is left over has to be kept.
        let taken_max = buf.len().clamp(RECORD_BYTES, TURN_BYTES_MAX);
        let mut fruitless_bytes = 0;
        while self.opened.left().is_empty() {
            if self.session.is_ended() {
                return Ok(Some(0));
            }
            if fruitless_bytes > FRUITLESS_BYTES_MAX {
                return Err(broken(SessionError::Fruitless { bytes_max: FRUITLESS_BYTES_MAX }));
            }
            let received = ROOM.with_borrow_mut(|Room { data, .. }| {
                let received = recv(socket, &mut data[..taken_max])?;
                received.map(|count| self.open(socket, &data[..count])).transpose()?;
                Ok::<_, io::Error>(received)
            })?;
            match received {
                Some(count @ 1..) => fruitless_bytes += count,
                nothing_or_end => return Ok(nothing_or_end),
            }
        }
        let left = self.opened.left();
        let count = left.len().min(buf.len());
        buf[..count].copy_from_slice(&left[..count]);
        self.opened.advance(count);
        Ok(Some(count))
    }

    /// Opens what came. What the library says to it is little: its answer to new keys goes with our next data, and an alert is its last word.
    fn open(&mut self, socket: BorrowedFd<'_>, records: &[u8]) -> io::Result<()> {
        let opened = self.session.open(records, &mut self.opened.bytes);
        self.queue_said();
        if self.has_unsent() {
            self.flush(socket)?;
        }
        opened.map_err(broken)
    }

    /// Seals and sends what one turn may carry.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Taken> {
        if !self.flush(socket)? {
            return Ok(Taken { bytes: 0, is_full: true });
        }
        let bytes = &bytes[..bytes.len().min(self.turn_bytes)];
        ROOM.with_borrow_mut(|Room { sealed, .. }| self.seal(socket, bytes, sealed))
    }

    /// The same of several pieces, which become one: a record for each would cost more than to put them together.
    pub(crate) fn send_slices(&mut self, socket: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> io::Result<Taken> {
        if !self.flush(socket)? {
            return Ok(Taken { bytes: 0, is_full: true });
        }
        ROOM.with_borrow_mut(|Room { data, sealed }| {
            let mut count = 0;
            for slice in slices {
                let more = slice.len().min(self.turn_bytes - count);
                data[count..count + more].copy_from_slice(&slice[..more]);
                count += more;
            }
            self.seal(socket, &data[..count], sealed)
        })
    }

    fn seal(&mut self, socket: BorrowedFd<'_>, bytes: &[u8], room: &mut [u8]) -> io::Result<Taken> {
        let length = self.session.seal(bytes, room).map_err(broken)?;
        let Taken { bytes: count, is_full } = send(socket, &room[..length])?;
        if is_full {
            self.unsent.bytes.extend_from_slice(&room[count..length]);
            self.turn_bytes = (self.turn_bytes / 2).max(RECORD_BYTES);
        } else if bytes.len() == self.turn_bytes {
            self.turn_bytes = (self.turn_bytes + RECORD_BYTES).min(TURN_BYTES_MAX);
        }
        Ok(Taken { bytes: bytes.len(), is_full })
    }

    /// Sends what was sealed and not taken; whether nothing is left of it.
    pub(crate) fn flush(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        if self.has_unsent() {
            let taken = send(socket, self.unsent.left())?;
            self.unsent.advance(taken.bytes);
        }
        Ok(!self.has_unsent())
    }

    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.left().is_empty()
    }

    /// Says that nothing more will be sent; whether that has gone.
    pub(crate) fn end(&mut self, socket: BorrowedFd<'_>) -> io::Result<bool> {
        if !self.session.is_closed() && self.session.close().is_ok() {
            self.queue_said();
        }
        self.flush(socket)
    }

    /// Puts what the library has to say behind what waits. Its order is that of sealing.
    fn queue_said(&mut self) {
        let said = self.session.take_said();
        self.unsent.bytes.extend_from_slice(&said);
    }
}

fn broken(error: SessionError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
        sync::Arc,
    };

    use futures_rustls::rustls::{ClientConnection, version::TLS13};

    use super::{
        super::session::tests::{agreed, hear, received},
        *,
    };
    use crate::shard::{ShardStats, connection::Connection};

    /// A client that has read nothing yet.
    pub(crate) struct Peer {
        tls: ClientConnection,
        socket: UnixStream,
    }

    impl Peer {
        /// What there is to read now.
        pub(crate) fn read(&mut self) -> Vec<u8> {
            let (mut data, mut room) = (Vec::new(), vec![0; 4 << 10]);
            while let Ok(count @ 1..) = self.socket.read(&mut room) {
                hear(&mut self.tls, &room[..count]);
                data.extend(received(&mut self.tls));
            }
            data
        }
    }

    /// A connection whose handshake is over.
    pub(crate) fn secured() -> (Connection, Peer) {
        let (tls, session) = agreed(&TLS13);
        let (ours, socket) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut connection = Connection::new(ours.into());
        connection.secure(Sealed::new(session, Vec::new(), Arc::new(ShardStats::default()).tls_agreed()));
        (connection, Peer { tls, socket })
    }

    #[test]
    fn what_the_kernel_does_not_take_waits_and_comes_first() {
        let (mut connection, mut peer) = secured();
        let data: Vec<u8> = (0..4_000_000_u32).map(|n| (n / 3) as u8).collect();
        let (mut sent, mut read, mut times_full) = (0, Vec::new(), 0);
        while read.len() < data.len() {
            let taken = connection.send(&data[sent..]).unwrap();
            sent += taken.bytes;
            if taken.is_full {
                times_full += 1;
                assert!(connection.has_unsent());
                assert_eq!(connection.send(&data[sent..]).unwrap(), Taken { bytes: 0, is_full: true });
            }
            if taken.is_full || sent == data.len() {
                let waiting = connection.has_unsent();
                read.extend(peer.read());
                assert!(connection.flush().unwrap() || waiting);
            }
        }
        assert!(read == data && times_full > 2, "{times_full}");
    }

    /// Somebody who is told to stop in the middle of a body goes on for a while, and must not be reset for that.
    #[test]
    fn what_comes_behind_the_end_is_read_and_forgotten() {
        let (mut connection, mut peer) = secured();
        assert!(connection.end().unwrap());
        peer.socket.set_nonblocking(false).unwrap();
        let writer = std::thread::spawn(move || peer.socket.write_all(&[7; 1 << 20]));
        let mut read = 0;
        while read < 1 << 20 {
            read += connection.recv(&mut [0; 4 << 10]).unwrap().unwrap_or(0);
        }
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn pieces_become_one_and_the_end_is_said() {
        let (mut connection, mut peer) = secured();
        let pieces = [&b"one"[..], b"", b" and two"].map(IoSlice::new);
        assert_eq!(connection.send_slices(&pieces).unwrap(), Taken { bytes: 11, is_full: false });
        assert_eq!(peer.read(), b"one and two");
        drop(connection);
        peer.read();
        assert!(peer.tls.process_new_packets().unwrap().peer_has_closed());
    }

    #[test]
    fn what_has_gone_keeps_no_room() {
        let mut rest = Rest { bytes: vec![1, 2, 3], gone: 0 };
        rest.advance(2);
        assert_eq!(rest.left(), [3]);
        rest.bytes.push(4);
        rest.advance(2);
        assert_eq!((rest.left().len(), rest.bytes.capacity()), (0, 0));
    }
}
