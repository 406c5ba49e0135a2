//! A connection on which a test says every byte itself, and reads answers with a reader of its own.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use serde_json::Value;

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, which must not be there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The status and the name of the error.
    pub fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

/// A connection and what has been read ahead of it.
pub struct Connection<S = TcpStream> {
    pub stream: S,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        Self::on(super::connect(address))
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> &mut Self {
        let _closed = self.stream.shutdown(Shutdown::Write);
        self
    }
}

impl<S: Read + Write> Connection<S> {
    /// On a socket of the test's own.
    pub fn on(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes; a peer that has had enough of them is no failure.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _closed = self.stream.write_all(bytes.as_ref());
        self
    }

    /// One whole answer.
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        if answer.header("Transfer-Encoding").is_some() {
            while let Some(chunk) = self.chunk() {
                answer.body.extend(chunk);
            }
        } else if let Some(length) = answer.header("Content-Length") {
            answer.body = self.take(length.parse().unwrap());
        }
        answer
    }

    /// An answer's head; its body, if any, is still to be read.
    pub fn head(&mut self) -> Answer {
        let status_line = self.line();
        let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).map(str::parse);
        let Some(Ok(status)) = status else { panic!("{status_line:?} is no status line") };
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None => break assert_eq!(line, ""),
            }
        }
        Answer { status, headers, body: Vec::new() }
    }

    /// The next chunk of a body; `None` is its end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.line();
        let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("{size:?} is no chunk size"));
        let chunk = self.take(size);
        assert_eq!(self.take(2), b"\r\n");
        (size > 0).then_some(chunk)
    }

    /// The next chunk that is no sign of life, as text.
    pub fn event(&mut self) -> Option<String> {
        loop {
            let text = String::from_utf8(self.chunk()?).unwrap();
            if text != "\n" && text != ":\n\n" {
                return Some(text);
            }
        }
    }

    /// Bytes of an exact number.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill(), "the connection ended after {:?}", String::from_utf8_lossy(&self.buffer));
        }
        self.buffer.drain(..count).collect()
    }

    /// Whether the peer has ended the connection without another byte.
    pub fn at_end(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    /// Reads until the peer ends the connection.
    pub fn drain(&mut self) {
        while self.fill() {}
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = self.take(end + 2);
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            assert!(self.fill(), "the connection ended after {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    /// Reads what is there; false at the end.
    fn fill(&mut self) -> bool {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            // A reset after the answer is as good as an end.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}, after {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }
}
