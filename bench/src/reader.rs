//! One reader that takes an answer to its end: the request, then bytes that are counted and discarded in the kernel.
//!
//! Owns a connection that the answer ends. The other side may as well be a raw sender, to which nothing is said. Tests are below.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::net::RecvFlags;

/// An answer of which nothing comes for longer than this has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Most bytes one call discards.
const DISCARDED_MAX: usize = 8 << 20;

/// How an answer begins that has what was asked for.
const OK: &[u8] = b"HTTP/1.1 200";

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Taken {
    /// Bytes, the answer's head included.
    pub bytes: u64,
    /// From before the connection was made to its end.
    pub time: Duration,
}

/// A request for JSON: a GET, or a POST with this body.
pub fn request(path: &str, body: Option<&str>) -> String {
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Takes an answer to its end, without looking at it.
///
/// # Errors
///
/// The connection's, and a refusal.
pub fn take(address: SocketAddr, request: &str) -> Result<Taken> {
    let begun = Instant::now();
    let mut stream = connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut status = [0; OK.len()];
    stream.read_exact(&mut status).context("the connection ended without an answer")?;
    ensure!(status == OK, "{address} answered {} to {request}", String::from_utf8_lossy(&status));
    let rest = discard(&stream, |_| true)?;
    Ok(Taken { bytes: rest + OK.len() as u64, time: begun.elapsed() })
}

/// Takes an answer to its end, and keeps it.
///
/// # Errors
///
/// The connection's.
pub fn read(address: SocketAddr, request: &str) -> Result<Vec<u8>> {
    let mut stream = connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Takes what somebody sends who is asked nothing, for so long.
///
/// # Errors
///
/// The connection's.
pub fn take_for(address: SocketAddr, duration: Duration) -> Result<Taken> {
    let stream = connect(address)?;
    let begun = Instant::now();
    let bytes = discard(&stream, |_| begun.elapsed() < duration)?;
    Ok(Taken { bytes, time: begun.elapsed() })
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Discards what comes until the end, or as long as it is to go on.
fn discard(stream: &TcpStream, goes_on: impl Fn(u64) -> bool) -> Result<u64> {
    let mut untouched = vec![0; DISCARDED_MAX];
    let mut total = 0;
    while goes_on(total) {
        let (_, bytes) = rustix::net::recv(stream, &mut *untouched, RecvFlags::TRUNC)?;
        if bytes == 0 {
            break;
        }
        total += bytes as u64;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A peer that answers each request with these bytes and the end.
    fn peer(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n{}") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    asked.extend(byte);
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn answers_are_taken_to_their_end() {
        let asked = request("/db/_changes", Some("{}"));
        let answer = "HTTP/1.1 200 OK\r\n\r\n{\"results\":[]}";
        let address = peer(answer);
        assert_eq!(take(address, &asked).unwrap().bytes, answer.len() as u64);
        assert_eq!(read(address, &asked).unwrap(), answer.as_bytes());
    }

    #[test]
    fn a_refusal_is_no_answer() {
        let said = take(peer("HTTP/1.1 404 Object Not Found\r\n\r\n"), &request("/x", Some("{}"))).unwrap_err();
        assert!(said.to_string().contains("404"), "{said}");
    }
}
