//! The command line: arguments to settings, a progress line while a run lasts, its report at the end.
//!
//! Exit codes: 0 when every check held, 1 when one did not or the run could not be made, 2 for a command that makes no sense.

mod progress;
mod publish;
mod subscribe;
mod summary;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use clap::{Args, Parser, Subcommand};

use crate::{control::Control, error::Error, tls::TlsConfig};

/// Publishers and subscribers for Tailwater: load, exact checks, latency and throughput.
#[derive(Debug, Parser)]
#[command(name = "tailwater-loadgen", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish events to a feed and check every acknowledgement.
    Publish(publish::PublishArgs),
    /// Subscribe with many connections, check some of them, drain the rest.
    Subscribe(subscribe::SubscribeArgs),
}

/// What is asked of a server's certificate.
#[derive(Debug, Args)]
struct TlsArgs {
    /// Over TLS, trust the authorities whose certificates are in this file, in PEM [default: those that this machine trusts]
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Over TLS, take any certificate
    #[arg(long)]
    insecure: bool,
}

impl TlsArgs {
    fn config(&self) -> TlsConfig {
        TlsConfig { ca: self.ca.clone(), insecure: self.insecure }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("tailwater-loadgen: {error}");
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

/// Whether every check held.
fn run(command: Command) -> Result<bool, Error> {
    let control = interruptible()?;
    match command {
        Command::Publish(args) => {
            let config = args.config()?;
            let shown = progress::Shown::new(args.json, "acknowledged");
            let report = progress::during(shown, &control, || crate::publish::run(&config, &control))?;
            print(args.json, &report, || summary::publish(&report));
            Ok(report.ok)
        }
        Command::Subscribe(args) => {
            let config = args.config()?;
            let shown = progress::Shown::new(args.json, "checked");
            let report = progress::during(shown, &control, || crate::subscribe::run(&config, &control))?;
            print(args.json, &report, || summary::subscribe(&report));
            Ok(report.verdict.ok)
        }
    }
}

/// A handle that Ctrl-C and SIGTERM stop, so that the report is still printed; a second one ends the process.
fn interruptible() -> Result<Control, Error> {
    use signal_hook::{consts::TERM_SIGNALS, flag};

    let stop = Arc::new(AtomicBool::new(false));
    for signal in TERM_SIGNALS {
        flag::register_conditional_shutdown(*signal, 130, Arc::clone(&stop))
            .and_then(|_| flag::register(*signal, Arc::clone(&stop)))
            .map_err(Error::io("registering a signal handler"))?;
    }
    Ok(Control::with_stop_flag(stop))
}

fn print(json: bool, report: &impl serde::Serialize, summary: impl FnOnce() -> String) {
    if json {
        let text = serde_json::to_string(report).expect("reports have text keys and finite numbers");
        println!("{text}");
    } else {
        print!("{}", summary());
    }
}

/// Splits `Name: value`.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected Name: value".to_owned())?;
    let (name, value) = (name.trim(), value.trim());
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(|b| b.is_ascii_control()) {
        return Err("a header must be Name: value, without control characters".into());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Seconds as milliseconds.
fn milliseconds(seconds: f64) -> u64 {
    // A float cast saturates; below zero and not-a-number become zero.
    (seconds * 1e3) as u64
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn headers() {
        assert_eq!(header("A-b:  c: d "), Ok(("A-b".into(), "c: d".into())));
        for refused in ["", "a", ": b", "a b: c", "a: b\r\nc: d"] {
            assert!(header(refused).is_err(), "{refused:?}");
        }
    }
}
