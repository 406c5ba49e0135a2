//! One request: what of it matters, whichever version of HTTP it came by.
//!
//! Owns nothing but the look at it. Tested by `server/tests/fauna/`.

use std::{net::IpAddr, rc::Rc};

use tailwater_wire::{
    fauna::{client::Client, encode::Envelope},
    http1::Head,
};

use crate::shard::Shard;

/// The headers of a request.
#[derive(Clone, Copy)]
pub(super) enum Headers<'c> {
    Http1(&'c Head),
    Http2(&'c http::HeaderMap),
}

impl<'c> Headers<'c> {
    /// The value of a header whose name is given in lower case.
    pub(super) fn get(self, name: &str) -> Option<&'c str> {
        match self {
            Self::Http1(head) => head.header(name),
            Self::Http2(headers) => headers.get(name)?.to_str().ok(),
        }
    }
}

/// See the module.
pub(super) struct Call<'c> {
    pub(super) shard: &'c Rc<Shard>,
    pub(super) peer: IpAddr,
    pub(super) method: &'c str,
    pub(super) path: &'c str,
    pub(super) headers: Headers<'c>,
}

impl Call<'_> {
    /// Which driver asks.
    pub(super) fn client(&self) -> Client {
        Client::tell(self.headers.get("x-driver"), self.headers.get("user-agent"), self.is_http2())
    }

    /// What the events of a stream are sent in.
    pub(super) fn envelope(&self) -> Envelope {
        if self.is_http2() { Envelope::Line } else { Envelope::Chunk }
    }

    fn is_http2(&self) -> bool {
        matches!(self.headers, Headers::Http2(_))
    }
}
