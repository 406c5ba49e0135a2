//! Arguments of `subscribe`.

use clap::Args;

use crate::{
    cli::{TlsArgs, header, milliseconds},
    error::Error,
    subscribe::{SubscribeConfig, Window},
};

/// Ends after --seconds, --events, --until-seq, or Ctrl-C: whichever comes first.
#[derive(Debug, Args)]
pub(super) struct SubscribeArgs {
    /// The stream: ws://... , http://...?format=ndjson|sse , over TLS wss://... or https://... , frames://host:port
    /// for WebSocket frames without a handshake, or tcp://host:port for bare bytes
    #[arg(long)]
    url: String,
    #[command(flatten)]
    tls: TlsArgs,
    /// Connections to open
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Connections begun per second [default: as fast as they open]
    #[arg(long, value_name = "PER_SECOND")]
    ramp: Option<f64>,
    /// Source addresses to bind to in turn, for instance 127.0.0.0/8
    #[arg(long, value_name = "RANGE")]
    sources: Option<String>,
    /// How long to measure
    #[arg(long)]
    seconds: Option<f64>,
    /// Seconds after the ramp that are not measured
    #[arg(long, default_value_t = 0.0)]
    warmup: f64,
    /// End each checked connection after exactly this many events; measures from the start
    #[arg(long)]
    events: Option<u64>,
    /// End when every checked connection has seen this seq; measures from the start
    #[arg(long, value_name = "SEQ")]
    until_seq: Option<u64>,
    /// Where to begin: the cursor parameter
    #[arg(long)]
    cursor: Option<u64>,
    /// Connections that are decoded and checked; the rest are drained [default: 8, or all if fewer]
    #[arg(long)]
    sample: Option<usize>,
    /// Connections that are opened and never read
    #[arg(long, default_value_t = 0)]
    stall: usize,
    /// Checked connections that are dropped come back where they were
    #[arg(long)]
    resume: bool,
    /// Fail if a seq is missing
    #[arg(long)]
    expect_contiguous: bool,
    /// A further request header
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Ask for the stream with a POST of this JSON document; of several, each connection posts the next, going round
    #[arg(long = "body", value_name = "JSON")]
    bodies: Vec<String>,
    /// A WebSocket text message to send once the stream is open; of several, all, in this order
    #[arg(long = "say", value_name = "TEXT")]
    say: Vec<String>,
    /// Seconds a connection may take to open
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    open_timeout: f64,
    /// Receive buffer of every connection [default: sized by the system]
    #[arg(long, value_name = "BYTES")]
    recv_buffer: Option<usize>,
    /// Microseconds to go on looking before sleeping: on one machine the server pays for waking this process
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0)]
    awake_us: u64,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl SubscribeArgs {
    /// The settings these arguments mean.
    pub(super) fn config(&self) -> Result<SubscribeConfig, Error> {
        let counts_events = self.events.is_some() || self.until_seq.is_some();
        if counts_events && self.warmup > 0.0 {
            return Err(Error::Settings(
                "--warmup makes no sense with --events or --until-seq, which measure from the start".into(),
            ));
        }
        let window =
            if counts_events { Window::FromStart } else { Window::AfterRamp { warmup_ms: milliseconds(self.warmup) } };
        let defaults = SubscribeConfig::new(&*self.url);
        Ok(SubscribeConfig {
            tls: self.tls.config(),
            connections: self.connections,
            sample: self.sample,
            stall: self.stall,
            ramp_per_s: self.ramp,
            sources: self.sources.clone(),
            headers: self.headers.clone(),
            bodies: self.bodies.clone(),
            say: if self.say.is_empty() { Vec::new() } else { vec![self.say.clone()] },
            cursor: self.cursor,
            window,
            seconds: self.seconds,
            events: self.events,
            until_seq: self.until_seq,
            resume: self.resume,
            expect_contiguous: self.expect_contiguous,
            open_timeout_ms: milliseconds(self.open_timeout),
            receive_buffer_bytes: self.recv_buffer,
            awake_us: self.awake_us,
            ..defaults
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::TlsConfig;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SubscribeArgs,
    }

    fn config(line: &str) -> Result<SubscribeConfig, String> {
        let words = ["subscribe", "--url", "ws://h/"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.args.config().map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_to_settings() {
        let defaults = SubscribeConfig::new("ws://h/");
        assert_eq!(config("").unwrap(), defaults);
        let timed = config(
            "--connections 9 --sample 2 --stall 3 --ramp 50 --sources 127.0.0.0/8 --seconds 4 --warmup 1.5 \
             --open-timeout 2 --recv-buffer 65536 --awake-us 50",
        );
        let expected = SubscribeConfig {
            connections: 9,
            sample: Some(2),
            stall: 3,
            ramp_per_s: Some(50.0),
            sources: Some("127.0.0.0/8".into()),
            seconds: Some(4.0),
            window: Window::AfterRamp { warmup_ms: 1500 },
            open_timeout_ms: 2000,
            receive_buffer_bytes: Some(65_536),
            awake_us: 50,
            ..defaults.clone()
        };
        assert_eq!(timed.unwrap(), expected);
        let trusting = TlsConfig { ca: Some("ca.pem".into()), insecure: false };
        assert_eq!(config("--ca ca.pem").unwrap(), SubscribeConfig { tls: trusting, ..defaults.clone() });
        assert!(config("--insecure").unwrap().tls.insecure);
        let talking = SubscribeConfig { say: vec![vec!["a".into(), "-b".into()]], ..defaults.clone() };
        assert_eq!(config("--say a --say=-b").unwrap(), talking);
        let posting = SubscribeConfig { bodies: vec!["{}".into(), "[]".into()], ..defaults.clone() };
        assert_eq!(config("--body {} --body []").unwrap(), posting);
        let counted = config("--events 5 --cursor 0 --resume --expect-contiguous --until-seq 7");
        let expected = SubscribeConfig {
            events: Some(5),
            until_seq: Some(7),
            cursor: Some(0),
            resume: true,
            expect_contiguous: true,
            window: Window::FromStart,
            ..defaults
        };
        assert_eq!(counted.unwrap(), expected);
    }

    #[test]
    fn refused_arguments() {
        for line in ["--events 5 --warmup 1", "--insecure --ca x", "--connections -1", "--header x", "--cursor x"] {
            assert!(config(line).is_err(), "{line}");
        }
    }
}
