//! Paths: a database's name and what is asked of it, and the addresses of documents.
//!
//! Owns how a path is taken apart. A name with a slash comes as `%2F`; of a document's id, only `_design/` and `_local/` may
//! bring a slash of their own, since what follows another one is an attachment. Tests: below.

use tailwater_wire::http1::Head;

/// What a path below a database is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `/`
    Root,
    /// `/_all_dbs`, `/_session` and so on: what begins with an underscore is no database.
    Server(String),
    /// `/{db}`
    Database(String),
    /// `/{db}/_all_docs` and so on, with what follows it.
    Resource(String, String, Vec<String>),
    /// `/{db}/{id}`
    Document(String, String),
    /// `/{db}/{id}/{name}`
    Attachment(String, String, String),
}

impl Place {
    /// Takes the decoded segments of a path apart. A slash at its end means nothing.
    pub(super) fn of(mut segments: Vec<String>) -> Self {
        while segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        let mut segments = segments.into_iter();
        let Some(db) = segments.next() else { return Self::Root };
        if db.starts_with('_') {
            return Self::Server(db);
        }
        let Some(first) = segments.next() else { return Self::Database(db) };
        let rest: Vec<String> = segments.collect();
        match (first.as_str(), rest.split_first()) {
            ("_design" | "_local", Some((name, rest))) => document(db, format!("{first}/{name}"), rest),
            (what, _) if what.starts_with('_') && !what.contains('/') => Self::Resource(db, first, rest),
            _ => document(db, first, &rest),
        }
    }
}

fn document(db: String, id: String, rest: &[String]) -> Place {
    if rest.is_empty() { Place::Document(db, id) } else { Place::Attachment(db, id, rest.join("/")) }
}

/// The address of a document, or of a database, as the client would have to write it.
pub(super) fn location(head: &Head, is_tls: bool, db: &str, id: Option<&str>) -> String {
    let forwarded = head.header("x-forwarded-host");
    let host = forwarded.or_else(|| head.header("host")).unwrap_or("localhost");
    let scheme = match head.header("x-forwarded-proto") {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        None if is_tls => "https",
        _ => "http",
    };
    let mut location = format!("{scheme}://{host}/");
    encode(db, &mut location);
    if let Some(id) = id {
        location.push('/');
        encode(id, &mut location);
    }
    location
}

/// Appends a segment with everything encoded that is not plain in every place.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use tailwater_wire::http1::{HeadLimits, parse_head};

    use super::*;

    #[test]
    fn places() {
        let s = str::to_owned;
        let table = [
            ("", Place::Root),
            ("_all_dbs", Place::Server(s("_all_dbs"))),
            ("_node|x", Place::Server(s("_node"))),
            ("db", Place::Database(s("db"))),
            ("db|", Place::Database(s("db"))),
            ("a/b", Place::Database(s("a/b"))),
            ("db|_changes", Place::Resource(s("db"), s("_changes"), vec![])),
            ("db|_partition|p", Place::Resource(s("db"), s("_partition"), vec![s("p")])),
            ("db|_design", Place::Resource(s("db"), s("_design"), vec![])),
            ("db|doc", Place::Document(s("db"), s("doc"))),
            ("db|a/b", Place::Document(s("db"), s("a/b"))),
            ("db|_design|d", Place::Document(s("db"), s("_design/d"))),
            ("db|_design/d", Place::Document(s("db"), s("_design/d"))),
            ("db|_local|c", Place::Document(s("db"), s("_local/c"))),
            ("db|doc|a", Place::Attachment(s("db"), s("doc"), s("a"))),
            ("db|doc|a|b", Place::Attachment(s("db"), s("doc"), s("a/b"))),
            ("db|_design|d|a", Place::Attachment(s("db"), s("_design/d"), s("a"))),
            ("db|_design/d|a", Place::Attachment(s("db"), s("_design/d"), s("a"))),
        ];
        for (path, expected) in table {
            assert_eq!(Place::of(path.split('|').map(s).collect()), expected, "{path}");
        }
    }

    #[test]
    fn locations() {
        let head = |fields: &str| {
            let text = format!("GET / HTTP/1.1\r\n{fields}\r\n");
            parse_head(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0
        };
        let plain = head("Host: 127.0.0.1:15984\r\n");
        assert_eq!(location(&plain, false, "t5", Some("_local/chk")), "http://127.0.0.1:15984/t5/_local%2Fchk");
        assert_eq!(location(&plain, true, "t5", None), "https://127.0.0.1:15984/t5");
        let proxied = head("Host: x\r\nX-Forwarded-Host: db.example\r\nX-Forwarded-Proto: https\r\n");
        assert_eq!(location(&proxied, false, "a+b", None), "https://db.example/a%2Bb");
    }
}
