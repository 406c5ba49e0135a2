//! Arguments of `publish`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use crate::{
    cli::{TlsArgs, header, milliseconds},
    error::Error,
    publish::{Payload, PublishConfig, SeqMode},
};

/// Ends after --count events, --seconds, the corpus, or Ctrl-C: whichever comes first.
#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The server: http://host:port or https://host:port
    #[arg(long, default_value = "http://127.0.0.1:7070")]
    url: String,
    #[command(flatten)]
    tls: TlsArgs,
    /// The feed to publish to; with --format docs the database
    #[arg(long)]
    feed: String,
    /// Events per second, or max: as fast as they are acknowledged
    #[arg(long, default_value = "max", value_parser = rate)]
    rate: Rate,
    /// Bytes of each event's body (ndjson), of each frame (frames) or of each document (docs)
    #[arg(long, default_value_t = 512, conflicts_with = "corpus")]
    size: usize,
    /// Events to publish
    #[arg(long)]
    count: Option<u64>,
    /// How long to publish, after the warm-up
    #[arg(long)]
    seconds: Option<f64>,
    /// Seconds at the beginning that are not measured
    #[arg(long, default_value_t = 0.0)]
    warmup: f64,
    /// Events in a request
    #[arg(long, default_value_t = 1)]
    batch: u32,
    /// Connections, each with one request under way at most
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Distinct keys (ndjson)
    #[arg(long, default_value_t = 1000)]
    key_space: u64,
    /// What made-up events are
    #[arg(long, value_enum, default_value_t = Format::Ndjson, conflicts_with = "corpus")]
    format: Format,
    /// Publish the frames of this file: each a 4-byte little-endian length and the frame
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// Start the corpus over at its end; the server then assigns the seqs
    #[arg(long, requires = "corpus")]
    r#loop: bool,
    /// Who numbers frames [default: preserve for a corpus that is published once, else assign]
    #[arg(long, value_enum)]
    seq: Option<Seq>,
    /// Options the feed is created with, a JSON object
    #[arg(long, value_name = "JSON", value_parser = options, default_value = "{}")]
    feed_options: Map<String, Value>,
    /// Do not create a missing feed
    #[arg(long)]
    no_create: bool,
    /// A further request header
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Seconds to wait for an answer
    #[arg(long, default_value_t = 30.0)]
    timeout: f64,
    /// Report every acknowledgement
    #[arg(long, requires = "json")]
    acks: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// `--rate`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rate {
    Max,
    PerSecond(f64),
}

/// `--format`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// JSON events
    Ndjson,
    /// AT Protocol frames
    Frames,
    /// Documents of a CouchDB database, over _bulk_docs
    Docs,
}

/// `--seq`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Seq {
    /// The server
    Assign,
    /// The frames
    Preserve,
}

impl PublishArgs {
    /// The settings these arguments mean.
    pub(super) fn config(&self) -> Result<PublishConfig, Error> {
        if self.seq.is_some() && self.corpus.is_none() && !matches!(self.format, Format::Frames) {
            return Err(Error::Settings("--seq is about frames; these are JSON".into()));
        }
        let defaults = PublishConfig::new(&*self.url, &*self.feed);
        Ok(PublishConfig {
            tls: self.tls.config(),
            payload: self.payload(),
            rate_per_s: match self.rate {
                Rate::Max => None,
                Rate::PerSecond(rate) => Some(rate),
            },
            batch: self.batch,
            connections: self.connections,
            events: self.count,
            seconds: self.seconds,
            warmup_ms: milliseconds(self.warmup),
            create_feed: !self.no_create,
            feed_options: self.feed_options.clone(),
            headers: self.headers.clone(),
            timeout_ms: milliseconds(self.timeout),
            keep_acks: self.acks,
            ..defaults
        })
    }

    fn payload(&self) -> Payload {
        let seq = match self.seq {
            Some(Seq::Preserve) => SeqMode::Preserve,
            Some(Seq::Assign) => SeqMode::Assign,
            None if self.corpus.is_some() && !self.r#loop => SeqMode::Preserve,
            None => SeqMode::Assign,
        };
        let size_bytes = self.size;
        match (&self.corpus, self.format) {
            (Some(path), _) => Payload::Corpus { path: path.clone(), seq, repeat: self.r#loop },
            (None, Format::Frames) => Payload::Frames { size_bytes, seq },
            (None, Format::Docs) => Payload::Documents { size_bytes },
            (None, Format::Ndjson) => Payload::Ndjson { size_bytes, key_space: self.key_space },
        }
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    match (text, text.parse()) {
        ("max", _) => Ok(Rate::Max),
        (_, Ok(rate)) => Ok(Rate::PerSecond(rate)),
        _ => Err("expected a number of events per second, or max".into()),
    }
}

fn options(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: PublishArgs,
    }

    fn config(line: &str) -> Result<PublishConfig, String> {
        let words = ["publish", "--feed", "f"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.args.config().map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_to_settings() {
        let defaults = PublishConfig::new("http://127.0.0.1:7070", "f");
        assert_eq!(config("").unwrap(), defaults);
        let timed = config("--rate 100.5 --batch 7 --connections 2 --count 9 --seconds 1.5 --warmup 0.25").unwrap();
        let expected = PublishConfig {
            rate_per_s: Some(100.5),
            batch: 7,
            connections: 2,
            events: Some(9),
            seconds: Some(1.5),
            warmup_ms: 250,
            ..defaults
        };
        assert_eq!(timed, expected);
        let corpus = |seq, repeat| Payload::Corpus { path: "c".into(), seq, repeat };
        let table = [
            ("--corpus c", corpus(SeqMode::Preserve, false)),
            ("--corpus c --seq assign", corpus(SeqMode::Assign, false)),
            ("--corpus c --loop", corpus(SeqMode::Assign, true)),
            ("--format frames --size 600", Payload::Frames { size_bytes: 600, seq: SeqMode::Assign }),
            ("--format docs --size 600", Payload::Documents { size_bytes: 600 }),
            ("--size 40 --key-space 3", Payload::Ndjson { size_bytes: 40, key_space: 3 }),
        ];
        for (line, expected) in table {
            assert_eq!(config(line).unwrap().payload, expected, "{line}");
        }
    }

    #[test]
    fn refused_arguments() {
        for line in [
            "--rate fast",
            "--loop",
            "--acks",
            "--seq assign",
            "--format docs --seq assign",
            "--corpus c --size 9",
            "--corpus c --format frames",
            "--feed-options []",
            "--header x",
            "--insecure --ca x",
        ] {
            assert!(config(line).is_err(), "{line}");
        }
    }
}
