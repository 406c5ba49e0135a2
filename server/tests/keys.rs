//! Keys: who may read, publish and administer what, in every dialect, with keys and without.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{
    Appliance, REPOS,
    frames::{client_frame, server_frame, upgrade},
    process::{Serving, refusal, said, tailwater},
    raw::{Answer, Connection},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tailwater::config::{AtprotoExposure, Config, Feed, Key, StreamrExposure};

/// The endpoint of the public feed.
const OPEN: &str = "com.example.open";

const LINE: &str = r##"{"kind":"#x","body":{"a":1}}"##;

fn key(secret: &str, read: &[&str], write: &[&str], admin: bool) -> Key {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let secret_sha256 = Some(Sha256::digest(secret).into());
    Key { name: format!("key {secret}"), secret_sha256, read: names(read), write: names(write), admin }
}

/// Two private feeds and a public one, each of them at home in all dialects; and keys that open one thing each.
fn with_keys(config: &mut Config) {
    let feed = |name: &str, nsid: &str, partitions| Feed {
        public: name == "open",
        atproto: Some(AtprotoExposure { nsid: nsid.to_owned(), ..AtprotoExposure::default() }),
        streamr: Some(StreamrExposure { partitions, ..StreamrExposure::whole(name) }),
        ..Feed::named(name, &config.storage)
    };
    config.feeds = vec![feed("repos", REPOS, 1), feed("open", OPEN, 1)];
    config.feeds.push(Feed { atproto: None, ..feed("parts", "", 3) });
    config.keys = vec![
        key("reads", &["repos", "parts"], &[], false),
        key("writes", &[], &["repos", "parts"], false),
        key("reads-all", &["*"], &[], false),
        key("writes-all", &[], &["*"], false),
        key("admin", &[], &[], true),
    ];
}

/// Everybody there is: nobody, somebody with a wrong key, and the holders of keys.
const ALL: [&str; 7] = ["", "wrong", "reads", "writes", "reads-all", "writes-all", "admin"];

fn request(address: std::net::SocketAddr, method: &str, path: &str, fields: &str, body: &str) -> Answer {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}{length}\r\n");
    Connection::open(address).send(head + body).answer()
}

/// The field that shows a key, in one of the forms there are.
fn shown(secret: &str, scheme: &str) -> String {
    if secret.is_empty() { String::new() } else { format!("Authorization: {scheme} {secret}\r\n") }
}

/// The statuses that everybody gets, in the order of [`ALL`].
#[track_caller]
fn expect(appliance: &Appliance, method: &str, path: &str, fields: &str, body: &str, expected: [u16; 7]) {
    for (who, expected) in ALL.into_iter().zip(expected) {
        let fields = shown(who, "Bearer") + fields;
        let answer = request(appliance.address, method, path, &fields, body);
        assert_eq!(answer.status, expected, "{method} {path} by {who:?}: {}", answer.text());
    }
}

#[test]
fn native() {
    let appliance = Appliance::start_with(with_keys);
    let lines = "Content-Type: application/x-ndjson\r\n";
    let expect =
        |method: &str, path: &str, body: &str, expected| expect(&appliance, method, path, lines, body, expected);
    for path in ["/v1/feeds", "/v1/feeds/repos", "/v1/feeds/open", "/v1/status", "/v1/mirrors"] {
        expect("GET", path, "", [401, 401, 200, 200, 200, 200, 200]);
    }
    expect("POST", "/v1/feeds/repos/events", LINE, [401, 401, 403, 200, 403, 200, 200]);
    expect("POST", "/v1/feeds/open/events", LINE, [401, 401, 403, 403, 403, 200, 200]);
    expect("GET", "/v1/feeds/repos/events?format=json", "", [401, 401, 200, 403, 200, 403, 200]);
    expect("GET", "/v1/feeds/open/events?format=json", "", [200, 401, 200, 200, 200, 200, 200]);
    // What is not there is not there for anybody, and what is not understood is no secret.
    expect("GET", "/v1/feeds/gone/events", "", [404; 7]);
    expect("OPTIONS", "/v1/feeds/repos/events", "", [200; 7]);
    expect("PUT", "/v1/feeds/new", "", [401, 401, 403, 403, 403, 403, 201]);
    expect("PATCH", "/v1/feeds/new", r#"{"public":true}"#, [401, 401, 403, 403, 403, 403, 200]);
    expect("GET", "/v1/feeds/new/events?format=json", "", [200, 401, 200, 200, 200, 200, 200]);
    expect("PATCH", "/v1/feeds/new", r#"{"public":false}"#, [401, 401, 403, 403, 403, 403, 200]);
    expect("GET", "/v1/feeds/new/events?format=json", "", [401, 401, 403, 403, 200, 403, 200]);
    expect("DELETE", "/v1/feeds/new", "", [401, 401, 403, 403, 403, 403, 200]);
    expect("DELETE", "/v1/feeds/gone", "", [401, 401, 403, 403, 403, 403, 404]);
    assert_eq!(last_seq(&appliance, "repos"), 3, "what was refused was not stored");
    assert_eq!(last_seq(&appliance, "open"), 2);
}

fn last_seq(appliance: &Appliance, feed: &str) -> u64 {
    let path = format!("/v1/feeds/{feed}");
    request(appliance.address, "GET", &path, &shown("admin", "Bearer"), "").json()["last_seq"].as_u64().unwrap()
}

#[test]
fn websockets_of_native_and_atproto() {
    let appliance = Appliance::start_with(with_keys);
    let websocket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (private, public) in [
        ("/v1/feeds/repos/events".to_owned(), "/v1/feeds/open/events".to_owned()),
        (format!("/xrpc/{REPOS}"), format!("/xrpc/{OPEN}")),
    ] {
        expect(&appliance, "GET", &private, websocket, "", [401, 401, 101, 403, 101, 403, 101]);
        expect(&appliance, "GET", &public, websocket, "", [101, 401, 101, 101, 101, 101, 101]);
    }
    expect(&appliance, "GET", "/xrpc/_health", "", "", [200; 7]);
    expect(&appliance, "GET", "/", "", "", [200; 7]);
    // Who is let in gets what there is.
    let post = shown("admin", "Bearer") + "Content-Type: application/x-ndjson\r\n";
    assert_eq!(request(appliance.address, "POST", "/v1/feeds/repos/events", &post, LINE).status, 200);
    let mut connection = Connection::open(appliance.address);
    let head = upgrade(&format!("/xrpc/{REPOS}?cursor=0")) + &shown("reads", "Bearer") + "\r\n";
    assert_eq!(connection.send(head).head().status, 101);
    assert_eq!(server_frame(&mut connection).0, 0x82);
}

#[test]
fn refusals_say_what_to_do() {
    let appliance = Appliance::start_with(with_keys);
    let path = "/v1/feeds/repos/events";
    for path in [path, &format!("/xrpc/{REPOS}")] {
        let answer = request(appliance.address, "GET", path, "", "");
        assert_eq!(answer.error(), (401, "AuthenticationRequired".to_owned()));
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer realm=\"tailwater\""));
        assert!(answer.json()["message"].as_str().unwrap().contains("[[key]]"));
        let answer = request(appliance.address, "GET", path, &shown("writes", "Bearer"), "");
        assert_eq!(answer.error(), (403, "Forbidden".to_owned()));
        assert_eq!(answer.header("WWW-Authenticate"), None);
    }
}

#[test]
fn forms_of_showing_a_key() {
    let appliance = Appliance::start_with(with_keys);
    let status = |path: &str, field: &str| request(appliance.address, "GET", path, field, "").status;
    let (private, public) = ("/v1/feeds/repos/events?format=json", "/v1/feeds/open/events?format=json");
    for scheme in ["Bearer", "bearer", "BEARER", "token", "Token"] {
        assert_eq!(status(private, &shown("reads", scheme)), 200, "{scheme}");
        assert_eq!(status(private, &shown("wrong", scheme)), 401, "{scheme}");
        assert_eq!(status(public, &shown("wrong", scheme)), 401, "{scheme}");
    }
    assert_eq!(status(private, "Authorization: Bearer   reads  \r\n"), 200);
    for field in [
        "Authorization: Basic cmVhZHM6\r\n",
        "Authorization: reads\r\n",
        "Authorization: \r\n",
        "Cookie: key=reads\r\n",
        "X-Key: reads\r\n",
    ] {
        assert_eq!((status(private, field), status(public, field)), (401, 200), "{field:?} shows no key");
    }
    // Neither its name nor its digest is the secret.
    let digest = Sha256::digest("reads").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for secret in ["key reads", "READS", "reads\u{0}", "read", "readss", &digest, &"x".repeat(10_000)] {
        let answer = request(appliance.address, "GET", private, &shown(secret, "Bearer"), "");
        assert!(matches!(answer.status, 400 | 401), "{secret:.100}: {}", answer.status);
    }
}

#[test]
fn streamr_over_http() {
    let appliance = Appliance::start_with(with_keys);
    let expect = |method: &str, path: &str, body: &str, expected| expect(&appliance, method, path, "", body, expected);
    let data = |stream: &str| format!("/api/v1/streams/{stream}/data");
    expect("POST", &data("repos"), "{}", [401, 401, 403, 200, 403, 200, 200]);
    expect("POST", &data("open"), "{}", [401, 401, 403, 403, 403, 200, 200]);
    for kind in ["last", "from?fromOffset=1", "range?fromTimestamp=0"] {
        let of = |stream: &str| format!("{}/partitions/0/{kind}", data(stream));
        expect("GET", &of("repos"), "", [401, 401, 200, 403, 200, 403, 200]);
        expect("GET", &of("open"), "", [200, 401, 200, 200, 200, 200, 200]);
    }
    // Who may publish may know what to publish to.
    expect("GET", "/api/v1/streams/repos", "", [401, 401, 200, 200, 200, 200, 200]);
    expect("GET", "/api/v1/streams/open", "", [200, 401, 200, 200, 200, 200, 200]);
    expect("GET", "/api/v1/streams", "", [200, 401, 200, 200, 200, 200, 200]);
    expect("POST", "/api/v1/streams", r#"{"id":"new"}"#, [401, 401, 403, 403, 403, 403, 201]);
    expect("DELETE", "/api/v1/streams/new", "", [401, 401, 403, 403, 403, 403, 204]);
    let listed = |who: &str| {
        let list = request(appliance.address, "GET", "/api/v1/streams", &shown(who, "token"), "").json();
        list.as_array().unwrap().iter().map(|stream| stream["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(""), ["open"], "what cannot be read is not listed");
    assert_eq!(listed("reads"), ["open", "parts", "repos"]);
    assert_eq!(listed("writes"), ["open"]);
    assert_eq!(listed("admin"), ["_system", "open", "parts", "repos"]);
}

#[test]
fn streamr_over_websocket() {
    let appliance = Appliance::start_with(with_keys);
    let mut socket = appliance.websocket("/api/v1/ws");
    let mut ask = |kind: &str, stream: &str, member: &str, who: &str| {
        let mut request = json!({ "type": kind, "stream": stream, "resend_all": true, "msg": "{}", "ack": 1 });
        if !who.is_empty() {
            request[member] = json!(who);
        }
        socket.send(tungstenite::Message::text(request.to_string())).unwrap();
        loop {
            let answer: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
            match answer[1].as_u64().unwrap() {
                // Messages of subscriptions, and the parts of a resend before its end.
                0 | 1 | 4 => {}
                7 => return false,
                100 => return answer[3]["error"].is_null(),
                _ => return true,
            }
        }
    };
    for member in ["authKey", "sessionToken"] {
        for (stream, reads, writes) in [
            ("repos", [false, false, true, false, true, false, true], [false, false, false, true, false, true, true]),
            ("open", [true, false, true, true, true, true, true], [false, false, false, false, false, true, true]),
            ("_system", [false, false, false, false, true, false, true], [false; 7]),
        ] {
            for ((who, reads), writes) in ALL.into_iter().zip(reads).zip(writes) {
                let asked = format!("{stream} by {who:?} in {member}");
                assert_eq!(ask("subscribe", stream, member, who), reads, "{asked}");
                assert_eq!(ask("resend", stream, member, who), reads, "{asked}");
                assert_eq!(ask("publish", stream, member, who), writes, "{asked}");
                assert_eq!(
                    ask("unsubscribe", stream, member, who),
                    reads,
                    "what was not subscribed cannot be left: {asked}"
                );
            }
        }
    }
}

/// The stream that the appliance writes can be opened for reading by its name, and for nothing else.
#[test]
fn a_key_can_name_the_system_stream() {
    let refused = common::process::refusal;
    let appliance = Appliance::start_with(|config| {
        with_keys(config);
        config.keys.push(key("listens", &["_system"], &[], false));
    });
    let asked = |path: &str| request(appliance.address, "GET", path, &shown("listens", "token"), "").status;
    assert_eq!(asked("/api/v1/streams/_system/data/partitions/0/last"), 200);
    assert_eq!(asked("/v1/feeds/_system/events?format=json"), 200);
    assert_eq!(asked("/api/v1/streams/repos/data/partitions/0/last"), 403);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tailwater.toml");
    let written = |list: &str| {
        let secret = "00".repeat(32);
        let text = format!("[[key]]\nname = \"a\"\nsecret_sha256 = \"{secret}\"\n{list} = [\"_system\"]\n");
        std::fs::write(&file, text).unwrap();
        let mut command = tailwater();
        command.args(["check", "--config"]).arg(&file);
        command
    };
    assert!(written("read").status().unwrap().success());
    assert!(refused(&mut written("write")).contains("is no feed name"));
}

/// A key names a stream's feed, not each of its partitions.
#[test]
fn a_key_opens_all_partitions() {
    let appliance = Appliance::start_with(with_keys);
    for feed in ["parts", "parts.1", "parts.2"] {
        let path = format!("/v1/feeds/{feed}/events?format=json");
        expect(&appliance, "GET", &path, "", "", [401, 401, 200, 403, 200, 403, 200]);
    }
    for partition in 0..3 {
        let path = format!("/api/v1/streams/parts/data/partitions/{partition}/last");
        expect(&appliance, "GET", &path, "", "", [401, 401, 200, 403, 200, 403, 200]);
    }
}

#[test]
fn sessions_are_for_those_who_have_a_key() {
    let appliance = Appliance::start_with(with_keys);
    let login = |secret: &str| {
        let body = json!({ "apiKey": secret }).to_string();
        request(appliance.address, "POST", "/api/v1/login/apikey", "", &body)
    };
    let session = login("reads");
    assert_eq!(session.status, 200);
    let token = session.json()["token"].as_str().unwrap().to_owned();
    let path = "/api/v1/streams/repos/data/partitions/0/last";
    assert_eq!(request(appliance.address, "GET", path, &shown(&token, "Bearer"), "").status, 200);
    assert_eq!(login("wrong").status, 403);
}

#[test]
fn without_keys_everybody_may_do_everything_whatever_they_show() {
    let appliance = Appliance::start_with(|config| {
        with_keys(config);
        config.keys.clear();
    });
    for who in ["", "wrong", "reads"] {
        let fields = shown(who, "Bearer");
        let status = |method: &str, path: &str, body: &str| {
            let fields = format!("{fields}Content-Type: application/x-ndjson\r\n");
            request(appliance.address, method, path, &fields, body).status
        };
        assert_eq!(status("GET", "/v1/feeds", ""), 200);
        assert_eq!(status("POST", "/v1/feeds/repos/events", LINE), 200);
        assert_eq!(status("GET", "/v1/feeds/repos/events?format=json", ""), 200);
        assert_eq!(status("PUT", "/v1/feeds/new", ""), 201);
        assert_eq!(status("DELETE", "/v1/feeds/new", ""), 200);
        assert_eq!(status("POST", "/api/v1/streams/repos/data", "{}"), 200);
        assert_eq!(status("POST", "/api/v1/streams", r#"{"id":"new"}"#), 201);
        assert_eq!(status("DELETE", "/api/v1/streams/new", ""), 204);
        assert_eq!(status("GET", "/api/v1/streams/repos/data/partitions/0/last", ""), 200);
    }
    let mut socket = appliance.websocket(&format!("/xrpc/{REPOS}?cursor=0"));
    assert!(socket.read().unwrap().is_binary());
}

#[test]
fn what_is_public_stays_so_and_keys_go_with_the_configuration() {
    let appliance = Appliance::start_with(with_keys);
    let public = r#"{"public":true}"#;
    let admin = shown("admin", "Bearer");
    let created = request(appliance.address, "PUT", "/v1/feeds/notes", &admin, public);
    assert_eq!((created.status, &created.json()["public"]), (201, &json!(true)));
    let body = r#"{"id":"shown","public":true}"#;
    assert_eq!(request(appliance.address, "POST", "/api/v1/streams", &admin, body).status, 201);
    let appliance = Appliance::start_in(appliance.stop(), |config| {
        with_keys(config);
        config.keys.retain(|key| key.name != "key reads");
    });
    for feed in ["notes", "shown", "open"] {
        let path = format!("/v1/feeds/{feed}/events?format=json");
        assert_eq!(request(appliance.address, "GET", &path, "", "").status, 200, "{feed}");
    }
    let path = "/v1/feeds/repos/events?format=json";
    assert_eq!(request(appliance.address, "GET", path, &shown("reads", "Bearer"), "").status, 401);
    assert_eq!(request(appliance.address, "GET", path, &shown("reads-all", "Bearer"), "").status, 200);
}

/// A process with keys of a file, at the most talkative level.
fn serve(directory: &std::path::Path) -> Serving {
    let digest = |secret: &str| Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let keys = format!(
        "[[key]]\nname = \"gateway\"\nsecret_sha256 = \"{}\"\nread = [\"*\"]\nwrite = [\"*\"]\n\
         [[key]]\nname = \"operator\"\nsecret_sha256 = \"{}\"\nadmin = true\n",
        digest("s3cr3t-of-the-gateway"),
        digest("s3cr3t-of-the-operator"),
    );
    let file = directory.join("tailwater.toml");
    std::fs::write(&file, keys).unwrap();
    let mut command = tailwater();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "1", "--log", "trace", "--config"]).arg(file);
    Serving::start(command.arg("--data").arg(directory.join("log")))
}

#[test]
fn the_log_names_who_administers_and_never_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(directory.path());
    for secret in ["s3cr3t-of-the-gateway", "s3cr3t-of-the-operator", "s3cr3t-of-nobody"] {
        let fields = shown(secret, "Bearer");
        request(serving.address, "PUT", "/v1/feeds/new", &fields, "");
        request(serving.address, "GET", "/v1/feeds/new/events?format=json", &fields, "");
        request(serving.address, "POST", "/api/v1/streams", &fields, r#"{"id":"new stream"}"#);
        request(serving.address, "DELETE", "/api/v1/streams/new%20stream", &fields, "");
        request(serving.address, "POST", "/api/v1/login/apikey", "", &json!({ "apiKey": secret }).to_string());
        let mut connection = Connection::open(serving.address);
        connection.send(upgrade("/api/v1/ws") + "\r\n").head();
        for kind in ["subscribe", "publish", "resend", "x"] {
            let asked =
                json!({ "type": kind, "stream": "messages", "authKey": secret, "sessionToken": secret, "msg": "x" });
            connection.send(client_frame(0x81, asked.to_string().as_bytes()));
            assert!(!String::from_utf8(server_frame(&mut connection).1).unwrap().contains("s3cr3t"));
        }
    }
    serving.signal(rustix::process::Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    let administered = |method: &str| log.matches(&format!("administered by=\"operator\" method=\"{method}\"")).count();
    assert_eq!((administered("PUT"), administered("POST"), administered("DELETE")), (1, 1, 1), "{log}");
    assert!(!log.contains("s3cr3t"), "{log}");
}

#[test]
fn other_machines_may_come_once_there_is_a_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tailwater.toml");
    let listen = "[[listen]]\naddress = \"0.0.0.0:7070\"\n";
    std::fs::write(&file, listen).unwrap();
    let said_no = refusal(tailwater().args(["check", "--config"]).arg(&file));
    assert!(said_no.contains("listen[0].address") && said_no.contains("[[key]]"), "{said_no}");
    let key = format!("[[key]]\nname = \"k\"\nsecret_sha256 = \"{}\"\nread = [\"*\"]\n", "0".repeat(64));
    std::fs::write(&file, format!("{listen}{key}")).unwrap();
    let output = tailwater().args(["check", "--config"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
