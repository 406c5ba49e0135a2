//! Limits on connections, as those without TLS have them, and what a configuration may say.

use crate::{
    authority::Authority,
    common::{
        eventually,
        process::{Serving, in_shell, refusal, tailwater},
    },
    secure::{Secure, ask, get},
};

#[test]
fn more_connections_of_an_address_than_there_may_be_are_told_so() {
    let secure = Secure::start_with(|config| {
        config.limits.connections_per_address_max = 3;
        config.limits.limit_loopback = true;
    });
    let mut held: Vec<_> = (0..3).map(|_| secure.open()).collect();
    for connection in &mut held {
        assert_eq!(ask(connection, get("/v1/status")).0, 200);
    }
    // Each is one connection, whatever stands behind it.
    assert_eq!(ask(&mut held[0], get("/v1/status")).1["connections"], 3);
    let mut refused = secure.open();
    let answer = refused.send(get("/v1/status")).answer();
    assert_eq!(answer.error(), (429, "RateLimitExceeded".to_owned()));
    assert!(refused.at_end());
    held.pop();
    eventually("there is room", || ask(&mut secure.open(), get("/v1/status")).0 == 200);
}

#[test]
fn replays_of_an_address() {
    let secure = Secure::start_with(|config| {
        config.limits.replays_per_address_max = 1;
        config.limits.limit_loopback = true;
    });
    let wide = crate::common::atproto::wide_frame;
    let frames: Vec<_> = (1..=100).map(|seq| wide(seq, 100_000)).collect();
    assert_eq!(secure.appliance.publish_frames("repos", "preserve", &frames).0, 200);
    let path = "/v1/feeds/repos/events?cursor=0";
    let mut reading = secure.open();
    assert_eq!(reading.send(get(path)).head().status, 200);
    assert_eq!(ask(&mut secure.open(), get(path)).0, 429);
    drop(reading);
    eventually("its place is free", || secure.open().send(get(path)).head().status == 200);
}

#[test]
fn a_listener_without_a_usable_pair_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tailwater.toml");
    let toml =
        "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = { certificate = \"/nowhere/c.pem\", key = \"/nowhere/k.pem\" }\n";
    std::fs::write(&file, toml).unwrap();
    for what in ["check", "serve"] {
        let said = refusal(tailwater().arg(what).arg("--config").arg(&file));
        let place = format!("{}:3:23: listen[0].tls.certificate: /nowhere/c.pem cannot be read", file.display());
        assert!(said.contains(&place), "{said}");
    }
}

#[test]
fn a_connection_takes_one_descriptor() {
    let directory = tempfile::tempdir().unwrap();
    let pair = Authority::files(directory.path());
    Authority::new().write(&pair);
    let file = directory.path().join("tailwater.toml");
    let tls = format!("tls = {{ certificate = {:?}, key = {:?} }}", pair.certificate, pair.key);
    std::fs::write(&file, format!("[[listen]]\naddress = \"127.0.0.1:0\"\n{tls}\n")).unwrap();
    let limited = |connections_max: &str| {
        let mut command = tailwater();
        command.args(["serve", "--config"]).arg(&file).arg("--data").arg(directory.path().join("log"));
        command.env("TAILWATER_LIMITS__CONNECTIONS_MAX", connections_max);
        in_shell("ulimit -n 2000; exec \"$0\" \"$@\"", &command)
    };
    let said = refusal(&mut limited("1000"));
    assert!(said.contains("needs 2024 file descriptors"), "{said}");
    Serving::start(&mut limited("900"));
}
