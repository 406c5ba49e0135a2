//! The errors a run can end with before it has figures to report.
//!
//! What happens to a single connection or a single request is no error of the run: it is counted and reported.

use std::{io, path::PathBuf};

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one of the shapes that are understood.
    #[error("{url:?} is not a usable address: {reason}")]
    Url {
        /// The text as given.
        url: String,
        /// What is wrong with it and what would be right.
        reason: &'static str,
    },
    /// The range of source addresses is not usable.
    #[error("{range:?} is not a usable range of source addresses: {reason}")]
    Sources {
        /// The text as given.
        range: String,
        /// What is wrong with it and what would be right.
        reason: &'static str,
    },
    /// Settings that contradict each other or make no run.
    #[error("{0}")]
    Settings(String),
    /// The process may not open as many descriptors as the run needs.
    #[error(
        "{connections} connections need {needed} open descriptors, the hard limit of this process is {hard_limit}: \
         raise it (as root: ulimit -Hn {needed}) or ask for fewer connections"
    )]
    Descriptors {
        /// Connections asked for.
        connections: usize,
        /// Descriptors needed: the connections, what is open already, and a few to spare.
        needed: u64,
        /// What the system allows.
        hard_limit: u64,
    },
    /// The file of authorities to trust cannot be used.
    #[error("--ca {}: {reason}: give a file of certificates in PEM", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A corpus file is not a sequence of length-prefixed frames.
    #[error("corpus {}: at byte {offset}: {reason}", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// Where the length prefix of the frame at fault starts.
        offset: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The server refused to create the feed that was to be published to.
    #[error("feed {feed:?} could not be created: {refusal}")]
    FeedRefused {
        /// Its name.
        feed: String,
        /// Status and error name of the answer, as in the report's refusals.
        refusal: String,
    },
    /// The operating system refused something the whole run needs.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// Whether the caller asked for something impossible (exit code 2), as opposed to a run that failed (1).
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Url { .. } | Self::Sources { .. } | Self::Settings(_) | Self::Authorities { .. })
    }

    /// An [`Error::Io`] about `what`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
