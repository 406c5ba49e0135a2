//! No subscriber can slow another: some never read, everybody else has every block at once.

use serde_json::json;

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, create},
        connect_narrow, eventually,
        frames::{client_frame, server_frame, upgrade},
        raw::Connection,
    },
    follow, message,
};

#[test]
fn those_who_never_read_slow_nobody() {
    const STALLED: usize = 20;
    let appliance = Appliance::start_with(|config| {
        config.serve.socket_send_buffer_bytes = 4 << 10;
        config.serve.not_sent_low_water_bytes = 1 << 10;
    });
    // More than their sockets hold is there from the beginning.
    let line = format!("{{\"kind\":\"put\",\"key\":\"{}\",\"body\":1}}\n", "0f".repeat(32));
    assert_eq!(appliance.publish("blocks", &line.repeat(20_000)).0, 200);
    let mut stalled: Vec<Connection> = (0..STALLED)
        .map(|_| {
            let mut stream = Connection::on(connect_narrow(appliance.address));
            assert_eq!(stream.send(upgrade(&format!("{STREAM}?since_height=0")) + "\r\n").head().status, 101);
            stream
        })
        .collect();
    let mut reading: Vec<Connection> = (0..8).map(|_| follow(&appliance, STREAM)).collect();
    let owner = Owner::new(1);
    for height in 20_001..20_051 {
        let made = create(&owner, json!({ "height": height }), &[1]);
        // Answered while nobody of the stalled has read a byte, and seen by all who read before the next is posted.
        accepted(&appliance, &made.json);
        for stream in &mut reading {
            assert_eq!(message(stream), made.message(height));
        }
    }
    // They are still there, and have missed nothing.
    eventually("the count", || appliance.running().subscribers() as usize == STALLED + reading.len());
    for height in 1..=20_050 {
        assert!(message(&mut stalled[0]).starts_with(&format!("{{\"height\": {height}, ")));
    }
}

#[test]
fn a_pong_does_not_wait_for_the_backlog() {
    const EVENTS: u64 = 60_000;
    let appliance = Appliance::start();
    let line = format!("{{\"kind\":\"put\",\"key\":\"{}\",\"body\":1}}\n", "0f".repeat(32));
    assert_eq!(appliance.publish("blocks", &line.repeat(EVENTS as usize)).0, 200);
    let mut stream = Connection::on(connect_narrow(appliance.address));
    assert_eq!(stream.send(upgrade(&format!("{STREAM}?since_height=0")) + "\r\n").head().status, 101);
    eventually("sending", || appliance.running().sent_bytes() > 0);
    stream.send(client_frame(0x89, b"now"));
    let mut before = 0;
    loop {
        match server_frame(&mut stream) {
            (0x8a, payload) => break assert_eq!(payload, b"now"),
            (0x81, _) => before += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(before < EVENTS / 2, "after {before} messages");
}
