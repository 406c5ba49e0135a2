//! Prepared requests in turn, at a fixed pace, over a few connections.
//!
//! Owns the pace: the n-th request is due n beats after the start, whatever became of those before it, and is posted by
//! whichever connection is free. Tests are below.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use tailwater_loadgen::Control;

use super::Load;
use crate::{events::Request, followed, http::Client};

/// Longest sleep before the end is noticed.
const NAP: Duration = Duration::from_millis(20);

/// The posting of requests, again and again.
#[derive(Debug)]
pub struct Posts<'a> {
    address: SocketAddr,
    requests: &'a [Request],
    rate_per_s: f64,
    connections: usize,
    followers: u64,
    next: AtomicU64,
    answered: AtomicU64,
    stopped: AtomicBool,
}

impl<'a> Posts<'a> {
    /// `requests`, of which there must be one, going round: `rate_per_s` of them a second to the server at `address`, over so
    /// many `connections`, once its feeds have so many `followers`.
    pub fn new(
        address: SocketAddr,
        requests: &'a [Request],
        rate_per_s: f64,
        connections: usize,
        followers: usize,
    ) -> Self {
        Self {
            address,
            requests,
            rate_per_s,
            connections,
            followers: followers as u64,
            next: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// Requests that were answered so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    fn post(&self, started: Instant) -> Result<()> {
        let mut client = Client::connect(self.address)?;
        loop {
            let nth = self.next.fetch_add(1, Relaxed);
            if !self.sleep_until(started + due(nth, self.rate_per_s)) {
                return Ok(());
            }
            client.post(&self.requests[nth as usize % self.requests.len()])?;
            self.answered.fetch_add(1, Relaxed);
        }
    }

    /// Whether that moment came before the end.
    fn sleep_until(&self, due: Instant) -> bool {
        while !self.stopped.load(Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(NAP));
        }
        false
    }
}

/// When the request with this number is due.
fn due(nth: u64, rate_per_s: f64) -> Duration {
    Duration::from_secs_f64(nth as f64 / rate_per_s)
}

impl Load for Posts<'_> {
    fn wait(&self) -> Result<()> {
        followed::wait_for(self.address, self.followers)
    }

    fn run(&self, _subscribers: &Control) -> Result<()> {
        let started = Instant::now();
        thread::scope(|scope| {
            let posting: Vec<_> = (0..self.connections).map(|_| scope.spawn(|| self.post(started))).collect();
            posting.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a publisher panicked"))?)
        })
    }

    fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::{TcpListener, TcpStream},
        sync::{Arc, Mutex},
    };

    use super::*;

    /// Answers every request with an empty 200, and remembers its path.
    fn answer(stream: TcpStream, paths: &Mutex<Vec<String>>) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).unwrap_or(0) > 0 {
            paths.lock().unwrap().push(line.split(' ').nth(1).unwrap().to_owned());
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            stream.read_exact(&mut [0; 1]).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            line.clear();
        }
    }

    #[test]
    fn the_pace_is_fixed() {
        let table = [(0, 1000.0, 0), (1, 1000.0, 1), (31, 1000.0, 31), (3, 0.5, 6000)];
        for (nth, rate_per_s, expected_ms) in table {
            assert_eq!(due(nth, rate_per_s), Duration::from_millis(expected_ms), "{nth} at {rate_per_s}");
        }
    }

    #[test]
    fn requests_go_round() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let paths = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&paths);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || answer(stream.unwrap(), &seen));
            }
        });
        let request = |path: &str| Request { path: path.into(), content_type: "text/plain", body: vec![b'x'] };
        let requests = ["/a", "/b", "/c"].map(request);
        let posts = Posts::new(address, &requests, 1000.0, 2, 0);
        thread::scope(|scope| {
            scope.spawn(|| posts.run(&Control::default()).unwrap());
            while posts.answered() < 31 {
                thread::yield_now();
            }
            posts.stop();
        });
        let paths = paths.lock().unwrap();
        let mut counts = requests.each_ref().map(|request| paths.iter().filter(|path| **path == request.path).count());
        assert_eq!(counts.iter().sum::<usize>() as u64, posts.answered());
        counts.sort_unstable();
        // The last two may have been claimed and not been posted any more.
        assert!(counts[2] - counts[0] <= 2, "{counts:?}");
    }
}
