//! The sender's sockets: a listener with a deep backlog, and everybody who connects to it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::SendPlan;

/// Connections that may wait to be accepted; clients open hundreds at once.
const BACKLOG: i32 = 4096;

/// A loopback listener on a port of the kernel's choice.
pub(super) fn listen() -> Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).context("creating a socket")?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).context("binding to loopback")?;
    socket.listen(BACKLOG).context("listening")?;
    Ok(socket.into())
}

/// Accepts as many connections as the plan has; they do not block from then on.
pub(super) fn accept_all(listener: &TcpListener, plan: &SendPlan) -> Result<Vec<TcpStream>> {
    raise_descriptor_limit().context("raising the descriptor limit")?;
    let mut sockets = Vec::with_capacity(plan.connections);
    while sockets.len() < plan.connections {
        let (socket, _) = listener.accept().context("accepting")?;
        prepare(&socket, plan).context("preparing a socket")?;
        sockets.push(socket);
    }
    Ok(sockets)
}

fn prepare(socket: &TcpStream, plan: &SendPlan) -> std::io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    if let Some(bytes) = plan.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    match plan.not_sent_low_water_bytes {
        Some(bytes) => socket.set_tcp_notsent_lowat(bytes),
        None => Ok(()),
    }
}

fn raise_descriptor_limit() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}

/// Has `epoll` say when `socket` takes more, once per edge.
pub(super) fn watch(epoll: impl AsFd, socket: impl AsFd, token: u64) -> std::io::Result<()> {
    use rustix::event::epoll::{EventData, EventFlags, add};
    Ok(add(epoll, socket, EventData::new_u64(token), EventFlags::OUT | EventFlags::ET)?)
}
