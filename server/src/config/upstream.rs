//! The address of a stream that a mirror follows.
//!
//! Owns the parsing of `ws://` and `wss://` addresses into the parts a client needs. Connects nowhere. Tested here.

use std::fmt;

use http::Uri;

use super::mistake::Wrong;

/// A stream's address in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it is reached through TLS (`wss://`).
    pub tls: bool,
    /// Host name or address; an IPv6 address without its brackets.
    pub host: String,
    /// Port; 80 or 443 when the address names none.
    pub port: u16,
    /// Path and query as they stand in the request line; never with a `cursor` of its own.
    pub target: String,
}

impl Upstream {
    /// The `Host` header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }

    /// Reads an address.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let (tls, uri) = scheme(text)?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| Wrong::new(format!("{text:?} names no host"), EXAMPLE))?;
        if authority.as_str().contains('@') {
            return Err(Wrong::new(
                "the address carries a user name",
                "leave it out; streams are followed without one",
            ));
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") | None => default_port(tls),
            Some(port) => port_of(port)?,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { tls, host, port, target: target(&uri)? })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.tls { "wss" } else { "ws" }, self.authority(), self.target)
    }
}

/// What to write instead.
const EXAMPLE: &str = "give the whole address, such as wss://relay.example/xrpc/com.atproto.sync.subscribeRepos";

/// The scheme's own port.
fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// The port of `:443`.
fn port_of(text: &str) -> Result<u16, Wrong> {
    let digits = text.trim_start_matches(':');
    digits
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| Wrong::new(format!("{digits:?} is no port"), "give a number from 1 to 65535, or none"))
}

/// Whether the address is `wss://`, and its parts.
fn scheme(text: &str) -> Result<(bool, Uri), Wrong> {
    // `Uri` drops a fragment without a word; a server never sees one.
    if text.contains('#') {
        return Err(Wrong::new("the address has a fragment (#...)", "leave it out; it is never sent"));
    }
    let uri: Uri = text.parse().map_err(|error| Wrong::new(format!("{text:?} is no address ({error})"), EXAMPLE))?;
    match uri.scheme_str() {
        Some("ws") => Ok((false, uri)),
        Some("wss") => Ok((true, uri)),
        Some("http" | "https") => {
            let remedy = format!("write {:?}", text.replacen("http", "ws", 1));
            Err(Wrong::new("a stream is followed over ws:// or wss://", remedy))
        }
        _ => Err(Wrong::new(format!("{text:?} begins with neither ws:// nor wss://"), EXAMPLE)),
    }
}

/// Path and query; a path must be there, a cursor must not.
fn target(uri: &Uri) -> Result<String, Wrong> {
    if matches!(uri.path(), "" | "/") {
        return Err(Wrong::new("the address names a host but no stream", EXAMPLE));
    }
    let has_cursor =
        uri.query().is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("cursor")));
    if has_cursor {
        let remedy = "leave it out; a mirror resumes where its feed ends, and `cursor` says where an empty feed starts";
        return Err(Wrong::new("the address has a cursor of its own", remedy));
    }
    Ok(uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses() {
        let stream = "/xrpc/com.example.stream.subscribe";
        for (text, tls, host, port, target, shown) in [
            (format!("wss://r.example{stream}"), true, "r.example", 443, stream.to_owned(), None),
            (format!("ws://127.0.0.1:7070{stream}"), false, "127.0.0.1", 7070, stream.to_owned(), None),
            (format!("ws://[::1]:7070{stream}?a=b"), false, "::1", 7070, format!("{stream}?a=b"), None),
            (
                format!("wss://r.example:443{stream}"),
                true,
                "r.example",
                443,
                stream.to_owned(),
                Some(format!("wss://r.example{stream}")),
            ),
        ] {
            let read = Upstream::read(&text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
            assert_eq!(read, Upstream { tls, host: host.to_owned(), port, target }, "{text}");
            assert_eq!(read.to_string(), shown.unwrap_or(text));
        }
    }

    #[test]
    fn bad_addresses() {
        for (text, what) in [
            ("relay.example", "\"relay.example\" begins with neither ws:// nor wss://"),
            ("https://r.example/x", "a stream is followed over ws:// or wss://"),
            ("wss://r.example", "the address names a host but no stream"),
            ("wss://r.example/", "the address names a host but no stream"),
            ("wss://u:p@r.example/x", "the address carries a user name"),
            ("wss://r.example/x?cursor=3", "the address has a cursor of its own"),
            ("wss://r.example/x#y", "the address has a fragment (#...)"),
            ("wss://r.example:/x", "\"\" is no port"),
            ("wss://r.example:0/x", "\"0\" is no port"),
            ("wss://r.example:99999/x", "\"99999\" is no port"),
        ] {
            assert_eq!(Upstream::read(text).expect_err(text).what, what);
        }
        for text in ["", "wss://", "wss:///x", "wss://a b/x", "wss://r.example:x/y"] {
            assert!(Upstream::read(text).is_err(), "{text:?}");
        }
    }
}
