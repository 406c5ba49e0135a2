//! What all connections of a run have in common: the authorities they trust, the name they expect, the rules of the protocol.
//!
//! Reads the files, once. The library's settings are shared by all connections, and nothing is kept from one of them to the next.
//! Tested in `tests/tls.rs`.

use std::{fs::File, io::Read, path::Path, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use serde::{Deserialize, Serialize};

use crate::{error::Error, target::Target};

/// The largest file of authorities that is read: those of a whole system have some hundreds of kilobytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What is asked of the server's certificate; for `https://` and `wss://` only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsConfig {
    /// A file of the certificates of the authorities that are trusted, in PEM; `None`: those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// Any certificate will do, and nothing is verified.
    pub insecure: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct TlsClient {
    pub config: Arc<ClientConfig>,
    /// Whom the certificate has to name.
    pub name: ServerName<'static>,
    /// How the server was asked for, for people.
    pub origin: String,
    /// The same without TLS.
    pub plain_scheme: &'static str,
    pub is_verifying: bool,
}

impl TlsClient {
    /// The client for `target`; none where it is asked for without TLS.
    pub fn for_target(target: &Target, config: &TlsConfig) -> Result<Option<Arc<Self>>, Error> {
        if !target.is_secure {
            return match config == &TlsConfig::default() {
                true => Ok(None),
                false => Err(Error::Settings("--ca and --insecure are for https:// and wss://".into())),
            };
        }
        let origin = target.origin();
        let name = ServerName::try_from(target.host().to_owned()).map_err(|_| Error::Url {
            url: origin.clone(),
            reason: "its host is neither a name nor an address that a certificate can have",
        })?;
        Ok(Some(Arc::new(Self {
            config: Arc::new(rules(config)?),
            name,
            origin,
            plain_scheme: target.plain_scheme(),
            is_verifying: !config.insecure,
        })))
    }
}

fn rules(config: &TlsConfig) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Settings(format!("TLS cannot be set up: {error}")))?;
    let builder = match config.insecure {
        true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        false => builder.with_root_certificates(authorities(config.ca.as_deref())?),
    };
    let mut rules = builder.with_no_client_auth();
    // What is subscribed to and published over is HTTP/1.1, and WebSockets that begin with it.
    rules.alpn_protocols = vec![b"http/1.1".to_vec()];
    rules.resumption = Resumption::disabled();
    Ok(rules)
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let refuse = |reason: String| Error::Authorities { file: file.to_owned(), reason };
            let pem = contents(file).map_err(|error| refuse(error.to_string()))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let added = certificate.map_err(|error| error.to_string());
                added.and_then(|it| roots.add(it).map_err(|error| error.to_string())).map_err(refuse)?;
            }
            if roots.is_empty() {
                return Err(refuse("there is no CERTIFICATE in PEM in it".into()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                let words =
                    "this machine trusts no authority of its own accord: name a file of those to trust with --ca";
                return Err(Error::Settings(words.into()));
            }
        }
    }
    Ok(roots)
}

fn contents(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(std::io::Error::other(format!("it is larger than {FILE_BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}

/// Takes whatever certificate is shown. Only that the peer has its key is still proved.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
