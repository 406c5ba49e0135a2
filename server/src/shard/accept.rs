//! Listening sockets and the connections they yield.
//!
//! Owns the accept loop: each connection takes its place among the limits and becomes a request task. Never reads a
//! byte. Every shard listens on every address with a socket of its own (`SO_REUSEPORT`), so that the kernel spreads
//! connections. Tested by `server/tests/limits.rs`.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    rc::Rc,
    sync::Arc,
};

use rustix::{
    io::Errno,
    net::{SocketFlags, sockopt},
};

use super::{Shard, Slot, State, slots::Token, socket::Socket};
use crate::{http, listen::Listening, tls};

/// Connections taken per readiness; the rest stays in the backlog for the next turn.
const ACCEPTS_MAX: usize = 256;

/// How long a listener rests when the process has no descriptors left.
const REST_MS: u64 = 500;

/// One listening socket of a shard.
pub(crate) struct Listener {
    socket: Rc<OwnedFd>,
    listening: Arc<Listening>,
}

impl Shard {
    /// Starts accepting connections.
    pub(crate) fn listen(&self, socket: OwnedFd, listening: Arc<Listening>) -> std::io::Result<()> {
        let socket = Rc::new(socket);
        let listener = Listener { socket: socket.clone(), listening };
        let mut state = self.state.borrow_mut();
        let token = state.slots.insert_with(|_| Slot::Listener(listener));
        self.reactor.watch_listener(&socket, token)
    }

    pub(super) fn accept(self: &Rc<Self>, token: Token) {
        let (socket, listening) = match self.state.borrow_mut().slots.get_mut(token) {
            Some(Slot::Listener(listener)) => (listener.socket.clone(), listener.listening.clone()),
            _ => return,
        };
        for _ in 0..ACCEPTS_MAX {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::acceptfrom_with(&*socket, flags) {
                Ok((connection, peer)) => {
                    let peer = peer.and_then(|any| SocketAddr::try_from(any).ok());
                    self.begin(connection, peer.map(|peer| peer.ip()), &listening);
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    return self.rest(token);
                }
                // The connection was gone before it was taken, or an interruption: the next one.
                Err(_) => {}
            }
        }
    }

    fn begin(self: &Rc<Self>, connection: OwnedFd, peer: Option<IpAddr>, to: &Arc<Listening>) {
        let Some(peer) = peer else {
            return;
        };
        self.stats.accepted();
        // Without it small answers wait for the peer's acknowledgement; harmless when it fails.
        let _unsupported = sockopt::set_tcp_nodelay(&connection, true);
        let admission = self.appliance.places.admit(peer);
        match Socket::new(self.clone(), connection, admission) {
            Ok(socket) => match to.identity() {
                None => self.spawn(http::serve(self.clone(), socket, to.clone())),
                Some(identity) => self.spawn(tls::serve(self.clone(), socket, to.clone(), identity.clone())),
            },
            Err(error) => tracing::error!(%error, "a connection could not be watched"),
        }
    }

    /// No descriptors are left: the backlog waits while others close.
    fn rest(&self, token: Token) {
        tracing::error!(
            "no file descriptors left; new connections wait. Raise the limit (ulimit -n) or lower limits.connections_max"
        );
        let mut state = self.state.borrow_mut();
        let until = state.wheel.after_ms(REST_MS);
        state.wheel.file(token, until);
        if let Some(Slot::Listener(listener)) = state.slots.get_mut(token) {
            // It was watched, so this cannot fail but by a bug that a second registration would show.
            let _unwatched = self.reactor.forget(&listener.socket);
        }
    }

    /// The rest is over.
    pub(super) fn resume(&self, state: &mut State, token: Token) {
        if let Some(Slot::Listener(listener)) = state.slots.get_mut(token)
            && let Err(error) = self.reactor.watch_listener(&listener.socket, token)
        {
            tracing::error!(%error, "a listener could not be watched again");
        }
    }
}
