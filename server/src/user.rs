//! `tailwater user add`: a new entry for the configuration.
//!
//! Owns the entry's text and how it gets into a file. The password comes from the terminal, twice and unseen, or is the first
//! line of standard input. It is never stored, only its hash is. Tests: below.

use std::{
    fs,
    io::{self, BufRead, IsTerminal},
    path::{Path, PathBuf},
};

use crate::{
    auth::password,
    cli::UserAddArgs,
    config::{Config, LoadOptions},
};

/// Why there is no new user.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The password could not be read.
    #[error("the password could not be read: {0}")]
    Read(#[from] io::Error),
    /// There was none.
    #[error("the password is empty")]
    Empty,
    /// It was typed in two ways.
    #[error("the two passwords differ")]
    Differ,
    /// It could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    /// The configuration would not be right with the new entry, or was not before.
    #[error("{0}")]
    Mistakes(String),
    /// The configuration could not be written.
    #[error("{}: {error}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

/// Makes an entry and prints it, or appends it to the configuration file.
///
/// # Errors
/// See [`UserError`].
pub fn add(arguments: &UserAddArgs) -> Result<(), UserError> {
    let stdin = io::stdin();
    let password = if stdin.is_terminal() { ask()? } else { first_line(stdin.lock())? };
    if password.is_empty() {
        return Err(UserError::Empty);
    }
    let hash = password::hash(&password).map_err(|error| UserError::Hash(error.to_string()))?;
    let entry = entry(&arguments.name, &hash, &arguments.roles);
    match &arguments.config {
        Some(file) => append(file, &entry),
        None => {
            check(&entry)?;
            print!("{entry}");
            Ok(())
        }
    }
}

fn ask() -> Result<String, UserError> {
    let password = rpassword::prompt_password("Password: ")?;
    if rpassword::prompt_password("Again: ")? == password { Ok(password) } else { Err(UserError::Differ) }
}

fn first_line(mut input: impl BufRead) -> Result<String, UserError> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The entry as TOML.
fn entry(name: &str, hash: &str, roles: &[String]) -> String {
    let text = |text: &str| toml::Value::from(text).to_string();
    let mut entry = format!("[[user]]\nname = {}\npassword_argon2 = {}\n", text(name), text(hash));
    if !roles.is_empty() {
        let roles: Vec<String> = roles.iter().map(|role| text(role)).collect();
        entry.push_str(&format!("roles = [{}]\n", roles.join(", ")));
    }
    entry
}

/// Whether an entry by itself is right.
fn check(entry: &str) -> Result<(), UserError> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), entry)?;
    load(file.path(), Path::new("the new user"))
}

/// Whether a configuration is right that lies in this file for now; `name` is what it is going to be called.
fn load(file: &Path, name: &Path) -> Result<(), UserError> {
    let loaded = Config::load(LoadOptions { file: Some(file.to_owned()), ..LoadOptions::default() });
    let (file, name) = (file.display().to_string(), name.display().to_string());
    loaded.map(drop).map_err(|mistakes| UserError::Mistakes(mistakes.to_string().replace(&file, &name)))
}

/// Appends an entry to a configuration that is right with it, in one step.
fn append(file: &Path, entry: &str) -> Result<(), UserError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| UserError::Write { path, error }
    };
    // What a link points to is replaced, not the link.
    let file = fs::canonicalize(file).map_err(failed(file))?;
    let before = fs::read_to_string(&file).map_err(failed(&file))?;
    let dir = file.parent().unwrap_or(Path::new("/"));
    let new = tempfile::NamedTempFile::new_in(dir).map_err(failed(dir))?;
    let gap = if before.is_empty() || before.ends_with("\n\n") { "" } else { "\n" };
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    fs::write(new.path(), format!("{before}{end}{gap}{entry}")).map_err(failed(new.path()))?;
    load(new.path(), &file)?;
    let permissions = fs::metadata(&file).map_err(failed(&file))?.permissions();
    fs::set_permissions(new.path(), permissions).map_err(failed(new.path()))?;
    new.persist(&file).map_err(|error| failed(&file)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(roles: &[&str]) -> Vec<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    #[test]
    fn an_entry_is_what_the_configuration_reads() {
        let hash = password::hash("x").unwrap();
        for (name, roles) in [("bob", roles(&["readers", "_admin"])), ("Bob \"the\" \\ Ö", Vec::new())] {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), entry(name, &hash, &roles)).unwrap();
            let options = LoadOptions { file: Some(file.path().to_owned()), ..LoadOptions::default() };
            let config = Config::load(options).unwrap();
            let user = &config.users[0];
            assert_eq!((user.name.as_str(), &user.password_argon2, &user.roles), (name, &hash, &roles));
        }
        assert!(matches!(check(&entry("a:b", &hash, &[])), Err(UserError::Mistakes(_))));
    }

    #[test]
    fn a_file_gets_one_more_entry_or_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.toml");
        fs::write(&file, "anonymous = true").unwrap();
        let hash = password::hash("x").unwrap();
        append(&file, &entry("bob", &hash, &[])).unwrap();
        append(&file, &entry("eve", &hash, &roles(&["r"]))).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("anonymous = true\n\n[[user]]\nname = \"bob\"\n"), "{text}");
        let error = append(&file, &entry("bob", &hash, &[])).unwrap_err();
        let expected = format!("{}:13:8: user[2].name: the user \"bob\" is configured twice", file.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(matches!(append(&dir.path().join("none"), ""), Err(UserError::Write { .. })));
    }

    #[test]
    fn the_password_is_the_first_line() {
        for (input, expected) in [("a b\r\nc", "a b"), ("x", "x"), ("", "")] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), expected);
        }
    }
}
