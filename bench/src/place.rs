//! Which processor does what: one for the side that is measured, the others for the clients.
//!
//! Owns affinities. A child process inherits the affinity of the thread that starts it, so that every thread it ever has
//! stays on its one processor. Tests are below.

use std::{
    io,
    process::{Child, Command},
};

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The division of the processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Where the server runs, and whatever it is compared with.
    pub server: usize,
    /// Where the load generator runs.
    pub clients: Vec<usize>,
}

impl Placement {
    /// Gives the processor `server` (the first one that is allowed, when absent) to the server and the others to the clients.
    ///
    /// # Errors
    ///
    /// When that processor is not allowed, or no other one is.
    pub fn choose(server: Option<usize>) -> Result<Self> {
        let allowed = sched_getaffinity(None).context("asking for the processors this process may use")?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        Self::among(&allowed, server)
    }

    fn among(allowed: &[usize], server: Option<usize>) -> Result<Self> {
        let Some(server) = server.or(allowed.first().copied()).filter(|cpu| allowed.contains(cpu)) else {
            bail!("processor {server:?} is not among those this process may use: {allowed:?}");
        };
        let clients: Vec<usize> = allowed.iter().copied().filter(|cpu| *cpu != server).collect();
        if clients.is_empty() {
            bail!(
                "two processors are needed, one for the server and one for its clients; only {allowed:?} may be used"
            );
        }
        Ok(Self { server, clients })
    }

    /// Moves the calling thread, and every thread it starts from here on, to the clients' processors.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn join_clients(&self) -> io::Result<()> {
        confine(&self.clients)
    }

    /// Runs `work` on the server's processor, on the calling thread.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn on_server<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        confine(&[self.server])?;
        let outcome = work();
        self.join_clients()?;
        Ok(outcome)
    }

    /// Starts a process that stays on the server's processor.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn spawn_on_server(&self, command: &mut Command) -> io::Result<Child> {
        self.on_server(|| command.spawn())?
    }
}

fn confine(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu));
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_divided() {
        let placed = |server, clients: &[usize]| Some(Placement { server, clients: clients.to_vec() });
        let table = [
            (vec![0, 1], None, placed(0, &[1])),
            (vec![0, 1], Some(1), placed(1, &[0])),
            (vec![2, 5, 7], Some(5), placed(5, &[2, 7])),
            (vec![0, 1], Some(9), None),
            (vec![3], None, None),
            (vec![], None, None),
        ];
        for (allowed, server, expected) in table {
            assert_eq!(Placement::among(&allowed, server).ok(), expected, "{server:?} among {allowed:?}");
        }
    }

    #[test]
    fn children_stay_where_they_are_put() {
        let Ok(placement) = Placement::choose(None) else {
            return;
        };
        // On a thread of its own, which nobody else minds being moved.
        let worker = std::thread::spawn(move || {
            let listing = "Cpus_allowed_list:";
            let mut command = Command::new("grep");
            command.args([listing, "/proc/self/status"]).stdout(std::process::Stdio::piped());
            let output = placement.spawn_on_server(&mut command).unwrap().wait_with_output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(said.split_ascii_whitespace().last(), Some(&*placement.server.to_string()), "{said}");
            let own = sched_getaffinity(None).unwrap();
            assert!(!own.is_set(placement.server) && own.is_set(placement.clients[0]));
        });
        worker.join().unwrap();
    }
}
