//! Pages of other origins.
//!
//! Owns who of them may read an answer, and who may send what a browser has kept: cookies and passwords. A listed origin may
//! both. Where nobody has to log in there is nothing to be stolen, and every origin may both. Any other may read what anybody
//! may read, as with the other dialects. Tested below and by `server/tests/couchdb/cors.rs`.

use tailwater_wire::http1::Head;

use crate::http::Response;

/// What pages may see of an answer besides its body.
const EXPOSED: &str = "content-type, cache-control, accept-ranges, etag, server, x-couch-request-id, \
                       x-couch-update-newrev, x-couchdb-body-time";
const METHODS: &str = "GET, PUT, POST, HEAD, DELETE";
const MAX_AGE_S: &str = "600";

/// Whether a browser asks what a page may do before it does it.
pub(super) fn is_preflight(head: &Head) -> bool {
    let asks = head.header("origin").is_some() && head.header("access-control-request-method").is_some();
    head.method() == "OPTIONS" && asks
}

/// What a page may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust<'h> {
    /// No page asks.
    NoPage,
    /// Its origin is known: it may send cookies.
    Known(&'h str),
    /// It may read what everybody may.
    Stranger,
}

impl<'h> Trust<'h> {
    /// What the page may do that sends this request. `is_open` says whether nobody has to log in.
    pub(super) fn of(head: &'h Head, origins: &[String], is_open: bool) -> Self {
        let Some(origin) = head.header("origin") else { return Self::NoPage };
        let is_known = is_open || origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin));
        if is_known { Self::Known(origin) } else { Self::Stranger }
    }

    /// The fields of every answer.
    pub(super) fn fields(self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoPage => Vec::new(),
            Self::Stranger => vec![
                ("Access-Control-Allow-Origin", "*".to_owned()),
                ("Access-Control-Expose-Headers", EXPOSED.to_owned()),
                ("Vary", "Origin".to_owned()),
            ],
            Self::Known(origin) => vec![
                ("Access-Control-Allow-Credentials", "true".to_owned()),
                ("Access-Control-Allow-Origin", origin.to_owned()),
                ("Access-Control-Expose-Headers", EXPOSED.to_owned()),
                ("Vary", "Origin".to_owned()),
            ],
        }
    }

    /// The answer to a browser that asks first.
    pub(super) fn preflight(self, head: &Head) -> Response {
        let headers = head.header("access-control-request-headers").unwrap_or("authorization, content-type");
        let response = Response::new(204, "text/plain", Vec::new())
            .own_origins()
            .header("Access-Control-Allow-Headers", headers)
            .header("Access-Control-Allow-Methods", METHODS)
            .header("Access-Control-Max-Age", MAX_AGE_S);
        match self {
            Self::NoPage | Self::Stranger => response.header("Access-Control-Allow-Origin", "*"),
            Self::Known(origin) => response
                .header("Access-Control-Allow-Origin", origin)
                .header("Access-Control-Allow-Credentials", "true"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tailwater_wire::http1::{HeadLimits, parse_head};

    use super::*;

    #[test]
    fn who_is_trusted() {
        let head = |origin: &str| {
            let text = format!("GET / HTTP/1.1\r\nHost: x\r\n{origin}\r\n");
            parse_head(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0
        };
        let (page, none) = (head("Origin: https://app.example\r\n"), head(""));
        let known = Trust::Known("https://app.example");
        let table = [
            (&none, &["*"][..], true, Trust::NoPage),
            (&page, &[], true, known),
            (&page, &["https://app.example"], false, known),
            (&page, &["*"], false, known),
            (&page, &["https://other.example"], false, Trust::Stranger),
            (&page, &[], false, Trust::Stranger),
        ];
        for (head, origins, is_open, expected) in table {
            let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
            assert_eq!(Trust::of(head, &origins, is_open), expected, "{origins:?} {is_open}");
        }
        let credentials = |trust: Trust<'_>| trust.fields().iter().any(|(name, _)| name.ends_with("Credentials"));
        assert!(credentials(known) && !credentials(Trust::Stranger));
    }
}
