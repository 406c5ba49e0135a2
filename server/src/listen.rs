//! Addresses and the sockets that listen on them.
//!
//! Owns binding: every shard gets a socket of its own on every address, and an address somebody else listens on is an
//! error and not a share. Never accepts. Tested by `server/tests/startup.rs`.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    sync::Arc,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    config::{Dialect, Listen},
    tls::{Identity, IdentityError},
};

/// Connections that may wait to be accepted, per shard.
const BACKLOG: i32 = 16_384;

/// How many free ports are tried where any will do: one that was free a moment ago may be somebody else's by now.
const FREE_PORTS_MAX: usize = 8;

/// What a listening socket serves.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    dialects: Vec<Dialect>,
    identity: Option<Arc<Identity>>,
}

impl Listening {
    /// What it shows to clients, if it speaks TLS.
    pub(crate) fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Reads its certificate again, if it has one; the log is told more when somebody has asked for that. Blocks.
    pub(crate) fn renew_certificate(&self, is_asked: bool) {
        self.identity.iter().for_each(|identity| identity.renew(self.address, is_asked));
    }

    /// Whether requests of the dialect are answered here.
    pub(crate) fn serves(&self, dialect: Dialect) -> bool {
        self.dialects.contains(&dialect)
    }

    /// Whether requests of the dialect, and of no other, are answered here.
    pub(crate) fn serves_only(&self, dialect: Dialect) -> bool {
        self.dialects == [dialect]
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody listens there already.
    #[error("{address} is in use by another process. Stop it, or choose another address with --listen or [[listen]].")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// Its certificate cannot be shown.
    #[error("{address} cannot speak TLS: {error}.")]
    Tls {
        /// The address.
        address: SocketAddr,
        /// What is wrong.
        error: IdentityError,
    },
    /// Anything else.
    #[error("{address} cannot be listened on: {error}. Choose another address with --listen or [[listen]].")]
    Other {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

/// One address, bound once per shard.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listening: Arc<Listening>,
    pub(crate) sockets: Vec<OwnedFd>,
}

/// Binds one configured listener for `shards` shards. Port 0 becomes one free port for all of them.
pub(crate) fn bind(listen: &Listen, shards: usize) -> Result<Bound, ListenError> {
    let identity = match &listen.tls {
        Some(files) => Some(Arc::new(
            Identity::open(files, &listen.dialects)
                .map_err(|error| ListenError::Tls { address: listen.address, error })?,
        )),
        None => None,
    };
    let tries = if listen.address.port() == 0 { FREE_PORTS_MAX } else { 1 };
    for _ in 1..tries {
        match bind_once(listen, shards, identity.clone()) {
            Err(ListenError::InUse { .. }) => {}
            bound => return bound,
        }
    }
    bind_once(listen, shards, identity)
}

fn bind_once(listen: &Listen, shards: usize, identity: Option<Arc<Identity>>) -> Result<Bound, ListenError> {
    let address = free_address(listen.address).map_err(|error| explain(listen.address, error))?;
    let sockets = (0..shards)
        .map(|_| shared_socket(address).map_err(|error| explain(address, error)))
        .collect::<Result<_, _>>()?;
    Ok(Bound { listening: Arc::new(Listening { address, dialects: listen.dialects.clone(), identity }), sockets })
}

/// Listens alone for a moment: sockets that share a port would also share it with another process of this user.
fn free_address(address: SocketAddr) -> io::Result<SocketAddr> {
    TcpListener::bind(address)?.local_addr()
}

fn shared_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking().cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn explain(address: SocketAddr, error: io::Error) -> ListenError {
    match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address },
        _ => ListenError::Other { address, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(address: &str) -> Listen {
        Listen { address: address.parse().unwrap(), dialects: vec![Dialect::Native], ..Listen::default() }
    }

    #[test]
    fn all_shards_share_one_free_port() {
        let bound = bind(&listen("127.0.0.1:0"), 3).unwrap();
        assert_eq!(bound.sockets.len(), 3);
        assert_ne!(bound.listening.address.port(), 0);
        assert!(bound.listening.serves(Dialect::Native));
        assert!(!bound.listening.serves(Dialect::Atproto));
        assert!(bound.listening.serves_only(Dialect::Native));
        assert!(!bound.listening.serves_only(Dialect::Atproto));
    }

    #[test]
    fn a_port_in_use_is_refused_even_by_ourselves() {
        let first = bind(&listen("127.0.0.1:0"), 1).unwrap();
        let again = bind(&listen(&first.listening.address.to_string()), 1);
        assert!(matches!(again, Err(ListenError::InUse { .. })));
    }
}
