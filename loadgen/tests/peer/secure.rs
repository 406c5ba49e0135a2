//! The same peer behind TLS, with certificates of an authority of the test's own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    version::{TLS12, TLS13},
};
use tailwater_loadgen::TlsConfig;
use tempfile::TempDir;

use super::{Peer, Session};

/// A connection that speaks TLS.
pub type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Both versions that there are.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        Self::named("an authority")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, files }
    }

    /// A file with its certificate.
    pub fn file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// Settings of a client that trusts it.
    pub fn trusted(&self) -> TlsConfig {
        TlsConfig { ca: Some(self.file()), insecure: false }
    }

    /// A server whose certificate is for the loopback address.
    pub fn server(&self) -> Arc<ServerConfig> {
        self.server_for("127.0.0.1", 4000, &VERSIONS)
    }

    /// A server whose certificate is for this name and good until this year, and which knows these versions.
    pub fn server_for(
        &self,
        name: &str,
        until_year: i32,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(until_year, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server(certificate.der().clone(), &key, versions)
    }

    /// A server that shows the authority's own certificate.
    pub fn server_itself(&self) -> Arc<ServerConfig> {
        server(self.issuer.der().clone(), self.issuer.key(), &VERSIONS)
    }
}

fn server(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}

impl Peer {
    /// Accepts connections without end; `script` is run for each that has agreed on keys and sent its first request.
    pub fn secure(config: Arc<ServerConfig>, script: impl Fn(Session<Tls>) + Send + Sync + 'static) -> Self {
        Self::secure_on(TcpListener::bind("127.0.0.1:0").unwrap(), config, script)
    }

    /// The same on this listener.
    pub fn secure_on(
        listener: TcpListener,
        config: Arc<ServerConfig>,
        script: impl Fn(Session<Tls>) + Send + Sync + 'static,
    ) -> Self {
        Self::on(listener, move |stream, index| {
            let stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            if let Some(session) = Session::accept(stream, index) {
                script(session);
            }
        })
    }
}

impl Session<Tls> {
    /// The connection below the requests.
    pub fn tls(&mut self) -> &mut Tls {
        self.stream.get_mut()
    }

    /// Says that nothing more will come.
    pub fn say_end(&mut self) {
        let tls = self.tls();
        tls.conn.send_close_notify();
        tls.conn.complete_io(&mut tls.sock).unwrap();
    }
}
