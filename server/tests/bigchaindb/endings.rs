//! How a stream ends: a close code and a reason, for the protocol has no message for it.

use serde_json::json;
use tailwater::config::Retention;

use super::{
    BLOCKS, STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, create},
        connect_narrow, eventually,
        frames::{client_frame, closed_with, server_frame, upgrade},
        raw::Connection,
    },
    follow, message,
};

#[test]
fn a_stop_is_a_restart_to_clients() {
    let appliance = Appliance::start();
    let mut streams = [STREAM, BLOCKS].map(|path| follow(&appliance, path));
    let stopping = std::thread::spawn(move || appliance.stop());
    for stream in &mut streams {
        assert_eq!(closed_with(server_frame(stream)), (1012, "restarting".to_owned()));
        assert!(stream.at_end());
    }
    stopping.join().unwrap();
}

#[test]
fn a_chain_that_is_deleted() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    assert_eq!(appliance.delete("/v1/feeds/blocks").0, 200);
    assert_eq!(closed_with(server_frame(&mut stream)), (1001, "the chain was deleted".to_owned()));
}

#[test]
fn a_clients_close_is_answered() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    stream.send(client_frame(0x88, &[&1000_u16.to_be_bytes()[..], b"enough"].concat()));
    assert_eq!(closed_with(server_frame(&mut stream)).0, 1000);
    eventually("the end of the stream", || appliance.running().subscribers() == 0);
}

#[test]
fn who_does_not_read_until_the_window_has_passed_is_told() {
    let appliance = Appliance::start_with(|config| {
        config.serve.socket_send_buffer_bytes = 4 << 10;
        config.serve.not_sent_low_water_bytes = 1 << 10;
        let blocks = config.feeds.iter_mut().find(|feed| feed.bigchaindb).unwrap();
        blocks.segment_bytes_max = 1 << 20;
        blocks.retention = Retention { bytes: Some(2 << 20), ..blocks.retention };
    });
    let mut stalled = Connection::on(connect_narrow(appliance.address));
    assert_eq!(stalled.send(upgrade(&format!("{STREAM}?since_height=0")) + "\r\n").head().status, 101);
    // Messages are small: a socket holds hundreds of them, and the window moves on by thousands.
    let line = format!("{{\"kind\":\"put\",\"key\":\"{}\",\"body\":1}}\n", "0f".repeat(32));
    let first_seq = || appliance.get("/v1/feeds/blocks").1["first_seq"].as_u64().unwrap();
    eventually("retention", || {
        assert_eq!(appliance.publish("blocks", &line.repeat(5_000)).0, 200);
        first_seq() > 5_000
    });
    // What is on its way to it is whole messages in order, then the reason.
    let mut next = 1;
    let (code, reason) = loop {
        match server_frame(&mut stalled) {
            (0x81, payload) => {
                let text = String::from_utf8(payload).unwrap();
                assert!(text.starts_with(&format!("{{\"height\": {next}, ")), "{text}");
                next += 1;
            }
            (0x89, _) => {}
            close => break closed_with(close),
        }
    };
    assert_eq!((code, &*reason), (1008, "the next block is no longer held"));
}

#[test]
fn a_violation_ends_only_that_stream() {
    let appliance = Appliance::start();
    let mut other = follow(&appliance, STREAM);
    let mut stream = follow(&appliance, STREAM);
    stream.send([0x81, 0x02, b'h', b'i']);
    assert_eq!(closed_with(server_frame(&mut stream)).0, 1002, "unmasked");
    let made = create(&Owner::new(1), json!(null), &[1]);
    accepted(&appliance, &made.json);
    assert_eq!(message(&mut other), made.message(1));
}
