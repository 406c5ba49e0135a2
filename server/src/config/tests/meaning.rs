//! What right configurations mean.

use super::*;

#[test]
fn nothing_said_means_the_defaults() {
    let config = Config::load(LoadOptions::default()).expect("defaults are right");
    assert_eq!(config, Config::default());
    assert_eq!(good(""), config);
    assert_eq!(config.data, Path::new("./tailwater-data"));
    assert_eq!(
        config.listen,
        [Listen { address: ([127, 0, 0, 1], 7070).into(), dialects: Dialect::ALL.to_vec(), ..Listen::default() }]
    );
    assert_eq!(config.summary(), "1 listener, 6 feeds, 0 mirrors");
    let streams: Vec<_> = config.feeds.iter().map(|feed| (feed.name.as_str(), nsid(feed))).collect();
    assert_eq!(
        streams,
        [
            ("repos", "com.atproto.sync.subscribeRepos"),
            ("labels", "com.atproto.label.subscribeLabels"),
            ("messages", ""),
            ("blocks", ""),
            ("events", ""),
            ("documents", "")
        ]
    );
}

fn nsid(feed: &Feed) -> &str {
    feed.atproto.as_ref().map_or("", |exposure| &exposure.nsid)
}

/// The hash of some password.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn every_setting_arrives() {
    let config = good(
        r#"
        data = "/var/lib/tailwater"
        shards = 2
        cpus = "0-3,8"
        anonymous = true
        [[listen]]
        address = "0.0.0.0:7070"
        dialects = ["atproto"]
        [[listen]]
        address = "[::1]:0"
        [limits]
        connections_max = 1
        connections_per_address_max = 2
        limit_loopback = true
        header_bytes_max = "3KiB"
        header_timeout_ms = "4s"
        handshakes_max = 38
        request_body_bytes_max = "5MiB"
        body_timeout_ms = "37s"
        idle_timeout_ms = "6min"
        event_bytes_max = 7_000
        key_bytes_max = 8
        json_depth_max = 9
        feeds_max = 10
        replays_per_address_max = 11
        control_queue_bytes_max = "12KiB"
        [serve]
        send_bytes_max = "13KiB"
        socket_send_buffer_bytes = "14KiB"
        not_sent_low_water_bytes = "5KiB"
        ping_interval_ms = "16s"
        floor_rate_bytes_per_s = 17
        floor_window_ms = "18s"
        floor_lag_events = 19
        drain_timeout_ms = 20
        [storage]
        durability = { interval_ms = 21 }
        segment_bytes_max = "22MiB"
        frame_bytes_max = "2300MB"
        frame_idle_ms = "24s"
        disk_low_water_bytes = 0x19
        retention = { age = "26h", bytes = "27GiB" }
        [atproto]
        server_header_suffix = ""
        retry_after_ms = "28s"
        [streamr]
        subscriptions_max = 34
        [bigchaindb]
        advertised_url = "wss://chain.example:9985"
        filters_max = 35
        [couchdb]
        filters_max = 36
        filter_threads = 37
        filter_time_ms_max = 38
        filter_memory_bytes_max = "39MiB"
        secret = "0123456789abcdef"
        proxy_auth = true
        session_timeout_ms = "40s"
        cors_origins = ["https://app.example", "*"]
        auto_compact = true
        logins_waiting_max = 41
        [fauna]
        status_interval_ms = "42s"
        sources_max = 43
        http2_streams_max = 44
        [log]
        level = "trace"
        format = "json"
        [[user]]
        name = "bob"
        password_argon2 = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        roles = ["readers", "_admin"]
        [[user]]
        name = "eve"
        password_argon2 = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        [[key]]
        name = "gateway"
        secret_sha256 = "0102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F20"
        read = ["*"]
        write = ["a", "b"]
        [[key]]
        name = "operator"
        secret_sha256 = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        admin = true
        [[feed]]
        name = "a"
        public = true
        streamr = { stream = "a/stream", partitions = 3 }
        couchdb = { db = "a+b", sse = "asyncapi" }
        fauna = { database = "Shop/Test", collection = "Item" }
        [[feed]]
        name = "b"
        bigchaindb = true
        durability = "os"
        segment_bytes_max = "29MiB"
        first_seq = 30
        retention.age = "unlimited"
        [feed.atproto]
        nsid = "com.example.b"
        cursor_semantics = "exclusive"
        on_outdated = "fail"
        [[mirror]]
        feed = "a"
        url = "ws://r.example/xrpc/com.example.a"
        [[mirror]]
        feed = "b"
        url = "ws://r.example:81/xrpc/com.example.b"
        cursor = 31
        backoff_ms_min = "32ms"
        backoff_ms_max = "33ms"
        user_agent = "b/1"
        frame_bytes_max = 4_096
        "#,
    );
    let listen = |address: &str, dialects: &[Dialect]| Listen {
        address: address.parse().expect("an address"),
        dialects: dialects.to_vec(),
        tls: None,
    };
    let retention = Retention { age_ms: Some(26 * 3_600_000), bytes: Some(27 << 30) };
    let first = Feed {
        name: "a".to_owned(),
        retention,
        durability: Durability::Interval { interval_ms: 21 },
        segment_bytes_max: 22 << 20,
        first_seq: 1,
        public: true,
        atproto: None,
        streamr: Some(StreamrExposure { stream: "a/stream".to_owned(), partitions: 3, partition: 0 }),
        bigchaindb: false,
        couchdb: Some(CouchdbExposure { db: "a+b".to_owned(), sse: SseWording::Asyncapi }),
        fauna: Some(FaunaExposure { database: "Shop/Test".to_owned(), collection: "Item".to_owned() }),
        named: true,
    };
    let second = Feed {
        name: "b".to_owned(),
        retention: Retention { age_ms: None, ..retention },
        durability: Durability::Os,
        segment_bytes_max: 29 << 20,
        first_seq: 30,
        atproto: Some(AtprotoExposure {
            nsid: "com.example.b".to_owned(),
            cursor_semantics: CursorSemantics::Exclusive,
            on_outdated: OnOutdated::Fail,
        }),
        public: false,
        streamr: None,
        bigchaindb: true,
        couchdb: None,
        fauna: None,
        named: true,
    };
    let upstream =
        |port, target: &str| Upstream { tls: false, host: "r.example".to_owned(), port, target: target.to_owned() };
    let expected = Config {
        data: "/var/lib/tailwater".into(),
        shards: Some(2),
        cpus: Some("0-3,8".parse().expect("a list")),
        anonymous: true,
        listen: vec![listen("0.0.0.0:7070", &[Dialect::Atproto]), listen("[::1]:0", &Dialect::ALL)],
        limits: Limits {
            connections_max: 1,
            connections_per_address_max: 2,
            limit_loopback: true,
            header_bytes_max: 3 << 10,
            header_timeout_ms: 4_000,
            handshakes_max: 38,
            request_body_bytes_max: 5 << 20,
            body_timeout_ms: 37_000,
            idle_timeout_ms: 360_000,
            event_bytes_max: 7_000,
            key_bytes_max: 8,
            json_depth_max: 9,
            feeds_max: 10,
            replays_per_address_max: 11,
            control_queue_bytes_max: 12 << 10,
        },
        serve: Serve {
            send_bytes_max: 13 << 10,
            socket_send_buffer_bytes: 14 << 10,
            not_sent_low_water_bytes: 5 << 10,
            ping_interval_ms: 16_000,
            floor_rate_bytes_per_s: 17,
            floor_window_ms: 18_000,
            floor_lag_events: 19,
            drain_timeout_ms: 20,
        },
        storage: Storage {
            durability: Durability::Interval { interval_ms: 21 },
            segment_bytes_max: 22 << 20,
            frame_bytes_max: 2_300_000_000,
            frame_idle_ms: 24_000,
            disk_low_water_bytes: 25,
            retention,
        },
        atproto: Atproto { server_header_suffix: String::new(), retry_after_ms: 28_000 },
        streamr: Streamr { subscriptions_max: 34 },
        bigchaindb: Bigchaindb { advertised_url: Some("wss://chain.example:9985".to_owned()), filters_max: 35 },
        couchdb: Couchdb {
            filters_max: 36,
            filter_threads: 37,
            filter_time_ms_max: 38,
            filter_memory_bytes_max: 39 << 20,
            secret: Some("0123456789abcdef".to_owned()),
            proxy_auth: true,
            session_timeout_ms: 40_000,
            cors_origins: vec!["https://app.example".to_owned(), "*".to_owned()],
            auto_compact: true,
            logins_waiting_max: 41,
        },
        fauna: Fauna { status_interval_ms: 42_000, sources_max: 43, http2_streams_max: 44 },
        keys: vec![
            Key {
                name: "gateway".to_owned(),
                secret_sha256: Some(std::array::from_fn(|at| at as u8 + 1)),
                read: vec!["*".to_owned()],
                write: vec!["a".to_owned(), "b".to_owned()],
                admin: false,
            },
            Key { name: "operator".to_owned(), secret_sha256: Some([0xff; 32]), admin: true, ..Key::default() },
        ],
        users: vec![
            User {
                name: "bob".to_owned(),
                password_argon2: HASH.to_owned(),
                roles: vec!["readers".to_owned(), "_admin".to_owned()],
            },
            User { name: "eve".to_owned(), password_argon2: HASH.to_owned(), roles: Vec::new() },
        ],
        feeds: vec![first, second],
        mirrors: vec![
            Mirror {
                feed: "a".to_owned(),
                upstream: upstream(80, "/xrpc/com.example.a"),
                start: MirrorStart::Live,
                backoff_ms_min: 500,
                backoff_ms_max: 30_000,
                user_agent: None,
                frame_bytes_max: 7_000,
                ca_file: None,
            },
            Mirror {
                feed: "b".to_owned(),
                upstream: upstream(81, "/xrpc/com.example.b"),
                start: MirrorStart::At(31),
                backoff_ms_min: 32,
                backoff_ms_max: 33,
                user_agent: Some("b/1".to_owned()),
                frame_bytes_max: 4_096,
                ca_file: None,
            },
        ],
        log: Log { level: LogLevel::Trace, format: LogFormat::Json },
    };
    assert_eq!(config, expected);
    assert_eq!(config.summary(), "2 listeners, 2 feeds, 2 mirrors");
}

#[test]
fn defaults_follow_what_is_written() {
    let config = good("serve.socket_send_buffer_bytes = \"64KiB\"\nlimits.request_body_bytes_max = \"1MiB\"");
    assert_eq!(config.serve.not_sent_low_water_bytes, 64 << 10);
    assert_eq!(config.limits.event_bytes_max, 1 << 20);

    let config =
        good("[[feed]]\nname = \"a\"\nretention.bytes = \"10MiB\"\n[[feed]]\nname = \"b\"\nretention.bytes = \"1MiB\"");
    let segments: Vec<_> = config.feeds.iter().map(|feed| feed.segment_bytes_max).collect();
    assert_eq!(segments, [10 << 18, 1 << 20], "a quarter of the retention, at least 1 MiB");

    let config = good("storage.retention.bytes = \"100MiB\"");
    assert_eq!(config.storage.segment_bytes_max, 25 << 20);
    assert_eq!(config.feeds[0].segment_bytes_max, 25 << 20);
}

#[test]
fn no_feeds_can_be_asked_for() {
    assert_eq!(good("feed = []").feeds, []);
}

#[test]
fn certificates_may_be_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, "").expect("the file can be written");
    let config = good(&format!(
        "[[mirror]]\nfeed = \"repos\"\nurl = \"wss://r.example/x\"\nca_file = {:?}",
        file.display().to_string()
    ));
    assert_eq!(config.mirrors[0].ca_file.as_deref(), Some(file.as_path()));
}

#[test]
fn shards_get_processors() {
    let allowed: CpuList = "0-3".parse().expect("a list");
    for (toml, expected) in [
        ("", Ok(vec![0, 1, 2, 3])),
        ("shards = 2", Ok(vec![0, 1])),
        ("shards = 6", Ok(vec![0, 1, 2, 3, 0, 1])),
        ("cpus = \"2,3\"", Ok(vec![2, 3])),
        ("cpus = \"2,3\"\nshards = 1", Ok(vec![2])),
        ("cpus = \"2,4\"", Err(CpuNotAllowed { cpu: 4, allowed: allowed.clone() })),
    ] {
        assert_eq!(good(toml).shard_cpus(&allowed), expected, "{toml}");
    }
}
