//! Where to connect: the few URL shapes a load generator needs.
//!
//! Owns splitting and the `cursor` parameter; never resolves twice. Tests are below.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::error::Error;

/// What is spoken to the peer after the connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP/1.1 with a streamed answer.
    Http,
    /// WebSocket (RFC 6455).
    WebSocket,
    /// Nothing: WebSocket frames come from the first byte on, and can be checked (the raw ceiling with times).
    Frames,
    /// Nothing: bytes are counted as they come (the raw ceiling).
    Tcp,
}

impl Scheme {
    /// Whether nobody asks for the stream: it begins with the connection.
    pub fn is_raw(self) -> bool {
        matches!(self, Self::Frames | Self::Tcp)
    }

    /// Whether what comes are WebSocket frames.
    pub fn has_frames(self) -> bool {
        matches!(self, Self::WebSocket | Self::Frames)
    }
}

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is spoken.
    pub scheme: Scheme,
    /// Whether it is spoken over TLS.
    pub is_secure: bool,
    /// `host:port` as it belongs into the `Host` header.
    pub authority: String,
    /// Path and query, starting with a slash; never a fragment.
    pub path: String,
}

impl Target {
    /// Parses `scheme://host[:port][/path][?query]` with the schemes `http`, `https`, `ws`, `wss`, `frames` and `tcp`.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::Url { url: url.to_owned(), reason };
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| refuse("it must start with http(s)://, ws(s)://, frames:// or tcp://"))?;
        let (scheme, is_secure) = match scheme {
            "http" => (Scheme::Http, false),
            "https" => (Scheme::Http, true),
            "ws" => (Scheme::WebSocket, false),
            "wss" => (Scheme::WebSocket, true),
            "frames" => (Scheme::Frames, false),
            "tcp" => (Scheme::Tcp, false),
            _ => return Err(refuse("the scheme must be http, https, ws, wss, frames or tcp")),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let host_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(host_end);
        if authority.contains('@') {
            return Err(refuse("credentials do not belong into the address: send a header"));
        }
        let port = if is_secure { 443 } else { 80 };
        let authority = with_port(authority, port).ok_or_else(|| refuse("host or port is missing"))?;
        if scheme.is_raw() && !authority_has_explicit_port(rest) {
            return Err(refuse("a tcp:// or frames:// address needs a port"));
        }
        if path.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err(refuse("the path must be percent-encoded: no spaces or control characters"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme, is_secure, authority, path })
    }

    /// The host, without brackets around an address.
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// `scheme://host:port`
    pub fn origin(&self) -> String {
        let secure = if self.is_secure { "s" } else { "" };
        format!("{}{secure}://{}", self.plain_scheme(), self.authority)
    }

    /// The scheme of the same without TLS.
    pub fn plain_scheme(&self) -> &'static str {
        match self.scheme {
            Scheme::Http => "http",
            Scheme::WebSocket => "ws",
            Scheme::Frames => "frames",
            Scheme::Tcp => "tcp",
        }
    }

    /// The first address the host name stands for.
    pub fn resolve(&self) -> Result<SocketAddr, Error> {
        let what = format!("resolving {}", self.authority);
        let mut found = self.authority.to_socket_addrs().map_err(Error::io(what.clone()))?;
        found.next().ok_or_else(|| Error::io(what)(std::io::ErrorKind::NotFound.into()))
    }

    /// The path with its `cursor` parameter replaced by `cursor`, or unchanged when that is `None`.
    pub fn path_with_cursor(&self, cursor: Option<u64>) -> String {
        let Some(cursor) = cursor else {
            return self.path.clone();
        };
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut out = format!("{path}?");
        for pair in query.split('&').filter(|p| !p.is_empty() && !p.starts_with("cursor=")) {
            out.push_str(pair);
            out.push('&');
        }
        out.push_str(&format!("cursor={cursor}"));
        out
    }
}

fn authority_has_explicit_port(rest: &str) -> bool {
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
}

/// `host:port`, with `default` where no port is given; `None` when either part is unusable.
fn with_port(authority: &str, default: u16) -> Option<String> {
    if !authority_has_explicit_port(authority) {
        return (!authority.is_empty()).then(|| format!("{authority}:{default}"));
    }
    let (host, port) = authority.rsplit_once(':')?;
    let usable = !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0);
    usable.then(|| authority.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let table = [
            ("http://127.0.0.1:7070", Scheme::Http, "127.0.0.1:7070", "/"),
            ("ws://h/xrpc/a.b.c?cursor=1#f", Scheme::WebSocket, "h:80", "/xrpc/a.b.c?cursor=1"),
            ("tcp://[::1]:9", Scheme::Tcp, "[::1]:9", "/"),
            ("frames://a:9", Scheme::Frames, "a:9", "/"),
            ("http://[::1]?a=b", Scheme::Http, "[::1]:80", "/?a=b"),
            ("https://a/b", Scheme::Http, "a:443", "/b"),
            ("wss://[::1]", Scheme::WebSocket, "[::1]:443", "/"),
        ];
        for (url, scheme, authority, path) in table {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.scheme, &*target.authority, &*target.path), (scheme, authority, path), "{url}");
        }
    }

    #[test]
    fn origins() {
        let table = [
            ("wss://a.b/c", true, "a.b", "wss://a.b:443"),
            ("https://[::1]:7", true, "::1", "https://[::1]:7"),
            ("ws://127.0.0.1:7", false, "127.0.0.1", "ws://127.0.0.1:7"),
            ("tcp://h:7", false, "h", "tcp://h:7"),
        ];
        for (url, is_secure, host, origin) in table {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.is_secure, target.host(), &*target.origin()), (is_secure, host, origin), "{url}");
        }
    }

    #[test]
    fn refused_addresses() {
        for url in [
            "127.0.0.1:1",
            "ftp://a",
            "tcps://a:1",
            "wss://",
            "https://a:0",
            "http://",
            "http://:1",
            "http://a:0",
            "http://a:x",
            "http://a:70000",
            "tcp://a",
            "frames://a",
            "ws://u:p@a/",
            "ws://a/ b",
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.is_usage(), "{url}");
        }
    }

    #[test]
    fn cursor_is_replaced_not_repeated() {
        let target =
            |path: &str| Target { scheme: Scheme::Http, is_secure: false, authority: "a:1".into(), path: path.into() };
        assert_eq!(target("/a").path_with_cursor(None), "/a");
        assert_eq!(target("/a").path_with_cursor(Some(7)), "/a?cursor=7");
        assert_eq!(target("/a?x=1&cursor=2&y=3").path_with_cursor(Some(7)), "/a?x=1&y=3&cursor=7");
        assert_eq!(target("/a?cursor=2").path_with_cursor(None), "/a?cursor=2");
    }
}
