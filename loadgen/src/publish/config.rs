//! What a publishing run is told.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    error::Error,
    publish::{payload, schedule::Schedule},
    target::{Scheme, Target},
    tls::TlsConfig,
};

/// Who numbers frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeqMode {
    /// The server: `?seq=assign`.
    Assign,
    /// The frames themselves: `?seq=preserve`. Needs one connection, so that they arrive in order.
    Preserve,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// JSON events, `application/x-ndjson`, one a line:
    /// `{"kind":"put","key":"k17","time":T,"body":{"t":T,"pad":"..."}}`, where the body is exactly `size_bytes` long, `time` is
    /// when the batch was made and `t` when it was due (both µs since the Unix epoch).
    Ndjson {
        /// Bytes of each event's body.
        size_bytes: usize,
        /// Distinct keys: event n has the key `k` followed by n modulo this.
        key_space: u64,
    },
    /// JSON documents for a CouchDB database, posted to its `_bulk_docs`: `{"_id":"...","t":T,"pad":"..."}`, exactly `size_bytes`
    /// long, where `t` is when it was due. Ids ascend, and no other run has the same.
    Documents {
        /// Bytes of each document, its id included.
        size_bytes: usize,
    },
    /// Made-up AT Protocol frames, `application/vnd.tailwater.frames`: header `{"t":"#event","op":1}`, payload
    /// `{"t":T,"pad":h'..',"seq":n+1,"time":"..."}`, together `size_bytes` long (a byte or two less where CBOR's length
    /// prefixes make that size impossible).
    Frames {
        /// Bytes of each frame.
        size_bytes: usize,
        /// Who numbers them.
        seq: SeqMode,
    },
    /// Frames of a file: each a 4-byte little-endian length and the frame's bytes.
    Corpus {
        /// The file.
        path: PathBuf,
        /// Who numbers them.
        seq: SeqMode,
        /// Start over at the end; needs [`SeqMode::Assign`].
        repeat: bool,
    },
}

/// Settings of a publishing run. [`PublishConfig::new`] gives the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishConfig {
    /// The server, `http://host:port` or `https://host:port`.
    pub url: String,
    /// What is asked of the certificate over TLS.
    pub tls: TlsConfig,
    /// The feed's name; for [`Payload::Documents`] the database's.
    pub feed: String,
    /// What is published.
    pub payload: Payload,
    /// Events per second; `None`: as fast as they are acknowledged.
    pub rate_per_s: Option<f64>,
    /// Events in a request.
    pub batch: u32,
    /// Connections, each with at most one request under way.
    pub connections: usize,
    /// Events in all; a corpus that does not repeat limits itself.
    pub events: Option<u64>,
    /// Nothing is begun later than this long after the warm-up.
    pub seconds: Option<f64>,
    /// Batches due (or, at full speed, sent) this early are not measured.
    pub warmup_ms: u64,
    /// Create the feed when it is missing.
    pub create_feed: bool,
    /// The options it is created with.
    pub feed_options: Map<String, Value>,
    /// Further request headers.
    pub headers: Vec<(String, String)>,
    /// An answer that takes longer is a transport error.
    pub timeout_ms: u64,
    /// Keep every acknowledgement for the report.
    pub keep_acks: bool,
}

impl PublishConfig {
    /// 512-byte JSON events to `feed` on one connection, one a request, at full speed, until stopped.
    pub fn new(url: impl Into<String>, feed: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            tls: TlsConfig::default(),
            feed: feed.into(),
            payload: Payload::Ndjson { size_bytes: 512, key_space: 1000 },
            rate_per_s: None,
            batch: 1,
            connections: 1,
            events: None,
            seconds: None,
            warmup_ms: 0,
            create_feed: true,
            feed_options: Map::new(),
            headers: Vec::new(),
            timeout_ms: 30_000,
            keep_acks: false,
        }
    }

    /// The plan these settings make; `corpus_frames` is the length of a corpus that is published once.
    pub(crate) fn schedule(&self, corpus_frames: Option<u64>) -> Schedule {
        let events = self.events.into_iter().chain(corpus_frames).min();
        Schedule {
            rate_per_s: self.rate_per_s,
            batch: self.batch,
            events_max: events,
            duration: self.seconds.map(|seconds| self.warmup() + Duration::from_secs_f64(seconds)),
        }
    }

    /// The time before anything is measured.
    pub(crate) fn warmup(&self) -> Duration {
        Duration::from_millis(self.warmup_ms)
    }

    /// Parses and checks what [`run`](crate::publish::run) needs before it starts.
    pub(crate) fn target(&self) -> Result<Target, Error> {
        let refuse = |message: String| Err(Error::Settings(message));
        let target = Target::parse(&self.url)?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if target.scheme != Scheme::Http || target.path != "/" {
            return refuse(format!("publishing needs the server's address, http(s)://host:port, not {:?}", self.url));
        }
        if self.feed.is_empty() || !self.feed.bytes().all(is_plain) {
            return refuse(format!("feed {:?}: use letters, digits and - . _ ~", self.feed));
        }
        if self.batch == 0 || self.connections == 0 {
            return refuse("batch and connections must be at least 1".into());
        }
        if self.rate_per_s.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return refuse("rate must be above 0 events per second, or max".into());
        }
        if self.seconds.is_some_and(|s| !(0.0..=1e9).contains(&s)) {
            return refuse("seconds must be between 0 and 1,000,000,000".into());
        }
        self.check_payload()?;
        Ok(target)
    }

    fn check_payload(&self) -> Result<(), Error> {
        let (seq, repeat) = match &self.payload {
            Payload::Ndjson { size_bytes, key_space } => {
                payload::check_body_size(*size_bytes)?;
                if *key_space == 0 {
                    return Err(Error::Settings("key space must be at least 1".into()));
                }
                return Ok(());
            }
            Payload::Documents { size_bytes } => {
                if !self.feed_options.is_empty() {
                    return Err(Error::Settings("a database is created without options".into()));
                }
                return payload::check_document_size(*size_bytes);
            }
            Payload::Frames { size_bytes, seq } => {
                payload::check_frame_size(*size_bytes)?;
                (*seq, false)
            }
            Payload::Corpus { seq, repeat, .. } => (*seq, *repeat),
        };
        match seq {
            SeqMode::Preserve if self.connections > 1 => {
                Err(Error::Settings("frames that keep their seq must arrive in order: use one connection".into()))
            }
            SeqMode::Preserve if repeat => Err(Error::Settings(
                "a corpus that is repeated cannot keep its seqs: let the server assign them".into(),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_usage_errors() {
        type Change = fn(&mut PublishConfig);
        let table: [(&str, Change); 16] = [
            ("not http", |c| c.url = "ws://127.0.0.1:1".into()),
            ("a path", |c| c.url = "http://127.0.0.1:1/v1".into()),
            ("no feed", |c| c.feed.clear()),
            ("feed with a slash", |c| c.feed = "a/b".into()),
            ("no batch", |c| c.batch = 0),
            ("no connections", |c| c.connections = 0),
            ("no rate", |c| c.rate_per_s = Some(0.0)),
            ("rate NaN", |c| c.rate_per_s = Some(f64::NAN)),
            ("seconds", |c| c.seconds = Some(f64::INFINITY)),
            ("small body", |c| {
                c.payload = Payload::Ndjson { size_bytes: 1, key_space: 1 };
            }),
            ("no keys", |c| {
                c.payload = Payload::Ndjson { size_bytes: 512, key_space: 0 };
            }),
            ("small frame", |c| {
                c.payload = Payload::Frames { size_bytes: 1, seq: SeqMode::Assign };
            }),
            ("small document", |c| c.payload = Payload::Documents { size_bytes: 40 }),
            ("database with options", |c| {
                c.payload = Payload::Documents { size_bytes: 512 };
                c.feed_options.insert("durability".into(), "os".into());
            }),
            ("out of order", |c| {
                c.connections = 2;
                c.payload = Payload::Frames { size_bytes: 512, seq: SeqMode::Preserve };
            }),
            ("repeated seqs", |c| {
                let path = "frames.bin".into();
                c.payload = Payload::Corpus { path, seq: SeqMode::Preserve, repeat: true };
            }),
        ];
        PublishConfig::new("http://127.0.0.1:1", "a.b-c").target().unwrap();
        for (name, change) in table {
            let mut config = PublishConfig::new("http://127.0.0.1:1", "a.b-c");
            change(&mut config);
            assert!(config.target().unwrap_err().is_usage(), "{name}");
        }
    }
}
