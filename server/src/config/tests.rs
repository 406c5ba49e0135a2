//! Whole configurations: what they mean, and the exact lines about their mistakes.

mod layers;
mod meaning;
mod mistakes;

use super::*;

/// Loads `toml` from a file, with variables and flags; in mistakes the file is called `FILE`.
fn load(toml: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("tailwater.toml");
    std::fs::write(&file, toml).expect("the file can be written");
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let shown = file.display().to_string();
    let options = LoadOptions { file: Some(file), environment, flags };
    Config::load(options).map_err(|mistakes| mistakes.to_string().replace(&shown, "FILE"))
}

/// Loads `toml`, which is right.
#[track_caller]
fn good(toml: &str) -> Config {
    load(toml, &[], Flags::default()).unwrap_or_else(|mistakes| panic!("{toml}\n{mistakes}"))
}
