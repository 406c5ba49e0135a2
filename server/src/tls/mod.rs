//! TLS on listeners: a room of its own beside the send path.
//!
//! | file | owns |
//! | --- | --- |
//! | [`certificate`] | reading a certificate and its key |
//! | [`identity`] | what a listener shows, and its renewal |
//! | [`handshake`] | from the first byte to agreed keys, and what is said to those who do not agree |
//! | [`session`] | one connection as bytes in and bytes out |
//! | [`pump`] | carrying bytes between a connection and the pair behind it |
//!
//! What a subscriber is sent lies in a frame log, the same for all; records are made for each connection by itself. So neither
//! knows of the other: behind each TLS connection stands a pair of sockets of this machine. One end is served exactly as a plain
//! connection is, and a pump carries bytes between the other end and the peer. What the peer does not take stays in the pair,
//! and so in the log. Decision 17 says what it costs. Tested by `server/tests/tls/`.

mod certificate;
mod handshake;
mod identity;
mod pump;
mod session;

use std::{os::fd::OwnedFd, rc::Rc, sync::Arc, time::Duration};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};

pub use self::{certificate::CertificateError, identity::IdentityError};
pub(crate) use self::{certificate::load, handshake::Line, identity::Identity};
use self::{handshake::Agreed, pump::Pump};
use crate::{
    http,
    listen::Listening,
    shard::{Shard, socket::Socket},
};

/// Descriptors that a connection takes besides its own.
pub(crate) const PAIR_DESCRIPTORS: u64 = 2;

/// The send buffer of each end of a pair. The kernel doubles it, and lets the sender go on when three quarters are read.
const PAIR_BUFFER_BYTES: usize = 64 << 10;

/// How often the files of certificates are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// Serves one connection to a listener that speaks TLS.
pub(crate) async fn serve(shard: Rc<Shard>, outer: Socket, listening: Arc<Listening>, identity: Arc<Identity>) {
    let Some(Agreed { outer, session, data }) = handshake::agree(&shard, outer, &identity).await else { return };
    // Without descriptors there is nothing to serve it with; accepting says so in the log.
    let Ok((inner, served)) = pair() else { return };
    let (Ok(inner), Ok(served)) = (
        Socket::new(shard.clone(), inner, outer.admission().within()),
        Socket::new(shard.clone(), served, outer.admission().within()),
    ) else {
        return;
    };
    let pump = Pump::new(shard.clone(), session, outer, inner, served.token());
    shard.spawn(http::serve(shard.clone(), served, listening));
    // In a task of its own, which is smaller than this one.
    shard.spawn(pump.run(data));
}

fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (inner, served) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    for end in [&inner, &served] {
        // Only tunes; a kernel that refuses leaves its own default.
        let _untuned = sockopt::set_socket_send_buffer_size(end, PAIR_BUFFER_BYTES);
    }
    Ok((inner, served))
}

/// Looks at the files of a listener's certificate now and then.
pub(crate) async fn keep_fresh(listening: Arc<Listening>) {
    loop {
        glommio::timer::sleep(LOOK).await;
        let looking = listening.clone();
        glommio::executor().spawn_blocking(move || looking.renew_certificate(false)).await;
    }
}
