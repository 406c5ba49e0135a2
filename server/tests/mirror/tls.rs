//! Upstreams behind TLS, with a certificate authority of the operator's own.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
};

use futures_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tailwater::config::MirrorStart;
use tempfile::TempDir;

use super::{
    common::{Appliance, frame},
    upstream::{LONG_MS, assert_holds, mirror_of, wait_for, wait_for_seq},
};

/// An authority, and a TLS proxy in front of an appliance with a certificate of that authority for `localhost`.
struct Terminator {
    address: SocketAddr,
    directory: TempDir,
}

impl Terminator {
    fn start(target: SocketAddr) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(config);
        thread::spawn(move || {
            for client in listener.incoming() {
                let connection = ServerConnection::new(config.clone()).unwrap();
                let stream = StreamOwned::new(connection, client.unwrap());
                // A client that does not like the certificate ends the connection; that is for the client to report.
                thread::spawn(move || drop(carry(stream, target)));
            }
        });
        Self { address, directory }
    }

    fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }
}

/// Carries one request there and everything back.
fn carry(mut client: StreamOwned<ServerConnection, TcpStream>, target: SocketAddr) -> io::Result<()> {
    let mut upstream = TcpStream::connect(target)?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    upstream.write_all(&request)?;
    let mut bytes = vec![0; 16 << 10];
    loop {
        match upstream.read(&mut bytes)? {
            0 => return Ok(()),
            count => client.write_all(&bytes[..count])?,
        }
        client.flush()?;
    }
}

/// An appliance that mirrors the terminator as `localhost`, trusting the authorities in a file.
fn mirroring(terminator: &Terminator, ca_file: Option<PathBuf>) -> Appliance {
    Appliance::start_with(|config| {
        let mirror = mirror_of(config, terminator.address, MirrorStart::At(0));
        (mirror.backoff_ms_min, mirror.backoff_ms_max) = (LONG_MS, LONG_MS);
        mirror.upstream.tls = true;
        mirror.upstream.host = "localhost".to_owned();
        mirror.ca_file = ca_file;
    })
}

#[test]
fn a_private_authority_is_trusted_when_named() {
    let origin = Appliance::start();
    let terminator = Terminator::start(origin.address);
    let mirror = mirroring(&terminator, Some(terminator.ca_file()));
    let frames: Vec<_> = (1..=100).map(|seq| super::common::atproto::wide_frame(seq, 10_000)).collect();
    assert_eq!(origin.publish_frames("repos", "preserve", &frames).0, 200);
    wait_for_seq(&mirror, 100);
    assert_holds(&mirror, &frames);
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    let origin = Appliance::start();
    assert_eq!(origin.publish_frames("repos", "preserve", &[frame(1, "secret")]).0, 200);
    let terminator = Terminator::start(origin.address);
    let another = Terminator::start(origin.address);
    for ca_file in [Some(another.ca_file()), None] {
        let mirror = mirroring(&terminator, ca_file);
        let reason = wait_for(&mirror, "waiting");
        assert!(reason.contains("TLS") && reason.contains("certificate"), "{reason}");
        assert_holds(&mirror, &[]);
    }
}

#[test]
fn an_unreadable_authority_is_named() {
    let origin = Appliance::start();
    let terminator = Terminator::start(origin.address);
    let mirror = mirroring(&terminator, Some("/nowhere/ca.pem".into()));
    let reason = wait_for(&mirror, "waiting");
    assert!(reason.contains("/nowhere/ca.pem"), "{reason}");
}
