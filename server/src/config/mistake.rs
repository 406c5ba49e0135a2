//! What is wrong with a configuration, said so that it can be put right.
//!
//! Owns the shape of the lines an operator reads: `FILE:LINE:COL: KEY: what is wrong; what to do`. Decides nothing
//! about what a mistake is; `read`, `environment` and `validate` find them. Tested by `tests.rs`, which compares whole
//! lines.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the configuration file, at this line and column, both counted from 1 (columns in characters).
    File {
        /// The file as it was named to us.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// The configuration file as a whole: it could not be read.
    WholeFile(PathBuf),
    /// In an environment variable, which the key names.
    Environment,
    /// On the command line, by a flag, which the key names.
    CommandLine,
    /// Nowhere: the default of this version applies.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::CommandLine => f.write_str("command line"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One mistake: one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where it was written.
    pub place: Place,
    /// The key path in the file (`limits.connections_max`, `feed[0].name`), the variable or the flag. Empty when the
    /// text around it could not be parsed as TOML at all.
    pub key: String,
    /// What is wrong, as a clause without a full stop.
    pub what: String,
    /// What to do about it, as a clause without a full stop.
    pub remedy: String,
}

impl Mistake {
    /// A mistake of the setting `key` written at `place`.
    pub(super) fn new(place: Place, key: impl Into<String>, wrong: Wrong) -> Self {
        Self { place, key: key.into(), what: wrong.what, remedy: wrong.remedy }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// Every mistake of one configuration, in the order of the file, then the environment, then the command line.
///
/// Never empty. `Display` writes one line each, without a newline at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Sorts `found`; `None` when nothing was found.
    pub(super) fn of(mut found: Vec<Mistake>) -> Option<Self> {
        found.sort();
        found.dedup();
        (!found.is_empty()).then_some(Self(found))
    }

    /// The mistakes, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// What is wrong with a value, before it is known where the value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// See [`Mistake::what`].
    pub what: String,
    /// See [`Mistake::remedy`].
    pub remedy: String,
}

impl Wrong {
    /// The two halves of the sentence.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}
