//! Who may do what, and from which pages.

use crate::{
    client::{Client, key, with_keys},
    common::Appliance,
};

#[test]
fn secrets_are_the_keys_and_can_be_narrowed() {
    let (_appliance, client) = with_keys(vec![
        key("admin", "admin", &[], &[], true),
        key("writer", "writer", &["documents"], &["documents"], false),
        key("reader", "reader", &["documents"], &[], false),
    ]);
    let basic =
        |text: &str| client.with(format!("Authorization: Basic {}", data_encoding::BASE64.encode(text.as_bytes())));
    client.bearer("admin").ok("Database.create({ name: 'Child' })");
    let write = "Event.create({})";
    let table = [
        (client.bearer("admin"), write, 200),
        (client.bearer("admin:admin"), write, 200),
        (client.bearer("admin:server"), write, 200),
        (client.bearer("admin:server-readonly"), write, 403),
        (client.bearer("admin:server-readonly"), "1", 200),
        (client.bearer("admin:@role/x"), "1", 403),
        (client.bearer("admin:Child:admin"), write, 200),
        (client.bearer("admin:Other:admin"), "1", 401),
        (client.bearer("writer"), write, 200),
        (client.bearer("writer:Child:admin"), "1", 403),
        (client.bearer("reader"), write, 403),
        (client.bearer("reader"), "Event.all().eventSource()", 200),
        (basic("admin:"), write, 200),
        (basic("admin:Child:admin:"), write, 200),
        (basic("wrong:"), "1", 401),
        (client.bearer("writer"), "Database.create({ name: 'X' })", 403),
        (client.bearer("admin:server"), "Database.create({ name: 'X' })", 403),
    ];
    for (at, (client, query, status)) in table.into_iter().enumerate() {
        let answer = client.query(query);
        assert_eq!(answer.status, status, "{at} {query}: {}", answer.text());
    }
}

#[test]
fn a_public_feed_is_read_without_a_secret() {
    let admin = || vec![key("admin", "admin", &[], &[], true)];
    let appliance = Appliance::start_with(|config| {
        config.keys = admin();
        config.feeds.iter_mut().filter(|feed| feed.fauna.is_some()).for_each(|feed| feed.public = true);
    });
    let client = Client::new(&appliance);
    let token = client.bare().with("X-Format: tagged").token("Event.all().eventSource()");
    client.stream(&token);
    assert_eq!(client.bare().err("Event.create({})").0, 403);
}

#[test]
fn pages_of_other_origins() {
    let (_appliance, client) = crate::client::appliance();
    let page = client.with("Origin: https://app.example");
    let answer = page.call("OPTIONS", "/stream/1", "");
    assert_eq!(answer.status, 200);
    let expected = [
        ("Access-Control-Allow-Origin", "https://app.example"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
        ("Access-Control-Max-Age", "86400"),
        ("Access-Control-Expose-Headers", "X-Fauna-Stream-Id"),
    ];
    for (name, value) in expected {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("Access-Control-Allow-Headers").unwrap().contains("Authorization"));
    let token = page.token("A.all().eventSource()");
    for head in [page.stream(&token).head, page.query("1"), page.call("POST", "/feed/1", "{}")] {
        assert_eq!(head.header("Access-Control-Allow-Origin"), Some("https://app.example"));
        assert_eq!(head.header("Access-Control-Allow-Credentials"), Some("true"));
    }
    assert_eq!(client.query("1").header("Access-Control-Allow-Origin"), None);
}
