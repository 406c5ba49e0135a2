//! Which driver asks, and what it cannot bear.
//!
//! Drivers end, split and read streams in ways of their own. What a server does about it depends on who asks: this
//! module tells, from two headers, and says what follows.
//!
//! | driver | its streams end | events in a frame |
//! | --- | --- | --- |
//! | JavaScript over HTTP/2 | at most three times in its life | as many as there are: it loses those that come while it works |
//! | JavaScript over `fetch` | cleanly: it takes an aborted one for a fatal error, but comes back at once after the end | whole ones |
//! | Python | aborted: it takes the end for the end, but comes back after an abort | any |
//! | JVM | never to come back | exactly one, whole |
//! | Go, .NET and others | cleanly | any |

/// A driver that must be told from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Client {
    /// Python: `httpx`.
    Python,
    /// The JVM's.
    Jvm,
    /// JavaScript over HTTP/2 says nothing of itself when it opens a stream: a request over HTTP/2 without any of the
    /// headers the others send.
    JavaScriptHttp2,
    /// Any other.
    #[default]
    Other,
}

/// How a stream that is not to go on is ended, when the client shall come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The body ends as it should. A short pause before it keeps clients from coming back in a loop.
    Clean,
    /// The connection breaks off.
    Abort,
}

/// How many events may share one frame: an HTTP/2 DATA frame or an HTTP/1.1 chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One each: what the original server does.
    One,
    /// All that are there.
    Many,
}

impl Client {
    /// Tells the client by its headers, and by whether it came over HTTP/2.
    pub fn tell(x_driver: Option<&str>, user_agent: Option<&str>, is_http2: bool) -> Self {
        let driver = x_driver.unwrap_or_default().to_ascii_lowercase();
        let agent = user_agent.unwrap_or_default().to_ascii_lowercase();
        match (driver.as_str(), agent.as_str()) {
            ("python", _) => Self::Python,
            ("java" | "jvm" | "scala", _) => Self::Jvm,
            (_, agent) if agent.starts_with("python-httpx") => Self::Python,
            (_, agent) if agent.starts_with("java-http-client") => Self::Jvm,
            ("", "") if is_http2 => Self::JavaScriptHttp2,
            _ => Self::Other,
        }
    }

    /// How to end its stream so that it comes back.
    pub fn end(self) -> End {
        if self == Self::Python { End::Abort } else { End::Clean }
    }

    /// How many events may share a frame.
    pub fn framing(self) -> Framing {
        if self == Self::JavaScriptHttp2 { Framing::Many } else { Framing::One }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Traps T1, T2, T8 and T9: who wants what.
    #[test]
    fn drivers_and_what_follows() {
        let table = [
            (Some("python"), Some("python-httpx/0.27.0"), false, Client::Python, End::Abort, Framing::One),
            (None, Some("python-httpx/0.27.0"), false, Client::Python, End::Abort, Framing::One),
            (Some("Java"), Some("Java-http-client/17.0.1"), false, Client::Jvm, End::Clean, Framing::One),
            (Some("Java"), None, true, Client::Jvm, End::Clean, Framing::One),
            (None, None, true, Client::JavaScriptHttp2, End::Clean, Framing::Many),
            (None, None, false, Client::Other, End::Clean, Framing::One),
            (Some("javascript"), None, true, Client::Other, End::Clean, Framing::One),
            (Some("go"), Some("Go-http-client/1.1"), false, Client::Other, End::Clean, Framing::One),
            (None, Some("node"), false, Client::Other, End::Clean, Framing::One),
        ];
        for (driver, agent, is_http2, client, end, framing) in table {
            let told = Client::tell(driver, agent, is_http2);
            assert_eq!((told, told.end(), told.framing()), (client, end, framing), "{driver:?} {agent:?}");
        }
    }
}
