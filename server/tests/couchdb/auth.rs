//! Who sends a request: passwords, sessions, proxies, keys, and what a database's security object makes of them.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use sha2::{Digest, Sha256};
use tailwater::config::Key;
use tailwater_wire::couchdb::cookie;

use crate::{
    client::{Client, appliance, refused, rev, said, user},
    common::{Appliance, raw::Answer},
};

const SECRET: &str = "s3cr3t";

/// The captured server: `adm` is an administrator, `bob` has the role `readers`, which may enter `t5`; `t1` is nobody's.
fn captured(proxy: bool) -> Appliance {
    let appliance = appliance(|config| {
        config.users = vec![user("adm", "pass", &["_admin"]), user("bob", "bobpw", &["readers"])];
        config.couchdb.secret = Some(SECRET.to_owned());
        config.couchdb.proxy_auth = proxy;
        config.keys = vec![
            Key {
                name: "reader".to_owned(),
                secret_sha256: sha256("r"),
                read: vec!["t5".to_owned()],
                ..Key::default()
            },
            Key {
                name: "writer".to_owned(),
                secret_sha256: sha256("w"),
                read: vec!["*".to_owned()],
                write: vec!["t5".to_owned()],
                ..Key::default()
            },
            Key { name: "chief".to_owned(), secret_sha256: sha256("c"), admin: true, ..Key::default() },
        ];
    });
    let admin = Client::new(&appliance).basic("adm", "pass");
    for db in ["/t1", "/t5"] {
        assert_eq!(admin.put(db, "").status, 201);
    }
    assert_eq!(admin.put("/t5/_security", "{\"members\":{\"roles\":[\"readers\"]}}").status, 200);
    admin.store("/t5/doc", "{}");
    appliance
}

fn sha256(secret: &str) -> Option<[u8; 32]> {
    Some(Sha256::digest(secret.as_bytes()).into())
}

fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.header("Set-Cookie").unwrap_or_else(|| panic!("{}", answer.text()));
    let value = cookie.strip_prefix("AuthSession=").unwrap().split(';').next().unwrap();
    assert!(
        cookie.contains("; Version=1; Expires=") && cookie.ends_with("; Max-Age=600; Path=/; HttpOnly"),
        "{cookie}"
    );
    format!("AuthSession={value}")
}

const NOBODY: &str =
    r#"{"ok":true,"userCtx":{"name":null,"roles":[]},"info":{"authentication_handlers":["cookie","default"]}}"#;
const UNAUTHORIZED: &str = r#"{"error":"unauthorized","reason":"You are not authorized to access this db."}"#;
const FORBIDDEN: &str = r#"{"error":"forbidden","reason":"You are not allowed to access this db."}"#;
const WRONG: &str = r#"{"error":"unauthorized","reason":"Name or password is incorrect."}"#;

#[test]
fn the_captured_sessions() {
    let appliance = captured(false);
    let client = Client::new(&appliance);
    assert_eq!(said(&client.get("/_session")), (200, NOBODY));
    let basic = r#"{"ok":true,"userCtx":{"name":"adm","roles":["_admin"]},"info":{"authentication_handlers":["cookie","default"],"authenticated":"default"}}"#;
    assert_eq!(said(&client.basic("adm", "pass").get("/_session")), (200, basic));

    let form = client.with("Content-Type: application/x-www-form-urlencoded");
    let logins = [
        form.call("POST", "/_session", "name=bob&password=bobpw"),
        client.post("/_session", r#"{"name":"bob","password":"bobpw"}"#),
        client.post("/_session", r#"{"username":"bob","password":"bobpw"}"#),
    ];
    for login in &logins {
        assert_eq!(said(login), (200, r#"{"ok":true,"name":"bob","roles":["readers"]}"#));
        assert_eq!(login.header("Cache-Control"), Some("must-revalidate"));
        let bytes = BASE64URL_NOPAD.decode(&cookie_of(login).as_bytes()["AuthSession=".len()..]).unwrap();
        assert!(bytes.starts_with(b"bob:") && bytes[12] == b':' && bytes.len() == 13 + 32, "CouchDB's own form");
    }
    let wrong = client.post("/_session", r#"{"name":"bob","password":"wrong"}"#);
    assert_eq!((said(&wrong), cookie_of(&wrong).as_str()), ((401, WRONG), "AuthSession="));
    let plain = client.with("Content-Type: text/plain").call("POST", "/_session", "name=bob");
    let reason = r#"{"error":"bad_content_type","reason":"Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'"}"#;
    assert_eq!(said(&plain), (415, reason));

    let bob = client.with(format!("Cookie: {}", cookie_of(&logins[0])));
    let session = r#"{"ok":true,"userCtx":{"name":"bob","roles":["readers"]},"info":{"authentication_handlers":["cookie","default"],"authenticated":"cookie"}}"#;
    let shown = bob.get("/_session");
    assert_eq!((said(&shown), shown.header("Set-Cookie")), ((200, session), None));
    assert_eq!(bob.json("/t5/_changes?limit=1")["results"][0]["id"], "doc");
    let garbage = client.with("Cookie: AuthSession=garbage").get("/t5/_changes?limit=1");
    assert_eq!(
        said(&garbage),
        (400, r#"{"error":"bad_request","reason":"Malformed AuthSession cookie. Please clear your cookies."}"#)
    );
    assert_eq!(said(&client.get("/t5/_changes?limit=1")), (401, UNAUTHORIZED));
    assert_eq!(said(&bob.get("/t1/_changes?limit=1")), (403, FORBIDDEN));
    let written = bob.put("/t5/bobdoc", r#"{"by":"bob"}"#);
    assert_eq!((written.status, rev(&written).as_str()), (201, "1-54f7321d1e645815e20492122a5cd99d"));
    let design = bob.put("/t5/_design/x", r#"{"by":"bob"}"#);
    assert_eq!(said(&design), (403, r#"{"error":"forbidden","reason":"You are not a db or server admin."}"#));
    let out = bob.delete("/_session");
    assert_eq!((said(&out), cookie_of(&out).as_str()), ((200, "{\"ok\":true}"), "AuthSession="));
    // Whoever has a broken cookie can get rid of it.
    assert_eq!(client.with("Cookie: AuthSession=garbage").delete("/_session").status, 200);
}

#[test]
fn the_captured_proxy() {
    let (off, on) = (captured(false), captured(true));
    let sha256 = "51809455c8889712b25fad9e7aa24e751e1e79fb464b27b4b532663d4435cdb0";
    let sha1 = "6e5799cd79266360463038ce34fe60d044ee5f0d";
    let unknown = "1c56501948253ceea1a6ae52f84bfd4036e9e23078138caaa019a97064934311";
    let proxy = |appliance: &Appliance, name: &str, roles: &str, token: &str| {
        let client = Client::new(appliance)
            .with(format!("X-Auth-CouchDB-UserName: {name}"))
            .with(format!("X-Auth-CouchDB-Roles: {roles}"));
        if token.is_empty() { client } else { client.with(format!("X-Auth-CouchDB-Token: {token}")) }
    };
    for token in [sha256, sha1, "bad", ""] {
        assert_eq!(said(&proxy(&off, "bob", "readers", token).get("/_session")), (200, NOBODY), "it is off");
    }
    assert_eq!(said(&proxy(&off, "bob", "readers", sha256).get("/t5/_changes?limit=1")), (401, UNAUTHORIZED));
    let session = |name: &str, roles: &str| {
        format!(
            r#"{{"ok":true,"userCtx":{{"name":"{name}","roles":[{roles}]}},"info":{{"authentication_handlers":["proxy","cookie","default"],"authenticated":"proxy"}}}}"#
        )
    };
    let nobody = NOBODY.replace("[\"cookie\"", "[\"proxy\",\"cookie\"");
    let table = [
        ("bob", "readers,extra", sha256, session("bob", r#""readers","extra""#)),
        ("bob", "readers", sha1, session("bob", r#""readers""#)),
        ("bob", "readers", "bad", nobody.clone()),
        ("bob", "readers", "", nobody),
        ("nobodyknown", "readers", unknown, session("nobodyknown", r#""readers""#)),
    ];
    for (name, roles, token, expected) in table {
        assert_eq!(said(&proxy(&on, name, roles, token).get("/_session")), (200, expected.as_str()), "{name} {token}");
    }
    assert_eq!(proxy(&on, "bob", "readers", sha256).get("/t5/_changes?limit=1").status, 200);
    assert_eq!(said(&proxy(&on, "bob", "other", sha256).get("/t5/_changes?limit=1")), (403, FORBIDDEN));
}

#[test]
fn passwords() {
    let appliance = captured(false);
    let client = Client::new(&appliance);
    for (name, password) in [("bob", "wrong"), ("nobody", "bobpw"), ("bob", "")] {
        assert_eq!(said(&client.basic(name, password).get("/t5/doc")), (401, WRONG), "{name}");
    }
    assert_eq!(client.basic("bob", "bobpw").get("/t5/doc").status, 200);
    assert_eq!(client.with("Authorization: Basic *").get("/t5/doc").status, 400);
    assert_eq!(client.with("Authorization: Digest x").get("/t5/doc").status, 401);
    let please = refused(&client.get("/_session?basic=true"));
    assert_eq!(please, (401, "unauthorized".into(), "Please login.".into()));
}

#[test]
fn a_session_is_renewed_and_ends() {
    let bob = user("bob", "bobpw", &[]);
    // The salt, as it stands in the hash.
    let salt = bob.password_argon2.split('$').nth(4).unwrap().to_owned();
    let appliance = appliance(|config| {
        config.users = vec![bob];
        config.couchdb.secret = Some(SECRET.to_owned());
        config.couchdb.session_timeout_ms = 1_000_000;
    });
    let client = Client::new(&appliance);
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let session = |age_s: u64, salt: &str| {
        let value = cookie::issue("bob", SECRET.as_bytes(), salt, now_s - age_s);
        client.with(format!("Cookie: a=b; AuthSession={value}")).get("/_session")
    };
    let (bob, nobody) = (json!("bob"), json!(null));
    for (age_s, name, renewed) in
        [(1, &bob, false), (90, &bob, false), (110, &bob, true), (900, &bob, true), (1_001, &nobody, false)]
    {
        let answer = session(age_s, &salt);
        assert_eq!(
            (&answer.json()["userCtx"]["name"], answer.header("Set-Cookie").is_some()),
            (name, renewed),
            "{age_s}"
        );
    }
    assert_eq!(session(0, "another password's").json()["userCtx"]["name"], nobody);
}

#[test]
fn sessions_outlive_the_process() {
    let bob = user("bob", "bobpw", &[]);
    let users = vec![bob];
    let first = appliance(|config| config.users = users.clone());
    let login = Client::new(&first).post("/_session", r#"{"name":"bob","password":"bobpw"}"#);
    let session = cookie_of(&login);
    let again = Appliance::start_in(first.stop(), |config| config.users = users);
    let session = Client::new(&again).with(format!("Cookie: {session}")).json("/_session");
    assert_eq!(session["userCtx"]["name"], "bob");
}

#[test]
fn keys_open_what_they_say() {
    let appliance = captured(false);
    let client = Client::new(&appliance);
    let bearer = |secret: &str| client.with(format!("Authorization: Bearer {secret}"));
    for reader in [bearer("r"), client.basic("reader", "r")] {
        assert_eq!(reader.get("/t5/doc").status, 200);
        assert_eq!(said(&reader.put("/t5/x", "{}")), (403, FORBIDDEN));
        assert_eq!(reader.put("/t5/_local/x", "{}").status, 403, "a reader leaves no traces");
        assert_eq!(reader.get("/t5/_local/x").status, 404);
        assert_eq!(said(&reader.get("/t1")), (403, FORBIDDEN));
    }
    let writer = bearer("w");
    assert_eq!(writer.put("/t5/w", "{}").status, 201);
    assert_eq!(writer.get("/t1").status, 200);
    assert_eq!(writer.put("/t1/w", "{}").status, 403);
    assert_eq!(refused(&writer.put("/t5/_design/w", "{}")).2, "You are not a db or server admin.");
    let chief = bearer("c");
    assert_eq!(chief.put("/t6", "").status, 201);
    assert_eq!(chief.json("/_session")["userCtx"], json!({ "name": "chief", "roles": ["_admin"] }));
    assert_eq!(said(&bearer("?").get("/t5/doc")), (401, WRONG));
    assert_eq!(said(&client.basic("other", "r").get("/t5/doc")), (401, WRONG), "a key has a name");
    // A session for a key, as replicators ask for one.
    let login = client.post("/_session", r#"{"name":"reader","password":"r"}"#);
    let session = client.with(format!("Cookie: {}", cookie_of(&login)));
    assert_eq!(session.get("/t5/doc").status, 200);
    assert_eq!(session.put("/t5/x", "{}").status, 403);
}

#[test]
fn administrators_alone_do_some_things() {
    let appliance = captured(false);
    let client = Client::new(&appliance);
    let bob = client.basic("bob", "bobpw");
    for (method, path) in [
        ("PUT", "/new"),
        ("DELETE", "/t5"),
        ("GET", "/_all_dbs"),
        ("GET", "/_active_tasks"),
        ("GET", "/_db_updates"),
        ("GET", "/_dbs_info"),
    ] {
        for caller in [&client, &bob] {
            let refusal = refused(&caller.call(method, path, ""));
            assert_eq!(refusal, (401, "unauthorized".into(), "You are not a server admin.".into()), "{method} {path}");
        }
    }
    for (method, path, body) in [
        ("PUT", "/t5/_security", "{}"),
        ("PUT", "/t5/_revs_limit", "9"),
        ("POST", "/t5/_purge", "{}"),
        ("POST", "/t5/_compact", ""),
    ] {
        let refusal = refused(&bob.with("Content-Type: application/json").call(method, path, body));
        assert_eq!(refusal, (403, "forbidden".into(), "You are not a db or server admin.".into()), "{method} {path}");
        assert_eq!(
            client.with("Content-Type: application/json").call(method, path, body).status,
            401,
            "{method} {path}"
        );
    }
    for path in ["/", "/_up", "/_uuids", "/_session"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_database_can_be_opened_and_given_away() {
    let appliance = captured(false);
    let (client, admin) = (Client::new(&appliance), Client::new(&appliance).basic("adm", "pass"));
    let bob = client.basic("bob", "bobpw");
    assert_eq!(client.get("/t1").status, 401);
    assert_eq!(admin.put("/t1/_security", "{\"admins\":{\"names\":[\"bob\"]}}").status, 200);
    assert_eq!(client.put("/t1/a", "{}").status, 201, "nobody is named as a member");
    let design = refused(&client.put("/t1/_design/d", "{}"));
    assert_eq!(design, (401, "unauthorized".into(), "You are not a db or server admin.".into()));
    assert_eq!(bob.put("/t1/_design/d", "{}").status, 201);
    assert_eq!(
        bob.put("/t1/_security", "{\"members\":{\"names\":[\"bob\"]}}").status,
        200,
        "bob locks himself out of it"
    );
    assert_eq!(bob.put("/t1/_security", "{}").status, 403);
    assert_eq!(client.get("/t1/a").status, 401);
}

#[test]
fn where_there_are_users_the_other_dialects_take_keys() {
    let appliance = appliance(|config| config.users = vec![user("bob", "bobpw", &[])]);
    let shared = Client::shared(&appliance);
    assert_eq!(shared.get("/v1/feeds").status, 401);
    assert_eq!(shared.delete("/v1/feeds/events").status, 401);
    assert_eq!(shared.get("/events").status, 401);
}

#[test]
fn where_nobody_is_known_everybody_is_an_administrator() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    assert_eq!(client.json("/_session")["userCtx"], json!({ "name": null, "roles": ["_admin"] }));
    assert_eq!(client.basic("any", "thing").put("/db", "").status, 201);
    assert_eq!(client.post("/_session", r#"{"name":"a","password":"b"}"#).status, 401);
    assert_eq!(client.with("Cookie: AuthSession=garbage").get("/db").status, 200);
}

#[test]
fn a_public_database_is_read_by_all() {
    let appliance = appliance(|config| {
        config.users = vec![user("bob", "bobpw", &[])];
        config.feeds.iter_mut().filter(|feed| feed.couchdb.is_some()).for_each(|feed| feed.public = true);
    });
    let client = Client::new(&appliance);
    assert_eq!(client.get("/events").status, 200);
    assert_eq!(client.get("/events/_changes").status, 200);
    assert_eq!(client.put("/events/a", "{}").status, 401);
}

#[test]
fn a_flood_of_logins_is_held_back() {
    let appliance = appliance(|config| {
        config.users = vec![user("bob", "bobpw", &[])];
        config.couchdb.logins_waiting_max = 1;
    });
    // Of nobody, so that each takes as long as it can.
    let client = Client::new(&appliance).basic("nobody", "x");
    let mut waiting: Vec<_> = (0..12).map(|_| client.send("GET", "/events", "")).collect();
    let statuses: Vec<u16> = waiting.iter_mut().map(|connection| connection.answer().status).collect();
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&503) && statuses.contains(&401), "{statuses:?}");
}
