//! The server under test: a child process on one processor, with a data directory of its own.
//!
//! Owns its start, its end and its log; never looks inside. Whatever it needs beyond the defaults is in the configuration file
//! written here, so that a scenario measures what a user runs.

mod secured;
mod status;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tailwater_loadgen::SubscribeConfig;
use tempfile::TempDir;

use secured::Secured;
pub use status::Status;

use crate::{bench::Bench, dialect, disk::Durability, http::Client, proc::Usage};

/// What a feed keeps at most; the oldest goes.
const RETENTION: &str = "8GiB";

/// Connections besides the subscribers: publishers and this client.
const CONNECTIONS_SPARE: usize = 64;

/// The configuration's file, beside the data directory.
const CONFIGURATION: &str = "tailwater.toml";

const START_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(20);

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    client: Client,
    address: SocketAddr,
    directory: Arc<TempDir>,
    secured: Option<Secured>,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is asked to stop.
    Order,
    /// It is killed.
    Kill,
}

impl Server {
    /// Starts it on an empty directory and waits until it answers.
    ///
    /// # Errors
    ///
    /// A server that cannot be started or does not answer within 20 s, with what it said.
    pub fn start(bench: &Bench, subscribers: usize) -> Result<Self> {
        Self::start_with(bench, subscribers, &dialect::configuration(Durability::Sync))
    }

    /// The same with these feeds, a part of the configuration's file.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start_with(bench: &Bench, subscribers: usize, feeds: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("tailwater-bench-").tempdir_in(&bench.directory)?;
        fs::write(directory.path().join(CONFIGURATION), configuration(subscribers, feeds))?;
        Self::start_on(bench, Arc::new(directory), None)
    }

    /// The same with the usual feeds and a second listener, which speaks TLS: [`Server::follow`] is about that one.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start_secured(bench: &Bench, subscribers: usize) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("tailwater-bench-").tempdir_in(&bench.directory)?;
        let secured = Secured::new(directory.path(), free_addresses()?)?;
        let feeds = dialect::configuration(Durability::Sync) + &secured.configuration();
        fs::write(directory.path().join(CONFIGURATION), configuration(subscribers, &feeds))?;
        Self::start_on(bench, Arc::new(directory), Some(secured))
    }

    /// Starts it on a directory that has its configuration, which says where it listens if it is secured.
    fn start_on(bench: &Bench, directory: Arc<TempDir>, secured: Option<Secured>) -> Result<Self> {
        let [address] = match &secured {
            Some(secured) => [secured.plain],
            None => free_addresses()?,
        };
        let log = fs::File::create(directory.path().join("log"))?;
        let mut command = Command::new(&bench.server);
        command.arg("serve").arg("--config").arg(directory.path().join(CONFIGURATION));
        command.arg("--data").arg(directory.path().join("data"));
        command.args(["--cpus", &bench.placement.server.to_string()]);
        if secured.is_none() {
            command.args(["--listen", &address.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = bench.placement.spawn_on_server(&mut command);
        let mut child = child.with_context(|| format!("starting {}", bench.server.display()))?;
        match wait_until_it_answers(&mut child, address) {
            Ok(client) => Ok(Self { child, client, address, directory, secured }),
            Err(error) => {
                let _ended = child.kill();
                let _reaped = child.wait();
                Err(error.context(format!("the server said: {}", last_words(directory.path()))))
            }
        }
    }

    /// Ends it, and starts another on what it leaves behind: with the time from that start to the first answer.
    ///
    /// # Errors
    ///
    /// As [`Server::stop`] and [`Server::start`].
    pub fn restart(self, bench: &Bench, how: End) -> Result<(Self, Duration)> {
        let (directory, secured) = (Arc::clone(&self.directory), self.secured.clone());
        match how {
            End::Order => self.stop()?,
            End::Kill => drop(self),
        }
        let begun = Instant::now();
        Ok((Self::start_on(bench, directory, secured)?, begun.elapsed()))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Followers of a stream at [`Server::address`]; of a server that is secured, the same over TLS.
    ///
    /// # Errors
    ///
    /// A stream that is not followed over TLS: one of HTTP/2.
    pub fn follow(&self, config: SubscribeConfig) -> Result<SubscribeConfig> {
        match &self.secured {
            Some(secured) => secured.follow(config),
            None => Ok(config),
        }
    }

    /// The directory its data directory is in: what is measured there is measured on the same disk.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it counts.
    ///
    /// # Errors
    ///
    /// When it does not answer, or does not say.
    pub fn status(&mut self) -> Result<Status> {
        let status = self.client.get("/v1/status")?;
        Status::of(&status).with_context(|| format!("the status lacks a counter: {status}"))
    }

    /// What it uses.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid())
    }

    /// Stops it the way an operator does.
    ///
    /// # Errors
    ///
    /// When it does not end in time, or not well.
    pub fn stop(mut self) -> Result<()> {
        terminate(&self.child)?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended with {status}: {}", last_words(self.directory.path())),
                None => thread::sleep(LOOK),
            }
        }
        bail!("the server did not stop within {} s of SIGTERM", STOP_TIMEOUT.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` both do nothing; before it something has failed, and what failed is what counts.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The defaults, but for the number of connections and the first seqs of feeds. Publishing at full speed must not fill the
/// disk.
fn configuration(subscribers: usize, feeds: &str) -> String {
    let connections_max = subscribers + CONNECTIONS_SPARE;
    format!(
        "[limits]\nconnections_max = {connections_max}\n\n[storage.retention]\nbytes = \"{RETENTION}\"\n\n\
         [log]\nlevel = \"warn\"\n\n{feeds}"
    )
}

/// Addresses nobody listens on right now.
fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let mut addresses = [(Ipv4Addr::LOCALHOST, 0).into(); N];
    // All are held until each has been found, so that none is found twice.
    let bound = addresses.iter().map(TcpListener::bind).collect::<Result<Vec<_>, _>>();
    for (address, listener) in addresses.iter_mut().zip(&bound.context("looking for a free port")?) {
        *address = listener.local_addr()?;
    }
    Ok(addresses)
}

fn wait_until_it_answers(child: &mut Child, address: SocketAddr) -> Result<Client> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let answered = Client::connect(address).and_then(|mut client| client.get("/v1/status").map(|_| client));
        match answered {
            Ok(client) => return Ok(client),
            Err(error) if Instant::now() > deadline => return Err(error.context("it does not answer")),
            Err(_) => thread::sleep(LOOK),
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}");
        }
    }
}

fn terminate(child: &Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id that is none")?;
    kill_process(pid, Signal::TERM).context("asking the server to stop")
}

/// The end of its log.
fn last_words(directory: &Path) -> String {
    let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    match lines[lines.len().saturating_sub(8)..] {
        [] => "nothing".into(),
        ref last => last.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_the_end_of_the_log() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(last_words(directory.path()), "nothing");
        let lines: Vec<String> = (0..20).map(|number| format!("line {number}")).collect();
        fs::write(directory.path().join("log"), lines.join("\n")).unwrap();
        let words = last_words(directory.path());
        assert!(words.starts_with("line 12\n") && words.ends_with("line 19"), "{words}");
    }
}
