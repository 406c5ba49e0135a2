//! One HTTP/1.1 connection to publish on, with TLS or without: request, answer, one at a time. It retries nothing.

use std::{
    io::{self, ErrorKind, IoSlice, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned};

use crate::{
    USER_AGENT,
    decode::{DecodeError, http_head::ResponseHead},
    tls::{Fault, Handshakes, TlsClient},
};

/// Most of an answer's body that is kept.
const BODY_BYTES_MAX: usize = 16 << 20;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What is read from and written to.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// A connection that is made when it is needed and kept while the server keeps it.
pub(crate) struct Client {
    peer: SocketAddr,
    tls: Option<Arc<TlsClient>>,
    authority: String,
    headers: String,
    timeout: Duration,
    stream: Option<Box<dyn Stream>>,
    /// Those of all its connections.
    pub handshakes: Handshakes,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("connect: {}", .0.kind())]
    Connect(io::Error),
    #[error("{0}")]
    Tls(String),
    #[error("send: {}", .0.kind())]
    Send(io::Error),
    #[error("receive: {}", .0.kind())]
    Receive(io::Error),
    #[error("{0}")]
    Decode(#[from] DecodeError),
}

impl TransportError {
    /// Whether nothing listens there now.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Tls(_))
    }
}

impl Client {
    pub fn new(
        peer: SocketAddr,
        tls: Option<Arc<TlsClient>>,
        authority: &str,
        headers: &[(String, String)],
        timeout: Duration,
    ) -> Self {
        let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        Self {
            peer,
            tls,
            authority: authority.to_owned(),
            headers: lines.collect(),
            timeout,
            stream: None,
            handshakes: Handshakes::default(),
        }
    }

    /// Sends a request and waits for its answer. After an error the connection is made anew for the next request.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Response, TransportError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {USER_AGENT}\r\n{}\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            self.authority,
            self.headers,
            body.len()
        );
        send(&mut *stream, head.as_bytes(), body).map_err(TransportError::Send)?;
        let (response, is_reusable) = receive(&mut *stream)?;
        self.stream = is_reusable.then_some(stream);
        Ok(response)
    }

    fn connect(&mut self) -> Result<Box<dyn Stream>, TransportError> {
        let socket = self.reach().map_err(TransportError::Connect)?;
        let Some(client) = &self.tls else {
            return Ok(Box::new(socket));
        };
        let stream = shake(client, socket, &mut self.handshakes);
        Ok(Box::new(stream.map_err(|fault| TransportError::Tls(client.explain_handshake(&fault)))?))
    }

    fn reach(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.peer, self.timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        Ok(stream)
    }
}

/// Agrees with the peer on keys.
fn shake(
    client: &TlsClient,
    socket: TcpStream,
    handshakes: &mut Handshakes,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Fault> {
    let connection = ClientConnection::new(Arc::clone(&client.config), client.name.clone())?;
    let (mut stream, begun) = (StreamOwned::new(connection, socket), Instant::now());
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(Fault::of_stream)?;
    }
    handshakes.count(&stream.conn, begun.elapsed());
    Ok(stream)
}

fn send(stream: &mut dyn Stream, head: &[u8], body: &[u8]) -> io::Result<()> {
    let sent = loop {
        match stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            sent => break sent?,
        }
    };
    stream.write_all(head.get(sent..).unwrap_or_default())?;
    stream.write_all(&body[sent.saturating_sub(head.len())..])?;
    stream.flush()
}

/// The answer, and whether the connection can be used again.
fn receive(stream: &mut dyn Stream) -> Result<(Response, bool), TransportError> {
    let mut input = Vec::new();
    let head = loop {
        if let Some(head) = ResponseHead::parse(&input)? {
            break head;
        }
        if read_more(stream, &mut input)? == 0 {
            return Err(TransportError::Receive(ErrorKind::UnexpectedEof.into()));
        }
    };
    let (mut decoder, mut body) = (head.body(), Vec::new());
    let mut begun = input.split_off(head.bytes);
    let mut has_ended = false;
    loop {
        decoder.feed(&begun, &mut |piece| {
            body.extend_from_slice(piece);
            Ok(())
        })?;
        if decoder.is_done() || has_ended || body.len() > BODY_BYTES_MAX {
            break;
        }
        begun.clear();
        has_ended = read_more(stream, &mut begun)? == 0;
    }
    let response = Response { status: head.status, body };
    Ok((response, decoder.is_done() && !head.closes))
}

fn read_more(stream: &mut dyn Stream, input: &mut Vec<u8>) -> Result<usize, TransportError> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(TransportError::Receive(error)),
            Ok(count) => {
                input.extend_from_slice(&buffer[..count]);
                return Ok(count);
            }
        }
    }
}
