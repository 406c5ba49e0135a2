//! An authority of the test's own, the files it makes, and what a client needs to trust it.

use std::{fs, path::Path, sync::Arc};

use futures_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto::ring, version};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tailwater::config::CertificatePair;

/// Both versions that there are.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Where a pair stands in a directory.
    pub fn files(directory: &Path) -> CertificatePair {
        CertificatePair { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") }
    }

    /// Writes its own certificate, for clients that read one.
    pub fn write_own(&self, file: &Path) {
        fs::write(file, self.0.pem()).unwrap();
    }

    /// Writes a new pair for `localhost` and its address, over what was there.
    pub fn write(&self, files: &CertificatePair) {
        let (certificate, key) = self.pair();
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
    }

    /// The PEM of a new certificate for `localhost` and its address, and of its key.
    pub fn pair(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost", "127.0.0.1"].map(str::to_owned)).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A client that trusts this authority alone, and knows these versions and protocols.
    pub fn client(&self, versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
