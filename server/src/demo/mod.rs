//! `tailwater demo`: an appliance on a temporary directory, traffic for it, and one line to copy per protocol.
//!
//! Owns the show: what is published, what the terminal says. The appliance and the protocols are the real ones. Tested
//! by `server/tests/demo.rs`.

mod generate;
mod screen;
mod traffic;

use std::{
    io::IsTerminal,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use signal_hook::consts::{SIGINT, SIGTERM};

use self::{screen::Screen, traffic::Traffic};
use crate::{
    StartError,
    cli::DemoArgs,
    config::{Config, CouchdbExposure, FaunaExposure, Feed, Mistakes, StreamrExposure},
    serve,
};

/// The feed of JSON documents, which is read through several protocols; the other one is the configuration's own default.
const DOCUMENTS: &str = "documents";

/// The collection of those whose keys begin so.
const COLLECTION: &str = "sensor";

/// The feed of repository commits.
const REPOS: &str = "repos";

/// How often the counters move.
const LOOK: Duration = Duration::from_millis(250);

/// Why the demo cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The temporary directory or the signals.
    #[error("{doing}: {error}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The flags.
    #[error("{0}")]
    Config(#[from] Mistakes),
    /// The appliance.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Runs the demo until Ctrl-C, or for as long as the arguments say.
///
/// # Errors
/// When the appliance cannot start; see [`serve::start`].
pub fn run(arguments: &DemoArgs) -> Result<(), DemoError> {
    let stop = stop_flag()?;
    let directory = tempfile::Builder::new()
        .prefix("tailwater-demo-")
        .tempdir()
        .map_err(|error| DemoError::System { doing: "no temporary directory can be made", error })?;
    let mut config = Config::load(arguments.load_options(directory.path()))?;
    show_documents(&mut config);
    let running = serve::start(config)?;
    println!("{}", invitation(running.addresses()[0]));
    let traffic = Traffic::start(&running, arguments.rate);
    let screen = Screen::new(arguments.plain || !std::io::stdout().is_terminal());
    let started = Instant::now();
    let limit = arguments.seconds.map(Duration::from_secs);
    while !stop.load(Ordering::Relaxed) && limit.is_none_or(|limit| started.elapsed() < limit) {
        std::thread::sleep(LOOK);
        screen.show(&running, &traffic);
    }
    screen.end();
    traffic.stop();
    running.stop();
    Ok(())
}

/// One feed for every protocol that shows JSON. There is one chain, and one root of Fauna's databases, so the default ones make
/// way.
fn show_documents(config: &mut Config) {
    config.feeds.retain(|feed| !feed.bigchaindb && feed.fauna.is_none());
    let streamr = Some(StreamrExposure::whole(DOCUMENTS));
    let fauna = Some(FaunaExposure::default());
    let couchdb = Some(CouchdbExposure { db: DOCUMENTS.to_owned(), ..CouchdbExposure::default() });
    config.feeds.push(Feed { streamr, fauna, couchdb, bigchaindb: true, ..Feed::named(DOCUMENTS, &config.storage) });
}

fn stop_flag() -> Result<Arc<AtomicBool>, DemoError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())
            .map_err(|error| DemoError::System { doing: "signals cannot be waited for", error })?;
    }
    Ok(stop)
}

/// What asks for the token of an event source, as a member of an object.
fn source_token(address: SocketAddr) -> String {
    let collection = format!(r#"Collection.byName(\"{COLLECTION}\")"#);
    let create = format!(r#"Collection.create({{ name: \"{COLLECTION}\" }})"#);
    let query =
        format!(r#"{{"query":"if (!{collection}.exists()) {{ {create} }}\n{COLLECTION}.all().eventSource()"}}"#);
    format!(r#"curl -s -d '{query}' http://{address}/query/1 | grep -o '"data":"[^"]*"' | sed s/data/token/"#)
}

/// What a visitor can do now.
fn invitation(address: SocketAddr) -> String {
    format!(
        "\
Tailwater {version} is serving on http://{address} from a temporary directory. Copy a line into another terminal:

  AT Protocol, JSON   npx wscat -s xrpc.v1.json -c 'ws://{address}/xrpc/com.atproto.sync.subscribeRepos'
  AT Protocol, CBOR   npx wscat -c 'ws://{address}/xrpc/com.atproto.sync.subscribeRepos?cursor=0'
  NDJSON              curl -N 'http://{address}/v1/feeds/{DOCUMENTS}/events?format=ndjson'
  SSE, from the start curl -N 'http://{address}/v1/feeds/{DOCUMENTS}/events?format=sse&cursor=0'
  WebSocket, JSON     npx wscat -c 'ws://{address}/v1/feeds/{DOCUMENTS}/events'
  CouchDB             curl -N 'http://{address}/{DOCUMENTS}/_changes?feed=continuous&include_docs=true'
  Streamr             npx wscat -c 'ws://{address}/api/v1/ws' -w 3600 -x '{subscribe}'
  BigchainDB          npx wscat -c 'ws://{address}/api/v1/streams/valid_transactions'
  Fauna               curl -N -d \"{{$({token})}}\" 'http://{address}/stream/1'
  one page            curl 'http://{address}/v1/feeds/{DOCUMENTS}/events?format=json&cursor=0&limit=3'
  publish             curl -H 'Content-Type: application/x-ndjson' -d '{example}' 'http://{address}/v1/feeds/{DOCUMENTS}/events'

Ctrl-C ends it and removes the directory.
",
        version = tailwater_wire::VERSION,
        token = source_token(address),
        subscribe = r#"{"type":"subscribe","stream":"documents"}"#,
        example = r#"{"kind":"put","key":"hello","body":{"from":"you"}}"#,
    )
}
