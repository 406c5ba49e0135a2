//! Where everything is: what every client asks for first.

use serde_json::json;
use tailwater::config::{Dialect, Listen};

use super::{
    alone,
    common::{
        Appliance,
        bigchaindb::{ask, get},
        raw::{Answer, Connection},
    },
};

const PLACES: &str = r#"{"assets":"PREFIX/assets/","blocks":"PREFIX/blocks/","docs":"https://docs.bigchaindb.com/projects/server/en/v2.2.2/http-client-server-api.html","metadata":"PREFIX/metadata/","outputs":"PREFIX/outputs/","streams":"URL/api/v1/streams/valid_transactions","transactions":"PREFIX/transactions/","validators":"PREFIX/validators"}"#;

/// The original's answer to `GET /api/v1`.
fn api(url: &str) -> String {
    format!("{}\n", PLACES.replace("PREFIX", "").replace("URL", url))
}

/// The original's answer to `GET /`.
fn root(url: &str) -> String {
    let places = PLACES.replace("PREFIX", "/api/v1").replace("URL", url);
    let docs = "https://docs.bigchaindb.com/projects/server/en/v2.2.2/";
    format!("{{\"api\":{{\"v1\":{places}}},\"docs\":\"{docs}\",\"software\":\"BigchainDB\",\"version\":\"2.2.2\"}}\n")
}

fn check(answer: &Answer, body: &str) {
    assert_eq!((answer.status, answer.text()), (200, body));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}

#[test]
fn a_listener_of_its_own_answers_as_the_original() {
    let appliance = Appliance::start_with(alone);
    for path in ["/api/v1", "/api/v1/", "/api/v1?x=y"] {
        check(&get(&appliance, path), &api("ws://a"));
    }
    check(&get(&appliance, "/"), &root("ws://a"));
    let asked = |request: &str| Connection::open(appliance.address).send(request).answer();
    check(&asked("GET /api/v1 HTTP/1.1\r\nHost: chain.example:9984\r\n\r\n"), &api("ws://chain.example:9984"));
    check(&asked("GET /api/v1 HTTP/1.0\r\n\r\n"), &api(&format!("ws://{}", appliance.address)));
}

#[test]
fn the_streams_are_advertised_as_configured() {
    for url in ["wss://chain.example:9985", "ws://[::1]:9985"] {
        let appliance = Appliance::start_with(|config| {
            alone(config);
            config.bigchaindb.advertised_url = Some(url.to_owned());
        });
        check(&get(&appliance, "/api/v1"), &api(url));
        check(&get(&appliance, "/"), &root(url));
    }
}

#[test]
fn a_shared_listener_satisfies_everybody() {
    let appliance = Appliance::start();
    let answer = get(&appliance, "/");
    let told = answer.json();
    assert_eq!(
        (&told["software"], &told["feeds"], &told["status"]),
        (&json!("Tailwater"), &json!("/v1/feeds"), &json!("/v1/status"))
    );
    assert_eq!(told["docs"], "https://docs.bigchaindb.com/projects/server/en/v2.2.2/");
    let mut places: serde_json::Value = serde_json::from_str(&root("ws://a")).unwrap();
    let mut expected = places["api"]["v1"].take();
    expected["streamedblocks"] = "ws://a/api/v1/streams/valid_blocks".into();
    assert_eq!(told["api"]["v1"], expected);
    for path in ["/api/v1", "/api/v1/"] {
        let mut expected: serde_json::Value = serde_json::from_str(&api("ws://a")).unwrap();
        expected["streamedblocks"] = "ws://a/api/v1/streams/valid_blocks".into();
        assert_eq!(get(&appliance, path).json(), expected);
    }
}

#[test]
fn a_listener_without_the_dialect_does_not_speak_of_it() {
    let appliance = Appliance::start_with(|config| {
        let address = config.listen[0].address;
        config.listen =
            vec![Listen { address, dialects: vec![Dialect::Native, Dialect::Streamr], ..Listen::default() }];
    });
    assert_eq!(get(&appliance, "/").json()["api"], serde_json::Value::Null);
    for path in ["/api/v1", "/api/v1/transactions/x", "/api/v1/blocks/1"] {
        assert_eq!(get(&appliance, path).status, 404, "{path}");
    }
}

#[test]
fn only_the_head_on_request() {
    let appliance = Appliance::start_with(alone);
    let mut connection = Connection::open(appliance.address);
    let head = connection.send("HEAD /api/v1 HTTP/1.1\r\nHost: a\r\n\r\n").head();
    assert_eq!(head.header("Content-Length"), Some(&*api("ws://a").len().to_string()));
    // Nothing follows it: the next answer is that to the next request.
    check(&connection.send("GET /api/v1 HTTP/1.1\r\nHost: a\r\n\r\n").answer(), &api("ws://a"));
    let refused = ask(&appliance, "POST /api/v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((refused.status, refused.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}
