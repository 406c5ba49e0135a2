//! Feeds that the configuration names get what it says now, at each start.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};
use tailwater::{
    config::{AtprotoExposure, Config, CouchdbExposure, FaunaExposure, Feed, StreamrExposure},
    serve,
};

use super::common::{
    Appliance, call, config,
    process::{Serving, tailwater},
};

fn atproto(nsid: &str) -> Option<AtprotoExposure> {
    Some(AtprotoExposure { nsid: nsid.to_owned(), ..AtprotoExposure::default() })
}

/// Feeds in the place of those that are there when none is named.
fn naming(feeds: impl Fn(&Config) -> Vec<Feed>) -> impl Fn(&mut Config) {
    move |config| config.feeds = feeds(config)
}

/// What of a log is about options, without its time.
fn told(log: &str) -> Vec<&str> {
    log.lines()
        .filter(|line| line.contains("options") || line.contains("asks for"))
        .map(|line| line[27..].trim_start())
        .collect()
}

#[test]
fn what_the_file_says_is_put_in_force_and_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tailwater.toml");
    let run = |feeds: &str| {
        let data = directory.path().join("log");
        fs::write(&file, format!("data = {data:?}\n[[listen]]\naddress = \"127.0.0.1:0\"\n{feeds}")).unwrap();
        let serving = Serving::start(tailwater().arg("serve").arg("--config").arg(&file));
        let base = format!("http://{}/v1/feeds/", serving.address);
        let describe = |feed: &str| call("GET", &format!("{base}{feed}"), None, "").1;
        // Somebody else's, of which the file says nothing.
        call("PUT", &format!("{base}other"), None, r#"{"durability":"os","retention":{}}"#);
        let (feed, other) = (describe("f"), describe("other"));
        serving.signal(Signal::TERM);
        let said = serving.said.clone();
        assert_eq!(serving.end().0, Some(0));
        assert_eq!((&other["durability"], &other["retention"]["age_ms"]), (&json!("os"), &Value::Null));
        (said, feed)
    };
    let first = "[[feed]]\nname = \"f\"\natproto.nsid = \"a.b.c\"\n";
    assert_eq!(told(&run(first).0), [""; 0]);
    let second =
        "[[feed]]\nname = \"f\"\ndurability = \"os\"\nretention.bytes = \"1GiB\"\nfirst_seq = 9\ncouchdb.db = \"d\"\n";
    let (said, feed) = run(second);
    let line = r#"INFO tailwater::appliance::changes: the feed has other options now feed="f" changes=dialects.atproto: {"nsid":"a.b.c","cursor_semantics":"inclusive","on_outdated":"info"} -> null; dialects.couchdb: null -> {"db":"d","sse":"couchdb"}; durability: "sync" -> "os"; retention.bytes: 68719476736 -> 1073741824"#;
    let warning = r#"WARN tailwater::appliance::configured: the configuration asks for what cannot be changed feed="f" error=first_seq is 1 since the feed was created; that cannot be changed: create another feed"#;
    assert_eq!(told(&said), [warning, line]);
    assert_eq!((&feed["durability"], &feed["retention"]["bytes"]), (&json!("os"), &json!(1_u64 << 30)));
    assert_eq!(
        (&feed["next_seq"], &feed["dialects"]),
        (&json!(1), &json!({ "couchdb": { "db": "d", "sse": "couchdb" } }))
    );
    // The same again says nothing of what is so already.
    assert_eq!(told(&run(second).0), [warning]);
    // What the feed does not say itself it takes from the whole.
    let (said, feed) = run(&format!("[storage]\nretention.age = \"1h\"\n{first}"));
    assert_eq!((told(&said).len(), &feed["retention"]["age_ms"]), (1, &json!(3_600_000)));
}

#[test]
fn a_feed_that_nobody_names_keeps_what_it_was_given() {
    let appliance = Appliance::start();
    let change = r#"{"retention":{"age_ms":5000},"dialects":{"atproto":{"nsid":"a.b.c"}}}"#;
    let (_, expected) = appliance.patch("/v1/feeds/repos", change);
    // The configuration has a feed of that name, because it names none.
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    assert_eq!(appliance.get("/v1/feeds/repos"), (200, expected.clone()));
    let named = naming(|config| vec![Feed { atproto: atproto("a.b.d"), ..Feed::named("repos", &config.storage) }]);
    let appliance = Appliance::start_in(appliance.stop(), named);
    let (_, feed) = appliance.get("/v1/feeds/repos");
    assert_ne!(feed["retention"], expected["retention"]);
    assert_eq!(feed["dialects"]["atproto"]["nsid"], "a.b.d");
}

#[test]
fn bindings_can_be_exchanged_but_not_shared() {
    let two = |first: &'static str, second: &'static str| {
        naming(move |config| {
            let feed = |name, nsid| Feed { atproto: atproto(nsid), ..Feed::named(name, &config.storage) };
            vec![feed("a", first), feed("b", second)]
        })
    };
    let appliance = Appliance::start_with(two("a.b.one", "a.b.two"));
    assert_eq!(appliance.publish("a", r#"{"kind":"put","body":1}"#).0, 200);
    assert_eq!(appliance.put("/v1/feeds/c", r#"{"dialects":{"atproto":{"nsid":"a.b.three"}}}"#).0, 201);
    let appliance = Appliance::start_in(appliance.stop(), two("a.b.two", "a.b.one"));
    let nsid = |feed: &str| appliance.get(&format!("/v1/feeds/{feed}")).1["dialects"]["atproto"]["nsid"].clone();
    assert_eq!([nsid("a"), nsid("b"), nsid("c")], ["a.b.two", "a.b.one", "a.b.three"]);
    assert_eq!(appliance.get("/v1/feeds/a").1["events"], 1);
    // What was created otherwise is not the file's to take away.
    let directory = appliance.stop();
    let mut wanted = config(directory.path());
    two("a.b.two", "a.b.three")(&mut wanted);
    let refused = std::thread::spawn(|| serve::start(wanted).map(drop)).join().unwrap();
    assert_eq!(refused.unwrap_err().to_string(), "the endpoint a.b.three is bound to the feed \"b\" already");
    let appliance = Appliance::start_in(directory, |config| config.feeds.clear());
    assert_eq!(appliance.get("/v1/feeds/b").1["dialects"]["atproto"]["nsid"], "a.b.one", "nothing was changed");
}

#[test]
fn a_stream_keeps_its_partitions_and_takes_the_rest() {
    let stream = |partitions, age_ms| {
        naming(move |config| {
            let mut feed = Feed::named("s", &config.storage);
            feed.retention.age_ms = Some(age_ms);
            let streamr = Some(StreamrExposure { partitions, ..StreamrExposure::whole("s") });
            vec![Feed { streamr, public: age_ms == 2_000, ..feed }]
        })
    };
    let appliance = Appliance::start_with(stream(2, 1_000));
    let appliance = Appliance::start_in(appliance.stop(), stream(3, 2_000));
    for (partition, name) in ["s", "s.1"].into_iter().enumerate() {
        let (_, feed) = appliance.get(&format!("/v1/feeds/{name}"));
        assert_eq!((&feed["retention"]["age_ms"], &feed["public"]), (&json!(2_000), &json!(true)), "{feed}");
        assert_eq!(feed["dialects"]["streamr"], json!({ "stream": "s", "partitions": 2, "partition": partition }));
    }
    assert_eq!(appliance.get("/v1/feeds/s.2").0, 404);
    // Neither does a further partition become a feed of its own because somebody names it.
    let before = appliance.get("/v1/feeds").1;
    let named = naming(|config| vec![Feed { public: false, ..Feed::named("s.1", &config.storage) }]);
    let appliance = Appliance::start_in(appliance.stop(), named);
    let after = appliance.get("/v1/feeds").1;
    assert_eq!(after["feeds"], before["feeds"]);
}

#[test]
fn databases_come_and_go_with_the_file() {
    let feed = |couchdb: Option<&'static str>, collection: Option<&'static str>| {
        naming(move |config| {
            let couchdb = couchdb.map(|db| CouchdbExposure { db: db.to_owned(), ..CouchdbExposure::default() });
            let fauna = collection
                .map(|collection| FaunaExposure { collection: collection.to_owned(), ..FaunaExposure::default() });
            vec![Feed { couchdb, fauna, ..Feed::named("f", &config.storage) }]
        })
    };
    let count = |appliance: &Appliance, collection: &str| {
        let query = json!({ "query": { "fql": [format!("{collection}.all().count()")] } }).to_string();
        call("POST", &appliance.url("/query/1"), None, query).1["data"].clone()
    };
    let appliance = Appliance::start_with(feed(None, Some("One")));
    assert_eq!(appliance.publish("f", r#"{"kind":"put","key":"k","body":{"n":1}}"#).0, 200);
    assert_eq!(count(&appliance, "One"), 1);
    let appliance = Appliance::start_in(appliance.stop(), feed(Some("d"), Some("Two")));
    assert_eq!((count(&appliance, "Two"), appliance.get("/d/k").1["n"].clone()), (json!(1), json!(1)));
    assert_eq!(count(&appliance, "One"), Value::Null, "there is no such collection");
    let appliance = Appliance::start_in(appliance.stop(), feed(None, None));
    assert_eq!((count(&appliance, "Two"), appliance.get("/d").0), (Value::Null, 404));
    let appliance = Appliance::start_in(appliance.stop(), feed(Some("e"), Some("One")));
    assert_eq!((count(&appliance, "One"), appliance.get("/e/k").1["n"].clone()), (json!(1), json!(1)));
}
