//! The `tailwater-bench` binary: parses the command line and runs the scenario it names.

use std::process::ExitCode;

use clap::Parser;
use tailwater_bench::cli::{Cli, run};

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tailwater-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
