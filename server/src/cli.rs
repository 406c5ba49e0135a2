//! The command line: what can be said, and how it becomes configuration.
//!
//! Owns the definitions of `tailwater serve`, `check`, `demo` and `user`. Values are passed on as text where the configuration
//! has a reader for them, so that a flag, a variable and a file earn the same sentences. Runs nothing. Tested here.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::config::{Flags, LoadOptions};

/// A durable event log that serves tens of thousands of subscribers in the protocol their clients already speak.
#[derive(Clone, Debug, Parser, PartialEq)]
#[command(name = "tailwater", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Serve the feeds of a data directory.
    ///
    /// Without a configuration it serves every dialect on 127.0.0.1:7070 from ./tailwater-data. Flags override the
    /// environment (TAILWATER_DATA, TAILWATER_LISTEN, TAILWATER_LIMITS__FEEDS_MAX, ...), which overrides the file.
    Serve(ServeArgs),
    /// Name every mistake of a configuration file, by file, line and key.
    ///
    /// Exits with 0 when there is none and with 1 otherwise.
    Check(CheckArgs),
    /// Serve made-up traffic from a temporary directory, until Ctrl-C.
    Demo(DemoArgs),
    /// Users of the CouchDB dialect.
    #[command(subcommand)]
    User(UserCommand),
}

/// `tailwater user`
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum UserCommand {
    /// Make the configuration entry of a new user.
    ///
    /// The password is asked for on the terminal; otherwise it is the first line of standard input. The entry is printed, or
    /// appended to a configuration file.
    Add(UserAddArgs),
}

/// `tailwater user add`
#[derive(Args, Clone, Debug, PartialEq)]
pub struct UserAddArgs {
    /// What the user logs in with
    pub name: String,
    /// What the user may be, such as a role in a database's _security, or _admin; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// Configuration file (TOML) to append the entry to
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `tailwater serve`
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct ServeArgs {
    /// Configuration file (TOML) [env: TAILWATER_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data directory; created when missing [env: TAILWATER_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// Address to accept connections on, instead of the configured ones; may be repeated [env: TAILWATER_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Vec<String>,
    /// Number of shards; one per processor when absent [env: TAILWATER_SHARDS]
    #[arg(long, value_name = "N")]
    pub shards: Option<String>,
    /// Processors to use, such as 0-3,8; all that are allowed when absent [env: TAILWATER_CPUS]
    #[arg(long, value_name = "LIST")]
    pub cpus: Option<String>,
    /// How much to log: off, error, warn, info, debug or trace [env: TAILWATER_LOG]
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
}

impl ServeArgs {
    /// What to load the configuration from.
    pub fn load_options(self, environment: Vec<(String, String)>) -> LoadOptions {
        let flags = Flags { data: self.data, listen: self.listen, shards: self.shards, cpus: self.cpus, log: self.log };
        LoadOptions { file: self.config, environment, flags }
    }
}

/// `tailwater check`
#[derive(Args, Clone, Debug, PartialEq)]
pub struct CheckArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

impl CheckArgs {
    /// What to load the configuration from: the file alone, so that the verdict does not depend on the shell.
    pub fn load_options(&self) -> LoadOptions {
        LoadOptions { file: Some(self.config.clone()), ..LoadOptions::default() }
    }
}

/// `tailwater demo`
#[derive(Args, Clone, Debug, PartialEq)]
pub struct DemoArgs {
    /// Address to accept connections on; may be repeated [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Vec<String>,
    /// End after this many seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
    /// Events to publish a second, over all feeds; the AT Protocol's network has about 350
    #[arg(long, value_name = "EV/S", default_value_t = 350, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rate: u64,
    /// Print lines instead of live counters; always so when the output is no terminal
    #[arg(long)]
    pub plain: bool,
}

impl DemoArgs {
    /// What to load the configuration from: the temporary directory and the flags alone.
    pub fn load_options(&self, data: &Path) -> LoadOptions {
        let flags =
            Flags { data: Some(data.to_string_lossy().into_owned()), listen: self.listen.clone(), ..Flags::default() };
        LoadOptions { flags, ..LoadOptions::default() }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_takes_flags_to_the_configuration() {
        let line = "tailwater serve --config f --data d --listen a:1 --listen b:2 --shards 3 --cpus 0-3 --log debug";
        let Ok(Command::Serve(args)) = parse(line) else { panic!("{line}") };
        let options = args.load_options(vec![("TAILWATER_DATA".to_owned(), "e".to_owned())]);
        assert_eq!(options.file.as_deref(), Some(Path::new("f")));
        assert_eq!(options.environment.len(), 1);
        let expected = Flags {
            data: Some("d".to_owned()),
            listen: vec!["a:1".to_owned(), "b:2".to_owned()],
            shards: Some("3".to_owned()),
            cpus: Some("0-3".to_owned()),
            log: Some("debug".to_owned()),
        };
        assert_eq!(options.flags, expected);
        assert_eq!(parse("tailwater serve").ok(), Some(Command::Serve(ServeArgs::default())));
    }

    #[test]
    fn check_needs_a_file() {
        let config = PathBuf::from("f");
        assert_eq!(parse("tailwater check --config f").ok(), Some(Command::Check(CheckArgs { config })));
        assert!(parse("tailwater check").is_err());
    }

    #[test]
    fn a_user_has_a_name_and_roles() {
        let expected = UserAddArgs {
            name: "bob".to_owned(),
            roles: vec!["a".to_owned(), "_admin".to_owned()],
            config: Some(PathBuf::from("f")),
        };
        let line = "tailwater user add bob --role a --role _admin --config f";
        assert_eq!(parse(line).ok(), Some(Command::User(UserCommand::Add(expected))));
        for refused in ["user", "user add", "user add a b"] {
            assert!(parse(&format!("tailwater {refused}")).is_err(), "{refused}");
        }
    }

    #[test]
    fn demo_has_a_rate() {
        let expected = DemoArgs { listen: vec![], seconds: None, rate: 350, plain: false };
        assert_eq!(parse("tailwater demo").ok(), Some(Command::Demo(expected.clone())));
        let options = expected.load_options(Path::new("/tmp/x"));
        assert_eq!(options.flags, Flags { data: Some("/tmp/x".to_owned()), ..Flags::default() });
        for refused in ["--rate 0", "--rate x", "--seconds 0", "--seconds -1", "--rate 1000001", "more"] {
            assert!(parse(&format!("tailwater demo {refused}")).is_err(), "{refused}");
        }
    }
}
