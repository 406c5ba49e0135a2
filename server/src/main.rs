//! The `tailwater` binary: parses the command line and runs what it asks for.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::Context;
use clap::Parser;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use tailwater::{
    cli::{Cli, Command, UserCommand},
    config::{self, Config, LoadOptions, Log, LogFormat, Mistakes},
    demo, serve, user,
};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(arguments) => run(arguments.load_options(config::variables())),
        Command::Check(arguments) => return check(arguments.load_options()),
        Command::Demo(arguments) => demo::run(&arguments).map_err(anyhow::Error::from),
        Command::User(UserCommand::Add(arguments)) => user::add(&arguments).map_err(anyhow::Error::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tailwater: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error with its causes, as far as it does not name them itself.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |said, cause| match cause.to_string() {
        cause if said.contains(&cause) => said,
        cause => format!("{said}: {cause}"),
    })
}

/// Serves until SIGINT or SIGTERM; SIGHUP has certificates read again.
fn run(options: LoadOptions) -> anyhow::Result<()> {
    let config = Config::load(options)?;
    start_log(&config.log);
    // Before anything is started, so that no thread ever takes the signal's default.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("signals cannot be waited for")?;
    let data = config.data.display().to_string();
    let running = serve::start(config)?;
    for address in running.addresses() {
        tracing::info!(%address, %data, "serving");
    }
    let renew = |signal: &i32| {
        if *signal == SIGHUP {
            running.renew_certificates();
        }
        *signal != SIGHUP
    };
    let signal = signals.forever().find(renew);
    tracing::info!(signal, connections = running.connections(), "stopping");
    running.stop();
    tracing::info!("stopped");
    Ok(())
}

fn check(options: LoadOptions) -> ExitCode {
    let file = options.file.clone().map(|file| file.display().to_string()).unwrap_or_default();
    match Config::load(options) {
        Ok(config) => {
            println!("{file}: ok, {}", config.summary());
            ExitCode::SUCCESS
        }
        Err(mistakes) => report(&mistakes),
    }
}

fn report(mistakes: &Mistakes) -> ExitCode {
    // Nobody is left to tell when the reader of our output has gone.
    let _closed = writeln!(std::io::stderr(), "{mistakes}");
    ExitCode::FAILURE
}

fn start_log(log: &Log) {
    let level = tracing_subscriber::EnvFilter::new(log.level.name());
    let subscriber = tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
