//! The raw sender as a process of its own, observed the way the scenarios do.

use std::{path::Path, thread, time::Duration};

use tailwater_bench::{
    bench::Bench,
    disk::Durability,
    load::NoLoad,
    observe::{drained, observe},
    place::Placement,
    sender::{RawSender, SendPlan},
    side::{Look, StoredRound, raw_round, stored_round},
};

/// A short measurement, or nothing where there is only one processor. Moves the calling thread.
fn bench() -> Option<Bench> {
    let placement = Placement::choose(None).ok()?;
    placement.join_clients().expect("the processors were allowed a moment ago");
    Some(Bench {
        own_binary: Path::new(env!("CARGO_BIN_EXE_tailwater-bench")).to_owned(),
        server: "/nowhere".into(),
        directory: std::env::temp_dir(),
        measured: Duration::from_millis(300),
        warmup: Duration::from_millis(50),
        rounds: 1,
        awake_us: 0,
        placement,
    })
}

/// On a thread of its own, because it is moved to the clients' processors.
fn on_own_thread(test: impl FnOnce(Bench) + Send + 'static) {
    thread::spawn(|| bench().map(test)).join().expect("the test passes");
}

#[test]
fn a_saturated_sender_sends_whole_ranges_to_everybody() {
    on_own_thread(|bench| {
        let plan = SendPlan { span_bytes: Some(1 << 20), ..SendPlan::new(20, 4096) };
        let round = raw_round(&bench, &plan).unwrap();
        assert!(round.bytes_per_second > 0.0 && round.cpu_share > 0.0, "{round:?}");
        assert!(round.bytes_per_send > 1024.0 && round.bytes_per_send <= 4096.0, "{round:?}");
    });
}

#[test]
fn a_paced_sender_sends_each_range_once_to_everybody() {
    on_own_thread(|bench| {
        let plan = SendPlan { rate_per_s: Some(50.0), ..SendPlan::new(8, 516) };
        let sender = RawSender::start(&bench.own_binary, &plan, &bench.placement).unwrap();
        let pid = sender.pid();
        let config = drained(format!("tcp://{}", sender.address()), 8);
        let observed = observe(&bench, &config, &NoLoad, || Look::at(&bench, pid)).unwrap();
        let sent = sender.finish().unwrap();
        assert_eq!((sent.bytes_per_send(), sent.short, sent.refused), (516.0, 0, 0));
        // Whole beats: each is 516 bytes for each of 8 sockets.
        assert_eq!(observed.report.delivered.bytes % 516, 0);
        assert!(observed.report.delivered.bytes > 0);
    });
}

#[test]
fn what_is_stored_before_it_is_sent_tells_when_it_was_due() {
    on_own_thread(|bench| {
        for (durability, is_synced) in [(Durability::Sync, true), (Durability::Os, false)] {
            let log_directory = Some(bench.directory.clone());
            let plan = SendPlan { rate_per_s: Some(50.0), log_directory, durability, ..SendPlan::new(8, 516) };
            let StoredRound { round, latency, syncs } = stored_round(&bench, &plan, 2).unwrap();
            assert!(round.bytes_per_send == 516.0 && latency.count > 0, "{round:?} {latency:?}");
            // The window is a part of what the sender did, and each event came to two that tell.
            assert_eq!((syncs.count > latency.count / 2, latency.ahead), (is_synced, 0));
            assert!(latency.min_us >= syncs.min_us, "{latency:?} {syncs:?}");
        }
    });
}

#[test]
fn connections_that_are_refused_void_the_measurement() {
    on_own_thread(|bench| {
        // Nobody listens on a port that was just given back.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let said = observe(&bench, &drained(format!("tcp://{free}"), 3), &NoLoad, || Ok(())).unwrap_err();
        let said = format!("{said:#}");
        assert!(said.contains("of 3 connections are open") && said.contains("refused"), "{said}");
    });
}

#[test]
fn a_sender_that_cannot_start_is_an_error() {
    on_own_thread(|bench| {
        let plan = SendPlan::new(1, 1);
        assert!(RawSender::start(Path::new("/nowhere"), &plan, &bench.placement).is_err());
        let said = RawSender::start(Path::new("/bin/true"), &plan, &bench.placement).unwrap_err();
        assert!(said.to_string().contains("the raw sender said"), "{said}");
    });
}
