//! TLS on listeners: a room of its own in front of the send path.
//!
//! | file | owns |
//! | --- | --- |
//! | [`certificate`] | reading a certificate and its key |
//! | [`identity`] | what a listener shows, and its renewal |
//! | [`handshake`] | from the first byte to agreed keys, and what is said to those who do not agree |
//! | [`session`] | records as bytes in and bytes out, without a socket |
//! | [`sealed`] | what stands between a connection's bytes and its socket from then on |
//!
//! What a subscriber is sent lies in a frame log, the same for all; records are made for each connection by itself. Cursors, turns
//! and tasks know nothing of them: a [connection](crate::shard::connection) takes the same bytes either way. Decision 17 says what it
//! costs. Tested by `server/tests/tls/`.

mod certificate;
mod handshake;
mod identity;
pub(crate) mod sealed;
mod session;

use std::{rc::Rc, sync::Arc, time::Duration};

pub use self::{certificate::CertificateError, identity::IdentityError};
pub(crate) use self::{certificate::load, handshake::Line, identity::Identity, sealed::Sealed};
use crate::{
    http,
    listen::Listening,
    shard::{Shard, socket::Socket},
};

/// How often the files of certificates are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// Serves one connection to a listener that speaks TLS.
pub(crate) async fn serve(shard: Rc<Shard>, socket: Socket, listening: Arc<Listening>, identity: Arc<Identity>) {
    if let Some(socket) = handshake::agree(&shard, socket, &identity).await {
        // In a task of its own, which is smaller than this one.
        shard.spawn(http::serve(shard.clone(), socket, listening));
    }
}

/// Looks at the files of a listener's certificate now and then.
pub(crate) async fn keep_fresh(listening: Arc<Listening>) {
    loop {
        glommio::timer::sleep(LOOK).await;
        let looking = listening.clone();
        glommio::executor().spawn_blocking(move || looking.renew_certificate(false)).await;
    }
}
