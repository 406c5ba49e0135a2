//! The exact lines about what is wrong in a file.

use super::*;

/// Each file with the lines it earns.
#[track_caller]
fn check(table: &[(&str, &[&str])]) {
    for (toml, expected) in table {
        let mistakes = load(toml, &[], Flags::default()).map_or_else(|mistakes| mistakes, |_| String::new());
        assert_eq!(mistakes, expected.join("\n"), "\n--- the file:\n{toml}\n---");
    }
}

#[test]
fn keys() {
    check(&[
        ("adta = \"x\"", &["FILE:1:1: adta: unknown key; did you mean data?"]),
        ("connections_max = 4", &["FILE:1:1: connections_max: unknown key; it belongs in [limits]"]),
        ("[limits]\nping_interval_ms = 3", &["FILE:2:1: limits.ping_interval_ms: unknown key; it belongs in [serve]"]),
        (
            "[limits]\nanonymous = true",
            &["FILE:2:1: limits.anonymous: unknown key; it belongs at the top of the file, before the first table"],
        ),
        (
            "[feeds]\n[[mirrors]]",
            &[
                "FILE:1:2: feeds: unknown key; did you mean feed?",
                "FILE:2:3: mirrors: unknown key; did you mean mirror?",
            ],
        ),
        (
            "zebra = 1",
            &[
                "FILE:1:1: zebra: unknown key; known here are anonymous, atproto, bigchaindb, couchdb, cpus, data, fauna, feed, key, limits, listen, \
                 log, mirror, serve, shards, storage, streamr and user",
            ],
        ),
        (
            "[[feed]]\nname = \"x\"\nnsid = \"com.example.x\"\nage = \"3h\"\nfeeds_max = 3",
            &[
                "FILE:3:1: feed[0].nsid: unknown key; write it as atproto.nsid",
                "FILE:4:1: feed[0].age: unknown key; write it as retention.age",
                "FILE:5:1: feed[0].feeds_max: unknown key; it belongs in [limits]",
            ],
        ),
        (
            "limits = 3",
            &["FILE:1:10: limits: expected a table, found the number 3; it holds body_timeout_ms, connections_max, \
            connections_per_address_max, control_queue_bytes_max, event_bytes_max, feeds_max, handshakes_max, header_bytes_max, \
            header_timeout_ms, idle_timeout_ms, json_depth_max, key_bytes_max, limit_loopback, \
            replays_per_address_max and request_body_bytes_max"],
        ),
        (
            "[listen]\naddress = \"127.0.0.1:1\"",
            &["FILE:1:1: listen: expected tables, found a table; begin each one with [[listen]]"],
        ),
        (
            "listen = []",
            &["FILE:1:10: listen: there is no listener; add a [[listen]], or leave it out for the default"],
        ),
        (
            "listen = [3]\nfeed = 4",
            &[
                "FILE:1:11: listen[0]: expected tables, found the number 3; begin each one with [[listen]]",
                "FILE:2:8: feed: expected tables, found the number 4; begin each one with [[feed]]",
            ],
        ),
        (
            "[[listen]]\n[[feed]]\n[[feed]]\nname = \"x\"\n[feed.atproto]\n[[mirror]]",
            &[
                "FILE:1:1: listen[0].address: is missing; add address to this table",
                "FILE:2:1: feed[0].name: is missing; add name to this table",
                "FILE:3:1: feed[1].atproto.nsid: is missing; add atproto.nsid to this table",
                "FILE:6:1: mirror[0].feed: is missing; add feed to this table",
                "FILE:6:1: mirror[0].url: is missing; add url to this table",
            ],
        ),
    ]);
}

#[test]
fn values() {
    check(&[
        ("data = 5", &["FILE:1:8: data: expected a text, found the number 5; put it in quotes"]),
        ("data = \"\"", &["FILE:1:8: data: is empty; give a value, or leave the setting out"]),
        ("data = 2026-01-01", &["FILE:1:8: data: expected a text, found a date; put it in quotes"]),
        (
            "anonymous = \"true\"",
            &[
                "FILE:1:13: anonymous: expected true or false, found the text \"true\"; give true or false, without quotes",
            ],
        ),
        ("shards = 0", &["FILE:1:10: shards: 0 is out of range; give a value from 1 to 1024"]),
        (
            "cpus = \"3-1\"",
            &["FILE:1:8: cpus: the range \"3-1\" ends before it starts; give processors and ranges, such as \"0-3,8\""],
        ),
        (
            "log.level = \"verbose\"\nlog.format = \"jsno\"",
            &[
                "FILE:1:13: log.level: \"verbose\" is no log level; known are off, error, warn, info, debug and trace",
                "FILE:2:14: log.format: \"jsno\" is no log format; did you mean json?",
            ],
        ),
        (
            "atproto.server_header_suffix = \"\\r\\n\"",
            &[
                "FILE:1:32: atproto.server_header_suffix: \"\\r\\n\" cannot stand in a header; use at most 256 printable \
             ASCII characters without space at the ends",
            ],
        ),
    ]);
}

#[test]
fn numbers() {
    check(&[(
        r#"[limits]
connections_max = "many"
header_bytes_max = "64M"
header_timeout_ms = "10 parsecs"
idle_timeout_ms = 1.5
event_bytes_max = "10MB"
json_depth_max = -1
feeds_max = 99999999999999999999
"#,
        &[
            "FILE:2:19: limits.connections_max: expected a whole number, found the text \"many\"; give digits only",
            "FILE:3:20: limits.header_bytes_max: expected a size, found the text \"64M\"; say which: \"64MB\" (thousands) \
             or \"64MiB\" (1024s)",
            "FILE:4:21: limits.header_timeout_ms: expected a duration, found the text \"10 parsecs\"; give milliseconds, \
             or a text such as \"500ms\", \"30s\" or \"24h\"",
            "FILE:5:19: limits.idle_timeout_ms: expected a duration, found the number 1.5; give milliseconds, or a text \
             such as \"500ms\", \"30s\" or \"24h\"",
            "FILE:6:19: limits.event_bytes_max: 10MB is out of range; give a value from 1B to 5MB",
            "FILE:7:18: limits.json_depth_max: -1 is out of range; give a value from 1 to 128",
            "FILE:8:13: limits.feeds_max: 99999999999999999999 is out of range; give a value from 1 to 1000000",
        ],
    )]);
}

#[test]
fn durability_and_retention() {
    check(&[
        (
            "[storage]\ndurability = \"fast\"\nretention = \"72h\"",
            &[
                "FILE:2:14: storage.durability: \"fast\" is no durability; give \"sync\", \"os\" or { interval_ms = \
             MILLISECONDS }",
                "FILE:3:13: storage.retention: expected a table, found the text \"72h\"; it holds age and bytes",
            ],
        ),
        (
            "[storage]\ndurability = { interval_ms = 0 }\nretention = { age = 72, bytes = \"64\", size = 3 }",
            &[
                "FILE:2:30: storage.durability.interval_ms: 0 is out of range; give a value from 1ms to 1h",
                "FILE:3:21: storage.retention.age: expected a duration with its unit, found the number 72; give a text such \
             as \"30s\", \"90min\", \"24h\" or \"7d\", or \"unlimited\"",
                "FILE:3:33: storage.retention.bytes: 64B is out of range; give a value from 1MiB to 1024TiB, or \"unlimited\"",
                "FILE:3:39: storage.retention.size: unknown key; known here are age and bytes",
            ],
        ),
    ]);
}

#[test]
fn listeners() {
    check(&[
        (
            "[[listen]]\naddress = \"localhost:80\"\n[[listen]]\naddress = \"127.0.0.1\"",
            &[
                "FILE:2:11: listen[0].address: \"localhost:80\" is no address with a port; write \"127.0.0.1:80\" or \
             \"[::1]:80\"",
                "FILE:4:11: listen[1].address: \"127.0.0.1\" is no address with a port; give an IP address and a port, such \
             as \"127.0.0.1:7070\" or \"[::1]:7070\"",
            ],
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\ndialects = [\"native\", \"gopher\", \"atprot\", \"native\", 3]",
            &[
                "FILE:3:23: listen[0].dialects: \"gopher\" is no dialect; known are native, atproto, streamr, bigchaindb, couchdb \
             and fauna",
                "FILE:3:33: listen[0].dialects: \"atprot\" is no dialect; did you mean atproto?",
                "FILE:3:43: listen[0].dialects: \"native\" is listed twice; name each dialect once",
                "FILE:3:53: listen[0].dialects: expected a text, found the number 3; put it in quotes",
            ],
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\ndialects = []\n[[listen]]\naddress = \"127.0.0.1:2\"\ndialects = 1",
            &[
                "FILE:3:12: listen[0].dialects: is an empty list; name at least one, or leave the setting out for all",
                "FILE:6:12: listen[1].dialects: expected a list, found the number 1; put it in brackets, such as [\"native\"]",
            ],
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\n[[listen]]\naddress = \"127.0.0.1:1\"",
            &[
                "FILE:4:11: listen[1].address: 127.0.0.1:1 is listened on twice; use one [[listen]] with all its dialects, \
             or another port",
            ],
        ),
    ]);
    good("[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen]]\naddress = \"127.0.0.1:0\"");
}

#[test]
fn feeds() {
    check(&[
        (
            "[[feed]]\nname = \"a/b\"\nfirst_seq = 0\natproto = { nsid = \"foo\", cursor_semantics = \"x\" }",
            &[
                "FILE:2:8: feed[0].name: \"a/b\" is no feed name; use 1 to 128 letters, digits, '.', '_' and '-', a letter \
             or digit first",
                "FILE:3:13: feed[0].first_seq: 0 is out of range; give a value from 1 to 9007199254740991",
                "FILE:4:20: feed[0].atproto.nsid: \"foo\" is no NSID; give a reversed domain and a name, such as \
             com.atproto.sync.subscribeRepos",
                "FILE:4:46: feed[0].atproto.cursor_semantics: \"x\" is no cursor semantics; known are inclusive and exclusive",
            ],
        ),
        (
            "[[feed]]\nname = \"x\"\natproto.nsid = \"com.example.x\"\n[[feed]]\nname = \"x\"\natproto.nsid = \"com.example.x\"",
            &[
                "FILE:5:8: feed[1].name: the feed \"x\" is configured twice; give it another name",
                "FILE:6:16: feed[1].atproto.nsid: com.example.x is already the stream of the feed \"x\"; bind each NSID to \
             one feed",
            ],
        ),
        (
            "[[feed]]\nname = \"x\"\nretention.bytes = \"10MiB\"\nsegment_bytes_max = \"64MiB\"",
            &["FILE:3:19: feed[0].retention.bytes: 10MiB is less than one segment of 64MiB, and whole segments are \
             dropped; raise feed[0].retention.bytes or lower feed[0].segment_bytes_max"],
        ),
        (
            "[[feed]]\nname = \"x\"\ncouchdb.db = \"a\"\n[[feed]]\nname = \"y\"\ncouchdb.db = \"a\"\n[[feed]]\nname = \"z\"\ncouchdb = { db = \"A\", sse = \"x\" }",
            &[
                "FILE:6:14: feed[1].couchdb.db: \"a\" is already the database of the feed \"x\"; bind each database to one feed",
                "FILE:9:18: feed[2].couchdb.db: \"A\" is no name of a database; begin with a letter and use lower-case letters, \
             digits and _$()+-/, at most 238 characters",
                "FILE:9:29: feed[2].couchdb.sse: \"x\" is no wording of server-sent events; known are couchdb and asyncapi",
            ],
        ),
        (
            "limits.feeds_max = 1",
            &["FILE:1:20: limits.feeds_max: 6 feeds are configured, but 1 are allowed; raise limits.feeds_max"],
        ),
    ]);
}

#[test]
fn certificates() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str, pem: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, pem).expect("the file can be written");
        path.display().to_string()
    };
    let key = || rcgen::KeyPair::generate().expect("a key");
    let (own, other) = (key(), key());
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = file("certificate", &params.self_signed(&own).expect("a certificate").pem());
    let (own, other, none) =
        (file("key", &own.serialize_pem()), file("other", &other.serialize_pem()), file("no", "x"));
    let table = [
        (&certificate, "/nowhere", "4", "key: /nowhere cannot be read (No such file or directory (os error 2)); name a file that this user may read".to_owned()),
        (&none, &*own, "3", format!("certificate: {none} holds no usable certificate (there is no CERTIFICATE in PEM in it); give a file of PEM certificates, the server's own first")),
        (&certificate, &*none, "4", format!("key: {none} holds no usable private key (there is no private key in PEM in it that can be read); give a file with one private key in PEM, not encrypted: PKCS#8, RSA or EC")),
        (&certificate, &*other, "4", format!("key: the key in {other} is not that of the first certificate in {certificate}; name the key that the certificate was made for, and put the server's certificate first")),
    ];
    let listen = |certificate: &str, key: &str| {
        format!("[[listen]]\naddress = \"127.0.0.1:1\"\ntls.certificate = {certificate:?}\ntls.key = {key:?}")
    };
    for (certificate, key, line, expected) in table {
        let mistakes = load(&listen(certificate, key), &[], Flags::default()).expect_err(&expected);
        let column = if line == "3" { 19 } else { 11 };
        assert_eq!(mistakes, format!("FILE:{line}:{column}: listen[0].tls.{expected}"));
    }
    let pair = CertificatePair { certificate: certificate.clone().into(), key: own.clone().into() };
    assert_eq!(good(&listen(&certificate, &own)).listen[0].tls, Some(pair));
    check(&[
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\ntls = { certificate = \"x\" }",
            &["FILE:1:1: listen[0].tls.key: is missing; add tls.key to this table"],
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\ntls = true",
            &["FILE:3:7: listen[0].tls: expected a table, found true; it holds certificate and key"],
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\ntls = { cert = \"x\", key = \"\" }",
            &[
                "FILE:1:1: listen[0].tls.certificate: is missing; add tls.certificate to this table",
                "FILE:3:9: listen[0].tls.cert: unknown key; known here are certificate and key",
                "FILE:3:27: listen[0].tls.key: is empty; give a value, or leave the setting out",
            ],
        ),
    ]);
}

#[test]
fn mirrors() {
    // Settings of one mirror, and the line they earn after its place in the file's only line.
    let table: &[(&str, &str)] = &[
        ("feed = \"repo\"", "20: mirror[0].feed: no feed \"repo\" is configured; did you mean repos?"),
        ("feed = \"y\"", "20: mirror[0].feed: no feed \"y\" is configured; add a [[feed]] with name = \"y\""),
        (
            "cursor = \"now\"",
            "22: mirror[0].cursor: the text \"now\" is no start; give \"live\", 0 for the oldest event, or a cursor \
             without quotes",
        ),
        ("cursor = -1", "22: mirror[0].cursor: -1 is out of range; give a value from 0 to 9007199254740991"),
        (
            "url = \"https://r.example/x\"",
            "19: mirror[0].url: a stream is followed over ws:// or wss://; write \"wss://r.example/x\"",
        ),
        (
            "url = \"ws://127.0.0.1:7070/xrpc/com.example.x\"",
            "19: mirror[0].url: 127.0.0.1:7070 is this appliance's own listener; give the address of the upstream",
        ),
        (
            "backoff_ms_min = \"1h\"",
            "30: mirror[0].backoff_ms_min: the shortest pause of 1h is longer than the longest of 30s; lower \
             backoff_ms_min or raise backoff_ms_max",
        ),
        (
            "ca_file = \"/nowhere/ca.pem\"",
            "23: mirror[0].ca_file: /nowhere/ca.pem cannot be read (No such file or directory (os error 2)); give a \
             file of PEM certificates",
        ),
        (
            "ca_file = \"/dev/null\", url = \"ws://r.example/x\"",
            "23: mirror[0].ca_file: certificates are given for a ws:// address, which has none; leave ca_file out, or \
             follow a wss:// address",
        ),
        (
            "user_agent = \"é\"",
            "26: mirror[0].user_agent: \"é\" cannot stand in a header; use at most 256 printable ASCII \
            characters without space at the ends",
        ),
        (
            "frame_bytes_max = \"6MB\"",
            "31: mirror[0].frame_bytes_max: 6MB is out of range; give a value from 1KiB to 5MB",
        ),
    ];
    for (lines, expected) in table {
        let others = [("feed", "feed = \"repos\""), ("url", "url = \"wss://r.example/x\"")];
        let others = others.into_iter().filter(|(key, _)| !lines.contains(key)).map(|(_, line)| line);
        let settings: Vec<_> = std::iter::once(*lines).chain(others).collect();
        let toml = format!("mirror = [{{ {} }}]", settings.join(", "));
        let mistakes = load(&toml, &[], Flags::default()).expect_err(lines);
        assert_eq!(mistakes, format!("FILE:1:{expected}"), "{toml}");
    }
}

#[test]
fn mirrors_among_themselves_and_with_limits() {
    check(&[
        (
            "[[mirror]]\nfeed = \"repos\"\nurl = \"wss://a.example/x\"\n[[mirror]]\nfeed = \"repos\"\nurl = \"wss://b.example/x\"",
            &[
                "FILE:5:8: mirror[1].feed: another mirror already fills the feed \"repos\", and two upstreams do not share one \
               order; give each mirror a feed of its own",
            ],
        ),
        (
            "limits.event_bytes_max = \"1MB\"\n[[mirror]]\nfeed = \"repos\"\nurl = \"wss://a.example/x\"\nframe_bytes_max = \"2MB\"",
            &[
                "FILE:5:19: mirror[0].frame_bytes_max: frames of 2MB are accepted, but events of 1MB at most are stored; lower \
               it or raise limits.event_bytes_max",
            ],
        ),
    ]);
}

#[test]
fn settings_against_each_other() {
    check(&[
        (
            "shards = 3\ncpus = \"0-1\"",
            &[
                "FILE:1:10: shards: 3 shards do not fit on 2 processors (0-1); each has one to itself; lower shards or name \
             more processors in cpus",
            ],
        ),
        (
            "[limits]\nevent_bytes_max = \"1MB\"\nrequest_body_bytes_max = \"1KiB\"",
            &[
                "FILE:2:19: limits.event_bytes_max: an event may have 1MB but the request that publishes it only 1KiB; lower \
             limits.event_bytes_max or raise limits.request_body_bytes_max",
            ],
        ),
        (
            "[serve]\nsocket_send_buffer_bytes = \"64KiB\"\nnot_sent_low_water_bytes = \"65KiB\"",
            &[
                "FILE:3:28: serve.not_sent_low_water_bytes: a low-water mark of 65KiB lies above the send buffer of 64KiB; \
             lower serve.not_sent_low_water_bytes or raise serve.socket_send_buffer_bytes",
            ],
        ),
        (
            "[storage]\nframe_bytes_max = \"64MiB\"",
            &["FILE:2:19: storage.frame_bytes_max: 64MiB of frame logs do not hold 2 segments of 64MiB; raise \
             storage.frame_bytes_max or lower storage.segment_bytes_max"],
        ),
        (
            "[storage]\nsegment_bytes_max = \"64MiB\"\nretention.bytes = \"1MiB\"",
            &[
                "FILE:3:19: storage.retention.bytes: 1MiB is less than one segment of 64MiB, and whole segments are dropped; \
             raise storage.retention.bytes or lower storage.segment_bytes_max",
            ],
        ),
    ]);
}

#[test]
fn broken_syntax_hides_nothing_else() {
    check(&[
        (
            "a = \nb = 3\n[limits]\nconnections_max = 0\n[[mirror]]",
            &[
                "FILE:1:5: not TOML: string values must be quoted, expected literal string; correct the syntax of this line",
                "FILE:2:1: b: unknown key; known here are anonymous, atproto, bigchaindb, couchdb, cpus, data, fauna, feed, key, limits, listen, \
                 log, mirror, serve, shards, storage, streamr and user",
                "FILE:4:19: limits.connections_max: 0 is out of range; give a value from 1 to 1000000",
            ],
        ),
        ("shards = 1\nshards = 2", &["FILE:2:1: not TOML: duplicate key; correct the syntax of this line"]),
        (
            "data = \"é\" é",
            &["FILE:1:12: not TOML: unexpected key or value, expected newline, `#`; correct the syntax of this line"],
        ),
    ]);
}

#[test]
fn no_text_panics() {
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "[limits]",
        "[[feed]]",
        "[feed.atproto]",
        "[[listen]]",
        "[[mirror]]",
        "=",
        "\n",
        "\"x\"",
        "feeds_max",
        "1",
        "-1",
        "{",
        "}",
        "[",
        "]",
        ",",
        "name",
        ".",
        "é",
        "dialects",
        "url",
        "retention",
        "true",
        "1.5",
        "'",
        "#",
        "durability",
    ]);
    proptest!(|(words in prop::collection::vec(pieces, 0..40))| {
        let _ = load(&words.join(" "), &[], Flags::default());
    });
}
