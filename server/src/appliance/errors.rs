//! Why the appliance cannot start, and why a feed cannot be created, changed or deleted.
//!
//! Owns the sentences. Tested by `server/tests/startup.rs` and `server/tests/native/`.

use tailwater_core::{AppendError, FeedError, OpenError};

use crate::config::{self, PARTITIONS_MAX};

/// Why a feed could not be created, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum FeedsError {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] FeedError),
    /// The feed's writer could not end in order.
    #[error("the feed could not be closed: {0}")]
    Close(#[from] AppendError),
    /// There is no such feed.
    #[error("there is no feed {name:?}")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The limit on feeds is reached.
    #[error("there are {feeds_max} feeds already, as many as limits.feeds_max allows")]
    TooMany {
        /// The limit.
        feeds_max: u64,
    },
    /// A binding names no endpoint.
    #[error("{nsid:?} is no NSID; one looks like com.example.stream.subscribe")]
    Nsid {
        /// What was asked for.
        nsid: String,
    },
    /// A binding names no database.
    #[error("{db:?} is no name of a database: begin with a letter and use lower-case letters, digits and _$()+-/")]
    Database {
        /// What was asked for.
        db: String,
    },
    /// A binding names no Fauna database.
    #[error("{path:?} is no path of a Fauna database; one is \"/\", others look like \"Shop\" or \"Shop/Test\"")]
    FaunaDatabase {
        /// What was asked for.
        path: String,
    },
    /// A binding names no collection.
    #[error("{collection:?} is no name of a collection: use letters, digits and '_', and no word of FQL's own")]
    FaunaCollection {
        /// What was asked for.
        collection: String,
    },
    /// Another feed is bound to the endpoint.
    #[error("{what} is bound to the feed {feed:?} already")]
    Bound {
        /// The endpoint.
        what: String,
        /// The feed that has it.
        feed: String,
    },
    /// A stream cannot have so many partitions, or one was asked for by itself.
    #[error("a stream has 1 to {PARTITIONS_MAX} partitions, and they are created together: leave `partition` out")]
    Partitions,
    /// One partition cannot go without the others.
    #[error(
        "{name:?} is partition {partition} of a stream, which is changed and deleted as a whole: do that to {first:?}"
    )]
    PartitionOf {
        /// What was asked for.
        name: String,
        /// Which partition it is.
        partition: u64,
        /// The feed that stands for the stream.
        first: String,
    },
    /// It is not understood what the feed is to have.
    #[error("{reason}")]
    Asked {
        /// What is wrong.
        reason: String,
    },
    /// What is asked for is fixed when a feed is created.
    #[error("{reason}; that cannot be changed: create another feed")]
    Fixed {
        /// What it is.
        reason: String,
    },
    /// The appliance needs it.
    #[error("the feed {name:?} belongs to the appliance itself")]
    System {
        /// What was asked for.
        name: String,
    },
    /// The bindings stored with a feed are not understood.
    #[error("the feed {name:?} was stored with dialects this version does not know: {error}")]
    Stored {
        /// The feed.
        name: String,
        /// What is wrong with them.
        error: serde_json::Error,
    },
}

/// Why the appliance cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error("{}", unusable(.0))]
    Open(#[from] OpenError),
    /// A feed.
    #[error(transparent)]
    Feeds(#[from] FeedsError),
    /// An address.
    #[error(transparent)]
    Listen(#[from] crate::listen::ListenError),
    /// The kernel does not offer what the appliance stands on.
    #[error(transparent)]
    Machine(#[from] crate::machine::MachineError),
    /// A configured processor is not this process's to use.
    #[error(transparent)]
    Cpu(#[from] config::CpuNotAllowed),
    /// The file that says what the data directory is known by.
    #[error("{}: {error}", .path.display())]
    Identity {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// A thread besides the shards'.
    #[error("a thread could not be started: {0}")]
    Threads(std::io::Error),
    /// A shard's thread.
    #[error("shard {index} could not start: {reason}")]
    Shard {
        /// Which one.
        index: usize,
        /// What failed.
        reason: String,
    },
}

/// What to do about a data directory, where the log itself does not say.
fn unusable(error: &OpenError) -> String {
    match error {
        OpenError::Io { .. } => format!(
            "the data directory cannot be used: {error}. Make it a directory that this user may write to, or choose \
             another with --data"
        ),
        told => told.to_string(),
    }
}
