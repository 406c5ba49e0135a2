//! A server's second listener, which speaks TLS with a certificate that is made on the spot.
//!
//! Owns the files of the certificate, the part of the configuration that names them, and how the listener's streams are followed.
//! Publishers and the status stay with the plain one. Tests are below.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rcgen::{CertificateParams, KeyPair};
use tailwater_loadgen::{SubscribeConfig, TlsConfig};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Secured {
    /// Where it listens without TLS.
    pub plain: SocketAddr,
    secure: SocketAddr,
    certificate: PathBuf,
    key: PathBuf,
}

impl Secured {
    /// Makes a certificate in `directory` for the second of these addresses; the first is the plain listener's.
    pub fn new(directory: &Path, [plain, secure]: [SocketAddr; 2]) -> Result<Self> {
        let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
        // Elliptic, as certificates of today are.
        let pair = KeyPair::generate().context("making a key")?;
        let params = CertificateParams::new(vec![secure.ip().to_string()]).context("naming the address")?;
        fs::write(&certificate, params.self_signed(&pair).context("signing a certificate")?.pem())?;
        fs::write(&key, pair.serialize_pem())?;
        Ok(Self { plain, secure, certificate, key })
    }

    /// The part of the server's configuration that names the listeners.
    pub fn configuration(&self) -> String {
        let Self { plain, secure, certificate, key } = self;
        format!(
            "\n[[listen]]\naddress = \"{plain}\"\n\n[[listen]]\naddress = \"{secure}\"\n\
             tls = {{ certificate = {certificate:?}, key = {key:?} }}\n"
        )
    }

    /// The same followers over TLS.
    pub fn follow(&self, config: SubscribeConfig) -> Result<SubscribeConfig> {
        let plain = format!("://{}", self.plain);
        let Some((scheme @ ("http" | "ws"), path)) = config.url.split_once(&plain) else {
            bail!("{} is not followed over TLS", config.url);
        };
        let url = format!("{scheme}s://{}{path}", self.secure);
        Ok(SubscribeConfig { url, tls: TlsConfig { ca: Some(self.certificate.clone()), insecure: false }, ..config })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_streams_are_followed_over_tls() {
        let directory = tempfile::tempdir().unwrap();
        let addresses = [7, 8].map(|port| ([127, 0, 0, 1], port).into());
        let secured = Secured::new(directory.path(), addresses).unwrap();
        let table = [
            ("ws://127.0.0.1:7/a?b=c", Some("wss://127.0.0.1:8/a?b=c")),
            ("http://127.0.0.1:7/stream/1", Some("https://127.0.0.1:8/stream/1")),
            ("tcp://127.0.0.1:7", None),
            ("ws://127.0.0.1:9/a", None),
        ];
        for (url, expected) in table {
            let followed = secured.follow(SubscribeConfig { connections: 3, ..SubscribeConfig::new(url) }).ok();
            assert_eq!(followed.as_ref().map(|config| &*config.url), expected, "{url}");
            if let Some(config) = followed {
                assert_eq!((config.connections, config.tls.ca.unwrap()), (3, directory.path().join("certificate.pem")));
            }
        }
    }
}
