//! Pages of other origins.

use crate::{
    client::{Client, appliance, user},
    common::raw::Answer,
};

const PAGE: &str = "Origin: http://app.example";

fn allowed(answer: &Answer) -> (Option<&str>, Option<&str>) {
    (answer.header("Access-Control-Allow-Origin"), answer.header("Access-Control-Allow-Credentials"))
}

const TRUSTED: (Option<&str>, Option<&str>) = (Some("http://app.example"), Some("true"));

/// As CouchDB 3.5.0 answers.
#[test]
fn a_browser_asks_first() {
    let appliance = appliance(|_| {});
    let page = Client::new(&appliance).with(PAGE);
    let asks = page
        .with("Access-Control-Request-Method: GET")
        .with("Access-Control-Request-Headers: content-type,authorization");
    let answer = asks.call("OPTIONS", "/t1/_changes?feed=longpoll", "");
    assert_eq!((answer.status, allowed(&answer)), (204, TRUSTED));
    assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("content-type,authorization"));
    assert_eq!(answer.header("Access-Control-Allow-Methods"), Some("GET, PUT, POST, HEAD, DELETE"));
    assert_eq!(answer.header("Access-Control-Max-Age"), Some("600"));
    let nobody = Client::new(&appliance);
    assert_eq!(nobody.call("OPTIONS", "/events", "").status, 405, "no page asks");
    assert_eq!(nobody.call("OPTIONS", "/events/a", "").status, 405);
}

#[test]
fn every_kind_of_answer_says_who_may_read_it() {
    let appliance = appliance(|_| {});
    let page = Client::new(&appliance).with(PAGE);
    page.put("/db", "");
    page.put("/db/a", "{\"_attachments\":{\"h\":{\"data\":\"\"}}}");
    for path in [
        "/",
        "/db",
        "/db/a",
        "/db/a/h",
        "/db/none",
        "/none",
        "/db/_all_docs",
        "/db/_changes",
        "/_session",
        "/db/_changes?since=x",
        "/db/a?open_revs=all",
    ] {
        let answer = page.get(path);
        assert_eq!(allowed(&answer), TRUSTED, "{path}");
        assert!(answer.header("Access-Control-Expose-Headers").unwrap().contains("x-couch-request-id"), "{path}");
    }
    for feed in ["continuous", "eventsource", "longpoll"] {
        let mut connection = page.send("GET", &format!("/db/_changes?feed={feed}"), "");
        assert_eq!(allowed(&connection.head()), TRUSTED, "{feed}");
    }
    assert_eq!(allowed(&Client::new(&appliance).get("/db")), (None, None));
}

#[test]
fn where_there_are_users_an_origin_must_be_listed() {
    let start = |origins: &[&str]| {
        appliance(|config| {
            config.users = vec![user("bob", "bobpw", &[])];
            config.couchdb.cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        })
    };
    let (none, listed, all) = (start(&[]), start(&["http://app.example"]), start(&["*"]));
    for (appliance, expected) in [(&none, (Some("*"), None)), (&listed, TRUSTED), (&all, TRUSTED)] {
        let page = Client::new(appliance).with(PAGE);
        assert_eq!(allowed(&page.get("/_session")), expected);
        assert_eq!(allowed(&page.get("/events")), expected, "a refusal can be read too");
        let asks = page.with("Access-Control-Request-Method: PUT");
        assert_eq!(allowed(&asks.call("OPTIONS", "/events", "")), expected);
    }
    let other = Client::new(&listed).with("Origin: http://evil.example");
    assert_eq!(allowed(&other.get("/_session")), (Some("*"), None));
}
