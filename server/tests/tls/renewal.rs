//! Certificates that are renewed while connections go on.

use std::fs;

use futures_rustls::rustls::pki_types::CertificateDer;
use rustix::process::Signal;
use tailwater::config::CertificatePair;

use crate::{
    authority::{Authority, VERSIONS},
    common::{connect, eventually, process::Serving, raw::Connection},
    endings::serving,
    secure::{Tls, get, shake},
};

fn shown(tls: &Tls) -> CertificateDer<'static> {
    tls.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

/// The certificate that a new connection is shown.
fn shown_now(serving: &Serving, authority: &Authority) -> CertificateDer<'static> {
    shown(&shake(connect(serving.address), &authority.client(&VERSIONS, &[])))
}

/// Puts a new certificate there, and its key or another one.
fn replace(authority: &Authority, files: &CertificatePair, with_its_key: bool) {
    let (certificate, key) = authority.pair();
    fs::write(&files.certificate, certificate).unwrap();
    if with_its_key {
        fs::write(&files.key, key).unwrap();
    }
}

#[test]
fn a_signal_renews_the_certificate_and_a_wrong_pair_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (serving, authority, files) = serving(&directory);
    let mut open = Connection::on(shake(connect(serving.address), &authority.client(&VERSIONS, &[])));
    assert_eq!(open.send(get("/v1/status")).answer().status, 200);
    let first = shown(&open.stream);
    assert_eq!(shown_now(&serving, &authority), first);

    replace(&authority, &files, true);
    serving.signal(Signal::HUP);
    eventually("the new one is shown", || shown_now(&serving, &authority) != first);
    let second = shown_now(&serving, &authority);

    replace(&authority, &files, false);
    serving.signal(Signal::HUP);
    fs::remove_file(&files.certificate).unwrap();
    serving.signal(Signal::HUP);
    // Signals are taken one after the other: the third is seen when the first two have been.
    authority.write(&files);
    serving.signal(Signal::HUP);
    eventually("the third one is shown", || {
        let now = shown_now(&serving, &authority);
        assert_ne!(now, first);
        now != second
    });
    // Who was there before has not noticed.
    assert_eq!(open.send(get("/v1/status")).answer().status, 200);
    serving.signal(Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the certificate is renewed"), "{log}");
}

#[test]
fn who_asks_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (serving, authority, files) = serving(&directory);
    let first = shown_now(&serving, &authority);
    serving.signal(Signal::HUP);
    assert_eq!(shown_now(&serving, &authority), first);
    let log = |serving: Serving| {
        serving.signal(Signal::TERM);
        let (code, log) = serving.end();
        assert_eq!(code, Some(0), "{log}");
        log
    };
    let said = log(serving);
    assert!(said.contains("the certificate is as it was") && !said.contains("ERROR"), "{said}");

    let (serving, authority, _) = crate::endings::serving(&directory);
    let first = shown_now(&serving, &authority);
    replace(&authority, &files, false);
    serving.signal(Signal::HUP);
    assert_eq!(shown_now(&serving, &authority), first);
    let said = log(serving);
    assert!(said.contains("the new certificate cannot be used; the one before stays"), "{said}");
    assert!(said.contains("is not that of the first certificate"), "{said}");
}
