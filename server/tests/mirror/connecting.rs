//! How a mirror asks, and what it does when nobody answers.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
};

use tailwater::config::MirrorStart;

use super::{
    common::{Appliance, frame},
    upstream::{Asked, LONG_MS, Script, hold, mirror_of, mirroring, say, status, wait_for, wait_for_seq},
};

/// Where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn patient(upstream: SocketAddr) -> Appliance {
    Appliance::start_with(|config| {
        let mirror = mirror_of(config, upstream, MirrorStart::Live);
        (mirror.backoff_ms_min, mirror.backoff_ms_max) = (LONG_MS, LONG_MS);
    })
}

#[test]
fn a_mirror_says_who_it_is_and_what_it_wants() {
    let upstream = Script::start(|_, socket| hold(socket));
    let host = upstream.address.to_string();
    let nsid = super::common::REPOS;
    for (start, user_agent, target, expected_agent) in [
        (MirrorStart::Live, None, format!("/xrpc/{nsid}"), concat!("Tailwater/", env!("CARGO_PKG_VERSION"))),
        (MirrorStart::At(17), Some("mine/1"), format!("/xrpc/{nsid}?cursor=17"), "mine/1"),
    ] {
        let mirror = Appliance::start_with(|config| {
            mirror_of(config, upstream.address, start).user_agent = user_agent.map(str::to_owned);
        });
        wait_for(&mirror, "following");
        let asked = Asked { target, user_agent: expected_agent.to_owned(), host: host.clone() };
        assert_eq!(upstream.asked().last(), Some(&asked));
    }
}

#[test]
fn a_mirror_resumes_where_its_feed_ends() {
    let upstream = Script::start(|number, socket| {
        let first = 1 + 2 * number as u64;
        say(socket, &[frame(first, "x"), frame(first + 1, "x")]);
        hold(socket);
    });
    let follow = |config: &mut _| {
        mirror_of(config, upstream.address, MirrorStart::Live);
    };
    let mut mirror = Appliance::start_with(follow);
    for last_seq in [2, 4, 6] {
        wait_for_seq(&mirror, last_seq);
        mirror = Appliance::start_in(mirror.stop(), follow);
    }
    let cursors: Vec<String> =
        upstream.asked().iter().map(|asked| asked.target.rsplit_once("Repos").unwrap().1.to_owned()).collect();
    assert_eq!(cursors[..3], ["", "?cursor=2", "?cursor=4"]);
}

#[test]
fn an_upstream_that_is_down_is_waited_for() {
    let mirror = patient(nobody());
    let reason = wait_for(&mirror, "waiting");
    assert!(reason.contains("cannot be reached"), "{reason}");
    assert_eq!(status(&mirror)["connects_total"], 0);
    // A pause of an hour does not keep the appliance from stopping.
    mirror.stop();
}

#[test]
fn an_upstream_that_refuses_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert!(connection.read(&mut [0; 1_000]).unwrap() > 0);
        connection.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let reason = wait_for(&patient(address), "waiting");
    assert!(reason.contains("refused the stream") && reason.contains("503"), "{reason}");
}

#[test]
fn an_upstream_that_closes_is_asked_again_until_it_stays() {
    let upstream = Script::start(|number, socket| {
        if number == 5 {
            say(socket, &[frame(1, "patience")]);
            hold(socket);
        }
    });
    let mirror = mirroring(upstream.address);
    wait_for_seq(&mirror, 1);
    assert_eq!(status(&mirror)["connects_total"], 6);
    assert_eq!(wait_for(&mirror, "following"), "", "there is no reason any more");
}

#[test]
fn a_mirror_that_follows_does_not_keep_the_appliance_from_stopping() {
    let upstream = Script::start(|_, socket| hold(socket));
    let mirror = mirroring(upstream.address);
    wait_for(&mirror, "following");
    let directory = mirror.stop();
    Appliance::start_in(directory, |_| {});
}

#[test]
fn a_mirrored_feed_takes_events_from_its_upstream_only() {
    let mirror = patient(nobody());
    let (status, answer) = mirror.publish_frames("repos", "preserve", &[frame(7, "x")]);
    assert_eq!((status, answer["error"].as_str()), (409, Some("FeedIsMirrored")));
    assert_eq!(mirror.publish("labels", "{\"kind\":\"put\",\"body\":1}").0, 200);
}
