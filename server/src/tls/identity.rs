//! What a listener shows to clients that speak TLS: its certificate, which can be renewed while it listens.
//!
//! Owns the pair that is in use and the rules about versions, protocols and resumption. A new pair takes the place of the old
//! one for handshakes that begin afterwards; one that cannot be used changes nothing. Never touches a connection. Tests: below
//! and `server/tests/tls/renewal.rs`.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use futures_rustls::rustls::{
    self, ServerConfig,
    crypto::ring::{self, Ticketer},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::certificate::{self, CertificateError, Loaded};
use crate::config::{CertificatePair, Dialect};

const HTTP_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Its certificate or its key.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Certificate(#[from] CertificateError),
    /// The library refuses.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// One listener's side of TLS.
pub(crate) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    files: CertificatePair,
    current: Arc<Current>,
    /// What was read last, so that the same files are used, or complained about, once.
    seen: Mutex<Seen>,
}

#[derive(Clone, PartialEq, Eq)]
enum Seen {
    Used([u8; 32]),
    Refused(CertificateError),
}

/// What a look at the files has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// They are as they were, which may be why they were refused.
    Same {
        refused: Option<CertificateError>,
    },
    Renewed,
    /// They cannot be used; the pair before them stays.
    Refused(CertificateError),
}

impl Identity {
    /// Reads the pair. Blocks.
    pub(crate) fn open(files: &CertificatePair, dialects: &[Dialect]) -> Result<Self, IdentityError> {
        let Loaded { pair, digest } = certificate::read(files)?;
        let current = Arc::new(Current(RwLock::new(pair)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = protocols(dialects).iter().map(|protocol| protocol.to_vec()).collect();
        // Who comes back shows a ticket that holds all there is to know: nothing is kept here for who has gone.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Ticketer::new()?;
        Ok(Self { config: Arc::new(config), files: files.clone(), current, seen: Mutex::new(Seen::Used(digest)) })
    }

    /// Reads the files again, and uses what they hold if it is new and right. Blocks.
    pub(super) fn look(&self) -> Look {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, look) = match certificate::read(&self.files) {
            Ok(Loaded { pair, digest }) => {
                let now = Seen::Used(digest);
                if now != *seen {
                    *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
                }
                (now, Look::Renewed)
            }
            Err(error) => (Seen::Refused(error.clone()), Look::Refused(error)),
        };
        if now == *seen {
            let refused = if let Look::Refused(error) = look { Some(error) } else { None };
            return Look::Same { refused };
        }
        *seen = now;
        look
    }

    /// The same, and tells the log what has come of it: whatever that is when somebody has asked for it, and else what is new.
    pub(crate) fn renew(&self, address: SocketAddr, is_asked: bool) {
        let file = self.files.certificate.display();
        match (self.look(), is_asked) {
            (Look::Same { refused: None }, true) => tracing::info!(%address, %file, "the certificate is as it was"),
            (Look::Same { .. }, false) => {}
            (Look::Renewed, _) => tracing::info!(%address, %file, "the certificate is renewed"),
            (Look::Refused(error) | Look::Same { refused: Some(error) }, _) => {
                let remedy = error.remedy();
                tracing::error!(%address, %error, %remedy, "the new certificate cannot be used; the one before stays");
            }
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What clients may choose from, the first that they know being taken. All dialects but one are spoken over HTTP/1.1 only, so
/// a client that knows both versions gets that one wherever it could ask for anything else.
fn protocols(dialects: &[Dialect]) -> &'static [&'static [u8]] {
    match dialects {
        [Dialect::Fauna] => &[HTTP_2, HTTP_1],
        dialects if dialects.contains(&Dialect::Fauna) => &[HTTP_1, HTTP_2],
        _ => &[HTTP_1],
    }
}

/// The pair that handshakes use.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pems() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn a_pair_is_renewed_once_and_a_bad_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let files = CertificatePair { certificate: directory.path().join("c"), key: directory.path().join("k") };
        let write = |(certificate, key): &(String, String)| {
            fs::write(&files.certificate, certificate).unwrap();
            fs::write(&files.key, key).unwrap();
        };
        let (first, second) = (pems(), pems());
        write(&first);
        let identity = Identity::open(&files, &Dialect::ALL).unwrap();
        let shown = || identity.current.0.read().unwrap().cert[0].to_vec();
        let before = shown();
        let same = Look::Same { refused: None };
        assert_eq!(identity.look(), same);
        // Written one after the other, they do not belong together for a moment.
        fs::write(&files.certificate, &second.0).unwrap();
        assert!(matches!(identity.look(), Look::Refused(CertificateError::Mismatch { .. })));
        assert!(matches!(identity.look(), Look::Same { refused: Some(_) }) && shown() == before);
        fs::write(&files.key, &second.1).unwrap();
        assert_eq!(identity.look(), Look::Renewed);
        assert_ne!(shown(), before);
        fs::remove_file(&files.key).unwrap();
        assert!(matches!(identity.look(), Look::Refused(CertificateError::Unreadable { .. })));
        assert!(matches!(identity.look(), Look::Same { refused: Some(_) }));
        // What is put back as it was has never been out of use.
        write(&second);
        assert_eq!((identity.look(), identity.look()), (Look::Renewed, same));
        write(&first);
        assert_eq!((identity.look(), shown()), (Look::Renewed, before));
    }

    #[test]
    fn http_2_is_offered_where_somebody_speaks_it() {
        let table: [(&[Dialect], &[&[u8]]); 4] = [
            (&[Dialect::Fauna], &[HTTP_2, HTTP_1]),
            (&Dialect::ALL, &[HTTP_1, HTTP_2]),
            (&[Dialect::Couchdb], &[HTTP_1]),
            (&[Dialect::Native, Dialect::Atproto], &[HTTP_1]),
        ];
        for (dialects, expected) in table {
            assert_eq!(protocols(dialects), expected, "{dialects:?}");
        }
    }
}
