//! The answer while the log is being opened: 503, come back in a moment.
//!
//! Owns one thread that lives from binding the addresses to starting the shards. Without it a client would wait in the
//! backlog, not knowing whether anybody is there. Never serves anything else. Tested by `server/tests/startup.rs`.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::{
    http::{Response, date_now},
    listen::Bound,
};

/// How often the thread looks whether it is still needed.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// How long one client may take to send its request or to take the answer; others wait meanwhile.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of a request that are read before it is answered; it is not looked at.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// The thread that answers while the appliance starts.
pub(crate) struct Starting {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Starting {
    /// Answers on every bound address that speaks no TLS until [`Starting::end`].
    pub(crate) fn answer(bound: &[Bound]) -> io::Result<Self> {
        // Clients that speak TLS wait in the backlog: a handshake with each in turn could keep those behind it waiting for long.
        let plain = bound.iter().filter(|bound| bound.listening.identity().is_none());
        let sockets = plain.flat_map(|bound| &bound.sockets);
        let listeners: Vec<TcpListener> =
            sockets.map(|socket| OwnedFd::try_clone(socket).map(TcpListener::from)).collect::<io::Result<_>>()?;
        let over = Arc::new(AtomicBool::new(false));
        let watched = over.clone();
        let answering = move || {
            while !watched.load(Ordering::Relaxed) {
                turn(&listeners, &watched);
            }
        };
        let thread = std::thread::Builder::new().name("starting".to_owned()).spawn(answering)?;
        Ok(Self { over, thread })
    }

    /// The shards take over.
    pub(crate) fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            tracing::error!("the thread that answers while starting had failed");
        }
    }
}

/// Waits a little for connections and answers those that have come, as long as the thread is needed: clients that come
/// back at once could keep it busy for good.
fn turn(listeners: &[TcpListener], over: &AtomicBool) {
    let mut polled: Vec<PollFd<'_>> = listeners.iter().map(|listener| PollFd::new(listener, PollFlags::IN)).collect();
    // An interrupted or failed wait is as good as a short one.
    let _ready = rustix::event::poll(&mut polled, Some(&LOOK));
    for listener in listeners {
        while !over.load(Ordering::Relaxed)
            && let Ok((connection, _)) = listener.accept()
        {
            // A client that does not listen to the end has not missed anything it could use.
            let _gone = refuse(connection);
        }
    }
}

fn refuse(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nonblocking(false)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut request = [0; REQUEST_BYTES_MAX];
    let _unread = connection.read(&mut request)?;
    let mut answer = Vec::new();
    Response::error(503, "ServiceUnavailable", "This server is starting. Try again in a moment.")
        .header("Retry-After", "1")
        .write_without_request(&mut answer, &date_now());
    connection.write_all(&answer)?;
    connection.shutdown(Shutdown::Write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Listen, listen};

    #[test]
    fn clients_are_told_to_come_back_until_the_shards_take_over() {
        let wanted = Listen { address: "127.0.0.1:0".parse().unwrap(), ..Listen::default() };
        let bound = [listen::bind(&wanted, 2).unwrap()];
        let starting = Starting::answer(&bound).unwrap();
        for _ in 0..8 {
            let mut client = TcpStream::connect(bound[0].listening.address).unwrap();
            client.write_all(b"GET /xrpc/_health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("Retry-After: 1\r\n") && answer.contains("Connection: close\r\n"), "{answer}");
            assert!(answer.ends_with("}") && answer.contains("\"ServiceUnavailable\""), "{answer}");
        }
        starting.end();
    }
}
