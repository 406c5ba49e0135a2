//! From the first byte of a connection to keys that both sides have agreed on.
//!
//! Owns the deadline of a handshake, the line before it, and what is said to those who do not come to an agreement: an alert, or
//! to a plain HTTP request a plain answer. A failure is counted, and told only to a log that asks for details: anybody can
//! cause as many as they like. Who has not said anything takes no place. Tested by `server/tests/tls/handshakes.rs`.

use std::io;

use async_channel::{Receiver, Sender};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use super::{
    Identity,
    sealed::Sealed,
    session::{Session, SessionError},
};
use crate::{
    http::{self, Response, date_now},
    shard::{Shard, socket::Socket},
};

/// Bytes taken from a connection in one read. A client's first message has some hundreds, or some thousands.
const READ_BYTES: usize = 4 << 10;

/// The first byte of a record that begins a handshake.
const HANDSHAKE_RECORD: u8 = 22;

const PLAIN: &[u8] =
    b"This port speaks TLS. Ask for the same with https:// instead of http://, or wss:// instead of ws://.\n";

/// The places for handshakes of one shard, and the line of those who wait for one.
pub(crate) struct Line {
    free: Receiver<()>,
    given_back: Sender<()>,
}

/// One place; given back when dropped.
struct Place(Sender<()>);

impl Line {
    /// So many places; at least one.
    pub(crate) fn new(places: usize) -> Self {
        let (given_back, free) = async_channel::bounded(places.max(1));
        let line = Self { free, given_back };
        (0..places.max(1)).for_each(|_| drop(Place(line.given_back.clone())));
        line
    }

    async fn place(&self) -> Place {
        // An error would mean that nobody can give a place back, but this does.
        let _taken = self.free.recv().await;
        Place(self.given_back.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // There is room: as many places as the channel holds have been made.
        let _is_full = self.0.try_send(());
    }
}

/// Why there is no agreement.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Nothing has come at all: somebody has looked whether the port is open.
    #[error("no byte came")]
    Silence,
    #[error("it is a plain request")]
    Plain,
    #[error("{error}")]
    Tls { error: SessionError, alert: Vec<u8> },
    #[error("the peer ended the connection")]
    Ended,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// What is said to the peer about it.
    fn words(self) -> Vec<u8> {
        match self {
            Self::Plain => {
                let mut bytes = Vec::new();
                let response = Response::new(400, "text/plain; charset=utf-8", PLAIN.to_vec());
                response.write_without_request(&mut bytes, &date_now());
                bytes
            }
            Self::Tls { alert, .. } => alert,
            Self::Silence | Self::Ended | Self::Io(_) => Vec::new(),
        }
    }
}

/// Agrees with the peer on keys; `None` when that has failed, and everything there is to say about it has been said.
pub(super) async fn agree(shard: &Shard, mut socket: Socket, identity: &Identity) -> Option<Socket> {
    // Whoever is no further than this is let go without a word when the appliance drains.
    socket.set_idle(true);
    let agreed = try_agree(shard, &mut socket, identity).await;
    socket.set_idle(false);
    match agreed {
        Ok((session, data)) => {
            socket.clear_deadline();
            socket.secure(Sealed::new(session, data, shard.stats().tls_agreed()));
            Some(socket)
        }
        Err(Failure::Silence) => None,
        Err(failure) => {
            shard.stats().tls_failed();
            tracing::debug!(peer = %socket.peer(), %failure, "a TLS handshake failed");
            let words = failure.words();
            if !words.is_empty() {
                http::part(shard, socket, &words).await;
            }
            None
        }
    }
}

async fn try_agree(shard: &Shard, socket: &mut Socket, identity: &Identity) -> Result<(Session, Vec<u8>), Failure> {
    let limits = &shard.appliance.config.limits;
    let mut room = vec![0; READ_BYTES];
    socket.set_deadline_ms(limits.header_timeout_ms);
    let mut count = match socket.read(&mut room).await {
        Ok(count @ 1..) => count,
        _ => return Err(Failure::Silence),
    };
    if room[0] != HANDSHAKE_RECORD && room[0].is_ascii_uppercase() {
        return Err(Failure::Plain);
    }
    socket.set_deadline_ms(limits.idle_timeout_ms);
    let _place = future::or(async { Ok(shard.handshakes.place().await) }, socket.expired()).await?;
    socket.set_deadline_ms(limits.header_timeout_ms);
    let (mut session, mut data) = (Session::new(&identity.config).map_err(no_alert)?, Vec::new());
    loop {
        // One that has its own turn each time, however many come at once: what costs is making keys.
        shard.stream_turn().await;
        let opened = session.open(&room[..count], &mut data);
        let said = session.take_said();
        opened.map_err(|error| Failure::Tls { error, alert: said.clone() })?;
        socket.write_all(&said).await?;
        if session.is_open() {
            return Ok((session, data));
        }
        count = match socket.read(&mut room).await? {
            0 => return Err(Failure::Ended),
            count => count,
        };
    }
}

fn no_alert(error: SessionError) -> Failure {
    Failure::Tls { error, alert: Vec::new() }
}
