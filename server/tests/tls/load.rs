//! The load generator, which is what a user sizes a server with, against a listener that speaks TLS.

use std::path::PathBuf;

use tailwater_loadgen::{
    Control, PublishConfig, SubscribeConfig, SubscribeReport, TlsConfig,
    publish::{self, Payload},
    subscribe::{self, Window},
};
use tempfile::TempDir;

use crate::{authority::Authority, secure::Secure};

const EVENTS: u64 = 4_000;

/// Settings of a client that trusts the authority, whose file lies in a directory of its own.
fn trusting(authority: &Authority) -> (TlsConfig, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file: PathBuf = directory.path().join("ca.pem");
    authority.write_own(&file);
    (TlsConfig { ca: Some(file), insecure: false }, directory)
}

fn follow(secure: &Secure, tls: &TlsConfig, url: &str, change: impl FnOnce(&mut SubscribeConfig)) -> SubscribeReport {
    let url = url.replace("HOST", &secure.address.to_string());
    let mut config = SubscribeConfig {
        tls: tls.clone(),
        connections: 12,
        sample: Some(3),
        window: Window::FromStart,
        seconds: Some(60.0),
        ..SubscribeConfig::new(url)
    };
    change(&mut config);
    subscribe::run(&config, &Control::default()).unwrap()
}

#[test]
fn events_are_published_and_followed_in_every_dialect_that_it_knows() {
    let secure = Secure::start();
    let (tls, _file) = trusting(&secure.authority);
    let publish = |feed: &str, payload| {
        let config = PublishConfig {
            tls: tls.clone(),
            payload,
            batch: 500,
            connections: 2,
            events: Some(EVENTS),
            ..PublishConfig::new(format!("https://{}", secure.address), feed)
        };
        let report = publish::run(&config, &Control::default()).unwrap();
        assert!(report.ok && report.tls.unwrap().handshakes.count == 2, "{feed}: {:?}", report.total);
    };
    publish("load", Payload::Ndjson { size_bytes: 300, key_space: 7 });
    publish("documents", Payload::Documents { size_bytes: 300 });
    let resend = r#"{"type":"resend","stream":"messages","resend_all":true,"sub":"all"}"#;
    publish("messages", Payload::Ndjson { size_bytes: 300, key_space: 7 });
    let table: [(&str, Option<&str>); 5] = [
        ("wss://HOST/v1/feeds/load/events?cursor=0", None),
        ("https://HOST/v1/feeds/load/events?cursor=0", None),
        ("https://HOST/v1/feeds/load/events?cursor=0&format=sse", None),
        ("https://HOST/documents/_changes?feed=continuous&since=0", None),
        ("wss://HOST/api/v1/ws", Some(resend)),
    ];
    for (url, said) in table {
        let report = follow(&secure, &tls, url, |config| {
            config.say = said.iter().map(|text| vec![(*text).to_owned()]).collect();
            config.events = Some(EVENTS);
            config.expect_contiguous = true;
        });
        assert!(report.verdict.ok, "{url}: {:?} {:?}", report.verdict, report.connections);
        let tls = report.tls.unwrap();
        assert!(tls.verified && tls.handshakes.count == 12, "{url}: {tls:?}");
        assert!(tls.agreed.keys().all(|agreed| agreed.starts_with("TLS 1.3, ")), "{url}: {tls:?}");
    }
    assert_eq!(secure.status("tls_handshakes_failed_total"), 0);
}

#[test]
fn who_trusts_somebody_else_or_asks_the_plain_listener_is_told_what_to_do() {
    let secure = Secure::start();
    let (stranger, _file) = trusting(&Authority::new());
    let report = follow(&secure, &stranger, "wss://HOST/v1/feeds/repos/events", |_| {});
    let failed = report.connections.tally.failed;
    let (reason, count) = failed.first_key_value().unwrap();
    assert!(*count == 12 && reason.contains("is not trusted here: name a file"), "{failed:?}");
    secure.status_becomes("tls_handshakes_failed_total", 12);

    let (trusted, _file) = trusting(&secure.authority);
    let plain = format!("wss://{}/v1/feeds/repos/events", secure.appliance.address);
    let report = follow(&secure, &trusted, &plain, |_| {});
    let failed = report.connections.tally.failed;
    let (reason, count) = failed.first_key_value().unwrap();
    assert!(*count == 12 && reason.contains("does not answer in TLS: use the port"), "{failed:?}");

    let unsealed = format!("ws://{}/v1/feeds/repos/events", secure.address);
    let report = follow(&secure, &TlsConfig::default(), &unsealed, |_| {});
    let failed = report.connections.tally.failed;
    let (reason, count) = failed.first_key_value().unwrap();
    assert!(*count == 12 && reason.contains("HTTP 400: This port speaks TLS. Ask for the same with"), "{failed:?}");
}
