//! A client that says what it wants in one line, on a connection of its own for each request.

use std::net::SocketAddr;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc::PasswordHash};
use serde_json::Value;
use tailwater::config::{Config, Dialect, Listen, User};

use crate::common::{
    Appliance,
    raw::{Answer, Connection},
};

/// Somebody who talks to an appliance.
pub struct Client {
    address: SocketAddr,
    headers: String,
}

/// An appliance that speaks CouchDB alone on its first listener, and everything on its second.
pub fn appliance(change: impl FnOnce(&mut Config)) -> Appliance {
    Appliance::start_with(|config| {
        let address = "127.0.0.1:0".parse().unwrap();
        config.listen = vec![
            Listen { address, dialects: vec![Dialect::Couchdb], ..Listen::default() },
            Listen { address, ..Listen::default() },
        ];
        change(config);
    })
}

/// An open appliance with the database `db`.
pub fn with_db() -> (Appliance, Client) {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    assert_eq!(client.put("/db", "").status, 201);
    (appliance, client)
}

/// A user whose password is cheap to check.
pub fn user(name: &str, password: &str, roles: &[&str]) -> User {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password(password.as_bytes()).unwrap();
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    User { name: name.to_owned(), password_argon2: hash.to_string(), roles }
}

impl Client {
    pub fn new(appliance: &Appliance) -> Self {
        Self::at(appliance.address)
    }

    /// Of a process that serves at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, headers: String::new() }
    }

    /// On the listener that speaks everything.
    pub fn shared(appliance: &Appliance) -> Self {
        Self { address: appliance.running().addresses()[1], headers: String::new() }
    }

    /// The same with one more header in every request.
    pub fn with(&self, header: impl AsRef<str>) -> Self {
        Self { address: self.address, headers: format!("{}{}\r\n", self.headers, header.as_ref()) }
    }

    /// The same with a name and a password.
    pub fn basic(&self, name: &str, password: &str) -> Self {
        let credentials = data_encoding::BASE64.encode(format!("{name}:{password}").as_bytes());
        self.with(format!("Authorization: Basic {credentials}"))
    }

    /// Sends a request; the connection on which the answer comes.
    pub fn send(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Connection {
        let body = body.as_ref();
        let mut connection = Connection::open(self.address);
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {length}\r\n\r\n",
            self.address, self.headers
        );
        connection.send([head.as_bytes(), body].concat());
        connection
    }

    pub fn call(&self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let mut connection = self.send(method, path, body);
        if method == "HEAD" { connection.head() } else { connection.answer() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "")
    }

    /// What lies at a path.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub fn put(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.call("PUT", path, body)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, "")
    }

    /// A POST of JSON.
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.with("Content-Type: application/json").call("POST", path, body)
    }

    /// Stores a document; its revision.
    pub fn store(&self, path: &str, body: impl AsRef<[u8]>) -> String {
        let answer = self.put(path, body);
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        rev(&answer)
    }
}

/// The revision an answer names.
pub fn rev(answer: &Answer) -> String {
    answer.json()["rev"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

/// The status and the body, without its line end.
pub fn said(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.text().strip_suffix('\n').unwrap_or_else(|| panic!("no line end: {}", answer.text())))
}

/// The status, the error and the reason.
pub fn refused(answer: &Answer) -> (u16, String, String) {
    let json = answer.json();
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    (answer.status, text("error"), text("reason"))
}
