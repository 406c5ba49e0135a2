//! The raw ceiling: a process that does nothing but `send` one mapped range to every socket.
//!
//! Owns both ends of it: [`RawSender`] is the handle in the scenario's process, [`run`] is what the child process does (a hidden
//! subcommand of this binary, so that its CPU time is its own and it can be pinned). The child says its port on standard
//! output, sends as soon as everybody is connected, and stops when its standard input ends. In it, `sockets` accepts, `pump`
//! sends, and `stored` appends to a file first where that is asked for. What it shows is what any server on this machine could
//! reach at best. Tested in `bench/tests/sender.rs`.

mod plan;
mod pump;
mod sockets;
mod stored;

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tailwater_loadgen::stats::LatencyReport;

pub use plan::SendPlan;
use stored::Stored;

use crate::place::Placement;

/// The hidden subcommand that makes a process the sender.
pub const SUBCOMMAND: &str = "raw-sender";

/// What the sender did from its first send to its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Sends of which the kernel took something.
    pub sends: u64,
    /// Bytes it took.
    pub bytes: u64,
    /// Sends of which it took a part.
    pub short: u64,
    /// Sends of which it took nothing.
    pub refused: u64,
    /// How long each sync took, where ranges were synced.
    pub syncs: LatencyReport,
}

impl Sent {
    /// Bytes of a send, on average.
    pub fn bytes_per_send(&self) -> f64 {
        self.bytes as f64 / self.sends.max(1) as f64
    }
}

/// The first line the child writes.
#[derive(Debug, Serialize, Deserialize)]
struct Listening {
    port: u16,
}

/// A running sender.
#[derive(Debug)]
pub struct RawSender {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl RawSender {
    /// Starts `binary` (this one) as a sender on the server's processor.
    ///
    /// # Errors
    ///
    /// The system's, and a child that does not say its port.
    pub fn start(binary: &Path, plan: &SendPlan, placement: &Placement) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg(SUBCOMMAND).args(plan.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = placement.spawn_on_server(&mut command).context("starting the raw sender")?;
        let mut output = BufReader::new(child.stdout.take().expect("its output was asked to be a pipe"));
        let listening: Listening = read_line(&mut output)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listening.port));
        Ok(Self { child, output, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// When it has failed.
    pub fn finish(mut self) -> Result<Sent> {
        drop(self.child.stdin.take());
        let sent = read_line(&mut self.output)?;
        let status = self.child.wait().context("waiting for the raw sender")?;
        ensure!(status.success(), "the raw sender ended with {status}");
        Ok(sent)
    }
}

impl Drop for RawSender {
    fn drop(&mut self) {
        // After `finish` both do nothing; before it something has failed, and what failed is what counts.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn read_line<T: for<'de> Deserialize<'de>>(output: &mut impl BufRead) -> Result<T> {
    let mut line = String::new();
    output.read_line(&mut line).context("listening to the raw sender")?;
    serde_json::from_str(&line).with_context(|| format!("the raw sender said {line:?}"))
}

/// The child's life: listen, say the port, accept everybody, send until standard input ends, say what was sent.
///
/// # Errors
///
/// The system's.
pub fn run(plan: &SendPlan) -> Result<()> {
    let log = |directory: &PathBuf| Stored::new(directory, plan.durability, plan.range_bytes);
    let stored = plan.log_directory.as_ref().map(log).transpose()?;
    let listener = sockets::listen()?;
    say(&Listening { port: listener.local_addr()?.port() })?;
    let sockets = sockets::accept_all(&listener, plan)?;
    let sent = pump::Pump::new(plan, sockets, stored)?.run(plan)?;
    say(&sent)
}

fn say(what: &impl Serialize) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(what)?)?;
    Ok(output.flush()?)
}
