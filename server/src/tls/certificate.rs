//! A certificate and its key, as they lie in two files.
//!
//! Owns the reading of them, the check that they belong together, and the sentences about what is wrong. Never keeps them.
//! Blocks: not for a shard. Tests: below, `server/src/config/tests/` and `server/tests/tls/`.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_rustls::rustls::{
    self, InconsistentKeys,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};

use crate::config::CertificatePair;

/// The largest file that is read: a chain is some kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why a pair cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A file could not be read.
    #[error("{} cannot be read ({reason})", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Whether it is the key's.
        is_of_key: bool,
        /// What the system said.
        reason: String,
    },
    /// The file of the certificate holds none, or something else.
    #[error("{} holds no usable certificate ({reason})", .file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file of the key holds none, or one that cannot be used.
    #[error("{} holds no usable private key ({reason})", .file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Each is right by itself.
    #[error("the key in {} is not that of the first certificate in {}", .key.display(), .certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

impl CertificateError {
    /// Whether it is the key's file that has to be put right.
    pub(crate) fn is_of_key(&self) -> bool {
        match self {
            Self::Unreadable { is_of_key, .. } => *is_of_key,
            Self::Certificate { .. } => false,
            Self::Key { .. } | Self::Mismatch { .. } => true,
        }
    }

    /// What to do about it, as a clause.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "name a file that this user may read",
            Self::Certificate { .. } => "give a file of PEM certificates, the server's own first",
            Self::Key { .. } => "give a file with one private key in PEM, not encrypted: PKCS#8, RSA or EC",
            Self::Mismatch { .. } => {
                "name the key that the certificate was made for, and put the server's certificate first"
            }
        }
    }
}

/// A pair and what tells it from others.
pub(super) struct Loaded {
    pub(super) pair: Arc<CertifiedKey>,
    /// Of the bytes of both files.
    pub(super) digest: [u8; 32],
}

/// Reads a pair and checks that its halves belong together.
pub(crate) fn load(files: &CertificatePair) -> Result<(), CertificateError> {
    read(files).map(drop)
}

/// The same, for use.
pub(super) fn read(files: &CertificatePair) -> Result<Loaded, CertificateError> {
    let certificate = contents(&files.certificate, false)?;
    let key = contents(&files.key, true)?;
    let digest = Sha256::new().chain_update(Sha256::digest(&certificate)).chain_update(&key).finalize().into();
    let bad = |reason: String| CertificateError::Certificate { file: files.certificate.clone(), reason };
    let chain = chain(&certificate).map_err(bad)?;
    let bad_key = |reason: String| CertificateError::Key { file: files.key.clone(), reason };
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| bad_key(explain(&error, "private key")))?;
    let key = any_supported_type(&key).map_err(|error| bad_key(error.to_string()))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        // Some kinds of keys do not say what their public half is.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            let (certificate, key) = (files.certificate.clone(), files.key.clone());
            return Err(CertificateError::Mismatch { certificate, key });
        }
        Err(error) => return Err(bad(error.to_string())),
    }
    Ok(Loaded { pair: Arc::new(pair), digest })
}

fn contents(file: &Path, is_of_key: bool) -> Result<Vec<u8>, CertificateError> {
    let unreadable =
        |error: io::Error| CertificateError::Unreadable { file: file.to_owned(), is_of_key, reason: error.to_string() };
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other(format!("it is larger than {FILE_BYTES_MAX} bytes"))));
    }
    Ok(bytes)
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("there is no CERTIFICATE in PEM in it".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(explain(&error, "certificate")),
    }
}

fn explain(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("there is no {what} in PEM in it that can be read"),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// Whether the key is to blame, and what is said of it; `None` where nothing is wrong.
    type Expected = Option<(bool, &'static str)>;

    /// The PEM of a certificate and of its key.
    fn pems() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn what_can_be_wrong_with_a_pair() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = pems();
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let large = "x".repeat(FILE_BYTES_MAX as usize + 1);
        let other = pems().1;
        let table: [(&str, &str, Expected); 9] = [
            (&certificate, &key, None),
            (&format!("text\n{certificate}{}", pems().0), &key, None),
            ("", &key, Some((false, "there is no CERTIFICATE in PEM"))),
            (no_certificate, &key, Some((false, "holds no usable certificate"))),
            (&large, &key, Some((false, "larger than"))),
            (&certificate, "nothing", Some((true, "there is no private key in PEM"))),
            (&certificate, encrypted, Some((true, "there is no private key in PEM"))),
            (&certificate, &certificate, Some((true, "there is no private key in PEM"))),
            (&certificate, &other, Some((true, "is not that of the first certificate"))),
        ];
        let files = CertificatePair { certificate: directory.path().join("c"), key: directory.path().join("k") };
        for (certificate, key, expected) in table {
            fs::write(&files.certificate, certificate).unwrap();
            fs::write(&files.key, key).unwrap();
            match (load(&files), expected) {
                (Ok(()), None) => {}
                (Err(error), Some((is_of_key, said))) => {
                    assert!(error.is_of_key() == is_of_key && error.to_string().contains(said), "{error}");
                }
                (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
            }
        }
        let missing = CertificatePair { key: directory.path().join("none"), ..files };
        let error = load(&missing).unwrap_err();
        assert!(error.is_of_key() && error.to_string().contains("none cannot be read (No such file"), "{error}");
    }
}
