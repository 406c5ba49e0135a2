//! Which endpoint a path names.

/// What can be asked of the stored messages of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// `last`: the newest.
    Last,
    /// `from`: all from one on.
    From,
    /// `range`: from one on, or up to another.
    Range,
}

/// An endpoint of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// `GET /api/v1/ws`: the WebSocket.
    WebSocket,
    /// `POST /api/v1/streams/{stream}/data`: publish.
    Produce {
        /// The stream's id.
        stream: &'a str,
    },
    /// `GET /api/v1/streams/{stream}/data/partitions/{partition}/{last|from|range}`: stored messages.
    Query {
        /// The stream's id.
        stream: &'a str,
        /// The partition, see [`parse_partition`](super::parse_partition).
        partition: &'a str,
        /// Which messages.
        kind: QueryKind,
    },
    /// `GET /api/v1/streams/{stream}`: the stream's description.
    Stream {
        /// The stream's id.
        stream: &'a str,
    },
    /// `POST /api/v1/login/apikey`: a session for a key.
    Login,
    /// `GET /api/v1/volume`: statistics.
    Volume,
}

impl<'a> Endpoint<'a> {
    /// The endpoint of a path's decoded segments. Stream ids with a slash in them have it as `%2F`.
    pub fn of_segments(segments: &'a [impl AsRef<str>]) -> Option<Self> {
        let (prefix, rest) = segments.split_at_checked(2)?;
        if prefix[0].as_ref() != "api" || prefix[1].as_ref() != "v1" {
            return None;
        }
        match rest {
            [one] if one.as_ref() == "ws" => Some(Self::WebSocket),
            [one] if one.as_ref() == "volume" => Some(Self::Volume),
            [one, two] if one.as_ref() == "login" && two.as_ref() == "apikey" => Some(Self::Login),
            [one, stream, rest @ ..] if one.as_ref() == "streams" && !stream.as_ref().is_empty() => {
                Self::of_stream(stream.as_ref(), rest)
            }
            _ => None,
        }
    }

    fn of_stream(stream: &'a str, rest: &'a [impl AsRef<str>]) -> Option<Self> {
        match rest {
            [] => Some(Self::Stream { stream }),
            [data] if data.as_ref() == "data" => Some(Self::Produce { stream }),
            [data, partitions, partition, kind] if data.as_ref() == "data" && partitions.as_ref() == "partitions" => {
                let kind = match kind.as_ref() {
                    "last" => QueryKind::Last,
                    "from" => QueryKind::From,
                    "range" => QueryKind::Range,
                    _ => return None,
                };
                Some(Self::Query { stream, partition: partition.as_ref(), kind })
            }
            _ => None,
        }
    }
}
