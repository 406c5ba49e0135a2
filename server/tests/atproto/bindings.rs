//! Feeds that are bound to an endpoint while the appliance runs.

use serde_json::json;

use super::common::{
    Appliance, REPOS,
    atproto::{Received, receive, receive_frame},
    frame,
    frames::upgrade,
    raw::Connection,
};

const NSID: &str = "com.example.mine";
const OPTIONS: &str = r#"{"dialects":{"atproto":{"nsid":"com.example.mine","cursor_semantics":"exclusive"}}}"#;

#[test]
fn a_new_feed_is_served_at_once_and_after_a_restart() {
    let appliance = Appliance::start();
    let (status, answer) = appliance.put("/v1/feeds/mine", OPTIONS);
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["dialects"]["atproto"]["nsid"], NSID);
    let mut socket = appliance.websocket(&format!("/xrpc/{NSID}"));
    assert_eq!(appliance.publish_frames("mine", "preserve", &[frame(1, "a"), frame(2, "b")]).0, 200);
    assert_eq!(receive_frame(&mut socket), frame(1, "a"));
    assert_eq!(receive_frame(&mut socket), frame(2, "b"));

    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    let mut socket = appliance.websocket(&format!("/xrpc/{NSID}?cursor=1"));
    assert_eq!(receive_frame(&mut socket), frame(2, "b"), "its semantics are kept too");
    assert_eq!(appliance.publish_frames("mine", "preserve", &[frame(3, "c")]).0, 200);
    assert_eq!(receive_frame(&mut socket), frame(3, "c"));
}

#[test]
fn an_endpoint_has_one_feed() {
    let appliance = Appliance::start();
    let options = json!({"dialects": {"atproto": {"nsid": REPOS}}}).to_string();
    let (status, answer) = appliance.put("/v1/feeds/another", &options);
    assert_eq!((status, &answer["error"]), (409, &json!("EndpointBound")));
}

#[test]
fn a_deleted_feed_ends_its_streams_and_frees_its_endpoint() {
    let appliance = Appliance::start();
    assert_eq!(appliance.put("/v1/feeds/mine", OPTIONS).0, 201);
    let mut socket = appliance.websocket(&format!("/xrpc/{NSID}"));
    let mut other = appliance.websocket(&format!("/xrpc/{REPOS}"));
    assert_eq!(appliance.delete("/v1/feeds/mine").0, 200);
    assert!(matches!(receive(&mut socket), Received::Closed(1001, _)));
    let request = upgrade(&format!("/xrpc/{NSID}")) + "\r\n";
    assert_eq!(Connection::open(appliance.address).send(request).answer().status, 501);

    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(1, "x")]).0, 200);
    assert_eq!(receive_frame(&mut other), frame(1, "x"), "other streams go on");
    assert_eq!(appliance.put("/v1/feeds/mine", OPTIONS).0, 201);
    let mut socket = appliance.websocket(&format!("/xrpc/{NSID}"));
    assert_eq!(appliance.publish_frames("mine", "preserve", &[frame(1, "anew")]).0, 200);
    assert_eq!(receive_frame(&mut socket), frame(1, "anew"));
}

#[test]
fn streams_that_open_while_their_feed_is_deleted_end() {
    let appliance = Appliance::start();
    for _ in 0..20 {
        let (status, answer) = appliance.put("/v1/feeds/mine", OPTIONS);
        assert_eq!(status, 201, "{answer}");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut connection = Connection::open(appliance.address);
                    let head = connection.send(upgrade(&format!("/xrpc/{NSID}?cursor=0")) + "\r\n").head();
                    // Too late, or in between: but who was let in is also told that it is over.
                    if head.status == 101 {
                        let close =
                            super::common::frames::closed_with(super::common::frames::server_frame(&mut connection));
                        assert_eq!(close.0, 1001);
                    }
                });
            }
            assert_eq!(appliance.delete("/v1/feeds/mine").0, 200);
        });
    }
}
