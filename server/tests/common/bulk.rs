//! WebSocket streams for tests with hundreds of readers and gigabytes: little per stream, little per frame.

use std::{
    cell::RefCell,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    ops::Range,
    thread::{Builder, Scope, ScopedJoinHandle},
};

use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
    },
    io::Errno,
};
use socket2::{Domain, SockRef, Socket, Type};

use super::{PATIENCE, frames::upgrade};

/// Bytes taken from the socket at once.
const READ_BYTES: usize = 64 << 10;

/// Enough for a reader, little enough for thousands of them.
const STACK_BYTES: usize = 256 << 10;

thread_local! {
    /// Where bytes land before they are kept with their stream.
    static LANDING: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A stream of server frames.
pub struct Bulk {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
}

impl Bulk {
    /// Opens a stream; `None` when the server goes away meanwhile.
    pub fn open(address: SocketAddr, path: &str, receive_buffer_bytes: Option<usize>) -> Option<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        if let Some(bytes) = receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        socket.connect(&address.into()).ok()?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{}\r\n", upgrade(path)).as_bytes()).ok()?;
        let mut bulk = Self { stream, buffer: Vec::new(), start: 0 };
        let head = loop {
            if let Some(end) = bulk.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !bulk.fill() {
                return None;
            }
        };
        let status = String::from_utf8_lossy(&bulk.buffer[..head]).into_owned();
        // A server that is starting or stopping says so.
        if status.starts_with("HTTP/1.1 503") {
            return None;
        }
        assert!(status.starts_with("HTTP/1.1 101"), "{status}");
        bulk.start = head;
        Some(bulk)
    }

    /// Keeps the kernel from taking much on the reader's behalf from now on.
    pub fn shrink(&self) {
        SockRef::from(&self.stream).set_recv_buffer_size(4 << 10).unwrap();
    }

    /// The next frame: its first byte and its payload; `None` at the end, or when the end comes within a frame.
    pub fn next(&mut self) -> Option<(u8, &[u8])> {
        loop {
            if let Some((first, payload)) = self.buffered() {
                return Some((first, &self.buffer[payload]));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// The next frame that has been read already. When there is none, what was handed out is forgotten.
    fn buffered(&mut self) -> Option<(u8, Range<usize>)> {
        if let Some((header, length)) = frame_at(&self.buffer[self.start..]) {
            let at = self.start + header;
            if self.buffer.len() >= at + length {
                let first = self.buffer[self.start];
                self.start = at + length;
                return Some((first, at..at + length));
            }
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        None
    }

    /// Reads what is there; false at the end.
    fn fill(&mut self) -> bool {
        LANDING.with_borrow_mut(|landing| {
            let count = loop {
                match self.stream.read(landing) {
                    Ok(count) => break count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
                    Err(_) => break 0,
                }
            };
            self.buffer.extend_from_slice(&landing[..count]);
            count > 0
        })
    }
}

/// Length of the header of the frame that starts here, and of its payload.
fn frame_at(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [_, 126, high, low, ..] => Some((4, usize::from(u16::from_be_bytes([high, low])))),
        [_, 127, ..] => Some((10, u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize)),
        [_, short @ 0..=125, ..] => Some((2, short.into())),
        _ => None,
    }
}

/// Reads many streams on one thread, and hands every frame to `each` with the stream's number, until it has said of each
/// stream that it has enough.
///
/// # Panics
/// When a stream ends before, or when nothing comes.
pub fn drive(streams: &mut [Bulk], mut each: impl FnMut(usize, u8, &[u8]) -> bool) {
    let readiness = epoll::create(CreateFlags::CLOEXEC).unwrap();
    for (number, stream) in streams.iter().enumerate() {
        epoll::add(&readiness, &stream.stream, EventData::new_u64(number as u64), EventFlags::IN).unwrap();
    }
    let patience = Timespec::try_from(PATIENCE).unwrap();
    let mut events = Vec::with_capacity(1_024);
    let mut reading = streams.len();
    while reading > 0 {
        events.clear();
        match epoll::wait(&readiness, rustix::buffer::spare_capacity(&mut events), Some(&patience)) {
            Ok(count) => assert_ne!(count, 0, "nothing came"),
            Err(error) => assert_eq!(error, Errno::INTR),
        }
        for number in events.iter().map(|event| event.data.u64() as usize) {
            let stream = &mut streams[number];
            assert!(stream.fill(), "stream {number} has ended");
            let mut enough = false;
            while let Some((first, payload)) = stream.buffered() {
                enough |= each(number, first, &stream.buffer[payload]);
            }
            if enough {
                epoll::delete(&readiness, &stream.stream).unwrap();
                reading -= 1;
            }
        }
    }
}

/// A thread with a small stack.
pub fn spawn<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    run: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).unwrap()
}

/// Whether the long form of a test was asked for.
pub fn long() -> bool {
    std::env::var("TAILWATER_LONG").is_ok_and(|value| value == "1")
}
