//! The appliance's configuration: defaults, below a TOML file, below `TAILWATER_*` variables, below flags.
//!
//! Owns the typed [`Config`] and how it comes about. A load reports **every** mistake it finds, each with its place, its
//! key, what is wrong and what to do. It opens nothing but the configuration file and the certificates and keys it names,
//! binds nothing and creates nothing. Relative paths are relative to the working directory.
//!
//! | file | concern |
//! | --- | --- |
//! | `sections`, `entries`, `choice`, `cpus`, `upstream` | the plain data, what it means, its defaults |
//! | `schema` | every key, its range, where its value goes |
//! | `read`, `environment` | the layers |
//! | `written`, `units`, `names`, `near` | one value, one number, one name, "did you mean" |
//! | `settle` | defaults that follow from other settings |
//! | `draft`, `validate`, `mistake` | where things were written, what contradicts what, the sentences |
//!
//! Tests: `tests.rs` (whole configurations and exact lines), and beside the code of the leaves.

mod choice;
mod cpus;
mod draft;
mod entries;
mod environment;
mod mistake;
mod names;
mod near;
mod read;
mod schema;
mod sections;
mod settle;
#[cfg(test)]
mod tests;
mod units;
mod upstream;
mod validate;
mod written;

use std::path::{Path, PathBuf};

pub use choice::{CursorSemantics, Dialect, LogFormat, LogLevel, OnOutdated, SseWording};
pub use cpus::{CPU_MAX, CpuList, CpuListError};
pub use entries::{
    AtprotoExposure, CertificatePair, CouchdbExposure, FaunaExposure, Feed, Key, Listen, Mirror, MirrorStart,
    PARTITIONS_MAX, StreamrExposure, User,
};
pub use environment::variables;
pub use mistake::{Mistake, Mistakes, Place};
pub use names::FEED_NAME_BYTES_MAX;
pub(crate) use names::{is_collection_name, is_database_name, is_database_path, is_feed_name, is_stream_id};
pub use sections::{Atproto, Bigchaindb, Couchdb, Durability, Fauna, Limits, Log, Retention, Serve, Storage, Streamr};
pub use upstream::Upstream;

use draft::Draft;
use mistake::Wrong;
use read::Source;

/// The data directory when nothing else is said.
const DATA: &str = "./tailwater-data";

/// Everything an operator can decide, as plain data. Sizes are bytes, durations milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// How many shards; one for each processor of `cpus` when absent.
    pub shards: Option<u64>,
    /// The processors the shards are pinned to; all that the kernel allows when absent.
    pub cpus: Option<CpuList>,
    /// Whether addresses beyond loopback may be bound although nobody has to say who they are.
    pub anonymous: bool,
    /// Where connections are accepted; never empty.
    pub listen: Vec<Listen>,
    /// What one client may ask.
    pub limits: Limits,
    /// How streams are sent.
    pub serve: Serve,
    /// The data directory's budgets and the feeds' defaults.
    pub storage: Storage,
    /// The AT Protocol dialect.
    pub atproto: Atproto,
    /// The Streamr dialect.
    pub streamr: Streamr,
    /// The BigchainDB dialect.
    pub bigchaindb: Bigchaindb,
    /// The CouchDB dialect.
    pub couchdb: Couchdb,
    /// The Fauna dialect.
    pub fauna: Fauna,
    /// Secrets that open feeds; when there are none, everybody may do everything.
    pub keys: Vec<Key>,
    /// Who logs in with a name and a password. Where there are any, others may do nothing either without a key.
    pub users: Vec<User>,
    /// Feeds to create where they do not exist; names and NSIDs are unique.
    pub feeds: Vec<Feed>,
    /// Upstream streams to follow; each into a feed of `feeds` that no other fills.
    pub mirrors: Vec<Mirror>,
    /// The appliance's own log.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        let storage = Storage::default();
        Self {
            data: PathBuf::from(DATA),
            shards: None,
            cpus: None,
            anonymous: false,
            listen: vec![Listen::default()],
            limits: Limits::default(),
            serve: Serve::default(),
            feeds: Feed::defaults(&storage),
            storage,
            atproto: Atproto::default(),
            streamr: Streamr::default(),
            bigchaindb: Bigchaindb::default(),
            couchdb: Couchdb::default(),
            fauna: Fauna::default(),
            keys: Vec::new(),
            users: Vec::new(),
            mirrors: Vec::new(),
            log: Log::default(),
        }
    }
}

/// What a load starts from.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The configuration file; when absent the one that `TAILWATER_CONFIG` names; when that is absent none.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `TAILWATER_` are passed over. See [`variables`].
    pub environment: Vec<(String, String)>,
    /// What the command line says.
    pub flags: Flags,
}

/// The settings that have a flag, as text; the same readers as for the file judge them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data DIR`
    pub data: Option<String>,
    /// `--listen ADDR:PORT`, as often as given; together they replace all configured listeners.
    pub listen: Vec<String>,
    /// `--shards N`
    pub shards: Option<String>,
    /// `--cpus LIST`
    pub cpus: Option<String>,
    /// `--log LEVEL`
    pub log: Option<String>,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// Every mistake of every layer; see [`Mistakes`].
    pub fn load(options: LoadOptions) -> Result<Self, Mistakes> {
        let mut draft = Draft::default();
        let file = options.file.or_else(|| environment::config_file(&options.environment));
        let text = file.as_deref().and_then(|file| read_text(file, &mut draft));
        let source = file.as_deref().zip(text.as_deref()).map(|(file, text)| Source::parse(file, text));
        if let Some(source) = &source {
            source.read_root(&mut draft);
            read_listeners(source, &mut draft);
            draft.config.keys = source
                .read_repeated(&mut draft, "key", schema::KEY, &["name", "secret_sha256"], Key::default)
                .unwrap_or_default();
            draft.config.users = source
                .read_repeated(&mut draft, "user", schema::USER, &["name", "password_argon2"], User::default)
                .unwrap_or_default();
        }
        environment::apply_variables(&mut draft, &options.environment);
        environment::apply_flags(&mut draft, &options.flags);
        settle::settle_sections(&mut draft);
        read_feeds_and_mirrors(source.as_ref(), &mut draft);
        settle::settle_feeds(&mut draft);
        // Where a part was not understood, what is missing there would look like a contradiction.
        if source.as_ref().is_none_or(Source::is_whole) {
            validate::validate(&mut draft);
        }
        if let Some(source) = source {
            source.report_syntax(&mut draft.mistakes);
        }
        match Mistakes::of(draft.mistakes) {
            Some(mistakes) => Err(mistakes),
            None => Ok(draft.config),
        }
    }

    /// `N listeners, M feeds, K mirrors`, for people.
    pub fn summary(&self) -> String {
        let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        let (listeners, feeds) = (count(self.listen.len(), "listener"), count(self.feeds.len(), "feed"));
        format!("{listeners}, {feeds}, {}", count(self.mirrors.len(), "mirror"))
    }

    /// The processor of each shard, given those the process may use ([`CpuList::allowed`]). Without `cpus`, more shards
    /// than processors share them in turn; with `cpus`, the first of the list are taken.
    ///
    /// # Errors
    /// When `cpus` names a processor that the process may not use.
    pub fn shard_cpus(&self, allowed: &CpuList) -> Result<Vec<u32>, CpuNotAllowed> {
        let cpus = self.cpus.as_ref().unwrap_or(allowed).as_slice();
        if let Some(cpu) = cpus.iter().find(|cpu| !allowed.as_slice().contains(cpu)) {
            return Err(CpuNotAllowed { cpu: *cpu, allowed: allowed.clone() });
        }
        let shards = self.shards.and_then(|shards| usize::try_from(shards).ok()).unwrap_or(cpus.len());
        Ok(cpus.iter().copied().cycle().take(shards).collect())
    }
}

/// `cpus` names a processor that this process may not use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cpus: this process may not use processor {cpu}; the kernel allows it {allowed}: change cpus, or the affinity it is started with"
)]
pub struct CpuNotAllowed {
    /// The processor.
    pub cpu: u32,
    /// Those it may use.
    pub allowed: CpuList,
}

/// The file's text; a mistake when it cannot be read.
fn read_text(file: &Path, draft: &mut Draft) -> Option<String> {
    std::fs::read_to_string(file)
        .map_err(|error| {
            let wrong = Wrong::new(format!("cannot be read ({error})"), "name an existing configuration file");
            draft.mistakes.push(Mistake::new(Place::WholeFile(file.to_owned()), "", wrong));
        })
        .ok()
}

/// The file's listeners; flags and environment may still replace them.
fn read_listeners(source: &Source<'_>, draft: &mut Draft) {
    let required = ["address", "tls.certificate", "tls.key"];
    let Some(listen) = source.read_repeated(draft, "listen", schema::LISTEN, &required, Listen::default) else {
        return;
    };
    if listen.is_empty() && draft.sound(["listen", "listen[0]"]) {
        draft.conflict(
            &["listen"],
            Wrong::new("there is no listener", "add a [[listen]], or leave it out for the default"),
        );
    }
    draft.config.listen = listen;
}

/// Feeds and mirrors come last, because what they do not say they take from the other layers.
fn read_feeds_and_mirrors(source: Option<&Source<'_>>, draft: &mut Draft) {
    let (storage, limits) = (draft.config.storage.clone(), draft.config.limits.clone());
    draft.config.feeds = source
        .and_then(|source| {
            let required = ["name", "atproto.nsid", "streamr.stream", "couchdb.db"];
            source.read_repeated(draft, "feed", schema::FEED, &required, || Feed::unnamed(&storage))
        })
        .unwrap_or_else(|| Feed::defaults(&storage));
    draft.config.mirrors = source
        .and_then(|source| {
            let required = ["feed", "url"];
            source.read_repeated(draft, "mirror", schema::MIRROR, &required, || Mirror::unaddressed(&limits))
        })
        .unwrap_or_default();
}
