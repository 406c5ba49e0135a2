//! A TCP proxy on loopback that cuts connections: on demand, or each after a random number of bytes.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// The bytes a connection may carry to the client before it is cut.
type Fate = Box<dyn FnMut() -> u64 + Send>;

struct Shared {
    target: Mutex<SocketAddr>,
    open: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
    carried: AtomicU64,
}

/// A proxy; its threads end with the process.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Carries everything until told otherwise.
    pub fn start(target: SocketAddr) -> Self {
        Self::with_fate(target, Box::new(|| u64::MAX))
    }

    /// Cuts every connection after a random number of bytes; the seed is printed.
    pub fn with_cuts(target: SocketAddr, bytes: Range<u64>) -> Self {
        let seed = rand::random();
        println!("the proxy cuts with seed {seed}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        Self::with_fate(target, Box::new(move || random.random_range(bytes.clone())))
    }

    fn with_fate(target: SocketAddr, mut fate: Fate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            open: Mutex::default(),
            accepted: AtomicUsize::new(0),
            carried: AtomicU64::new(0),
        });
        let of_thread = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                of_thread.accepted.fetch_add(1, Ordering::SeqCst);
                carry(&of_thread, client.unwrap(), fate());
            }
        });
        Self { address, shared }
    }

    /// Connections from now on go there.
    pub fn retarget(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap() = target;
    }

    /// Cuts everything that is open.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            // One that has ended is cut already.
            let _ended = stream.shutdown(Shutdown::Both);
        }
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Bytes carried to clients so far.
    pub fn carried(&self) -> u64 {
        self.shared.carried.load(Ordering::SeqCst)
    }
}

fn carry(shared: &Arc<Shared>, client: TcpStream, bytes_max: u64) {
    // A target that is down looks like one that closes at once.
    let target = *shared.target.lock().unwrap();
    let Ok(upstream) = TcpStream::connect(target) else { return };
    let mut open = shared.open.lock().unwrap();
    open.push(client.try_clone().unwrap());
    open.push(upstream.try_clone().unwrap());
    drop(open);
    let ends = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
    thread::spawn(move || pump(ends.0, ends.1, u64::MAX, &AtomicU64::new(0)));
    let of_thread = shared.clone();
    thread::spawn(move || pump(upstream, client, bytes_max, &of_thread.carried));
}

/// Carries bytes one way until either end is gone or the limit is reached; then both ends are cut.
fn pump(mut from: TcpStream, mut to: TcpStream, bytes_max: u64, carried: &AtomicU64) {
    let mut left = bytes_max;
    let mut bytes = vec![0; 64 << 10];
    while left > 0 {
        let most = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match from.read(&mut bytes[..most]) {
            Ok(count @ 1..) if to.write_all(&bytes[..count]).is_ok() => {
                left -= count as u64;
                carried.fetch_add(count as u64, Ordering::SeqCst);
            }
            _ => break,
        }
    }
    for stream in [from, to] {
        let _ended = stream.shutdown(Shutdown::Both);
    }
}
