//! Opening a stream to an upstream: resolve, connect, TLS, WebSocket.
//!
//! Owns the client's side of the handshake and its deadline. Never reads a frame. Tested by `server/tests/mirror.rs`.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_tungstenite::{
    WebSocketStream,
    tungstenite::{self, ClientRequestBuilder, http::Uri, protocol::WebSocketConfig},
};
use futures_lite::{AsyncRead, AsyncWrite};
use futures_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, InvalidDnsNameError, ServerName, pem::PemObject},
    },
};
use glommio::net::TcpStream;

use crate::config::{self, Upstream};

/// How long each step of opening a stream may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// What an upstream may send in one message before the connection is cut. Frames above the mirror's own limit but below
/// this one are refused one by one, and the stream goes on.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Either a plain or a TLS stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// An open stream to an upstream.
pub(super) type Connection = WebSocketStream<Box<dyn Stream>>;

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{host} cannot be resolved: {error}")]
    Resolve { host: String, error: io::Error },
    #[error("{address} cannot be reached: {reason}")]
    Connect { address: SocketAddr, reason: String },
    #[error("no answer within {} s while {doing}", STEP_TIMEOUT.as_secs())]
    TimedOut { doing: &'static str },
    #[error("{host} is no name a certificate can have: {error}")]
    Name { host: String, error: InvalidDnsNameError },
    #[error("the certificates in {file} cannot be read: {reason}")]
    Certificates { file: String, reason: String },
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("no version of TLS can be offered: {0}")]
    Versions(rustls::Error),
    #[error("the upstream refused the stream: {0}")]
    Handshake(#[from] Box<tungstenite::Error>),
    #[error("the address cannot be asked for: {0}")]
    Uri(#[from] tungstenite::http::uri::InvalidUri),
}

/// Opens the upstream's stream at a cursor, or live without one.
pub(super) async fn connect(mirror: &config::Mirror, cursor: Option<u64>) -> Result<Connection, ConnectError> {
    let upstream = &mirror.upstream;
    let tcp = reach(upstream).await?;
    // Without it a pong may wait for the peer's acknowledgement; harmless when it fails.
    let _unsupported = tcp.set_nodelay(true);
    let stream: Box<dyn Stream> = if upstream.tls {
        let tls = connector(mirror.ca_file.clone()).await?;
        let name = ServerName::try_from(upstream.host.clone())
            .map_err(|error| ConnectError::Name { host: upstream.host.clone(), error })?;
        Box::new(within("agreeing on TLS", tls.connect(name, tcp)).await?.map_err(ConnectError::Tls)?)
    } else {
        Box::new(tcp)
    };
    let request = ClientRequestBuilder::new(target(upstream, cursor)?)
        .with_header("User-Agent", mirror.user_agent.as_deref().unwrap_or(tailwater_wire::SERVER));
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
    let opening = async_tungstenite::client_async_with_config(request, stream, Some(config));
    let (connection, _response) = within("asking for the stream", opening).await?.map_err(Box::new)?;
    Ok(connection)
}

fn target(upstream: &Upstream, cursor: Option<u64>) -> Result<Uri, ConnectError> {
    let mut url = upstream.to_string();
    if let Some(cursor) = cursor {
        let join = if url.contains('?') { '&' } else { '?' };
        url.push_str(&format!("{join}cursor={cursor}"));
    }
    Ok(url.parse()?)
}

/// Connects to the first of the host's addresses that can be reached. The error is the last one's.
async fn reach(upstream: &Upstream) -> Result<TcpStream, ConnectError> {
    let unknown = |error| ConnectError::Resolve { host: upstream.host.clone(), error };
    let mut failed = unknown(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    for address in resolve(upstream).await?.map_err(unknown)? {
        match within("connecting", TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => failed = ConnectError::Connect { address, reason: error.to_string() },
            Err(late) => failed = late,
        }
    }
    Err(failed)
}

async fn resolve(upstream: &Upstream) -> Result<io::Result<Vec<SocketAddr>>, ConnectError> {
    let (host, port) = (upstream.host.clone(), upstream.port);
    let resolving = glommio::executor().spawn_blocking(move || Ok((host.as_str(), port).to_socket_addrs()?.collect()));
    within("resolving the name", resolving).await
}

/// A connector that trusts the given authorities, or else the machine's.
async fn connector(ca_file: Option<std::path::PathBuf>) -> Result<TlsConnector, ConnectError> {
    let loading = glommio::executor().spawn_blocking(move || match ca_file {
        Some(file) => private_roots(&file),
        None => Ok(machine_roots()),
    });
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConnectError::Versions)?
        .with_root_certificates(loading.await?)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn private_roots(file: &Path) -> Result<RootCertStore, ConnectError> {
    let unreadable = |reason: String| ConnectError::Certificates { file: file.display().to_string(), reason };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    Ok(roots)
}

fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let loaded = rustls_native_certs::load_native_certs();
    for error in &loaded.errors {
        tracing::warn!(%error, "a certificate of this machine cannot be read");
    }
    roots.add_parsable_certificates(loaded.certs);
    roots
}

async fn within<T>(doing: &'static str, work: impl Future<Output = T>) -> Result<T, ConnectError> {
    futures_lite::future::or(async { Ok(work.await) }, async {
        glommio::timer::sleep(STEP_TIMEOUT).await;
        Err(ConnectError::TimedOut { doing })
    })
    .await
}
