//! Defaults below file below environment below flags.

use super::*;

#[test]
fn each_layer_overrides_the_one_below() {
    let toml = "data = \"file\"\nshards = 1\ncpus = \"1\"\nlog.level = \"error\"\n[limits]\nfeeds_max = 20\njson_depth_max = 20\n\
                [[listen]]\naddress = \"127.0.0.1:1\"\n[[listen]]\naddress = \"127.0.0.1:2\"";
    let environment = [
        ("TAILWATER_CPUS", "0-3"),
        ("TAILWATER_SHARDS", "2"),
        ("TAILWATER_DATA", "environment"),
        ("TAILWATER_LIMITS__FEEDS_MAX", "30"),
        ("TAILWATER_LISTEN", "127.0.0.1:3, [::1]:4"),
        ("TAILWATER_STORAGE__RETENTION__AGE", "1h"),
        ("TAILWATER_STORAGE__DURABILITY__INTERVAL_MS", "5"),
        ("TAILWATER_LOG", "debug"),
        ("TAILWATER_SHARED", "/somewhere"),
        ("PATH", "/bin"),
    ];
    let flags = Flags {
        data: Some("flag".to_owned()),
        listen: vec!["127.0.0.1:5".to_owned()],
        shards: Some("3".to_owned()),
        ..Flags::default()
    };
    let config = load(toml, &environment, flags).expect("all is right");
    assert_eq!(config.data, Path::new("flag"));
    assert_eq!(config.shards, Some(3));
    assert_eq!(config.cpus.expect("a list").to_string(), "0-3");
    assert_eq!(config.limits.feeds_max, 30);
    assert_eq!(config.limits.json_depth_max, 20);
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.listen.len(), 1);
    assert_eq!(config.listen[0].address.port(), 5);
    assert_eq!(config.feeds[0].retention.age_ms, Some(3_600_000), "feeds inherit from every layer");
    assert_eq!(config.feeds[0].durability, Durability::Interval { interval_ms: 5 });

    let config = load(toml, &environment, Flags::default()).expect("all is right");
    let ports: Vec<_> = config.listen.iter().map(|listen| listen.address.port()).collect();
    assert_eq!(ports, [3, 4]);
}

#[test]
fn mistakes_above_the_file_name_the_variable_or_the_flag() {
    let environment = [
        ("TAILWATER_ANONYMOUS", "yes"),
        ("TAILWATER_CPUS", "3-1"),
        ("TAILWATER_DATA", ""),
        ("TAILWATER_FOO", "1"),
        ("TAILWATER_LIMITS_FEEDS_MAX", "3"),
        ("TAILWATER_LIMITS__KEY_BYTES_MAX", "2KiB"),
        ("TAILWATER_LISTEN", "1.2.3.4:5,foo"),
        ("TAILWATER_LOG", "loud"),
        ("TAILWATER_SHARDS", "x"),
    ];
    let flags = Flags {
        shards: Some("0".to_owned()),
        listen: vec!["127.0.0.1:99999".to_owned()],
        log: Some("infos".to_owned()),
        ..Flags::default()
    };
    let mistakes = load("shards = true", &environment, flags).expect_err("much is wrong");
    assert_eq!(
        mistakes,
        r#"FILE:1:10: shards: expected a whole number, found true; give digits only
environment: TAILWATER_ANONYMOUS: expected true or false, found the text "yes"; give true or false, without quotes
environment: TAILWATER_CPUS: the range "3-1" ends before it starts; give processors and ranges, such as "0-3,8"
environment: TAILWATER_DATA: is empty; give a value, or leave the setting out
environment: TAILWATER_FOO: unknown variable; unset it; a setting's variable is TAILWATER_ and its key, such as TAILWATER_LIMITS__FEEDS_MAX
environment: TAILWATER_LIMITS_FEEDS_MAX: unknown variable; did you mean TAILWATER_LIMITS__FEEDS_MAX?
environment: TAILWATER_LIMITS__KEY_BYTES_MAX: 2KiB is out of range; give a value from 1B to 1KiB
environment: TAILWATER_LISTEN: "foo" is no address with a port; give an IP address and a port, such as "127.0.0.1:7070" or "[::1]:7070"
environment: TAILWATER_LOG: "loud" is no log level; known are off, error, warn, info, debug and trace
environment: TAILWATER_SHARDS: expected a whole number, found the text "x"; give digits only
command line: --listen: "127.0.0.1:99999" is no address with a port; give an IP address and a port, such as "127.0.0.1:7070" or "[::1]:7070"
command line: --log: "infos" is no log level; did you mean info?
command line: --shards: 0 is out of range; give a value from 1 to 1024"#
    );
}

#[test]
fn a_listener_beyond_loopback_is_refused_wherever_it_was_named() {
    let refused = |place: &str, address: &str, port: &str| {
        format!(
            "{place}: {address} can be reached from other machines, and everybody who reaches it may read, publish and \
             delete without saying who they are; refused until there is a [[key]] or `anonymous = true` is set; bind a loopback address such \
             as 127.0.0.1:{port}, add a [[key]], or set `anonymous = true` to open it to everybody"
        )
    };
    let flags = |address: &str| Flags { listen: vec![address.to_owned()], ..Flags::default() };
    for (toml, environment, flags, expected) in [
        (
            "[[listen]]\naddress = \"0.0.0.0:7\"",
            vec![],
            Flags::default(),
            refused("FILE:2:11: listen[0].address", "0.0.0.0:7", "7"),
        ),
        (
            "",
            vec![("TAILWATER_LISTEN", "[::]:8")],
            Flags::default(),
            refused("environment: TAILWATER_LISTEN", "[::]:8", "8"),
        ),
        ("", vec![], flags("192.0.2.1:9"), refused("command line: --listen", "192.0.2.1:9", "9")),
    ] {
        assert_eq!(load(toml, &environment, flags.clone()), Err(expected));
        let open = [environment, vec![("TAILWATER_ANONYMOUS", "true")]].concat();
        assert!(load(toml, &open, flags).is_ok(), "open to everybody, as somebody said");
    }
    for loopback in ["127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(load("", &[], flags(loopback)).is_ok(), "{loopback}");
    }
}

#[test]
fn the_environment_names_a_file_until_a_flag_does() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).expect("the file can be written");
        file
    };
    let (named, flagged) = (write("named.toml", "shards = 7"), write("flagged.toml", "shards = 8"));
    let environment = vec![("TAILWATER_CONFIG".to_owned(), named.display().to_string())];
    let load = |file| Config::load(LoadOptions { file, environment: environment.clone(), ..LoadOptions::default() });
    assert_eq!(load(None).expect("right").shards, Some(7));
    assert_eq!(load(Some(flagged)).expect("right").shards, Some(8));
}

#[test]
fn a_file_that_is_not_there_is_a_mistake() {
    let options = LoadOptions { file: Some("/nowhere/tailwater.toml".into()), ..LoadOptions::default() };
    assert_eq!(
        Config::load(options).expect_err("no file").to_string(),
        "/nowhere/tailwater.toml: cannot be read (No such file or directory (os error 2)); name an existing \
         configuration file"
    );
}
