//! What the appliance needs of the machine it runs on, checked before anything is opened.
//!
//! Owns the probes and the sentences that say what to do. Tested by `server/tests/startup.rs`.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::CpuSet;

use crate::config::CpuList;

/// Descriptors the appliance needs besides one per connection: segments, frame logs, listeners, the executor's own.
const SPARE_DESCRIPTORS: u64 = 1_024;

/// Why this machine cannot run the appliance as configured.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The kernel or a sandbox forbids io_uring.
    #[error(
        "io_uring is not available here ({error}). Tailwater needs Linux 5.8 or later with io_uring allowed: \
         set kernel.io_uring_disabled to 0, and in a container allow the io_uring system calls \
         (docker run --security-opt seccomp=unconfined, or a profile that permits io_uring_setup, io_uring_enter and \
         io_uring_register)."
    )]
    NoIoUring {
        /// What the kernel said.
        error: io::Error,
    },
    /// The descriptor limit is below what the configuration asks for.
    #[error(
        "limits.connections_max = {connections_max} needs {needed} file descriptors, but this process may open only \
         {allowed}. Raise the limit (ulimit -n, LimitNOFILE=) or lower limits.connections_max."
    )]
    Descriptors {
        /// The setting.
        connections_max: u64,
        /// Connections and everything else.
        needed: u64,
        /// The hard limit.
        allowed: u64,
    },
    /// The processors of this process cannot be read or set.
    #[error("the processors this process may run on cannot be read or set: {error}")]
    Affinity {
        /// What the system said.
        error: io::Error,
    },
}

/// Fails unless an io_uring can be made.
pub(crate) fn require_io_uring() -> Result<(), MachineError> {
    // The kernel interrupts the thread that made a ring once more when it has taken the ring apart, some time later. On a
    // thread of its own that concerns nobody.
    let probing = std::thread::Builder::new().name("probe".to_owned()).spawn(crate::sys::probe_io_uring);
    let probed = probing.and_then(|thread| {
        let failed = |_| io::Error::other("the thread that tried it has failed");
        thread.join().map_err(failed)?
    });
    probed.map_err(|error| MachineError::NoIoUring { error })
}

/// Raises the descriptor limit as far as allowed and checks that the connections fit below it.
pub(crate) fn require_descriptors(connections_max: u64) -> Result<(), MachineError> {
    let mut limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    let needed = connections_max + SPARE_DESCRIPTORS;
    if needed > allowed {
        return Err(MachineError::Descriptors { connections_max, needed, allowed });
    }
    if limit.current.is_some_and(|current| current < allowed) {
        limit.current = limit.maximum;
        // The limit that is in force still counts: running out of descriptors is handled where it happens.
        let _unchanged = setrlimit(Resource::Nofile, limit);
    }
    Ok(())
}

/// Confines the process, with every thread it starts from here on, to the given processors.
pub(crate) fn confine_to(cpus: &[u32]) -> Result<(), MachineError> {
    let mut set = CpuSet::new();
    for &cpu in cpus.iter().filter(|&&cpu| (cpu as usize) < CpuSet::MAX_CPU) {
        set.set(cpu as usize);
    }
    rustix::thread::sched_setaffinity(None, &set).map_err(|error| MachineError::Affinity { error: error.into() })
}

/// Lets the calling thread run on every processor again. One that is started by a shard inherits its processor, and so do the
/// threads it starts itself.
pub(crate) fn leave_the_shard() {
    let allowed = CpuList::allowed().map_err(|error| MachineError::Affinity { error });
    if let Err(error) = allowed.and_then(|cpus| confine_to(cpus.as_slice())) {
        tracing::warn!(%error, "a thread shares a processor with a shard");
    }
}
