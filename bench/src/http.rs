//! A small HTTP client for the server under test: one kept-alive connection, one request at a time.
//!
//! Owns what a scenario needs of HTTP: an answer with a length, that is JSON or empty. Never streams. Tests against a peer that speaks the bytes are
//! below.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::events::Request;

/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(120);

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect_timeout(&address, TIMEOUT).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    /// The JSON answer to a GET.
    ///
    /// # Errors
    ///
    /// The connection's, and any status but 2xx.
    pub fn get(&mut self, path: &str) -> Result<Value> {
        self.request("GET", path, "application/json", &[])
    }

    /// The JSON answer to a POST; null where it is empty.
    ///
    /// # Errors
    ///
    /// The connection's, and any status but 2xx.
    pub fn post(&mut self, request: &Request) -> Result<Value> {
        self.request("POST", &request.path, request.content_type, &request.body)
    }

    fn request(&mut self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Result<Value> {
        let what = || format!("{method} {path} at {}", self.address);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut socket = self.stream.get_ref();
        socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body)).with_context(what)?;
        let (status, answer) = read_answer(&mut self.stream).with_context(what)?;
        if !(200..300).contains(&status) {
            bail!("{}: answered {status}: {}", what(), String::from_utf8_lossy(&answer).trim());
        }
        match answer.is_empty() {
            true => Ok(Value::Null),
            false => serde_json::from_slice(&answer).with_context(what),
        }
    }
}

fn read_answer(stream: &mut impl BufRead) -> Result<(u16, Vec<u8>)> {
    let status_line = read_line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("the answer begins with {status_line:?}"))?;
    let mut length = None;
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').with_context(|| format!("the answer has a header {line:?}"))?;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().with_context(|| format!("the answer has a header {line:?}"))?);
        }
    }
    let mut body = vec![0; length.context("the answer has no Content-Length")?];
    stream.read_exact(&mut body)?;
    Ok((status, body))
}

fn read_line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    ensure!(line.ends_with('\n'), "the connection ended inside the answer's head");
    line.truncate(line.trim_end().len());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener};

    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let table: [(&str, Option<(u16, &str)>); 6] = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest", Some((200, "{}"))),
            ("HTTP/1.1 404 Not Found\r\nServer: x\r\nContent-Length: 0\r\n\r\n", Some((404, ""))),
            ("HTTP/1.1 200 OK\r\n\r\n{}", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", None),
            ("HTTP/1.1 200 OK\r\nContent-Le", None),
            ("nonsense\r\n\r\n", None),
        ];
        for (bytes, expected) in table {
            let expected = expected.map(|(status, body)| (status, body.as_bytes().to_vec()));
            assert_eq!(read_answer(&mut bytes.as_bytes()).ok(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn one_connection_serves_many_requests() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut asked = Vec::new();
            for (length, answer) in [
                (0, "200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
                (3, "200 OK\r\nContent-Length: 0\r\n\r\n"),
                (3, "429 Slow Down\r\nContent-Length: 2\r\n\r\nno"),
            ] {
                asked.push(read_line(&mut stream).unwrap());
                while !read_line(&mut stream).unwrap().is_empty() {}
                stream.read_exact(&mut vec![0; length]).unwrap();
                write!(stream.get_mut(), "HTTP/1.1 {answer}").unwrap();
            }
            asked
        });
        let mut client = Client::connect(address).unwrap();
        assert_eq!(client.get("/v1/status").unwrap()["a"], 1);
        let request = Request { path: "/v1/x".into(), content_type: "text/plain", body: b"abc".to_vec() };
        assert_eq!(client.post(&request).unwrap(), Value::Null);
        let refused = client.post(&request).unwrap_err().to_string();
        assert!(refused.contains("POST /v1/x") && refused.contains("answered 429: no"), "{refused}");
        assert_eq!(peer.join().unwrap(), ["GET /v1/status HTTP/1.1", "POST /v1/x HTTP/1.1", "POST /v1/x HTTP/1.1"]);
    }
}
